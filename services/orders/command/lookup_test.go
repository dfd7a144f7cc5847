package command

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestExactLookup finds orders by their number and by that of a third system, and no others.
func TestExactLookup(t *testing.T) {
	s := startSide(t)
	find := func(q url.Values) (ids []string) {
		t.Helper()
		var page contracts.OrderPage
		s.want(http.StatusOK, "client", "GET", "/orders?"+q.Encode(), nil).into(t, &page)
		for _, o := range page.Orders {
			ids = append(ids, o.ID)
		}
		return ids
	}
	made := map[string]string{}
	for number, ref := range map[string]string{"WEB-1": "cart'1 \\x", "web-1": "", "WEB-10": "CART", "ÄB-1": "cart"} {
		o := newOrder(t, "x")
		o.OrderNumber, o.ExternalRef = number, ref
		made[number] = s.create(o).ID
	}
	for number, id := range made {
		require.Equal(t, []string{id}, find(url.Values{"orderNumber": {number}}))
	}
	require.Empty(t, find(url.Values{"orderNumber": {"WEB"}}))
	require.Equal(t, []string{made["WEB-1"]}, find(url.Values{"externalRef": {"cart'1 \\x"}}))
	require.Equal(t, []string{made["ÄB-1"]}, find(url.Values{"externalRef": {"cart"}}))
	require.Empty(t, find(url.Values{"externalRef": {"car"}}))
	require.Empty(t, find(url.Values{"externalRef": {"cart"}, "orderNumber": {"WEB-1"}}))
	require.Equal(t, []string{made["WEB-10"]}, find(url.Values{"externalRef": {"CART"}, "orderNumber": {"WEB-10"}, "status": {"pending"}}))

	o := s.get(made["ÄB-1"]).Order
	o.ExternalRef, o.Totals = "another", nil
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	require.Empty(t, find(url.Values{"externalRef": {"cart"}}))
	require.Equal(t, []string{o.ID}, find(url.Values{"externalRef": {"another"}}))
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+o.ID, nil, "If-Match", "*")
	require.Empty(t, find(url.Values{"externalRef": {"another"}}))
	p := s.want(http.StatusBadRequest, "client", "GET", "/orders?externalRef=a%00b", nil).problem(t)
	require.Equal(t, []string{"?externalRef"}, pointers(p))
}

// TestUniqueNumbers: of many who create an order with one number one succeeds. The peer may bring another.
func TestUniqueNumbers(t *testing.T) {
	s := startSide(t, func(c *Config) { c.UniqueNumbers = true })
	var wg sync.WaitGroup
	statuses := make(chan int, 8)
	for range cap(statuses) {
		wg.Go(func() { statuses <- s.do("client", "POST", "/orders", newOrder(t, "x")).status })
	}
	wg.Wait()
	close(statuses)
	got := map[int]int{}
	for status := range statuses {
		got[status]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: 7}, got)
	var page contracts.OrderPage
	s.want(http.StatusOK, "client", "GET", "/orders", nil).into(t, &page)
	first := page.Orders[0]

	second := newOrder(t, "second")
	p := s.want(http.StatusConflict, "client", "PUT", "/orders/"+second.ID, second, "If-None-Match", "*").problem(t)
	require.Equal(t, []string{"/orderNumber"}, pointers(p))
	require.Contains(t, p.Detail, first.ID)
	key := []string{"Idempotency-Key", "k"}
	second.OrderNumber = "ANOTHER"
	s.want(http.StatusCreated, "client", "POST", "/orders", second, key...)
	s.want(http.StatusCreated, "client", "POST", "/orders", second, key...)

	answers := make(chan *answer, 8)
	third := newOrder(t, "asked for again before it was answered")
	third.ID, third.OrderNumber = "", "THIRD"
	for range cap(answers) {
		wg.Go(func() { answers <- s.do("client", "POST", "/orders", third, "Idempotency-Key", "k3") })
	}
	wg.Wait()
	close(answers)
	for a := range answers {
		require.Equal(t, http.StatusCreated, a.status, "the key goes before the number: %s", a.body)
	}

	theirs := newOrder(t, "of the peer")
	require.Equal(t, first.OrderNumber, theirs.OrderNumber)
	require.Equal(t, "OK", s.put(http.StatusOK, entry(t, theirs.ID, "NEW", b(1), &theirs))[0].State)
	edited := s.get(theirs.ID).Order
	edited.Totals, edited.CustomerNote = nil, "an edit makes no number"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+theirs.ID, edited, "If-Match", "*")

	for _, id := range []string{first.ID, theirs.ID} {
		s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+id, nil, "If-Match", "*")
	}
	s.create(newOrder(t, "the number is free again"))
	events := s.timeline(first.ID)
	deletion := events[slices.IndexFunc(events, func(e contracts.TimelineEvent) bool { return e.Event == "deleted" })]
	p = s.want(http.StatusConflict, "admin", "POST", fmt.Sprintf("/admin/api/orders/%s/contents/%d", first.ID, deletion.Seq),
		contracts.PutBack{Which: "replaced"}, "If-Match", "*").problem(t)
	require.Equal(t, []string{"/orderNumber"}, pointers(p), "a deleted order does not come back beside it")
}
