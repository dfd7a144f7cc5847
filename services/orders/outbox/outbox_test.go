package outbox

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// rows is an outbox and its due links in memory.
type rows struct {
	mu    sync.Mutex
	next  int64
	rows  map[int64]orders.Hint
	due   []uuid.UUID
	since time.Time

	mark   *StreamMark
	lost   string
	losses int
	paused bool
}

func newRows() *rows { return &rows{rows: map[int64]orders.Hint{}} }

func (r *rows) add(id uuid.UUID, at time.Time) orders.Hint {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	h := orders.Hint{OutboxID: r.next, OrderID: id, Peer: "b", Version: "a.x:1", State: ordersync.Upd, At: at.Truncate(time.Microsecond)}
	r.rows[h.OutboxID] = h
	return h
}

func (r *rows) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows)
}

func (r *rows) PendingHints(_ context.Context, underWay []int64, limit int) ([]orders.Hint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []orders.Hint
	for id, h := range r.rows {
		if !slices.Contains(underWay, id) && len(out) < limit {
			out = append(out, h)
		}
	}
	return out, nil
}

func (r *rows) DeleteHints(_ context.Context, ids []int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.rows, id)
	}
	return nil
}

func (r *rows) DueOrders(context.Context, string, time.Time) ([]uuid.UUID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.due), nil
}

func (r *rows) OldestDue(_ context.Context, _ string, limit int) ([]DueLink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := map[uuid.UUID]bool{}
	for _, h := range r.rows {
		waiting[h.OrderID] = true
	}
	var out []DueLink
	for _, id := range r.due {
		if !waiting[id] && len(out) < limit {
			out = append(out, DueLink{id, r.since})
		}
	}
	return out, nil
}

func (r *rows) HintAgain(_ context.Context, _ string, ids []uuid.UUID) (int64, error) {
	for _, id := range ids {
		r.add(id, time.Now().Add(-time.Minute))
	}
	return int64(len(ids)), nil
}

func (r *rows) Paused(context.Context, string) (bool, error) { return r.paused, nil }

func (r *rows) StreamMark(context.Context) (*StreamMark, error) { return r.mark, nil }

func (r *rows) MarkStream(_ context.Context, m StreamMark, lost string) error {
	r.mark, r.lost = &m, lost
	return nil
}

func (r *rows) RaiseMark(_ context.Context, m StreamMark) error {
	if r.mark.Created.Equal(m.Created) {
		r.mark.LastSeq = max(r.mark.LastSeq, m.LastSeq)
	}
	return nil
}

func (r *rows) noteLoss(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses++
	return nil
}

func (r *rows) lossCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.losses
}

// issued are the ports that freeAddr has returned.
var issued sync.Map

// freeAddr returns an address that nobody listens on. It is below the ports that the kernel gives to
// outgoing connections, which might take it before the test does.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.N(12_000)))
		if _, taken := issued.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, l.Close())
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

func options(t *testing.T) Options {
	return Options{Side: "a", Peers: []string{"b"}, Embedded: EmbeddedOptions{
		Addr: freeAddr(t), StoreDir: t.TempDir(), User: "orders",
		Password: "secret", BridgePassword: "bridge secret", OperatorPassword: "operator secret", SyncInterval: time.Second,
	}}
}

func open(t *testing.T, o Options) *Broker {
	t.Helper()
	b, err := Open(o, zaptest.NewLogger(t))
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// run runs a relay until the test or stop ends it.
func run(t *testing.T, r *Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func subjects(t *testing.T, b *Broker) map[string]uint64 {
	t.Helper()
	s, err := b.js.Stream(context.Background(), contracts.HintStream)
	require.NoError(t, err)
	info, err := s.Info(context.Background(), jetstream.WithSubjectFilter(">"))
	require.NoError(t, err)
	return info.State.Subjects
}

const soon = 10 * time.Second

func TestRelayPublishesAndClears(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	left := store.add(uuid.New(), time.Now().Add(-time.Hour)) // by a process that died
	run(t, relay)
	fresh := store.add(uuid.New(), time.Now())
	relay.Offer([]orders.Hint{fresh})
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Equal(t, map[string]uint64{contracts.HintSubject("b", left.OrderID.String()): 1, contracts.HintSubject("b", fresh.OrderID.String()): 1}, subjects(t, b))

	stream, err := b.js.Stream(context.Background(), contracts.HintStream)
	require.NoError(t, err)
	msg, err := stream.GetLastMsgForSubject(context.Background(), contracts.HintSubject("b", fresh.OrderID.String()))
	require.NoError(t, err)
	var h contracts.Hint
	require.NoError(t, json.Unmarshal(msg.Data, &h))
	require.Nil(t, h.Validate())
	require.Equal(t, fresh.OrderID.String(), h.ID)
}

func TestNewestHintReplacesTheOlder(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	run(t, relay)
	id := uuid.New()
	for range 20 {
		relay.Offer([]orders.Hint{store.add(id, time.Now())})
	}
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Len(t, subjects(t, b), 1)
}

// TestRowsStayUntilTaken: without a stream, and over a restart of the relay, nothing leaves the outbox.
func TestRowsStayUntilTaken(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	stop := run(t, relay)
	for range 5 {
		relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now().Add(-time.Hour))})
	}
	require.Eventually(t, func() bool { return len(relay.offers) == 0 }, soon, time.Millisecond)
	stop()
	require.Equal(t, 5, store.left(), "there is no stream to take them")
	relay = NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	run(t, relay)
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Len(t, subjects(t, b), 5)
}

// TestKeeperMends: whatever happens to the stream, each due order has its hint again.
func TestKeeperMends(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, b *Broker){
		"purged": func(t *testing.T, b *Broker) {
			s, err := allMighty(t, b).Stream(context.Background(), contracts.HintStream)
			require.NoError(t, err)
			require.NoError(t, s.Purge(context.Background()))
		},
		"deleted": func(t *testing.T, b *Broker) {
			require.NoError(t, b.js.DeleteStream(context.Background(), contracts.HintStream))
		},
		"consumer deleted": func(t *testing.T, b *Broker) {
			require.NoError(t, b.js.DeleteConsumer(context.Background(), contracts.HintStream, contracts.HintConsumer("b")))
		},
		"one hint removed": func(t *testing.T, b *Broker) {
			s, err := allMighty(t, b).Stream(context.Background(), contracts.HintStream)
			require.NoError(t, err)
			require.NoError(t, s.DeleteMsg(context.Background(), 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := newRows(), zaptest.NewLogger(t)
			b := open(t, options(t))
			relay := NewRelay(b, store, log)
			keeper := NewKeeper(b, store, relay, store.noteLoss, log)
			require.NoError(t, keeper.check(context.Background()))
			run(t, relay)
			for range 3 {
				h := store.add(uuid.New(), time.Now())
				store.due = append(store.due, h.OrderID)
				relay.Offer([]orders.Hint{h})
			}
			require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
			harm(t, b)
			require.NoError(t, keeper.check(context.Background()))
			require.Eventually(t, func() bool { return store.left() == 0 && len(subjects(t, b)) == 3 }, soon, time.Millisecond)
			_, consumers := b.Status(context.Background())
			require.EqualValues(t, 3, consumers["b"].Pending)
			// A healthy stream is left alone.
			before := relay.Published()
			require.NoError(t, keeper.check(context.Background()))
			require.Equal(t, before, relay.Published())
			require.Zero(t, store.left())
		})
	}
}

// TestStraysAreCalled: a message below what counts as acknowledged, as an unclean stop may bring back
// for a hint that was replaced, is delivered again instead of lying there for ever.
func TestStraysAreCalled(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	ctx := context.Background()
	require.NoError(t, keeper.check(ctx))
	_, err := b.js.Publish(ctx, contracts.HintSubject("b", uuid.NewString()), []byte("{}"))
	require.NoError(t, err)
	// A consumer that begins behind the message neither has it as pending nor as delivered.
	require.NoError(t, b.js.DeleteConsumer(ctx, contracts.HintStream, contracts.HintConsumer("b")))
	require.NoError(t, keeper.check(ctx))
	_, err = b.js.ResetConsumerToSequence(ctx, contracts.HintStream, contracts.HintConsumer("b"), 2)
	require.NoError(t, err)
	_, consumers := b.Status(ctx)
	require.Zero(t, consumers["b"].Pending)
	for range straysSure - 1 {
		require.NoError(t, keeper.check(ctx))
		_, consumers = b.Status(ctx)
		require.Zero(t, consumers["b"].Pending, "it may be a moment between figures")
	}
	require.NoError(t, keeper.check(ctx))
	_, consumers = b.Status(ctx)
	require.EqualValues(t, 1, consumers["b"].Pending)
}

func TestStoreIsLocked(t *testing.T) {
	o := options(t)
	open(t, o)
	o.Embedded.Addr = freeAddr(t)
	_, err := Open(o, zaptest.NewLogger(t))
	require.ErrorContains(t, err, "used by another process")
}

func TestBusyPortIsAnError(t *testing.T) {
	o := options(t)
	l, err := net.Listen("tcp", o.Embedded.Addr)
	require.NoError(t, err)
	defer l.Close()
	_, err = Open(o, zaptest.NewLogger(t))
	require.Error(t, err)
}

func TestBrokerNeedsThePassword(t *testing.T) {
	o := options(t)
	open(t, o)
	_, err := nats.Connect("nats://" + o.Embedded.Addr)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo("orders", "guess"))
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

// TestExternalBrokerMayComeLater: a service starts while its broker is away, and catches up.
func TestExternalBrokerMayComeLater(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	server := options(t)
	external := Options{Side: "a", Peers: []string{"b"}, URL: "nats://orders:secret@" + server.Embedded.Addr}
	b := open(t, external)
	require.False(t, b.Connected())
	relay := NewRelay(b, store, log)
	run(t, relay)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- NewKeeper(b, store, relay, store.noteLoss, log).Run(ctx) }()
	relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now().Add(-time.Hour))})
	status, _ := b.Status(ctx)
	require.Equal(t, "not connected", status.Error)
	require.Error(t, b.Pause(ctx, "b"))
	open(t, server)
	require.Eventually(t, func() bool { return store.left() == 0 }, 20*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestBridgesAreShownWhileTheyReport(t *testing.T) {
	m, start := newMonitor(), time.Unix(1000, 0)
	say := func(instance, peer string, at time.Time) {
		data, err := json.Marshal(contracts.BridgeReport{Instance: instance, Peer: peer, State: "running", Circuit: "closed"})
		require.NoError(t, err)
		m.report(data, at)
	}
	say("one", "b", start)
	say("two", "b", start.Add(8*time.Second))
	say("other", "c", start.Add(8*time.Second))
	m.report([]byte("no report"), start)
	require.Len(t, m.of("b", start.Add(9*time.Second)), 2)
	left := m.of("b", start.Add(11*time.Second))
	require.Len(t, left, 1)
	require.Equal(t, "two", left[0].Instance)
	require.Equal(t, "running", left[0].State)
	left = m.of("b", start.Add(8*time.Second+silentAfter+1))
	require.Equal(t, "silent", left[0].State, "what it reported last may not be true any more")
	require.Len(t, m.of("b", start.Add(time.Minute)), 1, "nobody reports in its place")
	require.Empty(t, m.of("b", start.Add(8*time.Second+forgetAfter+1)))
}

// TestOnlyWhatCanBeShownIsRememberedOfFailedCalls: whoever has access to the broker may send a report.
func TestOnlyWhatCanBeShownIsRememberedOfFailedCalls(t *testing.T) {
	m, now := newMonitor(), time.Unix(1000, 0).UTC()
	good := contracts.FailedCall{
		At: now, Since: now, Count: 1, Call: "tell", Target: "remote", Method: "PUT", Path: "/orders/transactions", RequestID: "one-1", Reason: "status 502", Verdict: "retry",
	}
	say := func(calls ...contracts.FailedCall) []contracts.FailedCall {
		data, err := json.Marshal(contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed", Failed: calls})
		require.NoError(t, err)
		m.report(data, now)
		return m.of("b", now)[0].Failed
	}
	for name, spoil := range map[string]func(*contracts.FailedCall){
		"a call that is none":    func(c *contracts.FailedCall) { c.Call = "launch" },
		"a verdict that is none": func(c *contracts.FailedCall) { c.Verdict = "" },
		"no order":               func(c *contracts.FailedCall) { c.Orders = []string{"../peers"} },
		"control characters":     func(c *contracts.FailedCall) { c.Said = "\x1b[2J" },
		"too long":               func(c *contracts.FailedCall) { c.Said = strings.Repeat("x", contracts.FailedSaidMax+1) },
		"no time":                func(c *contracts.FailedCall) { c.Since = time.Time{} },
	} {
		bad := good
		spoil(&bad)
		require.Equal(t, []contracts.FailedCall{good}, say(bad, good), name)
	}
	require.Len(t, say(slices.Repeat([]contracts.FailedCall{good}, 50)...), contracts.FailedCallsMax)
	say(slices.Repeat([]contracts.FailedCall{good}, 1000)...) // longer than is listened to
	require.Len(t, m.of("b", now)[0].Failed, contracts.FailedCallsMax)
}

// TestLostPauseComesBack: a person's pause does not end with the broker's store.
func TestLostPauseComesBack(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	store.paused = true
	require.NoError(t, b.Pause(t.Context(), "b"))
	require.NoError(t, b.js.DeleteStream(t.Context(), contracts.HintStream))
	require.NoError(t, keeper.check(t.Context()))
	_, consumers := b.Status(t.Context())
	require.NotNil(t, consumers["b"].PausedUntil)

	store.paused = false // and ends as a person wants, though the broker could not be told
	require.NoError(t, keeper.check(t.Context()))
	require.Eventually(t, func() bool {
		_, consumers := b.Status(t.Context())
		return consumers["b"].PausedUntil == nil
	}, soon, time.Millisecond)
	store.paused = true
	require.NoError(t, keeper.check(t.Context()))
	_, consumers = b.Status(t.Context())
	require.NotNil(t, consumers["b"].PausedUntil)
}

// TestLastHintsGoOutAtAStop: what was offered before the stop is published by it.
func TestLastHintsGoOutAtAStop(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	for range 50 {
		relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now())})
	}
	cancel()
	require.NoError(t, relay.Run(ctx))
	require.Zero(t, store.left())
	require.Len(t, subjects(t, b), 50)
}

// TestTimesAheadAreNotWaitedFor: a row of a clock that ran ahead goes out at once.
func TestTimesAheadAreNotWaitedFor(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(t.Context()))
	store.add(uuid.New(), time.Now().Add(time.Hour))
	run(t, relay)
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
}

// TestALostBrokerIsNoticed: a stream that is made anew, and one that went back, are told of once.
func TestALostBrokerIsNoticed(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	ctx := context.Background()
	for range 2 {
		require.NoError(t, keeper.check(ctx))
		_, err := b.js.Publish(ctx, contracts.HintSubject("b", uuid.NewString()), []byte("{}"))
		require.NoError(t, err)
	}
	require.NoError(t, keeper.check(ctx))
	require.Zero(t, store.losses, "it only went on")
	require.EqualValues(t, 2, store.mark.LastSeq)

	require.NoError(t, b.js.DeleteStream(ctx, contracts.HintStream))
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 1, store.losses)
	require.Contains(t, store.lost, "another one")
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 1, store.losses, "told once")

	relay := keeper.relay
	relay.noteSeq(500) // as an older copy of the same stream looks
	keeper.raiseMark(ctx)
	require.EqualValues(t, 500, store.mark.LastSeq)
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 2, store.losses)
	require.Contains(t, store.lost, "from message 500 to 0")
	keeper.raiseMark(ctx)
	require.Zero(t, store.mark.LastSeq, "what the lost one had come to is forgotten")

	// Another process of the side has noticed it and kept what there is now.
	relay.noteSeq(900)
	for range 2 {
		require.NoError(t, keeper.check(ctx))
		keeper.raiseMark(ctx)
	}
	require.Equal(t, 2, store.losses)
	require.Zero(t, store.mark.LastSeq)
}
