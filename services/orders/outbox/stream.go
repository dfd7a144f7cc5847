package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// streamConfig is the stream as it should be. It has limits retention: a work queue removes each acknowledged
// hint on its own, at more than the cost of its delivery, and with one write to the disk each where the broker
// writes everything at once. Here the keeper removes them together (tidy.go).
func streamConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              contracts.HintStream,
		Description:       "orders that a peer must be told of: the newest hint for each",
		Subjects:          []string{contracts.HintSubjectPrefix + ">"},
		Retention:         jetstream.LimitsPolicy,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardNew, // when full, a hint waits in the outbox; none is thrown away
		MaxBytes:          1 << 30,
		MaxMsgSize:        64 << 10,
		Storage:           jetstream.FileStorage,
		Replicas:          max(1, replicas),
		AllowDirect:       true,
	}
}

// consumerConfig is the consumer of a peer as it should be.
func consumerConfig(peer string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       contracts.HintConsumer(peer),
		Description:   "the bridges to " + peer,
		FilterSubject: contracts.HintSubjectPrefix + peer + ".>",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: 4096,
		MaxWaiting:    64,
	}
}

// shape is the configuration of the stream and of each peer's consumer as the server reported it after
// both were last made as they should be, with the server's own defaults in it.
type shape struct {
	stream    jetstream.StreamConfig
	consumers map[string]jetstream.ConsumerConfig
}

// ensure makes the stream and its consumers as they should be. What cannot be updated is recreated:
// everything in it can be published again.
// It reports whether the stream took the place of a work queue, of which nothing was lost.
func (k *Keeper) ensure(ctx context.Context) (_ jetstream.Stream, replaced bool, _ error) {
	ctx, cancel := context.WithTimeout(ctx, 5*apiTimeout)
	defer cancel()
	config := streamConfig(k.broker.opts.Replicas)
	config.Retention, replaced = k.retention(ctx)
	stream, err := k.makeStream(ctx, config)
	if cannotBeUpdated(err) {
		if replaced {
			k.log.Info("replacing the work queue of an earlier version")
		} else {
			k.log.Error("stream cannot be updated, recreating it", zap.Error(err))
		}
		if err = k.deleteStream(ctx); err == nil {
			stream, err = k.makeStream(ctx, config)
		}
	}
	if err != nil {
		return nil, false, fmt.Errorf("make stream %s: %w", contracts.HintStream, err)
	}
	made := shape{stream.CachedInfo().Config, map[string]jetstream.ConsumerConfig{}}
	for _, peer := range k.broker.opts.Peers {
		consumer, err := stream.CreateOrUpdateConsumer(ctx, consumerConfig(peer))
		if refused(err) {
			k.log.Error("consumer cannot be updated, recreating it", zap.String("peer", peer), zap.Error(err))
			if err = k.deleteConsumer(ctx, peer); err == nil {
				consumer, err = stream.CreateConsumer(ctx, consumerConfig(peer))
			}
		}
		if err != nil {
			return nil, false, fmt.Errorf("make consumer %s: %w", contracts.HintConsumer(peer), err)
		}
		if err := k.pauseAsDecided(ctx, peer, consumer.CachedInfo()); err != nil {
			return nil, false, err
		}
		made.consumers[peer] = shapeOf(consumer.CachedInfo())
	}
	k.made = made
	return stream, replaced, nil
}

const (
	// replacedMax is up to how many messages a work queue is replaced, since their hints are published again.
	replacedMax = 1000
	// replaceEvery bounds how often that is done: while the replicas of a side are upgraded, one of the version
	// before brings the work queue back.
	replaceEvery = 10 * time.Minute
)

// retention returns the retention that the stream should have now, and whether a work queue gives way to it. A
// stream keeps its retention as long as it exists, and a work queue, as versions before made it, does the same at
// more cost. So one is replaced when it holds little, and only where the broker lets the service purge the stream.
func (k *Keeper) retention(ctx context.Context) (_ jetstream.RetentionPolicy, replaces bool) {
	stream, err := k.broker.js.Stream(ctx, contracts.HintStream)
	switch {
	case err != nil && k.broker.denied.has(purgeRight):
		return jetstream.WorkQueuePolicy, false
	case err != nil || stream.CachedInfo().Config.Retention != jetstream.WorkQueuePolicy:
		return jetstream.LimitsPolicy, false
	case stream.CachedInfo().State.Msgs > replacedMax || time.Since(k.replacedAt) < replaceEvery || k.broker.denied.has(purgeRight):
		return jetstream.WorkQueuePolicy, false
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout) // without the right there is no answer
	defer cancel()
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(contracts.HintSubjectPrefix+"nothing")); err != nil {
		return jetstream.WorkQueuePolicy, false
	}
	k.replacedAt = time.Now()
	return jetstream.LimitsPolicy, true
}

// makeStream tries again for a second when the server cannot make the stream's store: after the last stream
// of an account was deleted, it removes the empty folder of streams in the background, and a stream that is
// created at that moment finds no folder.
func (k *Keeper) makeStream(ctx context.Context, config jetstream.StreamConfig) (jetstream.Stream, error) {
	const tries, pause = 20, 50 * time.Millisecond
	for n := 1; ; n++ {
		stream, err := k.broker.js.CreateOrUpdateStream(ctx, config)
		var api *jetstream.APIError
		if n == tries || !errors.As(err, &api) || api.ErrorCode != codeStoreFailed {
			return stream, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// shapeOf leaves out of a consumer's configuration what changes with a pause, and what the server notes in it.
func shapeOf(info *jetstream.ConsumerInfo) jetstream.ConsumerConfig {
	config := info.Config
	config.PauseUntil, config.Metadata = nil, nil
	return config
}

// unchanged returns an error if stream or consumers are not as ensure made them. It is cheap.
func (k *Keeper) unchanged(info *jetstream.StreamInfo, consumers map[string]*jetstream.ConsumerInfo) error {
	if !reflect.DeepEqual(info.Config, k.made.stream) {
		return errors.New("the configuration of the stream was changed")
	}
	if !created(info).Equal(k.mark.Created) {
		return errors.New("the stream was recreated")
	}
	for peer, c := range consumers {
		if !reflect.DeepEqual(shapeOf(c), k.made.consumers[peer]) {
			return fmt.Errorf("the configuration of consumer %s was changed", c.Name)
		}
	}
	return nil
}

// created is when a stream was made, as fine as the database keeps it.
func created(info *jetstream.StreamInfo) time.Time {
	return info.Created.UTC().Truncate(time.Microsecond)
}

// full reports whether the stream has come to its own limit: hints wait in the outbox then, as they should.
func full(info *jetstream.StreamInfo) bool {
	c := info.Config
	return c.MaxBytes > 0 && info.State.Bytes+uint64(c.MaxMsgSize) >= uint64(c.MaxBytes)
}

// JetStream's error codes for an account or a server without room. It counts anew at each request, so nothing
// needs a repair when there is room again. A failed write to the disk has no code of these, and is remembered.
const (
	codeAccountFull = 10002
	codeServerFull  = 10023
	codeStorageFull = 10047
)

// noRoom reports whether the broker has no room, whoever uses it up.
func noRoom(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeAccountFull || api.ErrorCode == codeServerFull || api.ErrorCode == codeStorageFull)
}

// pauseAsDecided holds a consumer still, or lets it go on, where that is not as it was decided: the consumer
// was lost or restored, or the broker was unreachable then.
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

func (k *Keeper) deleteStream(ctx context.Context) error {
	err := k.broker.js.DeleteStream(ctx, contracts.HintStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// deleteKnownStream deletes the stream unless another process of this side has recreated it meanwhile.
func (k *Keeper) deleteKnownStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if stream, err := k.broker.js.Stream(ctx, contracts.HintStream); err == nil && !k.mark.Created.IsZero() && !created(stream.CachedInfo()).Equal(k.mark.Created) {
		return nil
	}
	return k.deleteStream(ctx)
}

func (k *Keeper) deleteConsumers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	for _, peer := range k.broker.opts.Peers {
		if err := k.deleteConsumer(ctx, peer); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) deleteConsumer(ctx context.Context, peer string) error {
	err := k.broker.js.DeleteConsumer(ctx, contracts.HintStream, contracts.HintConsumer(peer))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	return err
}

// refused reports whether the server answered and will give the same answer again. Without a leader, or
// while JetStream starts, it answers 503.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code != http.StatusServiceUnavailable
}

// codeStoreFailed is the error code of JetStream for a stream whose store cannot be made.
const codeStoreFailed = 10049

// Error codes of JetStream for a stream that only a new one can replace.
const (
	codeStreamInvalid       = 10052 // sealed, or made with another retention or storage
	codeStreamOffline       = 10118
	codeStreamOfflineReason = 10194
)

// cannotBeUpdated reports whether an update of the stream failed for good. Other refusals are faults of
// the settings or of another stream, and a new stream would meet them as well.
func cannotBeUpdated(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == codeStreamInvalid || api.ErrorCode == codeStreamOffline || api.ErrorCode == codeStreamOfflineReason
}
