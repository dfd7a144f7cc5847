package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	// hintsMax is how many hints of a peer are in the stream. A server needs some 300 bytes of memory for each, and
	// nothing is gained by more: the database knows what is due, and the next are published when few are left.
	hintsMax = 100_000
	// duePage is how many due orders are read at once.
	duePage = 1000
)

// few is up to how many pending hints of a peer are compared with the due orders. One that is missing among more is
// found when they have drained, behind which it would wait anyway, or by the watch.
func (k *Keeper) few() int { return k.hintsMax / 10 }

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

// pendingHints is how many hints a peer's consumer has still to deliver or to see acknowledged.
func (k *Keeper) pendingHints(ctx context.Context, stream jetstream.Stream, peer string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	c, err := stream.Consumer(ctx, contracts.HintConsumer(peer))
	if err != nil {
		return 0, fmt.Errorf("read consumer: %w", err)
	}
	return int(c.CachedInfo().NumPending) + c.CachedInfo().NumAckPending, nil
}

// hintMissing hints again each due order that has no message in the stream. The stream is read first: whatever is
// due after that and not in it has lost its hint, or gets one more than it needs.
func (k *Keeper) hintMissing(ctx context.Context, stream jetstream.Stream, peer string) error {
	pending, err := k.pendingHints(ctx, stream, peer)
	if k.behind[peer] = pending > k.few(); err != nil || k.behind[peer] {
		return err
	}
	hinted, err := k.hinted(ctx, stream, peer)
	if err != nil {
		return err
	}
	var (
		before = time.Now().Add(-dueGrace)
		last   DueLink
		room   = int64(k.hintsMax - pending)
		again  int64
	)
	for more := true; more; {
		if k.behind[peer] = again >= room; k.behind[peer] {
			break
		}
		due, err := k.store.DueOrders(ctx, peer, before, last, duePage)
		if err != nil {
			return err
		}
		var missing []uuid.UUID
		for _, d := range due {
			if _, ok := hinted[d.OrderID]; !ok {
				missing = append(missing, d.OrderID)
			}
		}
		if len(missing) > 0 {
			n, err := k.store.HintAgain(ctx, peer, missing)
			if err != nil {
				return err
			}
			again += n
			k.relay.Poll()
		}
		if more = len(due) == duePage; more {
			last = due[duePage-1]
		}
	}
	if again > 0 {
		k.log.Warn("hints were missing in the stream, hinted again", zap.String("peer", peer), zap.Int64("orders", again))
	}
	return nil
}
