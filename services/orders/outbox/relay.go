package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Store is the outbox as the relay needs it.
type Store interface {
	// PendingHints reads rows by number, from above one on.
	PendingHints(ctx context.Context, after int64, limit int) ([]orders.Hint, error)
	DeleteHints(ctx context.Context, ids []int64) error
}

const (
	relayBatch = 1000
	// underWayMax is from how many hints on their way no more are read.
	underWayMax = 4 * relayBatch
	// offersMax bounds what waits for the relay in memory; what is more is found in the outbox.
	offersMax = 4096
	// pollEvery is how soon a row that another process left behind is found, and how soon a failed
	// publish is tried again.
	pollEvery = time.Second
	// leaveAlone is the age below which a row is left to the process that wrote it.
	leaveAlone = 2 * time.Second
	// clearEvery gathers the removal of published rows, so that a trickle of edits does not pay a
	// transaction for each.
	clearEvery = 50 * time.Millisecond
	// stopWait is how long a stop waits for JetStream's word on the last hints.
	stopWait = 2 * time.Second
)

// Relay publishes the outbox.
type Relay struct {
	broker *Broker
	store  Store
	log    *zap.Logger
	offers chan []orders.Hint
	poll   chan struct{}
	outage outage
	after  int64 // where the sweep through the outbox goes on; Run's own

	mu        sync.Mutex
	underWay  map[int64]struct{}
	crowded   bool            // a sweep waits for there to be fewer
	held      map[string]bool // peers that have as many hints in the stream as may be
	published int64
	lastSeq   int64 // highest number that the stream gave to a hint of ours
}

// NewRelay makes the relay of a broker.
func NewRelay(b *Broker, store Store, log *zap.Logger) *Relay {
	return &Relay{
		broker: b, store: store, log: log.Named("outbox"), offers: make(chan []orders.Hint, offersMax),
		poll: make(chan struct{}, 1), underWay: map[int64]struct{}{}, held: map[string]bool{}, outage: outage{log: log.Named("outbox")},
	}
}

// Offer hands over hints whose rows have just been committed. It never blocks: what does not fit is
// found by the poll.
func (r *Relay) Offer(hints []orders.Hint) {
	select {
	case r.offers <- hints:
	default:
	}
}

// Poll looks into the outbox soon.
func (r *Relay) Poll() {
	select {
	case r.poll <- struct{}{}:
	default:
	}
}

// Published counts the hints that JetStream has taken from this process.
func (r *Relay) Published() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.published
}

// hold ends or begins the publishing of hints to a peer. The rows of what is not published leave the outbox all the
// same: the keeper hints again what is due when it ends the hold. It reports whether that is a change.
func (r *Relay) hold(peer string, held bool) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed = r.held[peer] != held
	r.held[peer] = held
	return changed
}

// sent is a hint on its way to JetStream, or without ack one that is held.
type sent struct {
	id  int64
	ack jetstream.PubAckFuture
}

// Run publishes until ctx ends, and then what has been offered by then. What JetStream does not take
// soon after that stays in the outbox.
func (r *Relay) Run(ctx context.Context) error {
	settle := make(chan []sent, 8)
	done := make(chan struct{})
	waiting, stopWaiting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWaiting()
	context.AfterFunc(ctx, func() { time.AfterFunc(stopWait, stopWaiting) })
	go func() {
		defer close(done)
		r.settle(waiting, settle)
	}()
	defer func() {
		close(settle)
		<-done
	}()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	more := true // look at once for what the last process left behind
	for {
		var hints []orders.Hint
		if more {
			more = false
			hints, more = r.read(ctx)
		} else {
			select {
			case <-ctx.Done():
				last, _ := r.publish(r.gather(nil))
				settle <- last
				return nil
			case hints = <-r.offers:
				hints = r.gather(hints)
			case <-r.poll:
				more = true
			case <-tick.C:
				more = r.broker.Connected()
			}
		}
		batch, failed := r.publish(hints)
		if failed { // the next tick begins with the oldest again
			more, r.after = false, 0
		}
		if len(batch) > 0 {
			settle <- batch // it is read until it is closed
		}
	}
}

// gather takes what else is offered already, up to a batch.
func (r *Relay) gather(hints []orders.Hint) []orders.Hint {
	for len(hints) < relayBatch {
		select {
		case h := <-r.offers:
			hints = append(hints, h...)
		default:
			return hints
		}
	}
	return hints
}

// read reads the next page of a sweep through the outbox, and reports whether the sweep goes on now. Rows are
// committed in another order than they are numbered, so each sweep begins at the first row.
func (r *Relay) read(ctx context.Context) (hints []orders.Hint, more bool) {
	r.mu.Lock()
	underWay := len(r.underWay)
	r.crowded = underWay > underWayMax
	crowded := r.crowded
	r.mu.Unlock()
	if crowded { // clear calls again
		return nil, false
	}
	found, err := r.store.PendingHints(ctx, r.after, relayBatch)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("outbox cannot be read, trying again", zap.Error(err))
		}
		return nil, false
	}
	if len(found) == 0 && r.after == 0 && underWay == 0 { // nothing waits, whoever published it
		r.taken()
	}
	for _, h := range found {
		// A time that lies ahead is a clock's mistake and no reason to wait.
		if age := time.Since(h.At); age > leaveAlone || age < 0 {
			hints = append(hints, h)
		}
	}
	r.after = 0
	if len(found) == relayBatch {
		r.after = found[len(found)-1].OutboxID
	}
	return hints, r.after > 0
}

// publish sends hints without waiting for JetStream, and tells whether any could not be sent.
func (r *Relay) publish(hints []orders.Hint) (batch []sent, fail bool) {
	var failed error
	failures := 0
	for _, h := range hints {
		r.mu.Lock()
		_, there := r.underWay[h.OutboxID]
		r.underWay[h.OutboxID] = struct{}{}
		held := r.held[h.Peer]
		r.mu.Unlock()
		if there {
			continue
		}
		if held {
			batch = append(batch, sent{id: h.OutboxID})
			continue
		}
		ack, err := r.send(h)
		if err != nil {
			failed = err
			failures++
			r.leave(h.OutboxID)
			continue
		}
		batch = append(batch, sent{h.OutboxID, ack})
	}
	if failed != nil {
		r.outage.add("hints cannot be published, they stay in the outbox", failures, failed)
	}
	return batch, failed != nil
}

func (r *Relay) send(h orders.Hint) (jetstream.PubAckFuture, error) {
	data, err := json.Marshal(contracts.Hint{
		ID: h.OrderID.String(), Version: h.Version, State: h.State.String(),
		Side: r.broker.opts.Side, Peer: h.Peer, Time: h.At.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode hint of %s: %w", h.OrderID, err)
	}
	return r.broker.js.PublishAsync(contracts.HintSubject(h.Peer, h.OrderID.String()), data)
}

// leave gives a row back to the poll.
func (r *Relay) leave(ids ...int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.underWay, id)
	}
}

// settle waits for JetStream's word on each hint and removes the rows of those that it took.
func (r *Relay) settle(ctx context.Context, in <-chan []sent) {
	var taken []int64
	clear := time.NewTicker(clearEvery)
	defer clear.Stop()
	for {
		select {
		case batch, open := <-in:
			if !open {
				r.clear(ctx, taken)
				return
			}
			taken = append(taken, r.wait(ctx, batch)...)
			if len(taken) >= relayBatch {
				r.clear(ctx, taken)
				taken = nil
			}
		case <-clear.C:
			r.clear(ctx, taken)
			taken = nil
		}
	}
}

func (r *Relay) wait(ctx context.Context, batch []sent) (taken []int64) {
	var failed error
	failures, answered := 0, false
	published := 0
	for _, s := range batch {
		if s.ack == nil {
			taken = append(taken, s.id)
			continue
		}
		select {
		case ack := <-s.ack.Ok():
			taken = append(taken, s.id)
			published++
			r.noteSeq(int64(ack.Sequence))
			continue
		case err := <-s.ack.Err():
			if tooLong(err) { // no repair helps, and another broker would not take it either
				answered = true
				r.log.Error("hint exceeds the stream's message limit, kept in the outbox", zap.Int64("row", s.id), zap.Error(err))
			} else {
				failed = err
				failures++
			}
		case <-ctx.Done():
		}
		r.leave(s.id)
	}
	if failed != nil {
		r.outage.add("JetStream did not take hints, they stay in the outbox", failures, failed)
		r.broker.faults.set(publishing, "hints are not taken: "+failed.Error())
		r.broker.noRoom.Store(noRoom(failed))
		if errors.Is(failed, jetstream.ErrNoStreamResponse) {
			r.broker.woken() // the stream is gone; the keeper makes it again
		}
	} else if published > 0 || answered {
		r.taken()
	}
	r.mu.Lock()
	r.published += int64(published)
	r.mu.Unlock()
	return taken
}

// taken notes that JetStream takes hints.
func (r *Relay) taken() {
	r.broker.faults.set(publishing, "")
	r.broker.noRoom.Store(false)
	r.outage.end()
}

// codeTooLong is JetStream's error code for a message over the stream's limit.
const codeTooLong = 10054

func tooLong(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeTooLong
}

func (r *Relay) noteSeq(seq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastSeq = max(r.lastSeq, seq)
}

// seen is the highest number that the stream has given; forgetSeq begins anew with another stream.
func (r *Relay) seen() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastSeq
}

func (r *Relay) forgetSeq() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastSeq = 0
}

// clear removes rows. If it fails they are published once more, which does no harm.
func (r *Relay) clear(ctx context.Context, taken []int64) {
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.store.DeleteHints(ctx, taken); err != nil {
		r.log.Warn("outbox cannot be cleared, its hints will go out again", zap.Error(err))
	}
	r.leave(taken...)
	r.mu.Lock()
	crowded := r.crowded
	r.mu.Unlock()
	if crowded {
		r.Poll()
	}
}
