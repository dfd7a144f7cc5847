package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// ordersPage is the list of orders.
type ordersPage struct {
	Orders  []contracts.OrderView
	Filter  filter
	Query   url.Values
	Next    string
	Newest  string // address of the first page, when this is another
	Any     bool   // a filter is set
	Problem *contracts.Problem
}

// filter is what a list is narrowed to. The names are those of GET /orders.
type filter struct {
	Search, State, Status, ChangedBy, From, To, Sort string
	Deleted                                          bool
}

// filterNames are the filters that the page offers and the API knows by the same names.
var filterNames = []string{"search", "state", "status", "changedBy", "changedFrom", "changedTo", "deleted", "sort"}

func (p *Pages) orders(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ask := url.Values{"limit": {"50"}}
	for _, name := range append([]string{"cursor"}, filterNames...) {
		v := strings.TrimSpace(q.Get(name))
		if v == "" || name == "deleted" && v != "true" {
			continue
		}
		if name == "changedBy" && !strings.Contains(v, ":") {
			v = "user:" + v // people know each other by name
		}
		if name == "changedFrom" || name == "changedTo" {
			v = dayOrTime(v, name == "changedTo")
		}
		ask.Set(name, v)
	}
	body := &ordersPage{Query: q, Filter: filter{
		Search: q.Get("search"), State: q.Get("state"), Status: q.Get("status"), ChangedBy: q.Get("changedBy"),
		From: q.Get("changedFrom"), To: q.Get("changedTo"), Deleted: q.Get("deleted") == "true",
		Sort: q.Get("sort"),
	}}
	if ask.Has("changedBy") || ask.Has("changedFrom") || ask.Has("changedTo") {
		body.Filter.Sort = contracts.SortChanged // these come so
		ask.Set("sort", body.Filter.Sort)
	}
	for _, name := range filterNames {
		body.Any = body.Any || name != "sort" && ask.Has(name)
	}
	found, err := read[contracts.OrderPage](p, r, "/orders?"+ask.Encode())
	if err != nil {
		problem := problemOf(err)
		if problem.Status != http.StatusBadRequest {
			p.fail(w, r, "orders", err)
			return
		}
		body.Problem = &problem // a filter is wrong: say so above the list, and keep what was asked
		p.show(w, r, http.StatusBadRequest, "orders", "orders", "Orders", body)
		return
	}
	body.Orders = found.Orders
	if found.Next != "" {
		next, _ := url.Parse(found.Next) // the API made it
		on := clone(q)
		on.Set("cursor", next.Query().Get("cursor"))
		body.Next = "/admin/orders?" + on.Encode()
	}
	if q.Get("cursor") != "" {
		first := clone(q)
		first.Del("cursor")
		body.Newest = "/admin/orders?" + first.Encode()
	}
	p.show(w, r, http.StatusOK, "orders", "orders", "Orders", body)
}

func clone(q url.Values) url.Values {
	out := url.Values{}
	for k, v := range q {
		if k != "done" {
			out[k] = v
		}
	}
	return out
}

// dayOrTime turns what a date field gives, a day or a day and a time, into the form of the API, in UTC.
// Anything else goes as it is: the API says what is wrong with it.
func dayOrTime(v string, end bool) string {
	switch len(v) {
	case len("2026-11-21"):
		if end {
			return v + "T23:59:59.999999Z"
		}
		return v + "T00:00:00Z"
	case len("2026-11-21T10:00"):
		return v + ":00Z"
	}
	return v
}
