package web

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

// beforePage shows a content that a change replaced, and what putting it back would change.
type beforePage struct {
	ID, Seq string
	Number  string
	Version string // of the order now, as an ETag
	Deleted bool   // the order is, now
	Which   string // replaced or dropped
	Choices []option
	Then    *contracts.Order
	Shown   *contracts.Order // the same, with what is derived
	Changes []change         // Here is what it is now
	Faults  []contracts.FieldError
	Problem *contracts.Problem
}

// Same tells that the order is like this now.
func (b *beforePage) Same() bool { return !b.Deleted && len(b.Changes) == 0 }

func (p *Pages) before(w http.ResponseWriter, r *http.Request) {
	if b, ok := p.loadBefore(w, r, r.URL.Query().Get("which")); ok {
		p.show(w, r, http.StatusOK, "before", "orders", "Former content of order "+b.Number, b)
	}
}

// putBack makes a new version of an old content. Who has not seen the present version puts nothing back.
func (p *Pages) putBack(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	b, ok := p.loadBefore(w, r, values.Get("which"))
	if !ok {
		return
	}
	_, err := p.call(r, http.MethodPost, b.path(), contracts.PutBack{Which: b.Which}, "If-Match", seen(values))
	if err == nil {
		done(w, r, "/admin/orders/"+url.PathEscape(b.ID), "back")
		return
	}
	problem := problemOf(err)
	if problem.Status == http.StatusPreconditionFailed {
		problem.Title, problem.Detail = "The order has changed meanwhile", "nothing was restored; the changes below are for the present order"
	}
	b.Problem = &problem
	p.show(w, r, problem.Status, "before", "orders", "Former content of order "+b.Number, b)
}

// path is the address of what is kept.
func (b *beforePage) path() string {
	return "/admin/api/orders/" + url.PathEscape(b.ID) + "/contents/" + url.PathEscape(b.Seq)
}

// loadBefore reads a kept content and the order as it is now. When it has answered, ok is false.
func (p *Pages) loadBefore(w http.ResponseWriter, r *http.Request, which string) (*beforePage, bool) {
	b := &beforePage{ID: chi.URLParam(r, "id"), Seq: chi.URLParam(r, "seq"), Which: which}
	var kept struct{ Replaced, Dropped json.RawMessage }
	a, err := p.call(r, http.MethodGet, b.path(), nil)
	if err == nil {
		err = decode(a, &kept)
	}
	if err != nil {
		p.fail(w, r, "orders", err)
		return nil, false
	}
	b.Version = a.header.Get("ETag")
	contents := map[string]json.RawMessage{}
	for _, one := range []struct {
		option
		body json.RawMessage
	}{{option{"replaced", "our version"}, kept.Replaced}, {option{"dropped", "the peer's version"}, kept.Dropped}} {
		if one.body != nil {
			contents[one.Value] = one.body
			b.Choices = append(b.Choices, one.option)
		}
	}
	if contents[b.Which] == nil {
		b.Which = b.Choices[0].Value // the API answers with one at least
	}
	b.Then = &contracts.Order{}
	if err := json.Unmarshal(contents[b.Which], b.Then); err != nil {
		p.fail(w, r, "orders", &refusal{Problem: contracts.Problem{Status: http.StatusConflict, Title: "Unreadable content", Detail: "the stored content is not a valid order"}})
		return nil, false
	}
	o := &outcome{Order: b.Then}
	o.show()
	b.Shown, b.Faults, b.Number = o.Shown, o.Faults, b.Then.OrderNumber
	var now contracts.OrderView
	a, err = p.call(r, http.MethodGet, "/orders/"+url.PathEscape(b.ID), nil)
	if status := problemOf(err).Status; err != nil && (status == http.StatusGone || status == http.StatusNotFound) {
		b.Deleted = true // there is nothing to compare it with
		return b, true
	}
	if err == nil {
		err = decode(a, &now)
	}
	if err == nil {
		b.Version = a.header.Get("ETag") // of what it is compared with
		b.Changes, err = differences(&now.Order, b.Then)
	}
	if err != nil {
		p.fail(w, r, "orders", err)
		return nil, false
	}
	return b, true
}

// differences are the fields in which two contents differ, in words.
func differences(now, then *contracts.Order) ([]change, error) {
	x, err := tree(now)
	if err != nil {
		return nil, err
	}
	y, err := tree(then)
	if err != nil {
		return nil, err
	}
	var out []change
	for _, f := range merge.Orders(now, now, then, merge.Policy{}, "", "").Fields {
		texts := apart(last(f.Pointer), now.Currency, at(x, f.Ours), at(y, f.Theirs)) // an order's currency never changes
		out = append(out, change{Name: nameOf(f.Pointer, now, then), Here: texts[0], Then: texts[1]})
	}
	return out, nil
}
