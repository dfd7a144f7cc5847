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
	// LookAt reads one order there now.
	LookAt(ctx context.Context, id uuid.UUID) error
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
	id, err := httpapi.PathID(r, "order")
	if err == nil && a.system == nil {
		err = errNoSystem
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out, err := a.system.OrderIn(r.Context(), id)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) syncSystemOrder(w http.ResponseWriter, r *http.Request) {
	id, err := httpapi.PathID(r, "order")
	if err == nil && a.system == nil {
		err = errNoSystem
	}
	if err == nil {
		err = a.system.LookAt(r.Context(), id)
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.systemOrder(w, r)
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
