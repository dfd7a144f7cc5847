package bridge

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/contracts"
)

// broker is a real JetStream, and what the service does with it.
type broker struct {
	t      *testing.T
	dir    string
	port   int
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
}

func startBroker(t *testing.T) *broker {
	b := &broker{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *broker) start() {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: b.port, JetStream: true, StoreDir: b.dir, NoSigs: true, NoLog: true,
		Username: "orders", Password: "secret", JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 256 << 20,
	})
	require.NoError(b.t, err)
	s.Start()
	require.True(b.t, s.ReadyForConnections(10*time.Second))
	b.server, b.port = s, s.Addr().(*net.TCPAddr).Port
	b.nc, err = nats.Connect(b.url())
	require.NoError(b.t, err)
	b.js, err = jetstream.New(b.nc)
	require.NoError(b.t, err)
}

func (b *broker) stop() {
	b.nc.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *broker) url() string { return fmt.Sprintf("nats://orders:secret@127.0.0.1:%d", b.port) }

// declare makes stream and consumer as the service does.
func (b *broker) declare(ackWait time.Duration) {
	_, err := b.js.CreateOrUpdateStream(b.t.Context(), jetstream.StreamConfig{
		Name: contracts.HintStream, Subjects: []string{contracts.HintSubjectPrefix + ">"}, Retention: jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
	})
	require.NoError(b.t, err)
	b.declareFor("b", ackWait)
}

// declareFor makes the consumer of a peer.
func (b *broker) declareFor(peer string, ackWait time.Duration) {
	_, err := b.js.CreateOrUpdateConsumer(b.t.Context(), contracts.HintStream, jetstream.ConsumerConfig{
		Durable: contracts.HintConsumer(peer), FilterSubject: contracts.HintSubject(peer, ">"),
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1, MaxAckPending: 4096,
	})
	require.NoError(b.t, err)
}

// publish hints all orders.
func (b *broker) publish(all []*hintOf) {
	for _, m := range all {
		_, err := b.js.PublishAsync(m.Subject(), m.data)
		require.NoError(b.t, err)
	}
	select {
	case <-b.js.PublishAsyncComplete():
	case <-time.After(10 * time.Second):
		b.t.Fatal("JetStream does not take the hints")
	}
}

// left is how many hints are in the stream.
func (b *broker) left() uint64 {
	s, err := b.js.Stream(b.t.Context(), contracts.HintStream)
	require.NoError(b.t, err)
	return s.CachedInfo().State.Msgs
}

func (b *broker) info() *jetstream.ConsumerInfo {
	c, err := b.js.Consumer(b.t.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(b.t, err)
	return c.CachedInfo()
}

// rig is a broker and two sides with real addresses.
type rig struct {
	*broker
	local, remote *service
	config        Config
}

func newRig(t *testing.T) *rig {
	l, r := newService(t, "a", localToken), newService(t, "b", remoteToken)
	b := startBroker(t)
	return &rig{b, l, r, Config{
		Side: "a", Peer: "b", LocalURL: serve(t, l).URL, LocalToken: localToken, RemoteURL: serve(t, r).URL, RemoteToken: remoteToken,
		NatsURL: b.url(), HTTPAddr: "127.0.0.1:0", MetricsToken: "metrics-token-metrics-token-metric",
		Batch: 256, Workers: 2, BackoffMax: backoffBase, ShutdownGrace: 10 * time.Second,
	}}
}

// edit changes orders at the local side and hints them.
func (r *rig) edit(all []*hintOf, version int64) {
	r.local.set(func() {
		for _, m := range all {
			r.local.version[m.id] = version
		}
	})
	r.publish(all)
}

// running is a bridge under way.
type running struct {
	address string // of /healthz and so on
	stop    func()
	logs    *observer.ObservedLogs
}

func (r *rig) startBridge() *running {
	core, logs := observer.New(zap.InfoLevel)
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, r.config, zap.New(core)) }()
	stopped := false
	run := &running{logs: logs, stop: func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(r.t, <-ended)
	}}
	r.t.Cleanup(run.stop)
	eventually(r.t, "bridge started", func() bool { return logs.FilterMessage("bridge started").Len() == 1 })
	run.address = "http://" + logs.FilterMessage("bridge started").All()[0].ContextMap()["http"].(string)
	return run
}

// synced waits until everything that was edited is settled and no hint is left.
func (r *rig) synced() {
	r.t.Helper()
	eventually(r.t, "all orders are synced", func() bool {
		equal := false
		r.local.set(func() {
			equal = len(r.local.version) > 0
			for id, v := range r.local.version {
				equal = equal && r.local.agreed[id] == v
			}
		})
		return equal && r.left() == 0
	})
}

// eventually waits for a condition, for as long as a busy machine may need.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
