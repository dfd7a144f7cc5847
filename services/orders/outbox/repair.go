package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// repairAfter is how long a broker may fail before it is repaired.
	repairAfter = 10 * time.Second
	// repairMax bounds the time between two repairs, which doubles while they do not help.
	repairMax = 2 * time.Minute
	// repairMaxShared is the same for an external broker that takes no hints: its disk may be full of the data of
	// others, and what a deleted stream held cannot be published again until there is room.
	repairMaxShared = 15 * time.Minute
	// repairCalm is how long all must be well before the next repair begins with the gentlest again.
	repairCalm = 3 * time.Minute
)

// repairs is what was done so far about a broker that does not recover. Nothing in its store is worth
// keeping, so each step throws away more of it: the consumers, the stream, the whole store.
type repairs struct {
	since time.Time // of the trouble, zero while there is none
	done  int
	next  time.Time // not before
	last  time.Time // when there last was trouble
}

// repair takes the next step against trouble that goes on. A failed check is one that no new consumer helps
// against. Its error ends the process: nothing less ends an embedded server that hangs.
func (k *Keeper) repair(ctx context.Context, now time.Time, trouble string, checked error) error {
	failed := checked != nil
	undelivered := trouble != "" && !failed
	if trouble == "" {
		trouble = k.broker.faults.get(publishing)
	}
	k.broker.faults.set(keeping, trouble)
	r := &k.repairs
	if trouble == "" {
		if r.since = (time.Time{}); now.Sub(r.last) > repairCalm {
			r.done = 0
		}
		return nil
	}
	r.last = now
	if r.since.IsZero() {
		r.since = now
	}
	if now.Before(r.next) || !undelivered && now.Sub(r.since) < repairAfter || k.inVain(undelivered, checked) {
		return nil
	}
	longest := repairMax
	if k.broker.embedded == nil && !undelivered && !failed {
		longest = repairMaxShared
	}
	r.next = now.Add(min(longest, repairAfter<<min(r.done, 10)))
	if !undelivered && r.done == 0 {
		r.done++ // a new consumer takes no more hints than the old one
	}
	r.done++
	step, err := "recreate consumers", error(nil)
	switch {
	case r.done == 1:
		err = k.deleteConsumers(ctx)
	case r.done == 2 || k.broker.embedded == nil:
		step, err = "recreate stream", k.deleteKnownStream(ctx)
	default:
		step, err = "restart with an empty store", k.broker.embedded.restartEmpty()
	}
	level := zap.ErrorLevel
	if k.broker.denied.explains(err) { // which right is missing was logged
		level = zap.DebugLevel
	}
	k.log.Log(level, "broker does not recover, repairing it", zap.String("trouble", trouble), zap.String("step", step), zap.NamedError("step_error", err))
	if errors.Is(err, errHangs) {
		return err
	}
	k.nextCheck = time.Time{}
	for _, w := range k.watches {
		w.renew(now)
	}
	k.relay.Poll()
	return nil
}

// inVain reports whether the next step against trouble would not help: there is no room, which only those who use
// it can make, or the hints wait for a bridge that does not ask for them, even from a new consumer.
func (k *Keeper) inVain(undelivered bool, checked error) bool {
	shared := k.broker.embedded == nil // nobody else fills an embedded one
	switch {
	case undelivered:
		return k.unfetched && k.repairs.done > 0
	case checked != nil:
		return shared && noRoom(checked)
	}
	return k.full || shared && k.broker.noRoom.Load()
}

// fromBroker reports whether an error is JetStream's own, and not the database's.
func fromBroker(err error) bool {
	var api jetstream.JetStreamError
	return errors.As(err, &api) || errors.Is(err, nats.ErrNoResponders)
}
