package admin

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// System is the shop or ERP behind a connector's side.
type System interface {
	Status(ctx context.Context) (*contracts.SystemStatus, error)
	OrderIn(ctx context.Context, id uuid.UUID) (*contracts.SystemOrder, error)
	// LookAt reads one order there now. One whose creation got no answer is searched for.
	LookAt(ctx context.Context, id uuid.UUID) error
	// CreateAgain creates an order there whose creation is stuck, and GiveUp forgets it.
	CreateAgain(ctx context.Context, by orders.By, id uuid.UUID) error
	GiveUp(ctx context.Context, id uuid.UUID) error
	Probe(ctx context.Context, sku, currency string) (*contracts.SystemProbe, error)
}

var errNoSystem = orders.Errorf(orders.NotFound, "this side has its orders itself: there is no system behind it")

func (a *Admin) systemStatus(w http.ResponseWriter, r *http.Request) {
	if a.system == nil {
		httpapi.Fail(w, r, a.log, errNoSystem)
		return
	}
	out, err := a.system.Status(r.Context())
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) systemOrder(w http.ResponseWriter, r *http.Request) {
	a.inSystem(w, r, func(uuid.UUID) error { return nil })
}

func (a *Admin) syncSystemOrder(w http.ResponseWriter, r *http.Request) {
	a.inSystem(w, r, func(id uuid.UUID) error { return a.system.LookAt(r.Context(), id) })
}

func (a *Admin) createSystemOrder(w http.ResponseWriter, r *http.Request) {
	a.inSystem(w, r, func(id uuid.UUID) error {
		if err := a.record(r.Context(), httpapi.ByOf(r), "system.created", id.String(), ""); err != nil {
			return err
		}
		return a.system.CreateAgain(r.Context(), httpapi.ByOf(r), id)
	})
}

func (a *Admin) giveUpSystemOrder(w http.ResponseWriter, r *http.Request) {
	if _, err := a.onSystem(r, func(id uuid.UUID) error {
		if err := a.system.GiveUp(r.Context(), id); err != nil {
			return err
		}
		return a.record(r.Context(), httpapi.ByOf(r), "system.given_up", id.String(), "")
	}); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// onSystem does something about the order of a request.
func (a *Admin) onSystem(r *http.Request, do func(id uuid.UUID) error) (id uuid.UUID, err error) {
	id, err = httpapi.PathID(r, "order")
	switch {
	case err != nil:
		return id, err
	case a.system == nil:
		return id, errNoSystem
	}
	return id, do(id)
}

// inSystem does something about an order, and answers how it stands in the system after that.
func (a *Admin) inSystem(w http.ResponseWriter, r *http.Request, do func(id uuid.UUID) error) {
	var out *contracts.SystemOrder
	id, err := a.onSystem(r, do)
	if err == nil {
		out, err = a.system.OrderIn(r.Context(), id)
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) probeSystem(w http.ResponseWriter, r *http.Request) {
	if a.system == nil {
		httpapi.Fail(w, r, a.log, errNoSystem)
		return
	}
	var req contracts.SystemProbeRequest
	if err := httpapi.ReadJSON(r, &req); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if faults := req.Validate(); faults != nil {
		httpapi.Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the request is not valid", Fields: faults})
		return
	}
	if err := a.record(r.Context(), httpapi.ByOf(r), "system.probed", "system", "sku "+req.SKU); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out, err := a.system.Probe(r.Context(), req.SKU, req.Currency)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}
