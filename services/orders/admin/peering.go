package admin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// Peering is what this side knows of its peers, and what people decide about them.
type Peering interface {
	Held(peer string) *contracts.Hold
	Proof(peer string) *contracts.Proof
	Brake(peer string) orders.BrakeState
	SetBrake(ctx context.Context, by orders.By, peer string, off time.Duration) error
	LeftOut(peer string) []string
	Next(peer string) string // what an operator does about a held link
	// Left lists the peers that have left the settings, Forget removes what is stored of one.
	Left() []contracts.LeftPeer
	Forget(ctx context.Context, by orders.By, peer string) error
	Request(ctx context.Context, by orders.By, req contracts.ReconciliationRequest, cause string) (*contracts.Reconciliation, error)
	Confirm(ctx context.Context, by orders.By, id uuid.UUID, except []string) (*contracts.Reconciliation, error)
	Drop(ctx context.Context, by orders.By, id uuid.UUID) (*contracts.Reconciliation, error)
	Reconciliation(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error)
	Reconciliations(ctx context.Context, peer string, before uuid.UUID, limit int) ([]contracts.Reconciliation, error)
}

// peerRoutes are about the peers as a whole.
func (a *Admin) peerRoutes(r chi.Router, body func(http.Handler) http.Handler) {
	r.Get("/reconciliations", a.listReconciliations)
	r.With(body).Post("/reconciliations", a.requestReconciliation)
	r.Get("/reconciliations/{id}", a.reconciliation)
	r.With(body).Post("/reconciliations/{id}/confirm", a.confirmReconciliation)
	r.Post("/reconciliations/{id}/drop", a.dropReconciliation)
	r.With(body).Post("/peers/{peer}/brake", a.setBrake)
	r.Post("/peers/{peer}/forget", a.forgetPeer)
	r.With(body).Post("/errors/settle", a.settleErrors)
}

func (a *Admin) listReconciliations(w http.ResponseWriter, r *http.Request) {
	q := httpapi.NewQuery(r)
	peer, before, limit := q.Text("peer"), q.ID("before"), q.Limit()
	if peer != "" && !a.hasPeer(peer) {
		q.Fault("peer", "must be a peer of this side")
	}
	if err := q.Err(); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	list, err := a.peering.Reconciliations(r.Context(), peer, before, limit+1)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out := contracts.ReconciliationList{Reconciliations: list}
	if len(list) > limit {
		out.Reconciliations = list[:limit]
		out.Next = httpapi.NextPage(w, r, "before", list[limit-1].ID)
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) requestReconciliation(w http.ResponseWriter, r *http.Request) {
	var req contracts.ReconciliationRequest
	if err := httpapi.ReadJSON(r, &req); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if !a.hasPeer(req.Peer) {
		httpapi.Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the request is not valid", Fields: []contracts.FieldError{
			{Pointer: "/peer", Detail: "must be a peer of this side"},
		}})
		return
	}
	by, detail := httpapi.ByOf(r), ""
	if req.DryRun {
		detail = "dry run"
	}
	got, err := a.peering.Request(r.Context(), by, req, "requested")
	if err == nil {
		err = a.record(r.Context(), by, "reconciliation.requested", "peer:"+req.Peer, detail)
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.Header().Set("Location", "/admin/api/reconciliations/"+got.ID)
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusAccepted, got))
}

func (a *Admin) reconciliation(w http.ResponseWriter, r *http.Request) {
	a.withReconciliation(w, r, a.peering.Reconciliation)
}

func (a *Admin) confirmReconciliation(w http.ResponseWriter, r *http.Request) {
	var c contracts.ReconciliationConfirmation
	if err := httpapi.ReadJSON(r, &c); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.withReconciliation(w, r, func(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error) {
		by := httpapi.ByOf(r)
		got, err := a.peering.Confirm(ctx, by, id, c.Except)
		if err == nil {
			err = a.record(ctx, by, "reconciliation.confirmed", "reconciliation:"+id.String(), "")
		}
		return got, err
	})
}

func (a *Admin) dropReconciliation(w http.ResponseWriter, r *http.Request) {
	a.withReconciliation(w, r, func(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error) {
		by := httpapi.ByOf(r)
		got, err := a.peering.Drop(ctx, by, id)
		if err == nil {
			err = a.record(ctx, by, "reconciliation.dropped", "reconciliation:"+id.String(), "")
		}
		return got, err
	})
}

func (a *Admin) withReconciliation(w http.ResponseWriter, r *http.Request, do func(context.Context, uuid.UUID) (*contracts.Reconciliation, error)) {
	id, err := httpapi.PathID(r, "reconciliation")
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	got, err := do(r.Context(), id)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, got))
}

// setBrake resets the brake towards a peer, and lets everything through for a time.
func (a *Admin) setBrake(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "peer")
	if !a.hasPeer(name) {
		httpapi.Fail(w, r, a.log, orders.Errorf(orders.NotFound, "there is no such peer"))
		return
	}
	var set contracts.BrakeSetting
	if err := httpapi.ReadJSON(r, &set); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if set.OffSeconds < 0 || set.OffSeconds > contracts.BrakeOffMax {
		httpapi.Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the setting is not valid", Fields: []contracts.FieldError{
			{Pointer: "/offSeconds", Detail: fmt.Sprintf("must be from 0 to %d", contracts.BrakeOffMax)},
		}})
		return
	}
	off, by := time.Duration(set.OffSeconds)*time.Second, httpapi.ByOf(r)
	err := a.peering.SetBrake(r.Context(), by, name, off)
	if err == nil {
		err = a.record(r.Context(), by, "peer.brake", "peer:"+name, "off for "+off.String())
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, a.brakeStatus(name)))
}

// forgetPeer removes what is stored of a peer that is not among the settings any more.
func (a *Admin) forgetPeer(w http.ResponseWriter, r *http.Request) {
	name, by := chi.URLParam(r, "peer"), httpapi.ByOf(r)
	err := a.peering.Forget(r.Context(), by, name)
	if err == nil {
		err = a.record(r.Context(), by, "peer.forgotten", "peer:"+name, "")
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *Admin) brakeStatus(peer string) contracts.BrakeStatus {
	state := a.peering.Brake(peer)
	out := contracts.BrakeStatus{Deletions: state.Deletions, Replacements: state.Replacements}
	if state.OffUntil.After(a.now()) {
		out.OffUntil = &state.OffUntil
	}
	return out
}

// settleErrors lets a set of refused versions of a peer through, or drops them.
func (a *Admin) settleErrors(w http.ResponseWriter, r *http.Request) {
	var s contracts.ErrorSettlement
	if err := httpapi.ReadJSON(r, &s); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	ids, err := a.checkSettlement(&s)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	by, whole := httpapi.ByOf(r), ids == nil
	if whole {
		if ids, err = a.store.InError(r.Context(), s.Peer, s.Reason, contracts.SettleMax); err != nil {
			httpapi.Fail(w, r, a.log, err)
			return
		}
	}
	out := contracts.ErrorSettlementResult{Failed: []contracts.SettlementFailure{}}
	for i, id := range ids {
		var err error
		if s.Take == "theirs" {
			_, err = a.service.Retry(r.Context(), by, id, s.Peer)
		} else {
			_, err = a.service.Drop(r.Context(), by, id, s.Peer)
		}
		if holdsUp(err) {
			if i == 0 {
				httpapi.Fail(w, r, a.log, err)
				return
			}
			reasons := stopped(httpapi.Detail(r, a.log, err))
			for j, id := range ids[i:] {
				out.Failed = append(out.Failed, contracts.SettlementFailure{ID: id.String(), Reason: reasons(j).Error()})
			}
			break
		}
		if err != nil {
			out.Failed = append(out.Failed, contracts.SettlementFailure{ID: id.String(), Reason: err.Error()})
			continue
		}
		out.Settled++
	}
	out.More = whole && len(ids) == contracts.SettleMax && out.Settled > 0
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) checkSettlement(s *contracts.ErrorSettlement) (ids []uuid.UUID, err error) {
	var faults []contracts.FieldError
	fault := func(pointer, detail string) {
		faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: detail})
	}
	if !a.hasPeer(s.Peer) {
		fault("/peer", "must be a peer of this side")
	}
	if s.Take != "ours" && s.Take != "theirs" {
		fault("/take", "must be \"ours\" or \"theirs\"")
	}
	if (s.Reason == "") == (len(s.IDs) == 0) {
		fault("/ids", "must be given, or else a reason")
	}
	if len(s.IDs) > contracts.SettleMax {
		fault("/ids", fmt.Sprintf("must be at most %d", contracts.SettleMax))
	}
	for i, text := range s.IDs {
		id, err := uuid.Parse(text)
		if err != nil {
			fault(fmt.Sprintf("/ids/%d", i), "must be an id")
			break
		}
		ids = append(ids, id)
	}
	if faults != nil {
		return nil, &orders.Error{Kind: orders.Invalid, Message: "the settlement is not valid", Fields: faults}
	}
	return ids, nil
}
