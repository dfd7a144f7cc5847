package outbox

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// BenchmarkHint publishes a backlog of hints and takes it as a bridge does, in a stream as it is and in a work queue as
// it was: processor time for each hint, of relay, keeper, embedded server and bridge together. The pause is what a
// bridge needs for a batch: a server that has forgotten a block by the next acknowledgement reads it again. Use
// -benchtime 100000x.
func BenchmarkHint(b *testing.B) {
	for _, retention := range []jetstream.RetentionPolicy{jetstream.LimitsPolicy, jetstream.WorkQueuePolicy} {
		for _, pause := range []time.Duration{0, 5 * time.Millisecond} {
			b.Run(fmt.Sprintf("%s/pause=%s", retention, pause), func(b *testing.B) { benchmarkHint(b, retention, pause) })
		}
	}
}

func benchmarkHint(b *testing.B, retention jetstream.RetentionPolicy, pause time.Duration) {
	o, relay := benchmarked(b, retention)
	b.ResetTimer()
	before := processorTime(b)
	for i := range b.N {
		for int64(i)-relay.Published() > underWayMax/2 {
			time.Sleep(time.Millisecond)
		}
		relay.Offer(oneHint(i))
	}
	for relay.Published() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	published := processorTime(b)
	take(b, o, pause)
	b.ReportMetric(float64((published-before).Microseconds())/float64(b.N), "µs/publish")
	b.ReportMetric(float64((processorTime(b)-published).Microseconds())/float64(b.N), "µs/take")
}

// benchmarked starts an embedded broker, its relay and its keeper, until the benchmark ends.
func benchmarked(b *testing.B, retention jetstream.RetentionPolicy) (Options, *Relay) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	o := Options{Side: "a", Peers: []string{"b"}, Embedded: EmbeddedOptions{
		Addr: listener.Addr().String(), StoreDir: b.TempDir(), User: "orders", Password: "secret", SyncInterval: time.Second,
	}}
	require.NoError(b, listener.Close())
	broker, err := Open(o, zap.NewNop())
	require.NoError(b, err)
	b.Cleanup(broker.Close)
	store := newRows()
	relay := NewRelay(broker, store, zap.NewNop())
	keeper := NewKeeper(broker, store, relay, store.noteLoss, zap.NewNop())
	keeper.replacedAt = time.Now() // a work queue stays one
	config := streamConfig(1)
	config.Retention = retention
	_, err = broker.js.CreateStream(b.Context(), config)
	require.NoError(b, err)
	require.NoError(b, keeper.check(b.Context()))
	ctx, stop := context.WithCancel(b.Context())
	var parts sync.WaitGroup
	b.Cleanup(func() {
		stop()
		parts.Wait()
	})
	for _, run := range []func(context.Context) error{relay.Run, keeper.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	return o, relay
}

// take fetches and acknowledges all hints, until none of them is in the stream.
func take(b *testing.B, o Options, pause time.Duration) {
	nc, js, consumer := bridgeOf(b, o)
	for taken := 0; taken < b.N; time.Sleep(pause) {
		for _, fetch := range []func() (jetstream.MessageBatch, error){
			func() (jetstream.MessageBatch, error) { return consumer.Fetch(1, jetstream.FetchMaxWait(time.Second)) },
			func() (jetstream.MessageBatch, error) { return consumer.FetchNoWait(min(255, b.N-taken)) },
		} {
			if taken == b.N {
				break
			}
			batch, err := fetch()
			require.NoError(b, err)
			for m := range batch.Messages() {
				require.NoError(b, m.Ack())
				taken++
			}
		}
	}
	require.NoError(b, nc.Flush())
	for {
		s, err := js.Stream(b.Context(), contracts.HintStream)
		require.NoError(b, err)
		if s.CachedInfo().State.Msgs == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func oneHint(i int) []orders.Hint {
	return []orders.Hint{{
		OutboxID: int64(i + 1), OrderID: uuid.New(), Peer: "b", Version: "a.7kq2mz:12345,b.x81mq0:2345", State: ordersync.Upd, At: time.Now(),
	}}
}

// bridgeOf connects as a bridge does, over TCP.
func bridgeOf(b *testing.B, o Options) (*nats.Conn, jetstream.JetStream, jetstream.Consumer) {
	b.Helper()
	nc, err := nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo("orders", "secret"), nats.CustomInboxPrefix(contracts.BridgeInbox))
	require.NoError(b, err)
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(b, err)
	consumer, err := js.Consumer(b.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(b, err)
	return nc, js, consumer
}

// BenchmarkOneHint times the way of a single hint, from the commit of its edit to the bridge, which waits for it.
func BenchmarkOneHint(b *testing.B) {
	o, relay := benchmarked(b, jetstream.LimitsPolicy)
	_, _, consumer := bridgeOf(b, o)
	took := make([]time.Duration, b.N)
	for i := range b.N {
		batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(10*time.Second))
		require.NoError(b, err)
		time.Sleep(2 * time.Millisecond) // the fetch waits at the broker by then
		start := time.Now()
		relay.Offer(oneHint(i))
		m := <-batch.Messages()
		took[i] = time.Since(start)
		require.NotNil(b, m)
		require.NoError(b, m.Ack())
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
