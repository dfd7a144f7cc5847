package admin

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// kept finds what a change replaced.
func (a *Admin) kept(r *http.Request) (id uuid.UUID, out *keptOut, err error) {
	if id, err = httpapi.PathID(r, "order"); err == nil {
		err = httpapi.NewQuery(r).Err()
	}
	if err != nil {
		return id, nil, err
	}
	out = &keptOut{KeptContents: contracts.KeptContents{ID: id.String()}}
	out.Seq, _ = strconv.ParseInt(chi.URLParam(r, "seq"), 10, 64) // no number is no row's
	out.Replaced, out.Dropped, err = a.store.KeptContents(r.Context(), id, out.Seq)
	if err == nil && out.Replaced == nil && out.Dropped == nil {
		err = orders.Errorf(orders.NotFound, "nothing is kept of what this change replaced")
	}
	return id, out, err
}

// keptContents tells what a change replaced, and of which version the order is now.
func (a *Admin) keptContents(w http.ResponseWriter, r *http.Request) {
	id, out, err := a.kept(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	now, err := a.store.Load(r.Context(), []uuid.UUID{id})
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.Header().Set("ETag", httpapi.ETag(now[0]))
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// putBack makes a new version of what a change replaced.
func (a *Admin) putBack(w http.ResponseWriter, r *http.Request) {
	cond, err := httpapi.Condition(r, false)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	var which contracts.PutBack
	if err := httpapi.ReadJSON(r, &which); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if !slices.Contains(contracts.KeptNames, which.Which) {
		httpapi.Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "it does not say what to put back", Fields: []contracts.FieldError{
			{Pointer: "/which", Detail: "must be \"replaced\" or \"dropped\""},
		}})
		return
	}
	id, kept, err := a.kept(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	body := kept.Replaced
	if which.Which == "dropped" {
		body = kept.Dropped
	}
	if body == nil {
		httpapi.Fail(w, r, a.log, orders.Errorf(orders.NotFound, "nothing is kept of that"))
		return
	}
	st, err := a.service.PutBack(r.Context(), httpapi.ByOf(r), id, body, cond)
	a.orderOr(w, r, st, err)
}
