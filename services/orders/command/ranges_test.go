package command

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func (s *side) ranges(query string) []contracts.Range {
	s.t.Helper()
	var list contracts.RangeList
	require.NoError(s.t, strictjson.Decode(s.want(http.StatusOK, "peer", "GET", "/orders/fingerprints"+query, nil).body, &list))
	require.Equal(s.t, "a", list.Side)
	return list.Ranges
}

// differing are the indices of ranges that are not equal.
func differing(t *testing.T, x, y []contracts.Range) (at []int) {
	t.Helper()
	require.Len(t, y, len(x))
	for i := range x {
		require.Equal(t, x[i].From, y[i].From)
		require.Equal(t, x[i].To, y[i].To)
		if x[i] != y[i] {
			at = append(at, i)
		}
	}
	return at
}

func TestRangesTellWhichOrdersChanged(t *testing.T) {
	s := startSide(t)
	const nothing = "00000000000000000000000000000000"
	require.Equal(t, []contracts.Range{{From: uuid.Nil.String(), Hash: nothing}}, s.ranges(""))
	var made []contracts.OrderView
	for range 40 {
		made = append(made, s.create(newOrder(t, "x")))
	}
	slices.SortFunc(made, func(x, y contracts.OrderView) int { return strings.Compare(x.ID, y.ID) })

	whole, parts := s.ranges("?parts=1"), s.ranges("?parts=8")
	require.Len(t, parts, 8)
	require.EqualValues(t, 40, whole[0].Count)
	var sum [16]byte
	for i, p := range parts {
		require.EqualValues(t, 5, p.Count)
		if i > 0 {
			require.Equal(t, parts[i-1].To, p.From)
			require.Equal(t, made[5*i].ID, p.From)
		}
		hash, err := hex.DecodeString(p.Hash)
		require.NoError(t, err)
		for j := range sum {
			sum[j] ^= hash[j]
		}
	}
	require.Equal(t, whole[0].Hash, hex.EncodeToString(sum[:]), "the parts make up the whole")

	// The other side is asked for the same ranges by their bounds.
	var bounds []string
	for _, p := range parts[1:] {
		bounds = append(bounds, p.From)
	}
	same := "?bounds=" + strings.Join(bounds, ",")
	require.Equal(t, parts, s.ranges(same))
	o := made[17].Order
	o.CustomerNote = "edited"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	edited := s.ranges(same)
	require.Equal(t, []int{3}, differing(t, parts, edited))
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made[39].ID, nil, "If-Match", "*")
	deleted := s.ranges(same)
	require.Equal(t, []int{7}, differing(t, edited, deleted))
	require.EqualValues(t, 5, deleted[7].Count, "a deletion is something that is there")

	within := "?from=" + made[15].ID + "&to=" + made[20].ID
	require.Equal(t, []contracts.Range{deleted[3]}, s.ranges(within+"&parts=1"))
	require.Len(t, s.ranges(within+"&parts=256"), 5, "no range of nothing")

	for _, query := range []string{
		"parts=0", "parts=257", "parts=x", "parts=2&bounds=" + made[3].ID, "bounds=x", "bounds=" + made[3].ID + "," + made[2].ID, "from=1",
		"bounds=" + made[3].ID + "&to=" + made[3].ID, "bounds=" + made[3].ID + "&from=" + made[3].ID, "from=" + made[3].ID + "&to=" + made[3].ID, "limit=3",
		"bounds=" + strings.Repeat(made[3].ID+",", 256),
	} {
		s.want(http.StatusBadRequest, "peer", "GET", "/orders/fingerprints?"+query, nil).problem(t)
	}
}

func TestEntriesById(t *testing.T) {
	s := startSide(t)
	var want []string
	for range 7 {
		want = append(want, s.create(newOrder(t, "x")).ID)
	}
	slices.Sort(want)
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+want[4], nil, "If-Match", "*")
	read := func(address string) (ids []string) {
		for address != "" {
			var page contracts.EntryPage
			a := s.want(http.StatusOK, "bridge", "GET", address, nil)
			require.NoError(t, strictjson.Decode(a.body, &page))
			require.LessOrEqual(t, len(page.Entries), 3)
			for _, e := range page.Entries {
				ids = append(ids, e.ItemID)
				require.Equal(t, e.ItemID == want[4], e.Deleted)
				require.NotEmpty(t, e.Version)
				require.Nil(t, e.Order)
			}
			address = page.Next
		}
		return ids
	}
	require.Equal(t, want, read("/orders/entries?limit=3"))
	require.Equal(t, want[2:6], read("/orders/entries?limit=3&from="+want[2]+"&to="+want[6]))
	s.want(http.StatusBadRequest, "bridge", "GET", "/orders/entries?from=x", nil).problem(t)
}
