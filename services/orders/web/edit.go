package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
)

// formBytesMax bounds a form with an order: its text, as forms write it, and what was seen.
const formBytesMax = contracts.OrderRequestBytesMax

// blankLines are the empty rows of a new order, for those whose browser adds none.
const blankLines = 3

func (p *Pages) newOrder(w http.ResponseWriter, r *http.Request) {
	o := contracts.Order{Status: contracts.StatusPending, PaymentStatus: contracts.PaymentUnpaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled, Source: "admin"}
	f := newForm(uuid.NewString())
	f.fill(sheetOf(&o), nil, nil, blankLines)
	p.show(w, r, http.StatusOK, "form", "orders", f.Title, f)
}

// newForm is the form of a new order. The key has it created once, however often it is sent.
func newForm(key string) *orderForm {
	return &orderForm{New: true, Title: "New order", Action: "/admin/orders/new", Cancel: "/admin/orders", Save: "Create the order", Version: key}
}

func (p *Pages) createOrder(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	f, s := newForm(values.Get("version")), readSheet(values, nil)
	if values.Has("more") {
		p.again(w, r, http.StatusOK, f, s, nil, nil)
		return
	}
	o, faults := s.order(nil, p.now())
	if faults != nil {
		p.again(w, r, http.StatusUnprocessableEntity, f, s, unreadable(faults), nil)
		return
	}
	a, err := p.call(r, http.MethodPost, "/orders", o, "Idempotency-Key", f.Version)
	if err != nil {
		problem := problemOf(err)
		p.again(w, r, problem.Status, f, s, &problem, nil)
		return
	}
	var made contracts.OrderView
	if err := decode(a, &made); err != nil {
		p.fail(w, r, "orders", err)
		return
	}
	done(w, r, "/admin/orders/"+made.ID, "created")
}

// unreadable is the problem of fields that cannot be read as what they are meant for.
func unreadable(faults []contracts.FieldError) *contracts.Problem {
	return &contracts.Problem{Status: http.StatusUnprocessableEntity, Title: "Some fields need a correction", Detail: "see the marked fields", Errors: faults}
}

// again shows a form as it was filled in, with what is wrong.
func (p *Pages) again(w http.ResponseWriter, r *http.Request, status int, f *orderForm, s sheet, problem *contracts.Problem, notes map[string]string) {
	var faults []contracts.FieldError
	if f.Problem = problem; problem != nil {
		faults = problem.Errors
	}
	blank := 1
	if len(s.lines) == 0 || status == http.StatusOK && !f.Stale {
		blank = blankLines
	}
	f.fill(s, faults, notes, blank)
	p.show(w, r, status, "form", "orders", f.Title, f)
}

// form reads a form that was sent. When it has answered, ok is false.
func (p *Pages) form(w http.ResponseWriter, r *http.Request) (v url.Values, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, formBytesMax)
	if err := r.ParseForm(); err != nil {
		status, title := http.StatusBadRequest, "The form cannot be read"
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status, title = http.StatusRequestEntityTooLarge, "The form is too large"
		}
		p.fail(w, r, "orders", &refusal{Problem: contracts.Problem{Status: status, Title: title, Detail: "go back and try again"}})
		return nil, false
	}
	for name, values := range r.PostForm {
		if !contracts.IsText(name) || slices.ContainsFunc(values, func(s string) bool { return !contracts.IsText(s) }) {
			p.fail(w, r, "orders", &refusal{Problem: contracts.Problem{
				Status: http.StatusBadRequest, Title: "The form cannot be read",
				Detail: "the field " + strconv.QuoteToASCII(name) + " must be valid UTF-8 without NUL",
			}})
			return nil, false
		}
	}
	return r.PostForm, true
}

func editForm(id string) *orderForm {
	at := "/admin/orders/" + url.PathEscape(id)
	return &orderForm{Title: "Edit order", Action: at + "/edit", Cancel: at, Save: "Save"}
}

func (p *Pages) editOrder(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	a, err := p.call(r, http.MethodGet, "/orders/"+url.PathEscape(id), nil)
	var v contracts.OrderView
	if err == nil {
		err = decode(a, &v)
	}
	if err != nil {
		p.fail(w, r, "orders", err)
		return
	}
	f := editForm(id)
	f.Title, f.Version, f.Base = "Edit order "+v.OrderNumber, a.header.Get("ETag"), orderText(&v.Order)
	f.fill(sheetOf(&v.Order), nil, nil, 1)
	p.show(w, r, http.StatusOK, "form", "orders", f.Title, f)
}

func (p *Pages) saveOrder(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	id := chi.URLParam(r, "id")
	seen := seenOrder(values.Get("base"))
	f, s := editForm(id), readSheet(values, seen)
	f.Version, f.Base = values.Get("version"), values.Get("base")
	f.Title = "Edit order " + s.fields["/orderNumber"]
	if values.Has("more") {
		p.again(w, r, http.StatusOK, f, s, nil, nil)
		return
	}
	o, faults := s.order(seen, p.now())
	if faults != nil {
		p.again(w, r, http.StatusUnprocessableEntity, f, s, unreadable(faults), nil)
		return
	}
	if f.Version == "" { // never without what was seen
		f.Version = `"unknown"`
	}
	_, err := p.call(r, http.MethodPut, "/orders/"+url.PathEscape(id), o, "If-Match", f.Version)
	if err == nil {
		done(w, r, f.Cancel, "saved")
		return
	}
	problem := problemOf(err)
	if stale, is := errors.AsType[*refusal](err); is && problem.Status == http.StatusPreconditionFailed && problem.Present != nil {
		p.rebaseForm(w, r, f, s, stale)
		return
	}
	p.again(w, r, problem.Status, f, s, &problem, nil)
}

// rebaseForm shows the form on top of what the order has become meanwhile.
func (p *Pages) rebaseForm(w http.ResponseWriter, r *http.Request, f *orderForm, s sheet, stale *refusal) {
	base := s
	if seen := seenOrder(f.Base); seen != nil {
		base = sheetOf(seen)
	}
	merged, notes := rebase(base, s, sheetOf(&stale.Present.Order))
	f.Stale, f.Version, f.Base = true, stale.present, orderText(&stale.Present.Order)
	p.again(w, r, http.StatusPreconditionFailed, f, merged, nil, notes)
}

func (p *Pages) deleteOrder(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	id := chi.URLParam(r, "id")
	if values.Get("version") == "" {
		values.Set("version", `"unknown"`)
	}
	if _, err := p.call(r, http.MethodDelete, "/orders/"+url.PathEscape(id), nil, "If-Match", values.Get("version")); err != nil {
		problem := problemOf(err)
		if problem.Status == http.StatusPreconditionFailed {
			problem.Detail = "someone changed the order after you opened it; nothing was deleted. Review it, then delete it again"
		}
		p.fail(w, r, "orders", &refusal{Problem: problem})
		return
	}
	done(w, r, "/admin/orders/"+id, "deleted")
}

func decode(a *reply, v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return fmt.Errorf("read an answer of the API: %w", err)
	}
	return nil
}
