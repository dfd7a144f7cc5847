package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// DueStore knows which orders should have a hint.
type DueStore interface {
	DueOrders(ctx context.Context, peer string, before time.Time) ([]uuid.UUID, error)
	HintAgain(ctx context.Context, peer string, ids []uuid.UUID) (int64, error)
	Paused(ctx context.Context, peer string) (bool, error)
	// StreamMark is what was last seen of the stream, nil when it never was; MarkStream keeps what is
	// seen now, and why it is not the one that it was, if so.
	StreamMark(ctx context.Context) (*StreamMark, error)
	MarkStream(ctx context.Context, m StreamMark, lost string) error
	// RaiseMark keeps that a stream has gone on, if it is the one that is kept.
	RaiseMark(ctx context.Context, m StreamMark) error
}

// StreamMark tells a stream from one that took its place, and from an older copy of itself.
type StreamMark struct {
	Created time.Time
	LastSeq int64
}

const (
	keepEvery = time.Minute
	markEvery = 2 * time.Second
	keepRetry = time.Second
	// keepSoon is when a check looks again that saw something odd, and straysSure how often it must.
	keepSoon   = 5 * time.Second
	straysSure = 3
	// dueGrace is how long a due link may be without a hint that can be seen: its row is being
	// published, or its answer stored.
	dueGrace = 10 * time.Second
	// ackWait is how long a bridge that says nothing has for a batch before it goes to another. A
	// living one prolongs it, so it only has to outlast a pause of the process.
	ackWait = 10 * time.Second
)

// Keeper makes and mends the stream and its consumers, and hints again what lost its hint.
type Keeper struct {
	broker *Broker
	store  DueStore
	relay  *Relay
	lost   func(ctx context.Context) error
	log    *zap.Logger
	mark   StreamMark // what is kept of the stream
	// strays counts checks in a row that saw messages which a consumer neither has nor will get.
	strays map[string]int
}

// NewKeeper makes the keeper of a broker. Lost hears that the stream is another one than before.
func NewKeeper(b *Broker, store DueStore, relay *Relay, lost func(context.Context) error, log *zap.Logger) *Keeper {
	return &Keeper{broker: b, store: store, relay: relay, lost: lost, log: log.Named("outbox"), strays: map[string]int{}}
}

// Run checks at the start, after each reconnect, soon after both, and every minute, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	// What became due just before a start or a reconnect is too young for the first check, so that one
	// is followed by another as soon as it is not.
	followUp := true
	for {
		wait := keepEvery + rand.N(keepEvery/4) // replicas should not check all at once
		if k.broker.Connected() {
			if followUp {
				wait, followUp = dueGrace+keepRetry, false
			}
			if err := k.check(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				k.log.Warn("stream cannot be checked, trying again", zap.Error(err))
				wait, followUp = keepRetry, true
			}
			for _, n := range k.strays {
				if n > 0 {
					wait = keepSoon
				}
			}
		} else {
			wait = keepRetry
		}
		due := time.After(wait)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil
			case <-k.broker.reconnect:
				followUp, waiting = true, false
				k.relay.Poll()
			case <-due:
				waiting = false
			case <-time.After(markEvery):
				k.raiseMark(ctx)
			}
		}
	}
}

// raiseMark keeps how far the stream has come, so that an older copy is told from it.
func (k *Keeper) raiseMark(ctx context.Context) {
	seen := StreamMark{Created: k.mark.Created, LastSeq: k.relay.seen()}
	if k.mark.Created.IsZero() || seen.LastSeq <= k.mark.LastSeq {
		return
	}
	if err := k.store.RaiseMark(ctx, seen); err != nil { // the next one does it
		k.log.Debug("how far the stream has come cannot be kept", zap.Error(err))
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
	stream, err := k.ensure(ctx)
	if err != nil {
		return err
	}
	if err := k.compare(ctx, mark, stream.CachedInfo()); err != nil {
		return err
	}
	for _, peer := range k.broker.opts.Peers {
		hinted, err := k.hinted(ctx, stream, peer)
		if err != nil {
			return err
		}
		if err := k.callStrays(ctx, stream, peer, len(hinted)); err != nil {
			return err
		}
		if err := k.hintMissing(ctx, peer, hinted); err != nil {
			return err
		}
	}
	return nil
}

// compare notices a stream that was deleted, whose store was wiped or cut, or replaced by an older copy.
// Nothing goes by its numbers; the hints that it lost are given again like any that are missing.
func (k *Keeper) compare(ctx context.Context, mark *StreamMark, info *jetstream.StreamInfo) error {
	now := StreamMark{Created: info.Created.UTC().Truncate(time.Microsecond), LastSeq: int64(info.State.LastSeq)}
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

func (k *Keeper) ensure(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := k.broker.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              contracts.HintStream,
		Description:       "orders that a peer must be told of: the newest hint for each",
		Subjects:          []string{contracts.HintSubjectPrefix + ">"},
		Retention:         jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardNew, // when full, a hint waits in the outbox; none is thrown away
		MaxBytes:          1 << 30,
		MaxMsgSize:        64 << 10,
		Storage:           jetstream.FileStorage,
		Replicas:          max(1, k.broker.opts.Replicas),
		AllowDirect:       true,
	})
	if err != nil {
		return nil, fmt.Errorf("make stream %s: %w", contracts.HintStream, err)
	}
	for _, peer := range k.broker.opts.Peers {
		consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable:       contracts.HintConsumer(peer),
			Description:   "the bridges to " + peer,
			FilterSubject: contracts.HintSubjectPrefix + peer + ".>",
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			MaxDeliver:    -1,
			MaxAckPending: 4096,
			MaxWaiting:    64,
		})
		if err != nil {
			return nil, fmt.Errorf("make consumer %s: %w", contracts.HintConsumer(peer), err)
		}
		if err := k.pauseAsDecided(ctx, peer, consumer.CachedInfo()); err != nil {
			return nil, err
		}
	}
	return stream, nil
}

// pauseAsDecided holds a consumer still, or lets it go on, where that is not as it was decided: the consumer
// was lost, or put back, or the broker could not be reached then.
func (k *Keeper) pauseAsDecided(ctx context.Context, peer string, is *jetstream.ConsumerInfo) error {
	paused, err := k.store.Paused(ctx, peer)
	if err != nil || paused == (is.Paused && is.PauseRemaining > resumeIn) {
		return err
	}
	k.log.Warn("consumer is not as it was decided, set it so", zap.String("peer", peer), zap.Bool("paused", paused))
	if paused {
		return k.broker.Pause(ctx, peer)
	}
	return k.broker.Resume(ctx, peer)
}

// hinted reads which orders have a hint for a peer in the stream.
func (k *Keeper) hinted(ctx context.Context, stream jetstream.Stream, peer string) (map[uuid.UUID]struct{}, error) {
	prefix := contracts.HintSubjectPrefix + peer + "."
	ctx, cancel := context.WithTimeout(ctx, 10*apiTimeout)
	defer cancel()
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, fmt.Errorf("read hints: %w", err)
	}
	out := make(map[uuid.UUID]struct{}, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if id, err := uuid.Parse(strings.TrimPrefix(subject, prefix)); err == nil {
			out[id] = struct{}{}
		}
	}
	return out, nil
}

// callStrays has messages delivered that the consumer counts neither as pending nor as delivered.
// After an unclean stop the server may bring back a hint that a newer one had replaced, below the
// point up to which everything counts as acknowledged: it would lie there for ever and look like the
// hint of its order. Everything in a work queue may safely be delivered once more.
func (k *Keeper) callStrays(ctx context.Context, stream jetstream.Stream, peer string, hinted int) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	c, err := stream.Consumer(ctx, contracts.HintConsumer(peer))
	if err != nil {
		return fmt.Errorf("read consumer: %w", err)
	}
	info := c.CachedInfo()
	if known := int(info.NumPending) + info.NumAckPending; hinted <= known {
		k.strays[peer] = 0
		return nil
	}
	// While messages come and go the figures need not fit; only what stays so is a stray.
	if k.strays[peer]++; k.strays[peer] < straysSure {
		return nil
	}
	k.strays[peer] = 0
	if _, err := stream.ResetConsumerToSequence(ctx, contracts.HintConsumer(peer), 1); err != nil {
		return fmt.Errorf("reset consumer: %w", err)
	}
	k.log.Info("called stray hints", zap.String("peer", peer), zap.Int("hints", hinted))
	return nil
}

// hintMissing hints again each due order that has no message in the stream. The stream was read
// first: whatever is due after that and not in it has lost its hint, or gets one more than it needs.
func (k *Keeper) hintMissing(ctx context.Context, peer string, hinted map[uuid.UUID]struct{}) error {
	due, err := k.store.DueOrders(ctx, peer, time.Now().Add(-dueGrace))
	if err != nil {
		return err
	}
	var missing []uuid.UUID
	for _, id := range due {
		if _, ok := hinted[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	n, err := k.store.HintAgain(ctx, peer, missing)
	if err != nil {
		return err
	}
	k.log.Warn("hints were missing in the stream, hinted again", zap.String("peer", peer), zap.Int64("orders", n))
	k.relay.Poll()
	return nil
}
