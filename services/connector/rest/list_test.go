package rest_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// collect reads a list of changed orders and returns their ids, each time one is named.
func collect(t *testing.T, system foreign.System) []string {
	t.Helper()
	var ids []string
	err := system.Changed(context.Background(), time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC),
		func(c foreign.Candidate) error {
			ids = append(ids, c.ID)
			return nil
		})
	require.NoError(t, err)
	return ids
}

func pageOf(r *http.Request) int {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	return n
}

func orders(ids ...int) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, order(id))
	}
	return list
}

// The shop repeats its last page for every page beyond the end (trap 4).
func TestARepeatedLastPageEndsTheList(t *testing.T) {
	for _, total := range []bool{true, false} {
		shop, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
			if total {
				w.Header().Set("X-WP-Total", "4")
			}
			if pageOf(r) == 1 {
				reply(w, 200, orders(1, 2))
			} else {
				reply(w, 200, orders(3, 4))
			}
		})
		require.Equal(t, []string{"1", "2", "3", "4"}, collect(t, system))
		require.LessOrEqual(t, len(shop.calls()), 3)
	}
}

func TestDuplicatesAreNamedOnce(t *testing.T) {
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		switch pageOf(r) {
		case 1:
			reply(w, 200, orders(1, 2, 2))
		case 2:
			reply(w, 200, orders(2, 3))
		default:
			reply(w, 200, orders())
		}
	})
	require.Equal(t, []string{"1", "2", "3"}, collect(t, system))
}

// An order that leaves the list moves another one to a page that was read before.
func TestAListThatGetsShorterIsReadAgain(t *testing.T) {
	list, shrink := []int{1, 2, 3, 4, 5}, true
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		at := min(2*(pageOf(r)-1), len(list))
		page := orders(list[at:min(at+2, len(list))]...)
		w.Header().Set("X-WP-Total", strconv.Itoa(len(list)))
		reply(w, 200, page)
		if shrink {
			list, shrink = slices.Delete(list, 0, 1), false // 3 is on the first page now
		}
	})
	require.ElementsMatch(t, []string{"1", "2", "3", "4", "5"}, collect(t, system))
}

// The window's beginning is the shop's second in its own words, one earlier than asked for, as the filter is exclusive
// (trap 2: it is said to be GMT).
func TestTheWindowAsTheShopUnderstandsIt(t *testing.T) {
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "2026-11-20T09:59:59", r.URL.Query().Get("modified_after"))
		require.Equal(t, "true", r.URL.Query().Get("dates_are_gmt"))
		reply(w, 200, orders())
	})
	require.Empty(t, collect(t, system))
}

func TestFindBelievesOnlyTheReference(t *testing.T) {
	reference := uuid.MustParse("019aa5c2-7f40-7b1e-9d3c-00000000000a")
	carries := order(2)
	carries["meta_data"] = []any{map[string]any{"id": 9, "key": "_orderbridge_id", "value": reference.String()}}
	other := order(3)
	other["meta_data"] = []any{map[string]any{"id": 9, "key": "_orderbridge_id", "value": uuid.NewString()}}
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		if pageOf(r) > 1 {
			reply(w, 200, orders())
			return
		}
		reply(w, 200, []any{order(1), carries, other})
	})
	ids, err := system.Find(context.Background(), reference)
	require.NoError(t, err)
	require.Equal(t, []string{"2"}, ids)
}

// An order that goes while the sweep is between two pages moves none past it.
func TestTheSweepMissesNoneWhenOrdersGo(t *testing.T) {
	var list []int
	for id := range 250 {
		list = append(list, id+1)
	}
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		at, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		at = min(at, len(list))
		reply(w, 200, orders(list[at:min(at+100, len(list))]...))
	})
	seen, after := map[string]bool{}, ""
	for {
		page, next, err := system.All(context.Background(), after)
		require.NoError(t, err)
		for _, c := range page {
			require.NotNil(t, c.Document, "the shop lists whole orders")
			seen[c.ID] = true
		}
		if next == "" {
			break
		}
		after = next
		if len(list) == 250 {
			list = slices.Delete(list, 3, 40) // of the first page
		}
	}
	require.Len(t, seen, 250)
}

func TestNowIsTheShopsClock(t *testing.T) {
	at := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	_, system := newShop(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", at.Format(http.TimeFormat))
		reply(w, 200, orders())
	})
	now, err := system.Now(context.Background())
	require.NoError(t, err)
	require.True(t, now.Equal(at))
}
