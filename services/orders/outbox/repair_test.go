package outbox

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// TestWhatCannotBeUpdatedIsRecreated: whatever an operator made of stream and consumer, a look finds it and
// a check brings back what should be, with the hint of each pending order in it.
func TestWhatCannotBeUpdatedIsRecreated(t *testing.T) {
	ctx := context.Background()
	stream := func(change func(*jetstream.StreamConfig)) func(*testing.T, jetstream.JetStream) {
		return func(t *testing.T, js jetstream.JetStream) {
			config := streamConfig(1)
			change(&config)
			_, err := js.UpdateStream(ctx, config)
			require.NoError(t, err)
		}
	}
	recreated := func(t *testing.T, js jetstream.JetStream, change func(*jetstream.StreamConfig)) {
		require.NoError(t, js.DeleteStream(ctx, contracts.HintStream))
		config := streamConfig(1)
		change(&config)
		require.Eventually(t, func() bool {
			_, err := js.CreateStream(ctx, config)
			return err == nil
		}, soon, 10*time.Millisecond)
	}
	for name, harm := range map[string]func(*testing.T, jetstream.JetStream){
		"stream sealed":    stream(func(c *jetstream.StreamConfig) { c.Sealed = true; c.Discard = jetstream.DiscardNew }),
		"messages expire":  stream(func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }),
		"subjects changed": stream(func(c *jetstream.StreamConfig) { c.Subjects = []string{"elsewhere.>"} }),
		"work queue": func(t *testing.T, js jetstream.JetStream) {
			recreated(t, js, func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy })
		},
		"interest retention": func(t *testing.T, js jetstream.JetStream) {
			recreated(t, js, func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy })
		},
		"stream in memory": func(t *testing.T, js jetstream.JetStream) {
			recreated(t, js, func(c *jetstream.StreamConfig) { c.Storage, c.MaxBytes = jetstream.MemoryStorage, 1<<20 })
		},
		"stream removed": func(t *testing.T, js jetstream.JetStream) {
			require.NoError(t, js.DeleteStream(ctx, contracts.HintStream))
		},
		"consumer removed": func(t *testing.T, js jetstream.JetStream) {
			require.NoError(t, js.DeleteConsumer(ctx, contracts.HintStream, contracts.HintConsumer("b")))
		},
		"push consumer": func(t *testing.T, js jetstream.JetStream) {
			require.NoError(t, js.DeleteConsumer(ctx, contracts.HintStream, contracts.HintConsumer("b")))
			_, err := js.CreatePushConsumer(ctx, contracts.HintStream, jetstream.ConsumerConfig{
				Durable: contracts.HintConsumer("b"), DeliverSubject: "nowhere", FilterSubject: consumerConfig("b").FilterSubject, AckPolicy: jetstream.AckExplicitPolicy,
			})
			require.NoError(t, err)
		},
		"consumer that gives up": func(t *testing.T, js jetstream.JetStream) {
			config := consumerConfig("b")
			config.MaxDeliver = 1
			_, err := js.UpdateConsumer(ctx, contracts.HintStream, config)
			require.NoError(t, err)
		},
		"consumer of another subject": func(t *testing.T, js jetstream.JetStream) {
			config := consumerConfig("b")
			config.FilterSubject = contracts.HintSubjectPrefix + "c.>"
			_, err := js.UpdateConsumer(ctx, contracts.HintStream, config)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := newRows(), zaptest.NewLogger(t)
			b := open(t, options(t))
			relay := NewRelay(b, store, log)
			keeper := NewKeeper(b, store, relay, store.noteLoss, log)
			require.NoError(t, keeper.check(ctx))
			run(t, relay)
			for range 3 {
				h := store.add(uuid.New(), time.Now())
				store.due = append(store.due, h.OrderID)
				relay.Offer([]orders.Hint{h})
			}
			require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
			_, err := keeper.look(ctx, time.Now())
			require.NoError(t, err, "nothing is wrong yet")
			harm(t, allMighty(t, b))
			_, err = keeper.look(ctx, time.Now())
			require.Error(t, err)
			require.NoError(t, keeper.check(ctx))
			_, err = keeper.look(ctx, time.Now())
			require.NoError(t, err, "all is as it should be")
			require.Eventually(t, func() bool { return store.left() == 0 && len(subjects(t, b)) == 3 }, soon, time.Millisecond)
			_, consumers := b.Status(ctx)
			require.EqualValues(t, 3, consumers["b"].Pending)
			stream, err := b.js.Stream(ctx, contracts.HintStream)
			require.NoError(t, err)
			require.Equal(t, jetstream.LimitsPolicy, stream.CachedInfo().Config.Retention)
			require.False(t, stream.CachedInfo().Config.Sealed)
		})
	}
}

// TestAStreamIsCreatedOnceItsFolderCanBe: the server removes the folder of streams after the last one was
// deleted, and a creation meanwhile fails.
func TestAStreamIsCreatedOnceItsFolderCanBe(t *testing.T) {
	t.Parallel()
	o := options(t)
	b, store := open(t, o), newRows()
	keeper := NewKeeper(b, store, NewRelay(b, store, zaptest.NewLogger(t)), store.noteLoss, zaptest.NewLogger(t))
	require.NoError(t, keeper.check(t.Context()))
	require.NoError(t, allMighty(t, b).DeleteStream(t.Context(), contracts.HintStream))
	account, err := filepath.Glob(filepath.Join(o.Embedded.StoreDir, "jetstream", "*"))
	require.NoError(t, err)
	require.Len(t, account, 1)
	inTheWay := filepath.Join(account[0], "streams")
	require.Eventually(t, func() bool {
		_ = os.RemoveAll(inTheWay)
		_ = os.MkdirAll(account[0], 0o700)
		return os.WriteFile(inTheWay, nil, 0o600) == nil
	}, soon, time.Millisecond, "the server may be removing folders")
	time.AfterFunc(100*time.Millisecond, func() { _ = os.Remove(inTheWay) })
	require.NoError(t, keeper.check(t.Context()))
}

// TestHintsInHandForEverAreHintedAgain: the broker waits by the wall clock until it delivers a hint again, so
// a clock that was set back leaves what a bridge died with undelivered; here the bridge asked it to wait.
func TestHintsInHandForEverAreHintedAgain(t *testing.T) {
	t.Parallel()
	o, store := options(t), newRows()
	s := serve(t, o, store)
	for range 5 {
		s.edit()
	}
	var taken atomic.Int32
	stop := carry(t, o, func(m jetstream.Msg) {
		if m.NakWithDelay(time.Hour) == nil {
			taken.Add(1)
		}
	})
	require.Eventually(t, func() bool { return taken.Load() == 5 }, soon, time.Millisecond)
	stop()
	carry(t, o, store.settle)
	require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
	require.Zero(t, store.lossCount(), "nothing was wrong with the stream")
}

// TestAFullDiskWithRoomAgain: a store that could not be written once takes nothing more until the stream is
// recreated. A limit on the size of files stands in for the disk. It holds for a whole process, so the test has
// one of its own.
func TestAFullDiskWithRoomAgain(t *testing.T) {
	if inParent(t) {
		return
	}
	o, store := options(t), newRows()
	s := serve(t, o, store)
	require.Eventually(t, s.Working, soon, time.Millisecond)
	enough := limitFiles(t, 64<<10)
	for range 1000 {
		s.edit()
	}
	require.Eventually(t, func() bool { return !s.Working() }, soon, time.Millisecond)
	status, _ := s.Status(t.Context())
	require.True(t, status.Connected)
	require.Contains(t, status.Error, "hints are not taken")
	enough()
	require.NotZero(t, store.left())
	carry(t, o, store.settle)
	require.Eventually(t, func() bool { return store.pending() == 0 && store.left() == 0 }, untilRepaired, 10*time.Millisecond)
	require.Eventually(t, s.Working, untilRepaired, 10*time.Millisecond)
	require.NotZero(t, store.lossCount(), "a recreated stream is reported")
}

// inParent runs a test in a process of its own, and reports whether this is not that one.
func inParent(t *testing.T) bool {
	t.Helper()
	const child = "OUTBOX_TEST_CHILD"
	if os.Getenv(child) != "" {
		return false
	}
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return true
}

// limitFiles lets no file of this process grow beyond a size, until it is ended.
func limitFiles(t *testing.T, bytes uint64) (end func()) {
	t.Helper()
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: was.Max}))
	end = func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)) }
	t.Cleanup(end)
	return end
}

// TestAnEditOfAHintThatCannotBeRead: a server that is to replace a message that it cannot read loops for ever. If
// the stream can still be recreated everything arrives, otherwise the process ends, to be started again with an
// empty store.
func TestAnEditOfAHintThatCannotBeRead(t *testing.T) {
	if inParent(t) {
		return
	}
	o, store := options(t), newRows()
	fill(t, o, store)
	blocks, err := filepath.Glob(filepath.Join(o.Embedded.StoreDir, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	damage(t, blocks[0], damages["every message changed"])
	log := zaptest.NewLogger(t)
	b := open(t, o)
	relay := NewRelay(b, store, log)
	run(t, relay)
	ended := make(chan error, 1)
	go func() { ended <- NewKeeper(b, store, relay, store.noteLoss, log).Run(t.Context()) }()
	carry(t, o, store.settle)
	id, arrived := store.oldest(), make(chan struct{})
	go func() {
		defer close(arrived)
		for n := 0; store.pending() > 0 && t.Context().Err() == nil; n++ {
			if n%10 == 0 { // somebody edits an order before the keeper has noticed
				store.add(id, time.Now().Add(-time.Minute))
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, errHangs)
		require.NoDirExists(t, filepath.Join(o.Embedded.StoreDir, "jetstream"))
	case <-arrived:
		require.Zero(t, store.pending())
	case <-time.After(untilRepaired):
		t.Fatal("the broker does not recover, and the keeper goes on")
	}
}

// TestAServerWithoutJetStreamIsRestarted: what no request can mend ends with another server and an empty store.
func TestAServerWithoutJetStreamIsRestarted(t *testing.T) {
	t.Parallel()
	o, store := options(t), newRows()
	s := serve(t, o, store)
	require.Eventually(t, s.Working, soon, time.Millisecond)
	require.NoError(t, s.embedded.server.Load().ShutdownJetStream())
	s.edit()
	carry(t, o, store.settle)
	require.Eventually(t, func() bool { return !s.Working() }, untilRepaired, time.Millisecond)
	require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
	require.Eventually(t, s.Working, untilRepaired, 10*time.Millisecond)
	require.DirExists(t, filepath.Join(o.Embedded.StoreDir, "jetstream.damaged"))
}

// TestAHintThatIsTooLongIsNoFaultOfTheBroker: it stays in the outbox, and nobody throws the others away for it.
func TestAHintThatIsTooLongIsNoFaultOfTheBroker(t *testing.T) {
	t.Parallel()
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(t.Context()))
	long := orders.Hint{OrderID: uuid.New(), Peer: "b", Version: strings.Repeat("x", 70_000), State: ordersync.Upd}
	ack, err := relay.send(long)
	require.NoError(t, err)
	b.faults.set(publishing, "of before")
	require.Empty(t, relay.wait(t.Context(), []sent{{1, ack}}))
	require.True(t, b.Working())
	ack, err = relay.send(orders.Hint{OrderID: uuid.New(), Peer: "b", Version: "a.x:1", State: ordersync.Upd})
	require.NoError(t, err)
	require.Equal(t, []int64{2}, relay.wait(t.Context(), []sent{{2, ack}}))
}

// TestAServerThatDidNotRestartIsStartedLater: a port that is taken for a moment, or a disk that is full, must not
// leave the service without a broker for ever.
func TestAServerThatDidNotRestartIsStartedLater(t *testing.T) {
	t.Parallel()
	o, store := options(t), newRows()
	b := open(t, o)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.embedded.options.Port = other.Addr().(*net.TCPAddr).Port
	require.Error(t, b.embedded.restartEmpty())
	log := zaptest.NewLogger(t)
	keeper, ended := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- keeper.Run(ctx) }()
	require.Never(t, b.Connected, time.Second, 10*time.Millisecond)
	require.NoError(t, other.Close())
	require.Eventually(t, b.Connected, soon, time.Millisecond)
	require.Eventually(t, func() bool { s, _ := b.Status(t.Context()); return s.Stream != nil }, soon, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

// TestAStoreThatDoesNotStartIsSetAside: the service works, and it is noticed that the broker lost its store.
func TestAStoreThatDoesNotStartIsSetAside(t *testing.T) {
	o, store := options(t), newRows()
	s := serve(t, o, store)
	s.edit()
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Eventually(t, func() bool { _, consumers := s.Status(t.Context()); return consumers["b"].Pending == 1 }, soon, time.Millisecond)
	s.stop()
	damaged := filepath.Join(o.Embedded.StoreDir, "jetstream")
	require.NoError(t, os.RemoveAll(damaged))
	require.NoError(t, os.WriteFile(damaged, []byte("no folder"), 0o600))
	serve(t, o, store)
	carry(t, o, store.settle)
	require.Eventually(t, func() bool { return store.pending() == 0 }, untilRepaired, 10*time.Millisecond)
	require.Equal(t, 1, store.lossCount())
	require.FileExists(t, damaged+".damaged")
}

// TestAStoreThatIsNotAtFaultStays: where an empty one does not help either, it is left alone.
func TestAStoreThatIsNotAtFaultStays(t *testing.T) {
	o, store := options(t), newRows()
	s := serve(t, o, store)
	s.edit()
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	s.stop()
	before := storeFiles(t, o.Embedded.StoreDir)
	busy := options(t)
	open(t, busy)
	o.Embedded.Addr = busy.Embedded.Addr
	_, err := Open(o, zaptest.NewLogger(t))
	require.ErrorContains(t, err, "address already in use")
	require.Equal(t, before, storeFiles(t, o.Embedded.StoreDir))
}

// TestNothingIsHintedAgainWithoutReason: a peer that is down, a pause and an order that a bridge fails on are
// no faults of the broker.
func TestNothingIsHintedAgainWithoutReason(t *testing.T) {
	for name, c := range map[string]struct {
		report func(*contracts.BridgeReport, uuid.UUID)
		paused bool
		again  bool
	}{
		"circuit open":      {report: func(r *contracts.BridgeReport, _ uuid.UUID) { r.Circuit, r.State = "open", "waiting" }},
		"circuit half-open": {report: func(r *contracts.BridgeReport, _ uuid.UUID) { r.Circuit, r.State = "half-open", "waiting" }},
		"not authorized":    {report: func(r *contracts.BridgeReport, _ uuid.UUID) { r.Circuit, r.State = "open", "unauthorized" }},
		"bridge to another": {report: func(r *contracts.BridgeReport, _ uuid.UUID) { r.Peer = "c" }},
		"paused":            {report: func(*contracts.BridgeReport, uuid.UUID) {}, paused: true},
		"bridge fails on it": {report: func(r *contracts.BridgeReport, id uuid.UUID) {
			now := time.Now().UTC().Truncate(time.Microsecond)
			r.Failed = []contracts.FailedCall{{
				At: now, Since: now, Count: 1, Call: "tell", Target: "remote", Method: "PUT", Path: "/orders/transactions", RequestID: "one-1",
				Reason: "status 502", Verdict: "retry", Orders: []string{id.String()},
			}}
		}},
		"bridge has no consumer": {report: func(r *contracts.BridgeReport, _ uuid.UUID) { r.State = "waiting" }, again: true},
		"bridge ready":           {report: func(*contracts.BridgeReport, uuid.UUID) {}, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := newRows(), zaptest.NewLogger(t)
			b := open(t, options(t))
			keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
			store.paused = c.paused
			require.NoError(t, keeper.check(t.Context()))
			id := uuid.New()
			_, err := b.js.Publish(t.Context(), contracts.HintSubject("b", id.String()), []byte("{}"))
			require.NoError(t, err)
			store.due = []uuid.UUID{id}
			now := time.Now()
			for range 10 {
				r := contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed"}
				c.report(&r, id)
				data, err := json.Marshal(r)
				require.NoError(t, err)
				b.monitor.report(data, time.Now())
				trouble, err := keeper.look(t.Context(), now)
				require.NoError(t, err)
				require.Empty(t, trouble)
				now = now.Add(lookEvery)
			}
			require.Equal(t, c.again, store.left() > 0)
		})
	}
}
