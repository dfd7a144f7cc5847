package outbox

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// apiTimeout bounds each call to JetStream: without a leader they hang until their deadline.
const apiTimeout = 3 * time.Second

// Options of a Broker.
type Options struct {
	Side     string
	Peers    []string
	URL      string // of an external server or cluster; empty for an embedded one
	CA       string // PEM file with authorities that are trusted for an external one besides the system's
	Embedded EmbeddedOptions
	Replicas int // of the stream, in a cluster
}

// Broker is this side's JetStream.
type Broker struct {
	opts      Options
	log       *zap.Logger
	nc        *nats.Conn
	js        jetstream.JetStream
	embedded  *embedded // nil with an external server
	faults    faults
	denied    denied
	noRoom    atomic.Bool // it did not take the last hints because its account or disk has no room
	reconnect chan struct{}
	monitor   *monitor
}

// Open starts the embedded server if there is no external one, and connects. An external server that
// is not there yet is waited for in the background.
func Open(opts Options, log *zap.Logger) (_ *Broker, err error) {
	b := &Broker{opts: opts, log: log.Named("outbox"), reconnect: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	natsOpts := []nats.Option{
		nats.Name("orders-" + opts.Side),
		nats.CustomInboxPrefix(contracts.ServiceInbox),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectBufSize(-1), // a publish without a connection fails at once; its outbox row stays
		nats.ConnectHandler(func(*nats.Conn) { b.woken() }),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.log.Info("broker reconnected")
			b.denied.forget()
			b.woken()
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("broker disconnected", zap.Error(err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !b.denied.note(err, b.log) {
				b.log.Warn("broker error", zap.Error(err))
			}
		}),
	}
	url := opts.URL
	if url == "" {
		if b.embedded, err = startEmbedded(opts.Side, opts.Embedded, b.log); err != nil {
			return nil, err
		}
		natsOpts = append(natsOpts, nats.InProcessServer(b.embedded), nats.UserInfo(opts.Embedded.User, opts.Embedded.Password))
	}
	if opts.CA != "" {
		natsOpts = append(natsOpts, func(o *nats.Options) error {
			o.RootCAsCB = func() (*x509.CertPool, error) { return tlsfile.Authorities(opts.CA) }
			return nil
		})
	}
	if b.nc, err = nats.Connect(url, natsOpts...); err != nil {
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(underWayMax), jetstream.WithPublishAsyncTimeout(5*time.Second),
		jetstream.WithDefaultTimeout(apiTimeout)); err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	b.monitor = newMonitor()
	if _, err = b.nc.Subscribe(contracts.BridgeSubjectPrefix+"*", func(m *nats.Msg) { b.monitor.report(m.Data, time.Now()) }); err != nil {
		return nil, fmt.Errorf("listen for bridges: %w", err)
	}
	return b, nil
}

func (b *Broker) woken() {
	select {
	case b.reconnect <- struct{}{}:
	default:
	}
}

// Connected reports whether the broker is reachable now.
func (b *Broker) Connected() bool { return b.nc.IsConnected() }

// Working reports whether the broker is reachable, and takes and delivers hints as far as is known.
func (b *Broker) Working() bool { return b.Connected() && b.faults.all() == "" }

// Close ends the connection and the embedded server.
func (b *Broker) Close() {
	if b.nc != nil {
		b.nc.Close()
	}
	if b.embedded != nil {
		b.embedded.close()
	}
}

// Status is what operators see of the broker and of each peer's consumer.
func (b *Broker) Status(ctx context.Context) (contracts.BrokerStatus, map[string]contracts.ConsumerStatus) {
	out := contracts.BrokerStatus{Connected: b.Connected(), Embedded: b.embedded != nil}
	consumers := map[string]contracts.ConsumerStatus{}
	if !out.Connected {
		out.Error = "not connected"
		return out, consumers
	}
	out.Error = b.faults.all()
	fault := func(err error) {
		if out.Error == "" {
			out.Error = err.Error()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := b.js.Stream(ctx, contracts.HintStream)
	if err != nil {
		fault(err)
		return out, consumers
	}
	info := stream.CachedInfo()
	out.Stream = &contracts.StreamStatus{
		Name: info.Config.Name, Messages: int64(info.State.Msgs), Bytes: int64(info.State.Bytes),
		FirstSeq: int64(info.State.FirstSeq), LastSeq: int64(info.State.LastSeq), Created: info.Created.UTC(),
	}
	for _, peer := range b.opts.Peers {
		c, err := stream.Consumer(ctx, contracts.HintConsumer(peer))
		if err != nil {
			fault(err)
			continue
		}
		ci := c.CachedInfo()
		s := contracts.ConsumerStatus{
			Name: ci.Name, Pending: int64(ci.NumPending), AckPending: int64(ci.NumAckPending),
			Redelivered: int64(ci.NumRedelivered), WaitingPulls: int64(ci.NumWaiting),
		}
		if ci.Paused && ci.PauseRemaining > resumeIn {
			until := ci.Config.PauseUntil
			if until == nil {
				at := time.Now().Add(ci.PauseRemaining)
				until = &at
			}
			t := until.UTC()
			s.PausedUntil = &t
		}
		consumers[peer] = s
	}
	return out, consumers
}

// pauseFor is how long a pause lasts unless it is ended: until a person does.
const pauseFor = 100 * 365 * 24 * time.Hour

// ErrNoConsumer tells that the broker cannot be asked now.
var ErrNoConsumer = errors.New("the broker cannot be reached, or has no consumer for this peer yet")

// Pause stops the delivery of hints to every bridge of a peer; what is under way there goes on.
func (b *Broker) Pause(ctx context.Context, peer string) error {
	return b.pauseUntil(ctx, peer, time.Now().Add(pauseFor))
}

// Resume ends a pause. It lets the pause run out in a moment instead of clearing it: the server wakes
// waiting bridges when a pause runs out, and not when it is cleared.
func (b *Broker) Resume(ctx context.Context, peer string) error {
	return b.pauseUntil(ctx, peer, time.Now().Add(resumeIn))
}

// DeleteConsumer ends the delivery of hints to a peer for good.
func (b *Broker) DeleteConsumer(ctx context.Context, peer string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	err := b.js.DeleteConsumer(ctx, contracts.HintStream, contracts.HintConsumer(peer))
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return orders.Wrap(orders.BrokerUnavailable, fmt.Errorf("delete consumer %s: %w", contracts.HintConsumer(peer), err), unreachable)
	}
	return nil
}

// PurgeHints removes the hints for a peer from the stream.
func (b *Broker) PurgeHints(ctx context.Context, peer string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := b.js.Stream(ctx, contracts.HintStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err == nil && !b.denied.has(purgeRight) { // else they stay in the stream, and nobody takes them
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(contracts.HintSubjectPrefix+peer+".>"))
	}
	if err != nil {
		return orders.Wrap(orders.BrokerUnavailable, fmt.Errorf("remove hints for %s: %w", peer, err), unreachable)
	}
	return nil
}

const unreachable = "the broker cannot be reached"

const resumeIn = 20 * time.Millisecond

func (b *Broker) pauseUntil(ctx context.Context, peer string, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if _, err := b.js.PauseConsumer(ctx, contracts.HintStream, contracts.HintConsumer(peer), until); err != nil {
		return fmt.Errorf("%w: %w", ErrNoConsumer, err)
	}
	return nil
}

// Bridges lists what the bridges of a peer last told of themselves, but for their failed calls.
func (b *Broker) Bridges(peer string) []contracts.BridgeReport {
	reports := b.monitor.of(peer, time.Now())
	for i := range reports {
		reports[i].Failed = nil
	}
	return reports
}

// readyBridges returns how many entries the bridges to a peer have delivered that could take hints now,
// nil when there is none of them, and the orders that they report to have failed with.
func (b *Broker) readyBridges(peer string) (delivered *int64, failing map[string]bool) {
	failing = map[string]bool{}
	for _, r := range b.monitor.of(peer, time.Now()) {
		// A silent one may be dead, and one that cannot reach the peer is not slow because of the broker.
		if r.Circuit != "closed" || r.State == "unauthorized" || r.State == "silent" || r.HandshakeFailing != nil {
			continue
		}
		if delivered == nil {
			delivered = new(int64)
		}
		*delivered += r.Delivered
		for _, call := range r.Failed {
			for _, id := range call.Orders {
				failing[id] = true
			}
		}
		for _, o := range r.Retried {
			failing[o.ID] = true
		}
	}
	return delivered, failing
}

// FailedCalls lists the last calls of the bridges of a peer that went wrong.
func (b *Broker) FailedCalls(peer string) []contracts.BridgeFailures {
	out := []contracts.BridgeFailures{}
	for _, r := range b.monitor.of(peer, time.Now()) {
		out = append(out, contracts.BridgeFailures{Instance: r.Instance, Calls: append([]contracts.FailedCall{}, r.Failed...)})
	}
	return out
}

// monitor remembers the bridges' reports for a while.
type monitor struct {
	mu   sync.Mutex
	last map[string]contracts.BridgeReport // by instance
}

// A bridge that reports no more is shown as silent after some missed reports. It is forgotten as soon as another
// one has reported in its place, and in the end anyway.
const (
	silentAfter = 6 * time.Second
	replacedIn  = 10 * time.Second
	forgetAfter = time.Hour
)

// bridgesMax bounds what is remembered of bridges, whoever sends.
const bridgesMax = 64

func newMonitor() *monitor { return &monitor{last: map[string]contracts.BridgeReport{}} }

// report takes a message that anyone with access to the broker may have sent: it is shown, not trusted.
func (m *monitor) report(data []byte, now time.Time) {
	var r contracts.BridgeReport
	if len(data) > contracts.BridgeReportBytesMax || json.Unmarshal(data, &r) != nil || r.Instance == "" {
		return
	}
	r.At = now.UTC()
	r.Failed = slices.DeleteFunc(r.Failed, func(c contracts.FailedCall) bool { return len(c.Validate()) > 0 })
	r.Failed = r.Failed[:min(len(r.Failed), contracts.FailedCallsMax)]
	r.Retried = slices.DeleteFunc(r.Retried, func(o contracts.RetriedOrder) bool { return len(o.Validate()) > 0 })
	r.Retried = r.Retried[:min(len(r.Retried), contracts.RetriedOrdersMax)]
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	if _, known := m.last[r.Instance]; known || len(m.last) < bridgesMax {
		m.last[r.Instance] = r
	}
}

func (m *monitor) sweep(now time.Time) {
	newest := map[string]time.Time{} // of each peer's bridges
	for _, r := range m.last {
		if r.At.After(newest[r.Peer]) {
			newest[r.Peer] = r.At
		}
	}
	for k, r := range m.last {
		if now.Sub(r.At) > forgetAfter || now.Sub(r.At) > replacedIn && newest[r.Peer].After(r.At) {
			delete(m.last, k)
		}
	}
}

func (m *monitor) of(peer string, now time.Time) []contracts.BridgeReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	out := []contracts.BridgeReport{}
	for _, r := range m.last {
		if r.Peer == peer {
			if now.Sub(r.At) > silentAfter {
				r.State = "silent"
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y contracts.BridgeReport) int { return strings.Compare(x.Instance, y.Instance) })
	return out
}
