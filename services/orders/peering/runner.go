package peering

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	// lease is how long a runner may be silent before another one goes on in its place.
	lease = 30 * time.Second
	// headStart is how long the side with the greater name leaves a comparison that is due to the other
	// one: what one of them proves is proved for both.
	headStart = 30 * time.Second
	// againAfter is when a comparison that proved nothing is tried again at the soonest, and againShare
	// how many times as long as it took.
	againAfter = 30 * time.Second
	againShare = 50
	// A plan of a held link that failed is tried again after half the time that it has been tried for, within
	// these bounds.
	retryLeast = 2 * time.Second
	retryMost  = time.Minute
)

// Claim hands a runner the reconciliation that is to be run now: one that was asked for or confirmed, one
// whose runner has gone, the runner's own, or one that is due. It is nil when there is nothing to do.
func (d *Desk) Claim(ctx context.Context, c contracts.ReconciliationClaim) (*contracts.Reconciliation, error) {
	open, err := d.store.Open(ctx, c.Peer)
	if err != nil {
		return nil, err
	}
	if open == nil {
		cause := "command"
		if !c.Begin {
			if cause, err = d.due(ctx, c.Peer); err != nil || cause == "" {
				return nil, err
			}
		} else if d.Held(c.Peer) != nil {
			cause = "restored"
		}
		open = d.newOne("bridge:"+c.Runner, c.Peer, cause, c.Begin && c.DryRun && cause == "command")
		switch err := d.store.Add(ctx, open); {
		case orders.KindOf(err) == orders.Conflict && !c.Begin:
			return nil, nil // another bridge was faster
		case orders.KindOf(err) == orders.Conflict:
			return nil, d.openAlready(ctx, c.Peer, err)
		case err != nil:
			return nil, err
		}
	}
	if !d.claimable(open) { // not to be written again and again while it waits
		return nil, refusedClaim(c, open)
	}
	if c.Begin && open.DryRun != c.DryRun {
		return nil, orders.Errorf(orders.Conflict, "reconciliation %s is %s already, and is not what you ask for", open.ID, open.State)
	}
	taken := false
	r, err := d.store.ChangeReconciliation(ctx, uuid.MustParse(open.ID), func(r *contracts.Reconciliation) error {
		taken = false
		if !d.claimable(r) {
			return nil
		}
		at := d.Now()
		r.State, r.Runner, r.SeenAt, taken = "running", c.Runner, &at, true
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !taken:
		return nil, refusedClaim(c, r)
	}
	paused, err := d.paused(ctx, r.Peer)
	if err != nil {
		return nil, err
	}
	r = d.forRunner(r)
	r.Paused = paused
	return r, nil
}

// claimable tells that a reconciliation waits for a runner, or that its runner has gone. The clock of the
// process that heard of the runner last may be ahead.
func (d *Desk) claimable(r *contracts.Reconciliation) bool {
	switch r.State {
	case "running":
		return r.SeenAt == nil || d.Now().Sub(*r.SeenAt).Abs() > lease
	case "requested", "confirmed":
		return d.retryable(r)
	default:
		return false
	}
}

// retryable reports whether a reconciliation that waits for a runner has not failed, or long enough ago.
func (d *Desk) retryable(r *contracts.Reconciliation) bool {
	since := r.RequestedAt
	if r.DecidedAt != nil {
		since = *r.DecidedAt
	}
	if r.SeenAt == nil || !r.SeenAt.After(since) {
		return true
	}
	pause := min(max(r.SeenAt.Sub(since)/2, retryLeast), retryMost)
	return d.Now().Sub(*r.SeenAt).Abs() >= pause
}

// refusedClaim: who only asks what there is to do is told that there is nothing.
func refusedClaim(c contracts.ReconciliationClaim, r *contracts.Reconciliation) error {
	if !c.Begin {
		return nil
	}
	return orders.Errorf(orders.Conflict, "reconciliation %s is %s already%s", r.ID, r.State, nextOf(r.State, r.ID))
}

// forRunner adds what a person has not yet let through, and what was left out before.
func (d *Desk) forRunner(r *contracts.Reconciliation) *contracts.Reconciliation {
	for _, id := range d.LeftOut(r.Peer) {
		if !slices.Contains(r.Except, id) {
			r.Except = append(r.Except, id)
		}
	}
	if r.DecidedAt == nil {
		limits := contracts.BrakeLimits{}
		limits.Deletions, limits.Replacements = d.brake.Limits()
		if d.Now().After(d.Brake(r.Peer).OffUntil) {
			r.Brake = &limits
		}
	}
	return r
}

// due tells why both sides should be compared now by themselves; empty when they should not.
func (d *Desk) due(ctx context.Context, peer string) (cause string, err error) {
	if d.Held(peer) != nil { // it always has a plan
		if err := d.refresh(ctx); err != nil { // another process may just have released it
			return "", err
		}
		if d.Held(peer) != nil {
			return "restored", nil
		}
	}
	d.mu.Lock()
	heard := d.heard[peer]
	d.mu.Unlock()
	// Before the peer has told what it has seen of us nobody knows whether our database was put back.
	if d.Every == 0 || !heard {
		return "", nil
	}
	now, wait := d.Now(), time.Duration(0)
	if d.Side > peer {
		wait = headStart
	}
	last, err := d.store.LastEnded(ctx, peer)
	if err != nil {
		return "", err
	}
	proof := d.Proof(peer)
	switch {
	case last != nil && last.State == "dropped" && now.Sub(*last.FinishedAt) < d.Every:
		return "", nil // a person did not want it
	case last != nil && !proved(last) && (proof == nil || proof.At.Before(*last.FinishedAt)):
		// Proved nothing, as people work or wait for a decision: again, but not all the time.
		pause := max(min(againAfter, d.Every), againShare*took(last))
		if now.Sub(*last.FinishedAt) < pause {
			return "", nil
		}
		if last.Cause == "firstContact" || last.Cause == "brokerLost" {
			return last.Cause, nil
		}
		return "schedule", nil
	case proof == nil && now.Sub(d.began) >= wait:
		return "firstContact", nil
	case proof != nil && now.Sub(proof.At) > d.Every+wait:
		return "schedule", nil
	}
	return "", nil
}

// took is how long a reconciliation ran, without what it waited for a person.
func took(r *contracts.Reconciliation) time.Duration {
	if r.Report == nil {
		return 0
	}
	return time.Duration(r.Report.Seconds * float64(time.Second))
}

func proved(r *contracts.Reconciliation) bool {
	return r.State == "done" && r.Report != nil && r.Report.Equal
}

// Progress takes a runner's sign of life, or how it ended. A reconciliation that is not the runner's, or
// not open any more, comes back as it is: the runner stops.
func (d *Desk) Progress(ctx context.Context, id uuid.UUID, p contracts.ReconciliationProgress) (*contracts.Reconciliation, error) {
	mine := false
	r, err := d.store.ChangeReconciliation(ctx, id, func(r *contracts.Reconciliation) error {
		ended := r.State == p.State && r.FinishedAt != nil // told again: what follows may have been missed
		if mine = r.Runner == p.Runner && (r.State == "running" || ended); !mine || ended {
			return nil
		}
		at := d.Now()
		r.State, r.Reason, r.SeenAt = p.State, p.Reason, &at
		if p.Report != nil {
			r.Report = p.Report
		}
		restoring := r.Cause == "restored" && d.Held(r.Peer) != nil
		if restoring && p.State == "failed" {
			d.again(r)
			return nil
		}
		if restoring && p.State == "held" && r.DecidedAt != nil { // meanwhile, with the plan of another link
			r.State, r.SeenAt = "requested", nil // at once
			return nil
		}
		if p.State == "done" || p.State == "failed" {
			r.FinishedAt = &at
		}
		return nil
	})
	if err != nil || !mine {
		return r, err
	}
	return r, d.drawn(ctx, r)
}

// again has a plan that failed tried once more. What an operator has confirmed stays so: whatever the plan
// did not name counts for the brakes of both sides as ever.
func (d *Desk) again(r *contracts.Reconciliation) {
	r.State = "requested"
	if r.DecidedAt != nil {
		r.State = "confirmed"
	}
	d.log.Warn("plan of a held link failed, retrying", zap.String("id", r.ID), zap.String("peer", r.Peer), zap.String("state", r.State), zap.String("reason", r.Reason))
}

// drawn draws the consequences of how far a reconciliation is; doing so twice changes nothing.
func (d *Desk) drawn(ctx context.Context, r *contracts.Reconciliation) error {
	switch r.State {
	case "running":
		if r.Report != nil && r.Report.CarriedOut {
			return d.carriedOut(ctx, r)
		}
		return nil
	case "done", "failed":
	default: // it waits for an operator, or to be tried again
		return d.refresh(ctx)
	}
	d.log.Info("reconciliation ended", zap.String("id", r.ID), zap.String("peer", r.Peer), zap.String("state", r.State), zap.String("reason", r.Reason))
	if r.State == "done" {
		if err := d.carriedOut(ctx, r); err != nil {
			return err
		}
	}
	if proved(r) {
		return d.Prove(ctx, r.Peer, contracts.Proof{
			Side: d.Side, Peer: r.Peer, At: *r.FinishedAt, Orders: r.Report.Orders, Hash: r.Report.Hash,
			Position: r.Report.Position, PeerPosition: r.Report.PositionThere,
		})
	}
	return d.refresh(ctx)
}

// carriedOut releases a held link when all has been told that a person has confirmed. It does not wait for
// the proof: while people edit, each further pass would find what the link had held back meanwhile.
func (d *Desk) carriedOut(ctx context.Context, r *contracts.Reconciliation) error {
	if r.Cause != "restored" || r.DecidedAt == nil || d.Held(r.Peer) == nil {
		return nil
	}
	return d.release(ctx, r.Peer)
}

func (d *Desk) release(ctx context.Context, peer string) error {
	if err := d.store.ReleaseLink(ctx, peer); err != nil {
		return err
	}
	d.log.Warn("link released: what was confirmed is done", zap.String("peer", peer))
	paused, err := d.paused(ctx, peer)
	if err == nil && !paused {
		err = d.consumers.Resume(ctx, peer)
	}
	if err != nil { // the keeper does it when the broker is back
		d.log.Warn("the consumer cannot be resumed yet", zap.String("peer", peer), zap.Error(err))
	}
	return d.refresh(ctx)
}
