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
