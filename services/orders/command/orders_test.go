package command

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestExamplesCanBeSentAsTheyAre(t *testing.T) {
	s := startSide(t)
	var created contracts.OrderView
	a := s.want(http.StatusCreated, "client", "POST", "/orders", example[contracts.Order](t, "order.create.json"))
	a.into(t, &created)
	require.Equal(t, "/orders/"+created.ID, a.header.Get("Location"))
	require.Equal(t, contracts.StatusPending, created.Status)
	require.NotZero(t, created.Totals.TotalMinor)
	require.NotEmpty(t, created.Lines[0].LineID)
	require.Equal(t, "NEW", created.Sync.Links[0].State)

	edited := example[contracts.Order](t, "order.edit.json")
	edited.ID, edited.OrderNumber, edited.Source, edited.Currency = created.ID, created.OrderNumber, created.Source, created.Currency
	a = s.want(http.StatusOK, "client", "PUT", "/orders/"+created.ID, edited, "If-Match", a.header.Get("ETag"))
	var after contracts.OrderView
	a.into(t, &after)
	require.NotEqual(t, created.Sync.Version, after.Sync.Version)
	require.NotEqual(t, created.Sync.Fingerprint, after.Sync.Fingerprint)
	require.Equal(t, after, s.get(created.ID))
}

func TestConditions(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	path := "/orders/" + o.ID

	s.want(http.StatusPreconditionRequired, "client", "PUT", path, o).problem(t)
	s.want(http.StatusNotFound, "client", "PUT", path, o, "If-Match", "*").problem(t)
	made := s.want(http.StatusCreated, "client", "PUT", path, o, "If-None-Match", "*")
	p := s.want(http.StatusPreconditionFailed, "client", "PUT", path, o, "If-None-Match", "*").problem(t)
	require.Equal(t, "first", p.Present.CustomerNote)

	o.CustomerNote = "second"
	s.want(http.StatusOK, "client", "PUT", path, o, "If-Match", made.header.Get("ETag"))
	o.CustomerNote = "third, not having seen the second"
	p = s.want(http.StatusPreconditionFailed, "client", "PUT", path, o, "If-Match", made.header.Get("ETag")).problem(t)
	require.Equal(t, "second", p.Present.CustomerNote)
	s.want(http.StatusPreconditionRequired, "client", "DELETE", path, nil).problem(t)
	s.want(http.StatusPreconditionFailed, "client", "DELETE", path, nil, "If-Match", made.header.Get("ETag")).problem(t)
	s.want(http.StatusBadRequest, "client", "PUT", path, o, "If-Match", "no quotes").problem(t)
	s.want(http.StatusBadRequest, "client", "PUT", path, o, "If-Match", "*", "If-None-Match", "*").problem(t)

	now := s.want(http.StatusOK, "client", "GET", path, nil).header.Get("ETag")
	s.want(http.StatusNoContent, "client", "DELETE", path, nil, "If-Match", now)
	s.want(http.StatusGone, "client", "GET", path, nil).problem(t)
	s.want(http.StatusGone, "client", "PUT", path, o, "If-Match", "*").problem(t)
	s.want(http.StatusConflict, "client", "POST", "/orders", o).problem(t)
}

func TestSameContentAgainChangesNothing(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	created := s.create(o)
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	require.Equal(t, created, s.get(o.ID))
	require.Len(t, s.timeline(o.ID), 1)
}

func TestFieldsThatStay(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	s.create(o)
	o.OrderNumber, o.Currency, o.Source = "OTHER-1", "USD", "pos"
	p := s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*").problem(t)
	require.Equal(t, []string{"/orderNumber", "/source", "/currency"}, pointers(p))
	o = newOrder(t, "other")
	p = s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+uuid.NewString(), o, "If-None-Match", "*").problem(t)
	require.Equal(t, []string{"/id"}, pointers(p))
}

func pointers(p contracts.Problem) []string {
	var out []string
	for _, e := range p.Errors {
		out = append(out, e.Pointer)
	}
	return out
}

func TestIdempotencyKey(t *testing.T) {
	s := startSide(t)
	o := example[contracts.Order](t, "order.create.json")
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() {
			var v contracts.OrderView
			a := s.do("client", "POST", "/orders", o, "Idempotency-Key", "cart-1")
			if a.status == http.StatusCreated {
				a.into(t, &v)
				ids[i] = v.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.NotEmpty(t, ids[0])
	again := s.want(http.StatusCreated, "client", "POST", "/orders", o, "Idempotency-Key", "cart-1")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	o.CustomerNote = "another cart"
	s.want(http.StatusUnprocessableEntity, "client", "POST", "/orders", o, "Idempotency-Key", "cart-1").problem(t)
	var page contracts.OrderPage
	s.want(http.StatusOK, "client", "GET", "/orders", nil).into(t, &page)
	require.Len(t, page.Orders, 1)
}

func TestListPages(t *testing.T) {
	s := startSide(t)
	var ids []string
	for i := range 7 {
		ids = append(ids, s.create(newOrder(t, fmt.Sprint(i))).ID)
	}
	var got []string
	next := "/orders?limit=3&status=pending"
	for next != "" {
		a := s.want(http.StatusOK, "client", "GET", next, nil)
		var page contracts.OrderPage
		a.into(t, &page)
		for _, o := range page.Orders {
			got = append(got, o.ID)
		}
		if next = page.Next; next != "" {
			require.Equal(t, "<"+next+`>; rel="next"`, a.header.Get("Link"))
		}
	}
	require.Len(t, got, 7)
	for i := range ids {
		require.Equal(t, ids[i], got[len(got)-1-i])
	}
	var page contracts.OrderPage
	s.want(http.StatusOK, "client", "GET", "/orders?state=OK", nil).into(t, &page)
	require.Empty(t, page.Orders)
	for _, bad := range []string{"limit=0", "limit=501", "limit=x", "cursor=x", "status=x", "state=x", "deleted=x", "unknown=1", "limit=1&limit=2"} {
		p := s.want(http.StatusBadRequest, "client", "GET", "/orders?"+bad, nil).problem(t)
		require.NotEmpty(t, p.Errors, bad)
	}
}

// TestConcurrentEdits: of many who have seen the same version, one wins and the others are told.
func TestConcurrentEdits(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	tag := s.want(http.StatusCreated, "client", "POST", "/orders", o).header.Get("ETag")
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 12 {
		wg.Go(func() {
			mine := o
			mine.CustomerNote = fmt.Sprint("writer ", i)
			a := s.do("client", "PUT", "/orders/"+o.ID, mine, "If-Match", tag)
			mu.Lock()
			statuses[a.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusPreconditionFailed: 11}, statuses)
}
