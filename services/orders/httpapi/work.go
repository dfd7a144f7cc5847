package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

const (
	// workLease is how long a piece stays with a worker that says nothing; a piece takes less.
	workLease   = 30 * time.Second
	pieceMax    = 20 * time.Second
	workEvery   = 5 * time.Second // how soon the batch of another process that died is found
	retryAfter  = time.Second     // at first; it doubles
	attemptsMax = 20              // then a batch is given up
)

// Run works on accepted batches until ctx ends: piece by piece, each as a request of its sender's would
// be. What is broken off is begun again, here or in another process, and doing a piece twice changes
// nothing.
func (a *API) Run(ctx context.Context) error {
	worker := uuid.NewString()
	defer a.release(ctx, worker)
	for {
		wait := a.workOn(ctx, worker)
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		case <-time.After(wait):
		}
	}
}

func (a *API) release(ctx context.Context, worker string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := a.batches.Release(ctx, worker); err != nil {
		a.log.Warn("accepted batches stay claimed for a while", zap.Error(err))
	}
}

// workOn does what there is to do, and says when to look again.
func (a *API) workOn(ctx context.Context, worker string) time.Duration {
	for {
		p, err := a.batches.Claim(ctx, worker, workLease)
		switch {
		case err != nil:
			a.log.Debug("accepted batches cannot be looked for", zap.Error(err))
			return workEvery
		case p == nil:
			return workEvery
		}
		if err := a.settle(ctx, p); err != nil {
			switch kind := orders.KindOf(err); {
			case ctx.Err() != nil:
				return 0
			case kind == orders.Held, kind == orders.Starting, kind == orders.Unavailable, kind == orders.TooMany: // which is not the batch's fault
				a.log.Info("an accepted batch waits", zap.Stringer("batch", p.Batch), zap.Error(err))
				a.release(ctx, worker)
				return workEvery
			}
			return a.putOff(ctx, p, err)
		}
	}
}

// putOff decides when a piece that could not be applied is tried again, or gives its batch up.
func (a *API) putOff(ctx context.Context, p *orders.Piece, cause error) time.Duration {
	log := a.log.With(zap.Stringer("batch", p.Batch), zap.Int("piece", p.Number), zap.Int("attempt", p.Attempts),
		zap.String("request_id", p.RequestID), zap.Error(cause))
	if p.Attempts < attemptsMax {
		log.Warn("a piece of an accepted batch cannot be applied, trying again")
		return min(retryAfter<<min(p.Attempts-1, 5), 30*time.Second)
	}
	log.Error("an accepted batch was given up")
	if err := a.batches.FailBatch(ctx, p.Batch, "a part could not be applied; see the log of this side for the request id "+p.RequestID); err != nil {
		a.log.Warn("an accepted batch cannot be given up", zap.Error(err))
	}
	return 0
}

// settle applies a piece and keeps the answers.
func (a *API) settle(ctx context.Context, p *orders.Piece) error {
	ctx, cancel := context.WithTimeout(ctx, pieceMax)
	defer cancel()
	if !a.service.HasPeer(p.Peer) { // any more
		return a.batches.FailBatch(ctx, p.Batch, "the peer "+p.Peer+" has left the settings of this side")
	}
	if p.Role == string(access.Peer) {
		if err := a.peering.Admit(p.Peer, p.Entries); err != nil {
			return err
		}
	}
	in, err := strictjson.DecodeBatch(p.Body, contracts.BatchEntriesMax)
	if err != nil {
		return err
	}
	read, err := a.readEntries(in.Entries, p.Role == string(access.Bridge), false)
	if err != nil {
		return err
	}
	present, err := a.service.Receive(ctx, orders.By{Actor: p.Role + ":" + p.Peer, RequestID: p.RequestID}, p.Peer, read.received)
	if err != nil {
		return err
	}
	var o orders.PieceOutcome
	o.Collided, o.Refused = read.answer(present)
	a.saw(p.Peer, read)
	if p.Role == string(access.Peer) {
		a.refusals.charge(p.Peer, in.Entries, read.answers)
	}
	if o.Answers, err = strictjson.Encode(batchOut{Side: a.service.Name(), Entries: read.answers}); err != nil {
		return err
	}
	return a.batches.Settle(ctx, p, o)
}
