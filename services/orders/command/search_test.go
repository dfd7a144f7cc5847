package command

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestSearch finds orders by what people know of them, and pages through what it finds.
func TestSearch(t *testing.T) {
	s := startSide(t)
	var ids []string
	for i, name := range []string{"Ada Sommer", "Zoë O'Connor", "Renée de la Cruz"} {
		o := newOrder(t, name)
		o.OrderNumber = []string{"WEB-1", "WEB-20", "POS-3"}[i]
		o.Customer = contracts.Customer{Name: name, Email: []string{"ada@example.com", "zoe@example.org", ""}[i], Company: []string{"", "Tea & Co", ""}[i]}
		ids = append(ids, s.create(o).ID)
	}
	find := func(query url.Values) []string {
		t.Helper()
		out := []string{}
		for path := "/orders?" + query.Encode(); path != ""; {
			var page contracts.OrderPage
			s.want(http.StatusOK, "admin", "GET", path, nil).into(t, &page)
			for _, o := range page.Orders {
				out = append(out, o.ID)
			}
			path = page.Next
		}
		return out
	}
	for text, want := range map[string][]string{
		"web":             {ids[1], ids[0]},
		"WEB-2":           {ids[1]},
		"sommer":          {ids[0]},
		"ada som":         {ids[0]},
		"o'connor":        {ids[1]},
		"RENÉE":           {ids[2]},
		"zoe@example.org": {ids[1]},
		"tea":             {ids[1]},
		ids[2]:            {ids[2]},
		"nobody":          {},
		`'; \ & | ! :* "`: {},
		"%":               {},
	} {
		require.Equal(t, want, find(url.Values{"search": {text}, "limit": {"1"}}), text)
	}
	require.Empty(t, find(url.Values{"search": {"web"}, "state": {"OK"}}))
	came := newOrder(t, "from b")
	came.OrderNumber, came.Customer = "B-1", contracts.Customer{Name: "Grete Before", Ref: "K-77"}
	s.put(http.StatusOK, entry(t, came.ID, "NEW", b(1), &came))
	came.Customer.Name = "Grete After"
	s.put(http.StatusOK, entry(t, came.ID, "UPD", b(2), &came))
	for text, want := range map[string][]string{"after": {came.ID}, "before": {}, "k-77": {came.ID}} {
		require.Equal(t, want, find(url.Values{"search": {text}}), text)
	}
	require.Len(t, find(url.Values{"search": {"web"}, "state": {"NEW"}, "status": {"pending"}}), 2)
	require.Len(t, find(url.Values{"state": {"NEW"}, "limit": {"2"}}), 3)
	long := url.Values{"search": {string(make([]byte, 300))}}
	s.want(http.StatusBadRequest, "admin", "GET", "/orders?"+long.Encode(), nil)

	// Who changed an order last, and when.
	require.Empty(t, find(url.Values{"changedBy": {"user:anna"}}))
	anna := s.person("anna", access.Operator)
	for _, id := range ids[:2] {
		edit := anna.do("GET", "/admin/orders/"+id+"/edit", "")
		require.Equal(t, http.StatusOK, edit.status)
		form := fieldsOf(t, edit.body)
		form.Set("/customerNote", "by anna")
		saved := anna.do("POST", "/admin/orders/"+id+"/edit", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusSeeOther, saved.status, "%s", saved.body)
	}
	require.Equal(t, []string{ids[1], ids[0]}, find(url.Values{"changedBy": {"user:anna"}, "limit": {"1"}}))
	all := find(nil)
	require.ElementsMatch(t, all, find(url.Values{"changedFrom": {"2020-01-01T00:00:00Z"}, "limit": {"2"}}), "whoever changed it")
	require.Greater(t, len(all), 2)
	theirs := newOrder(t, "of the peer")
	s.put(http.StatusOK, entry(t, theirs.ID, "NEW", b(1), &theirs))
	require.Equal(t, []string{theirs.ID, ids[1]}, find(url.Values{"changedFrom": {"2020-01-01T00:00:00Z"}})[:2], "newest change first")
	require.Empty(t, find(url.Values{"changedTo": {"2020-01-01T00:00:00Z"}}))
	o := s.get(ids[1])
	o.CustomerNote = "by a program"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+ids[1], o.Order, "If-Match", "*")
	require.Equal(t, []string{ids[0]}, find(url.Values{"changedBy": {"user:anna"}}))
}
