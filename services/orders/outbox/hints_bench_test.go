package outbox

import (
	"context"
	"fmt"
	"net"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	o := Options{Side: "a", Peers: []string{"b"}, Embedded: EmbeddedOptions{
		Addr: listener.Addr().String(), StoreDir: b.TempDir(), User: "orders", Password: "secret", SyncInterval: time.Second,
	}}
	require.NoError(b, listener.Close())
	broker, err := Open(o, zap.NewNop())
	require.NoError(b, err)
	defer broker.Close()
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
	defer parts.Wait()
	defer stop()
	for _, run := range []func(context.Context) error{relay.Run, keeper.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				b.Error(err)
			}
		})
	}

	b.ResetTimer()
	before := processorTime(b)
	for i := range b.N {
		for int64(i)-relay.Published() > underWayMax/2 {
			time.Sleep(time.Millisecond)
		}
		relay.Offer([]orders.Hint{{
			OutboxID: int64(i + 1), OrderID: uuid.New(), Peer: "b", Version: "a.7kq2mz:12345,b.x81mq0:2345", State: ordersync.Upd, At: time.Now(),
		}})
	}
	for relay.Published() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	published := processorTime(b)
	take(b, o, pause)
	b.ReportMetric(float64((published-before).Microseconds())/float64(b.N), "µs/publish")
	b.ReportMetric(float64((processorTime(b)-published).Microseconds())/float64(b.N), "µs/take")
}

// take fetches and acknowledges all hints, until none of them is in the stream.
func take(b *testing.B, o Options, pause time.Duration) {
	nc, err := nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo("orders", "secret"), nats.CustomInboxPrefix(contracts.BridgeInbox))
	require.NoError(b, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(b, err)
	consumer, err := js.Consumer(b.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(b, err)
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

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
