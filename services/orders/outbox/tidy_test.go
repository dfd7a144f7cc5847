package outbox

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
)

func messages(t *testing.T, b *Broker) int {
	t.Helper()
	s, err := b.js.Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

func retention(t *testing.T, b *Broker) jetstream.RetentionPolicy {
	t.Helper()
	s, err := b.js.Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	return s.CachedInfo().Config.Retention
}

// fetch takes hints of a peer without acknowledging them.
func fetch(t *testing.T, o Options, peer string, n int) (out []jetstream.Msg) {
	t.Helper()
	bridge := as(t, o, BridgeUser, o.Embedded.BridgePassword, contracts.BridgeInbox)
	c, err := bridge.Consumer(t.Context(), contracts.HintStream, contracts.HintConsumer(peer))
	require.NoError(t, err)
	batch, err := c.Fetch(n, jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	for m := range batch.Messages() {
		out = append(out, m)
	}
	require.Len(t, out, n)
	return out
}

func publish(t *testing.T, b *Broker, peer string, id uuid.UUID) {
	t.Helper()
	_, err := b.js.Publish(t.Context(), contracts.HintSubject(peer, id.String()), []byte("{}"))
	require.NoError(t, err)
}

// TestOnlyAcknowledgedHintsAreRemoved: those of each peer, up to the first that its bridges have not acknowledged.
// One that was given back stays, and so does what another peer has not had.
func TestOnlyAcknowledgedHintsAreRemoved(t *testing.T) {
	o, store, log := options(t), newRows(), zaptest.NewLogger(t)
	o.Peers = []string{"b", "c"}
	b := open(t, o)
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	for range 10 {
		id := uuid.New()
		publish(t, b, "b", id)
		publish(t, b, "c", id)
	}
	taken := fetch(t, o, "b", 10)
	for i, m := range taken {
		if i == 3 {
			require.NoError(t, m.NakWithDelay(time.Hour))
		} else {
			require.NoError(t, m.DoubleAck(t.Context()))
		}
	}
	tidy := func(want int) {
		t.Helper()
		require.Eventually(t, func() bool {
			keeper.tidied.empty = false // or it would wait for the relay, which has published none of these
			require.NoError(t, keeper.tidy(t.Context()))
			return messages(t, b) == want
		}, soon, 10*time.Millisecond)
	}
	tidy(17) // without three of b's
	_, consumers := b.Status(t.Context())
	require.EqualValues(t, 1, consumers["b"].AckPending)
	require.EqualValues(t, 10, consumers["c"].Pending)
	require.NoError(t, keeper.tidy(t.Context()))
	require.Equal(t, 6, keeper.tidied.retained["b"], "behind the one that was given back")

	// The newest hint of an order replaces the one that was given back, and is delivered at once.
	_, err := b.js.Publish(t.Context(), taken[3].Subject(), []byte("{}"))
	require.NoError(t, err)
	require.NoError(t, fetch(t, o, "b", 1)[0].DoubleAck(t.Context()))
	tidy(10)
	for _, m := range fetch(t, o, "c", 10) {
		require.NoError(t, m.DoubleAck(t.Context()))
	}
	tidy(0)
	require.NoError(t, keeper.tidy(t.Context()))
	require.Zero(t, keeper.tidied.retained["b"])
	_, consumers = b.Status(t.Context())
	for peer, c := range consumers {
		require.Zero(t, c.Pending+c.AckPending, peer)
	}
	publish(t, b, "b", uuid.New())
	require.NoError(t, fetch(t, o, "b", 1)[0].DoubleAck(t.Context()), "what comes after it is delivered")
}

// TestAStrayIsHintedAgain: a hint below what counts as acknowledged, as an unclean stop may leave it, is removed and
// published again instead of lying there for ever as the hint of its order.
func TestAStrayIsHintedAgain(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	run(t, relay)
	id := uuid.New()
	publish(t, b, "b", id)
	_, err := allMighty(t, b).ResetConsumerToSequence(t.Context(), contracts.HintStream, contracts.HintConsumer("b"), 2)
	require.NoError(t, err)
	_, consumers := b.Status(t.Context())
	require.Zero(t, consumers["b"].Pending)
	store.due = []uuid.UUID{id}
	require.NoError(t, keeper.check(t.Context()))
	require.Eventually(t, func() bool { _, c := b.Status(t.Context()); return c["b"].Pending == 1 }, soon, 10*time.Millisecond)
	require.Equal(t, 1, messages(t, b))
}

// TestAHintThatHoldsTooManyIsReplaced: an order that a bridge fails on is hinted again when too much of what was
// acknowledged stays behind its hint.
func TestAHintThatHoldsTooManyIsReplaced(t *testing.T) {
	store, log := newRows(), zap.NewNop()
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	id := uuid.New()
	publish(t, b, "b", id)
	store.due = []uuid.UUID{id}
	info, consumers, err := keeper.read(t.Context())
	require.NoError(t, err)
	at := time.Now().UTC().Truncate(time.Microsecond)
	report, err := json.Marshal(contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed", Retried: []contracts.RetriedOrder{{
		ID: id.String(), Deliveries: 3, Since: at, At: at, RetryAt: at, Target: "remote", Status: 502, Reason: "status 502", Verdict: "retry",
	}}})
	require.NoError(t, err)
	b.monitor.report(report, time.Now())
	_, failing := b.readyBridges("b")
	require.True(t, failing[id.String()])
	now := time.Now()
	look := func() int {
		for range 2 * overdueAfter / lookEvery {
			now = now.Add(lookEvery)
			_, _, err := keeper.lookAt(t.Context(), now, "b", info, consumers["b"])
			require.NoError(t, err)
		}
		return store.left()
	}
	keeper.tidied.retained["b"] = retainedMax
	require.Zero(t, look())
	keeper.tidied.retained["b"]++
	require.Equal(t, 1, look())
}

// TestHintsOfAPeerThatHasLeftAreNotRetained: a new hint in place of one that comes again and again removes none of them.
func TestHintsOfAPeerThatHasLeftAreNotRetained(t *testing.T) {
	o, store, log := options(t), newRows(), zap.NewNop()
	b := open(t, o)
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	failing := uuid.New()
	publish(t, b, "b", failing)
	require.NoError(t, fetch(t, o, "b", 1)[0].NakWithDelay(time.Hour))
	for range 5 {
		publish(t, b, "c", uuid.New())
	}
	publish(t, b, "b", failing)
	require.NoError(t, fetch(t, o, "b", 1)[0].NakWithDelay(time.Hour))
	for range 3 {
		publish(t, b, "b", uuid.New())
		require.NoError(t, fetch(t, o, "b", 1)[0].DoubleAck(t.Context()))
	}
	require.Eventually(t, func() bool {
		keeper.tidied.empty = false
		require.NoError(t, keeper.tidy(t.Context()))
		return keeper.tidied.retained["b"] == 3
	}, soon, 10*time.Millisecond)
	require.Equal(t, 9, messages(t, b))
}

// workQueue makes the stream as the version before did.
func workQueue(t *testing.T, b *Broker) {
	t.Helper()
	config := streamConfig(1)
	config.Retention = jetstream.WorkQueuePolicy
	stream, err := b.js.CreateStream(t.Context(), config)
	require.NoError(t, err)
	_, err = stream.CreateConsumer(t.Context(), consumerConfig("b"))
	require.NoError(t, err)
}

// TestAWorkQueueIsReplacedWithoutALoss: the stream of the version before goes on to work while much is in it, gives
// way when that has drained, and nobody is alarmed.
func TestAWorkQueueIsReplacedWithoutALoss(t *testing.T) {
	o, store := options(t), newRows()
	log := zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	b := open(t, o)
	workQueue(t, b)
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	run(t, relay)
	s := &service{Broker: b, store: store}
	for range replacedMax + 1 {
		s.edit()
	}
	relay.Poll()
	require.Eventually(t, func() bool { return messages(t, b) == replacedMax+1 }, soon, 10*time.Millisecond)
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, 10*time.Millisecond)
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, jetstream.WorkQueuePolicy, retention(t, b))
	_, err := keeper.look(t.Context(), time.Now())
	require.NoError(t, err)

	var carried atomic.Int32
	stop := carry(t, o, func(m jetstream.Msg) {
		store.settle(m)
		carried.Add(1)
	})
	require.Eventually(t, func() bool { return carried.Load() == replacedMax+1 }, soon, 10*time.Millisecond)
	stop()
	require.NoError(t, b.Pause(t.Context(), "b"))
	store.paused = true
	for range 5 {
		s.edit()
	}
	relay.Poll()
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, 10*time.Millisecond)
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, jetstream.LimitsPolicy, retention(t, b))
	require.Eventually(t, func() bool { return messages(t, b) == 5 && store.left() == 0 }, soon, 10*time.Millisecond)
	_, consumers := b.Status(t.Context())
	require.NotNil(t, consumers["b"].PausedUntil)
	require.Zero(t, store.lossCount())
	require.Empty(t, store.lost)

	// A replica of the version before brings it back, and is not fought.
	require.NoError(t, b.js.DeleteStream(t.Context(), contracts.HintStream))
	require.Eventually(t, func() bool {
		config := streamConfig(1)
		config.Retention = jetstream.WorkQueuePolicy
		_, err := b.js.CreateStream(t.Context(), config)
		return err == nil
	}, soon, 10*time.Millisecond)
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, jetstream.WorkQueuePolicy, retention(t, b))
	keeper.replacedAt = keeper.replacedAt.Add(-replaceEvery)
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, jetstream.LimitsPolicy, retention(t, b))
}

// TestAWorkQueueStaysWhereNobodyMayPurge: the configuration of an external broker may be that of the version before.
func TestAWorkQueueStaysWhereNobodyMayPurge(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	options := b.embedded.options.Clone()
	for i, u := range options.Users {
		if u.Username == "orders" {
			less := *u
			less.Permissions = &server.Permissions{Subscribe: u.Permissions.Subscribe, Publish: &server.SubjectPermission{
				Allow: u.Permissions.Publish.Allow, Deny: []string{purgeRight},
			}}
			options.Users[i] = &less
		}
	}
	require.NoError(t, b.embedded.server.Load().ReloadOptions(options))
	require.Eventually(t, b.Connected, soon, time.Millisecond)
	workQueue(t, b)
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.Eventually(t, func() bool { return keeper.check(t.Context()) == nil }, soon, 10*time.Millisecond)
	require.Equal(t, jetstream.WorkQueuePolicy, retention(t, b))
	require.True(t, b.denied.has(purgeRight))
	require.NoError(t, b.js.DeleteStream(t.Context(), contracts.HintStream))
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, jetstream.WorkQueuePolicy, retention(t, b), "nobody else would remove anything from another one")
}

// TestManyPendingOrdersAreReadPageByPage: those of a lost stream are hinted again in pages, and a backlog in the
// stream is not read at all.
func TestManyPendingOrdersAreReadPageByPage(t *testing.T) {
	const many = 2*duePage + duePage/2
	store, log := newRows(), zap.NewNop()
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	keeper.hintsMax = 20 * duePage
	for range many {
		store.due = append(store.due, uuid.New())
	}
	require.NoError(t, keeper.check(t.Context()))
	require.Equal(t, many, store.left())
	require.Equal(t, 3, store.pages)
	run(t, relay)
	require.Eventually(t, func() bool { return store.left() == 0 }, 3*soon, 10*time.Millisecond)
	require.Equal(t, many, messages(t, b))

	store.pages = 0
	require.NoError(t, keeper.check(t.Context()))
	require.Zero(t, store.pages)
	stream, err := allMighty(t, b).Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(duePage)))
	require.NoError(t, keeper.check(t.Context()))
	require.Eventually(t, func() bool { return store.left() == 0 && messages(t, b) == many }, 3*soon, 10*time.Millisecond, "those that are missing are found when few enough are there")
}

// TestALargeBacklogWaitsInTheDatabase: a peer has a bounded number of hints in the stream, the outbox does not grow
// meanwhile, the other peer is not held up, and every order is hinted in the end.
func TestALargeBacklogWaitsInTheDatabase(t *testing.T) {
	t.Parallel()
	const most, many = 500, 3000
	o, store, log := options(t), newRows(), zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel))
	o.Peers = []string{"b", "c"}
	b := open(t, o)
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	keeper.hintsMax = most
	s := &service{Broker: b, store: store}
	for _, part := range []func(context.Context) error{relay.Run, keeper.Run} {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- part(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
	}
	held := func() bool {
		relay.mu.Lock()
		defer relay.mu.Unlock()
		return relay.held["b"]
	}
	for !held() {
		for range most / 4 {
			s.edit()
		}
		relay.Poll()
		time.Sleep(100 * time.Millisecond)
	}
	require.Eventually(t, func() bool { return store.left() == 0 }, 3*soon, 10*time.Millisecond)
	before := messages(t, b)
	require.GreaterOrEqual(t, before, most)
	for range many {
		s.edit()
	}
	relay.Poll()
	require.Eventually(t, func() bool { return store.left() == 0 }, 3*soon, 10*time.Millisecond, "what is not published leaves the outbox as well")
	require.Equal(t, before, messages(t, b))
	h := store.add(uuid.New(), time.Now().Add(-time.Minute))
	store.mu.Lock()
	h.Peer = "c"
	store.rows[h.OutboxID] = h
	store.mu.Unlock()
	relay.Poll()
	require.Eventually(t, func() bool { _, consumers := b.Status(t.Context()); return consumers["c"].Pending == 1 }, 3*soon, 10*time.Millisecond)

	bridge := as(t, o, BridgeUser, o.Embedded.BridgePassword, contracts.BridgeInbox)
	consumer, err := bridge.Consumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(t, err)
	waiting := 0
	for deadline := time.Now().Add(untilRepaired); store.pending() > 0 && time.Now().Before(deadline); {
		batch, err := consumer.Fetch(100, jetstream.FetchMaxWait(100*time.Millisecond))
		require.NoError(t, err)
		for m := range batch.Messages() {
			store.settle(m)
			meta, err := m.Metadata()
			require.NoError(t, err)
			waiting = max(waiting, int(meta.NumPending))
		}
	}
	require.Zero(t, store.pending())
	require.LessOrEqual(t, waiting, before+most)
}

// TestFloors: while a backlog drains, hints are removed in large lots, and at the end all of them.
func TestFloors(t *testing.T) {
	f := &floor{}
	step := func(acknowledged, pending uint64) uint64 {
		upTo := f.next(acknowledged, pending)
		if upTo > 0 {
			f.removed = upTo
		}
		return upTo
	}
	require.Zero(t, step(0, 1_000_000))
	require.Zero(t, step(20_000, 980_000), "moving, and few of them")
	require.EqualValues(t, 70_000, step(70_000, 930_000))
	require.Zero(t, step(75_000, 925_000))
	require.EqualValues(t, 75_000, step(75_000, 925_000), "it stands still")
	require.Zero(t, step(75_000, 925_000))
	require.EqualValues(t, 75_001, step(75_001, 0))
	require.EqualValues(t, 3, step(3, 0), "of another stream")
}
