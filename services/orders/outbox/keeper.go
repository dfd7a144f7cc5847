package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// DueStore knows which orders should have a hint.
type DueStore interface {
	// DueOrders returns a page of the links that are pending since before a time and have no row in the outbox,
	// from the one after another on; the zero DueLink is before all.
	DueOrders(ctx context.Context, peer string, before time.Time, after DueLink, limit int) ([]DueLink, error)
	// OldestDue returns the links that are pending for longest and have no row in the outbox.
	OldestDue(ctx context.Context, peer string, limit int) ([]DueLink, error)
	HintAgain(ctx context.Context, peer string, ids []uuid.UUID) (int64, error)
	Paused(ctx context.Context, peer string) (bool, error)
	// StreamMark is what was last seen of the stream, nil when it never was; MarkStream keeps what is
	// seen now, and why it is not the one that it was, if so.
	StreamMark(ctx context.Context) (*StreamMark, error)
	MarkStream(ctx context.Context, m StreamMark, lost string) error
	// RaiseMark keeps that a stream has gone on, if it is the one that is kept.
	RaiseMark(ctx context.Context, m StreamMark) error
}

// DueLink is an order that a peer must be told of, the state of its link, and since when it is in that.
type DueLink struct {
	OrderID uuid.UUID
	Since   time.Time
	State   ordersync.State
}

// StreamMark tells a stream from one that took its place, and from an older copy of itself.
type StreamMark struct {
	Created time.Time
	LastSeq int64
}

const (
	keepEvery = time.Minute
	keepRetry = time.Second
	// lookEvery is how often the keeper looks, at the cost of a few small requests, whether the broker
	// still takes and delivers hints.
	lookEvery = 5 * time.Second
	// dueGrace is how long a due link may be without a hint that can be seen: its row is being
	// published, or its answer stored.
	dueGrace = 10 * time.Second
	// ackWait is how long a bridge that says nothing has for a batch before it goes to another. A
	// living one prolongs it, so it only has to outlast a pause of the process.
	ackWait = 10 * time.Second
)

// Keeper makes and mends the stream and its consumers, and hints again what lost its hint.
type Keeper struct {
	broker    *Broker
	store     DueStore
	relay     *Relay
	lost      func(ctx context.Context) error
	log       *zap.Logger
	mark      StreamMark // what is kept of the stream
	made      shape
	hintsMax  int               // in the stream, for each peer
	behind    map[string]bool   // peers with due orders that were not compared with the hints
	watches   map[string]*watch // by peer
	tidied    tidied
	repairs   repairs
	full      bool // the stream has come to its own limit
	unfetched bool // what is not delivered is not asked for either
	nextCheck time.Time
	followUp  bool // the next check is followed by another one soon
	// replacedAt is when a work queue was last replaced.
	replacedAt time.Time
}

// NewKeeper makes the keeper of a broker. Lost hears that the stream is another one than before.
func NewKeeper(b *Broker, store DueStore, relay *Relay, lost func(context.Context) error, log *zap.Logger) *Keeper {
	k := &Keeper{
		broker: b, store: store, relay: relay, lost: lost, log: log.Named("outbox"),
		hintsMax: hintsMax, behind: map[string]bool{}, watches: map[string]*watch{}, tidied: tidied{floors: map[string]*floor{}, retained: map[string]int{}},
		// What became due just before a start or a reconnect is too young for the first check.
		followUp: true,
	}
	for _, peer := range b.opts.Peers {
		k.watches[peer], k.tidied.floors[peer] = &watch{links: map[uuid.UUID]*watched{}}, &floor{}
	}
	return k
}

// Run checks at the start, after each reconnect, soon after both, and every minute; and it looks every few
// seconds whether hints are taken and delivered; until ctx ends. It returns an error only if the embedded server hangs.
func (k *Keeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := keepRetry
		if k.broker.Connected() {
			var err error
			if wait, err = k.round(ctx, time.Now()); err != nil {
				return err
			}
		} else if k.broker.embedded != nil {
			if err := k.broker.embedded.revive(); err != nil {
				k.log.Error("embedded broker does not run and cannot be started, trying again", zap.Error(err))
			}
		}
		due := time.After(wait)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil
			case <-k.broker.reconnect:
				k.followUp, k.nextCheck, waiting = true, time.Time{}, false
				k.relay.Poll()
			case <-due:
				waiting = false
			case <-time.After(tidyEvery):
				k.raiseMark(ctx)
				if err := k.tidy(ctx); err != nil && ctx.Err() == nil { // the check does it, or finds out why it cannot
					k.log.Debug("failed to remove acknowledged hints", zap.Error(err))
				}
				waiting = !k.nextCheck.IsZero()
			}
		}
	}
	return nil
}

// round checks when it is time to, or when a look found reason to, and repairs what does not recover. It
// returns when the next one is due.
func (k *Keeper) round(ctx context.Context, now time.Time) (time.Duration, error) {
	trouble, err := "", error(nil)
	if now.Before(k.nextCheck) {
		if trouble, err = k.look(ctx, now); err != nil && ctx.Err() == nil {
			k.log.Warn("broker is not as it should be, checking it", zap.Error(err))
			k.nextCheck = time.Time{}
		}
	}
	if !now.Before(k.nextCheck) {
		err = k.check(ctx)
		k.nextCheck = now.Add(k.untilNextCheck(err))
	}
	if ctx.Err() != nil {
		return 0, nil
	}
	if err != nil {
		k.log.Warn("stream check failed, retrying", zap.Error(err))
		if trouble == "" && fromBroker(err) {
			trouble = err.Error()
		}
	}
	if fatal := k.repair(ctx, now, trouble, err); fatal != nil {
		return 0, fatal
	}
	if err != nil {
		return keepRetry, nil
	}
	return max(0, min(lookEvery, time.Until(k.nextCheck))), nil
}

func (k *Keeper) untilNextCheck(err error) time.Duration {
	switch {
	case err != nil:
		k.followUp = true
		return 0
	case k.followUp:
		k.followUp = false
		return dueGrace + keepRetry
	}
	return keepEvery + rand.N(keepEvery/4) // replicas should not check all at once
}

// raiseMark keeps how far the stream has come, so that an older copy is told from it.
func (k *Keeper) raiseMark(ctx context.Context) {
	seen := StreamMark{Created: k.mark.Created, LastSeq: k.relay.seen()}
	if k.mark.Created.IsZero() || seen.LastSeq <= k.mark.LastSeq {
		return
	}
	if err := k.store.RaiseMark(ctx, seen); err != nil { // the next one does it
		k.log.Debug("failed to save how far the stream has come", zap.Error(err))
		return
	}
	k.mark = seen
}

// check brings stream and consumers into shape and gives every due link its hint.
func (k *Keeper) check(ctx context.Context) error {
	mark, err := k.store.StreamMark(ctx) // read first: what is seen after it can only be later
	if err != nil {
		return err
	}
	stream, replaced, err := k.ensure(ctx)
	if err != nil {
		return err
	}
	if replaced { // what it held is hinted again, and that is no loss
		mark, k.followUp = nil, true
	}
	if err := k.compare(ctx, mark, stream.CachedInfo()); err != nil {
		return err
	}
	k.tidied.empty = false // others may have published
	if err := k.tidy(ctx); err != nil {
		return err
	}
	for _, peer := range k.broker.opts.Peers {
		if err := k.hintMissing(ctx, stream, peer); err != nil {
			return err
		}
	}
	return nil
}

// compare notices a stream that was deleted, whose store was wiped or cut, or replaced by an older copy.
// Nothing goes by its numbers; the hints that it lost are given again like any that are missing.
func (k *Keeper) compare(ctx context.Context, mark *StreamMark, info *jetstream.StreamInfo) error {
	now := StreamMark{Created: created(info), LastSeq: int64(info.State.LastSeq)}
	lost := ""
	switch {
	case mark == nil:
	case !mark.Created.Equal(now.Created):
		lost = "the stream is another one than before: its store was lost or replaced"
	case now.LastSeq < mark.LastSeq:
		lost = fmt.Sprintf("the stream went back from message %d to %d: its store was cut, or is an older copy", mark.LastSeq, now.LastSeq)
	}
	if lost != "" || k.relay.seen() > now.LastSeq { // or another process has noticed it before
		k.relay.forgetSeq()
	}
	if mark != nil && lost == "" && *mark == now {
		k.mark = now
		return nil
	}
	if lost != "" {
		k.log.Error("broker lost what it held; hinting again", zap.String("reason", lost))
		if err := k.lost(ctx); err != nil { // told again by the next check
			return err
		}
	}
	if err := k.store.MarkStream(ctx, now, lost); err != nil {
		return err
	}
	k.mark = now
	return nil
}
