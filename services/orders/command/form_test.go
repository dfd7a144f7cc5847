package command

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// fieldsOf reads the fields of a page's form as a browser would send them.
func fieldsOf(t *testing.T, page []byte) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(page)))
	require.NoError(t, err)
	out := url.Values{}
	attribute := func(n *html.Node, name string) (string, bool) {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val, true
			}
		}
		return "", false
	}
	for n := range doc.Descendants() {
		name, named := attribute(n, "name")
		if n.Type != html.ElementNode || !named {
			continue
		}
		value, _ := attribute(n, "value")
		switch n.Data {
		case "input":
			kind, _ := attribute(n, "type")
			if _, checked := attribute(n, "checked"); (kind == "checkbox" || kind == "radio") && !checked {
				continue
			}
			out.Add(name, value)
		case "textarea":
			text := ""
			for c := range n.ChildNodes() {
				text += c.Data
			}
			out.Add(name, text)
		case "select":
			for c := range n.ChildNodes() {
				if _, chosen := attribute(c, "selected"); chosen {
					v, _ := attribute(c, "value")
					out.Add(name, v)
				}
			}
		}
	}
	return out
}

// TestFormsOfPeople sends the forms of pages as browsers without JavaScript do.
func TestFormsOfPeople(t *testing.T) {
	s := startSide(t)
	anna, viktor := s.person("anna", access.Operator), s.person("viktor", access.Viewer)
	send := func(b *browser, path string, v url.Values) *answer {
		return b.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	form := fieldsOf(t, anna.do("GET", "/admin/orders/new", "").body)
	require.Contains(t, string(send(anna, "/admin/orders/new", form).body), "The content is not valid")
	form.Set("/orderNumber", "WEB-7")
	form.Set("/currency", "EUR")
	form.Set("/customer/name", "Ada")
	for name, v := range map[string]string{"sku": "T", "name": "Tea", "quantity": "2", "unitPriceMinor": "ten"} {
		form.Set("/lines/0/"+name, v)
	}
	refused := send(anna, "/admin/orders/new", form)
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Contains(t, string(refused.body), "must be an amount such as 12.50")
	form.Set("/lines/0/unitPriceMinor", "10,5")
	made := send(anna, "/admin/orders/new", form)
	require.Equal(t, http.StatusSeeOther, made.status)
	path, _, _ := strings.Cut(made.header.Get("Location"), "?")
	id := strings.TrimPrefix(path, "/admin/orders/")
	require.EqualValues(t, 2100, s.get(id).Totals.TotalMinor)
	again := send(anna, "/admin/orders/new", form)
	require.Equal(t, made.header.Get("Location"), again.header.Get("Location"), "the same form makes no second order")
	require.Equal(t, "user:anna", s.timeline(id)[0].Actor)

	// What was not touched stays as it was, to the microsecond.
	before := s.get(id)
	edit := fieldsOf(t, anna.do("GET", path+"/edit", "").body)
	require.Equal(t, http.StatusSeeOther, send(anna, path+"/edit", edit).status)
	require.Equal(t, before.Sync.Version, s.get(id).Sync.Version)

	// Who has not seen the present version overwrites nothing.
	o := before.Order
	o.CustomerNote, o.PaymentMethod = "theirs", "card"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+id, o, "If-Match", "*")
	edit.Set("/customerNote", "mine")
	stale := send(anna, path+"/edit", edit)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Contains(t, string(stale.body), "meanwhile it became: theirs")
	merged := fieldsOf(t, stale.body)
	require.Equal(t, "mine", strings.TrimSpace(merged.Get("/customerNote")))
	require.Equal(t, "card", merged.Get("/paymentMethod"))
	none := url.Values{}
	for _, path := range []string{path + "/edit", path + "/delete"} {
		for name, v := range edit {
			none[name] = v
		}
		none.Set("version", "")
		require.Equal(t, http.StatusPreconditionFailed, send(anna, path, none).status, "a form without a version")
	}
	require.Equal(t, http.StatusSeeOther, send(anna, path+"/edit", merged).status)
	require.Equal(t, "mine", s.get(id).CustomerNote)

	// A case, settled by field; then one that has moved.
	settle := func(note string, n int64, moved bool) {
		seen := s.get(id)
		theirs := seen.Order
		theirs.CustomerNote, theirs.ShippingMethod = "at b "+note, "bike"
		s.put(http.StatusConflict, entry(t, id, "UPD", and(before.Sync.Version, b(n)), &theirs))
		casePage := anna.do("GET", "/admin/collisions/"+id, "")
		require.Equal(t, http.StatusOK, casePage.status)
		choice := fieldsOf(t, casePage.body)
		choice.Set("take", "fields")
		for name := range choice {
			if strings.HasPrefix(name, "pick ") {
				choice.Set(name, "theirs")
			}
		}
		choice.Set("pick /customerNote", "ours")
		shown := send(anna, "/admin/collisions/"+id+"/preview?peer=b", choice)
		require.Contains(t, string(shown.body), "become a new version")
		if moved {
			seen.CustomerNote = "moved"
			s.want(http.StatusOK, "client", "PUT", "/orders/"+id, seen.Order, "If-Match", "*")
		}
		done := send(anna, "/admin/collisions/"+id+"/resolve?peer=b", fieldsOf(t, shown.body))
		if moved {
			require.Equal(t, http.StatusPreconditionFailed, done.status)
			require.Contains(t, string(done.body), "The collision has changed")
			return
		}
		require.Equal(t, http.StatusSeeOther, done.status, "%s", done.body)
		require.Equal(t, "mine", s.get(id).CustomerNote)
		require.Equal(t, "bike", s.get(id).ShippingMethod)
	}
	settle("one", 1, false)
	settle("two", 2, true)

	// A viewer sees, and neither finds a button nor may send its form.
	shown := viktor.do("GET", path, "")
	require.Equal(t, http.StatusOK, shown.status)
	require.NotContains(t, string(shown.body), `action="/admin/orders/`)
	require.Equal(t, http.StatusForbidden, send(viktor, path+"/delete", edit).status)
	var page contracts.Session
	viktor.do("GET", "/admin/api/session", "").into(t, &page)
	require.Equal(t, "viewer", page.Role)
}

// TestErrorPage shows what came and why it was refused, and settles it.
func TestErrorPage(t *testing.T) {
	s := startSide(t)
	anna := s.person("anna", access.Operator)
	o := newOrder(t, "refused <b>note</b>")
	o.Customer.Name = "" // breaks a rule
	o.Lines[0].Quantity = 1
	e := entry(t, o.ID, "NEW", b(1), &o)
	s.do("peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{e}})
	var c contracts.ErrorCase
	s.want(http.StatusOK, "admin", "GET", "/admin/api/errors/"+o.ID, nil).into(t, &c)
	require.Contains(t, c.Reason, "/customer/name")
	require.Equal(t, o.CustomerNote, c.Theirs.Order["customerNote"])
	require.Nil(t, c.Ours)
	require.True(t, c.RefusedHere)
	list := string(anna.do("GET", "/admin/errors", "").body)
	require.Contains(t, list, "/admin/errors/"+o.ID)
	require.Contains(t, list, "Correct it at b</td>")
	require.NotContains(t, strings.ToLower(list), "keep ours", "there is none")
	page := anna.do("GET", "/admin/errors/"+o.ID+"?peer=b", "")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, string(page.body), "refused &lt;b&gt;note&lt;/b&gt;")
	again := anna.do("POST", "/admin/errors", fieldsOf(t, page.body).Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Contains(t, string(again.body), "0 of 1")
	s.want(http.StatusNotFound, "admin", "GET", "/admin/api/errors/"+s.create(newOrder(t, "fine")).ID, nil)
}
