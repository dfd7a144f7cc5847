package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// purgeRight lets the service remove acknowledged hints from the stream.
const purgeRight = "$JS.API.STREAM.PURGE." + contracts.HintStream

const (
	// tidyEvery is how often acknowledged hints are removed from the stream.
	tidyEvery = time.Second
	// tidyShare bounds how much the removal costs while a backlog drains: the server looks at everything that is
	// pending, so at least 1/tidyShare of that has to be acknowledged since the last one.
	tidyShare = 16
	// retainedMax is how many acknowledged hints may stay behind a hint that comes again and again. A bridge may
	// give a hint back for as long as its order fails, and what was delivered after it is removed only with it.
	retainedMax = 50_000
)

// tidied is what is known of the acknowledged hints.
type tidied struct {
	floors   map[string]*floor // by peer
	empty    bool              // the stream held nothing
	upTo     int64             // what the relay had published before that was seen
	retained map[string]int    // by peer: acknowledged hints in the stream, without those that wait for their share
}

// floor is up to where a peer's hints are acknowledged: at the last look, and when some were last removed.
type floor struct{ seen, removed uint64 }

// next returns up to where to remove hints now, 0 if that has to wait.
func (f *floor) next(acknowledged, pending uint64) uint64 {
	moving := acknowledged != f.seen
	f.seen = acknowledged
	few := f.removed < acknowledged && acknowledged < f.removed+pending/tidyShare
	if acknowledged == f.removed || moving && few {
		return 0
	}
	return acknowledged // also where it went back, with another stream or a consumer that begins again
}

// tidy removes the hints that each peer's bridges have acknowledged, up to the first that they have not. What lies
// before it undelivered, as an unclean stop of the server may leave a hint, goes as well, and is hinted again if its
// order is pending.
func (k *Keeper) tidy(ctx context.Context) error {
	published := k.relay.seen()
	if k.tidied.empty && published == k.tidied.upTo {
		return nil
	}
	info, consumers, err := k.read(ctx)
	if err != nil {
		return err
	}
	if !created(info).Equal(k.mark.Created) { // nothing is known of this one yet
		return nil
	}
	k.noteRetained(info, consumers)
	k.tidied.upTo = published
	for _, peer := range k.broker.opts.Peers {
		c, f := consumers[peer], k.tidied.floors[peer]
		k.bound(peer, int(c.NumPending)+c.NumAckPending)
		upTo := f.next(min(c.AckFloor.Stream, info.State.LastSeq), c.NumPending)
		if upTo == 0 || k.broker.denied.has(purgeRight) {
			continue
		}
		if err := k.purge(ctx, c.Config.FilterSubject, upTo); err != nil {
			return err
		}
		f.removed = upTo
	}
	return nil
}

// bound lets no more hints of a peer into the stream than hintsMax, and asks for the next when few of them are left.
func (k *Keeper) bound(peer string, pending int) {
	switch {
	case pending >= k.hintsMax:
		if k.relay.hold(peer, true) {
			k.log.Info("many orders are pending, their hints wait for those in the stream", zap.String("peer", peer), zap.Int("hints", pending))
		}
	case pending <= k.few():
		if ended := k.relay.hold(peer, false); ended || k.behind[peer] {
			k.nextCheck, k.followUp = time.Time{}, true // what became due just now is too young for the first check
		}
	}
}

// noteRetained counts the acknowledged hints in the stream, for each peer no more than there can be between the first that its bridges
// have not acknowledged and the last that they got: those of peers that have left the settings stay, whatever is hinted again.
func (k *Keeper) noteRetained(info *jetstream.StreamInfo, consumers map[string]*jetstream.ConsumerInfo) {
	k.tidied.empty = info.State.Msgs == 0
	all := int(info.State.Msgs)
	for _, c := range consumers {
		all -= int(c.NumPending+c.NumPending/tidyShare) + c.NumAckPending
	}
	for peer, c := range consumers {
		k.tidied.retained[peer] = min(all, int(c.Delivered.Stream)-int(c.AckFloor.Stream)-c.NumAckPending)
	}
}

// purge removes the hints of a peer up to a sequence.
func (k *Keeper) purge(ctx context.Context, subject string, upTo uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 3*apiTimeout)
	defer cancel()
	stream, err := k.broker.js.Stream(ctx, contracts.HintStream)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(upTo+1))
	}
	if err != nil {
		return fmt.Errorf("remove acknowledged hints: %w", err)
	}
	return nil
}
