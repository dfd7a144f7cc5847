package admin

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// listCollisions lists the open cases, with who proposed how to settle one.
func (a *Admin) listCollisions(w http.ResponseWriter, r *http.Request) {
	out, ids, err := a.rows(w, r, httpapi.NewQuery(r), []ordersync.State{ordersync.Collision})
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	waiting, err := a.store.WaitingProposals(r.Context(), ids)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	for i := range out.Orders {
		out.Orders[i].ProposedBy = waiting[orders.CaseKey{ID: ids[i], Peer: out.Orders[i].Peer}]
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// withProposal is a collision as it is shown, with what is proposed for it.
func (a *Admin) withProposal(ctx context.Context, c *orders.Case) (any, error) {
	out := caseView(c, a.service.Name())
	out.FourEyes = a.service.FourEyes()
	p, err := a.store.Proposal(ctx, c.ID, c.Link.Peer)
	if err == nil && p != nil {
		out.Proposal = proposalView(p)
		out.Proposal.Void = p.Unreadable() || p.Tag() != c.Tag()
	}
	return out, err
}

func proposalView(p *orders.Proposal) *contracts.Proposal {
	return &contracts.Proposal{ID: p.ID.String(), By: p.By.Actor, At: p.At.UTC(), Take: p.Resolution.Take, Order: p.Resolution.Order}
}

// proposedOr answers with a proposal or with what went wrong.
func (a *Admin) proposedOr(w http.ResponseWriter, r *http.Request, p *orders.Proposal, err error) {
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusAccepted, proposalView(p)))
}

func (a *Admin) approve(w http.ResponseWriter, r *http.Request) {
	id, peer, proposal, err := a.decision(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	st, err := a.service.Approve(r.Context(), httpapi.ByOf(r), id, peer, proposal)
	a.orderOr(w, r, st, err)
}

func (a *Admin) reject(w http.ResponseWriter, r *http.Request) {
	id, peer, proposal, err := a.decision(r)
	if err == nil {
		err = a.service.Reject(r.Context(), httpapi.ByOf(r), id, peer, proposal)
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// decision reads which proposal for which case a person decides about.
func (a *Admin) decision(r *http.Request) (id uuid.UUID, peer string, proposal uuid.UUID, err error) {
	if id, peer, err = a.idAndPeer(r); err != nil {
		return id, peer, proposal, err
	}
	var d contracts.ProposalDecision
	if err = httpapi.ReadJSON(r, &d); err != nil {
		return id, peer, proposal, err
	}
	if proposal, err = uuid.Parse(d.Proposal); err != nil {
		err = &orders.Error{Kind: orders.Invalid, Message: "the decision is not valid", Fields: []contracts.FieldError{
			{Pointer: "/proposal", Detail: "must be the id of a proposal"},
		}}
	}
	return id, peer, proposal, err
}
