package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// caseForm shows the outcome of a case as a form, to be changed before it is taken.
func (p *Pages) caseForm(w http.ResponseWriter, r *http.Request, c *casePage, o *outcome) {
	if o.Order == nil {
		o.Order = c.Ours.Order
	}
	if o.Order == nil {
		o.Order = c.Theirs.Order
	}
	f := outcomeForm(r, c.ID)
	f.Title, f.Version, f.Base = "Outcome for "+c.Number, c.Version, orderText(o.Order)
	f.fill(sheetOf(o.Order), nil, nil, 1)
	p.show(w, r, http.StatusOK, "form", "collisions", f.Title, f)
}

func outcomeForm(r *http.Request, id string) *orderForm {
	at := "/admin/collisions/" + url.PathEscape(id)
	query := "?peer=" + url.QueryEscape(r.URL.Query().Get("peer"))
	return &orderForm{Action: at + "/order" + query, Cancel: at + query, Save: "Resolve with this order"}
}

// settleWith settles a case with an order that a person wrote.
func (p *Pages) settleWith(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	id := chi.URLParam(r, "id")
	seenOutcome := seenOrder(values.Get("base"))
	f, s := outcomeForm(r, id), readSheet(values, seenOutcome)
	f.Version, f.Base, f.Title = values.Get("version"), values.Get("base"), "Outcome for "+s.fields["/orderNumber"]
	if values.Has("more") {
		p.again(w, r, http.StatusOK, f, s, nil, nil)
		return
	}
	o, faults := s.order(seenOutcome, p.now())
	if faults != nil {
		p.again(w, r, http.StatusUnprocessableEntity, f, s, unreadable(faults), nil)
		return
	}
	a, err := p.call(r, http.MethodPost, casePath(r, "/resolve"), contracts.Resolution{Order: o}, "If-Match", seen(values))
	if err == nil {
		settledOrProposed(w, r, a)
		return
	}
	problem := problemOf(err)
	for i := range problem.Errors {
		problem.Errors[i].Pointer = strings.TrimPrefix(problem.Errors[i].Pointer, "/order")
	}
	if problem.Status == http.StatusPreconditionFailed {
		problem.Title, problem.Detail = "The collision has changed", "one side edited the order meanwhile. Your text is kept below; review the collision before you resolve it"
		if a, err := p.call(r, http.MethodGet, casePath(r, ""), nil); err == nil {
			f.Version = a.header.Get("ETag")
		}
	}
	p.again(w, r, problem.Status, f, s, &problem, nil)
}
