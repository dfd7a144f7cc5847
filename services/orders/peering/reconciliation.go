package peering

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Request asks for a reconciliation, for the bridge to run it.
func (d *Desk) Request(ctx context.Context, by orders.By, req contracts.ReconciliationRequest, cause string) (*contracts.Reconciliation, error) {
	peer, dryRun := req.Peer, req.DryRun
	if d.Held(peer) != nil {
		if dryRun {
			return nil, orders.Errorf(orders.Conflict, "the link to %s is held: what is asked for now is planned first anyway", peer)
		}
		cause = "restored"
	}
	r := d.newOne(by.Actor, peer, cause, dryRun)
	if err := d.store.Add(ctx, r); orders.KindOf(err) == orders.Conflict {
		return nil, d.openAlready(ctx, peer, err)
	} else if err != nil {
		return nil, err
	}
	if req.All {
		if err := d.store.LeaveOutNone(ctx, peer); err != nil {
			return nil, err
		}
		if err := d.refresh(ctx); err != nil {
			return nil, err
		}
	}
	d.log.Info("reconciliation requested", zap.String("id", r.ID), zap.String("peer", peer), zap.String("cause", r.Cause), zap.String("actor", by.Actor), zap.String("request_id", by.RequestID))
	return r, nil
}

// openAlready names the reconciliation that is open.
func (d *Desk) openAlready(ctx context.Context, peer string, conflict error) error {
	open, err := d.store.Open(ctx, peer)
	switch {
	case err != nil:
		return err
	case open == nil: // it has just ended
		return conflict
	}
	return orders.Errorf(orders.Conflict, "reconciliation %s with %s is %s already: it has to end first%s", open.ID, peer, open.State, nextOf(open.State, open.ID))
}

// nextOf says what an operator does about an open reconciliation.
func nextOf(state, id string) string {
	if state == "held" {
		return fmt.Sprintf("; look at its plan with `orderbridge reconciliations show %[1]s`, then `orderbridge reconciliations confirm %[1]s`, or drop it", id)
	}
	return ""
}

// Next says what happens next with a held link, and what an operator has to do; empty when it is not held.
func (d *Desk) Next(peer string) string {
	row := d.row(peer)
	if row.Held == nil {
		return ""
	}
	open := row.Open
	if open == nil {
		return "a plan is made within some seconds, by the bridge of this side"
	}
	retry := ""
	if open.Reason != "" {
		retry = "; the last attempt failed and is repeated: " + open.Reason
	}
	switch {
	case open.State == "held":
		return "a plan waits for you" + nextOf(open.State, open.ID)
	case open.Confirmed:
		return "the confirmed plan " + open.ID + " is being carried out" + retry
	default:
		return "the plan " + open.ID + " is being made, by the bridge of this side" + retry
	}
}

func (d *Desk) newOne(by, peer, cause string, dryRun bool) *contracts.Reconciliation {
	id, err := uuid.NewV7()
	if err != nil { // the system has no randomness
		panic(err)
	}
	return &contracts.Reconciliation{ID: id.String(), Peer: peer, Cause: cause, State: "requested", DryRun: dryRun, RequestedBy: by, RequestedAt: d.Now()}
}

// BrokerLost has both sides compared with every peer, since the broker lost what it held.
func (d *Desk) BrokerLost(ctx context.Context) error {
	for _, peer := range d.Peers {
		if d.Every == 0 {
			continue
		}
		_, err := d.Request(ctx, orders.By{Actor: "service"}, contracts.ReconciliationRequest{Peer: peer}, "brokerLost")
		if err != nil && orders.KindOf(err) != orders.Conflict { // else one is open already
			return err
		}
	}
	return nil
}

// Confirm lets a held reconciliation go on, but for some orders. Its plan as it is now passes the brake.
func (d *Desk) Confirm(ctx context.Context, by orders.By, id uuid.UUID, except []string) (*contracts.Reconciliation, error) {
	if len(except) > contracts.ExceptMax || slices.ContainsFunc(except, func(s string) bool { u, err := uuid.Parse(s); return err != nil || u.String() != s }) {
		return nil, &orders.Error{Kind: orders.Invalid, Message: "the confirmation is not valid", Fields: []contracts.FieldError{
			{Pointer: "/except", Detail: fmt.Sprintf("must be at most %d ids of orders", contracts.ExceptMax)},
		}}
	}
	var other *contracts.Reconciliation
	r, err := d.decide(ctx, by, id, "confirmed", func(r *contracts.Reconciliation) error {
		if r.State != "held" {
			other = r
			return orders.Errorf(orders.Conflict, "reconciliation %s is %s, and waits for nobody", r.ID, r.State)
		}
		r.Except = except
		return nil
	})
	if other != nil && other.FinishedAt != nil { // a newer one may be open
		if open, openErr := d.store.Open(ctx, other.Peer); openErr == nil && open != nil {
			err = orders.Errorf(orders.Conflict, "reconciliation %s is %s; %s is open, and is %s%s", other.ID, other.State, open.ID, open.State, nextOf(open.State, open.ID))
		}
	}
	if err != nil {
		return nil, err
	}
	if len(except) > 0 {
		if err := d.store.LeaveOut(ctx, r.Peer, except); err != nil {
			return nil, err
		}
	}
	if r.Cause == "restored" { // one decision is enough for the links of a side
		if err := d.store.ConfirmOthers(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, d.refresh(ctx)
}

// Drop ends an open reconciliation. What it has done so far stays done; a held link stays held.
func (d *Desk) Drop(ctx context.Context, by orders.By, id uuid.UUID) (*contracts.Reconciliation, error) {
	return d.decide(ctx, by, id, "dropped", func(r *contracts.Reconciliation) error {
		if !slices.Contains(contracts.ReconciliationStates[:4], r.State) {
			return orders.Errorf(orders.Conflict, "the reconciliation is %s", r.State)
		}
		at := d.Now()
		r.FinishedAt = &at
		return nil
	})
}

func (d *Desk) decide(ctx context.Context, by orders.By, id uuid.UUID, state string, check func(*contracts.Reconciliation) error) (*contracts.Reconciliation, error) {
	r, err := d.store.ChangeReconciliation(ctx, id, func(r *contracts.Reconciliation) error {
		if err := check(r); err != nil {
			return err
		}
		at := d.Now()
		r.State, r.DecidedBy, r.DecidedAt = state, by.Actor, &at
		return nil
	})
	if err == nil {
		d.log.Info("reconciliation decided", zap.String("id", r.ID), zap.String("state", state), zap.String("actor", by.Actor), zap.String("request_id", by.RequestID))
	}
	return r, err
}

// Reconciliation finds one.
func (d *Desk) Reconciliation(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error) {
	return d.store.Reconciliation(ctx, id)
}

// Reconciliations lists them, newest first.
func (d *Desk) Reconciliations(ctx context.Context, peer string, before uuid.UUID, limit int) ([]contracts.Reconciliation, error) {
	return d.store.Reconciliations(ctx, peer, before, limit)
}
