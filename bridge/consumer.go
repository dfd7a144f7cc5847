package bridge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

const (
	connectTimeout = 3 * time.Second
	apiTimeout     = 3 * time.Second // JetStream does not answer at all while it has no leader
	flushTimeout   = 2 * time.Second
	// fetchWait is how long a worker waits at the broker for a first hint. The wait is not cut short on
	// a stop, as a hint on its way would be lost to everybody until the AckWait is over.
	fetchWait      = time.Second
	watchEvery     = 2 * time.Second
	reconnectLook  = 50 * time.Millisecond // how often a worker looks whether the broker is there again
	ackWaitDefault = 30 * time.Second      // until the consumer has told its own
)

var errDisconnected = errors.New("not connected to the broker")

// consumer is this bridge's end of the durable pull consumer of its peer. The service makes and mends
// the stream and the consumer; while they are missing, or the broker is, fetch returns an error and the
// caller comes again.
type consumer struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	peer string
	log  *zap.Logger

	pausedNow  atomic.Bool
	ackWaitNow atomic.Int64

	finding sync.Mutex // one asks for all; held while asking, unlike mu
	mu      sync.Mutex
	handle  jetstream.Consumer // nil until it was found
	fault   string             // why there is none
}

// connection is that to the own broker, which the bridges to all peers share.
type connection struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// trusting has a connection over TLS trust the authorities of a file besides the system's. It does not demand TLS: the
// address does, or the server.
func trusting(authorities string) nats.Option {
	return func(o *nats.Options) error {
		if authorities != "" {
			o.RootCAsCB = func() (*x509.CertPool, error) { return tlsfile.Authorities(authorities) }
		}
		return nil
	}
}

// connect opens the connection, or leaves it to be opened when the broker appears.
func connect(c Config, log *zap.Logger) (*connection, error) {
	var names []string
	for _, p := range c.remotes() {
		names = append(names, p.name)
	}
	told := func(msg string) nats.ConnHandler { return func(*nats.Conn) { log.Info(msg) } }
	nc, err := nats.Connect(c.NatsURL,
		trusting(c.CA),
		nats.Name("orderbridge bridge "+c.Side+" to "+strings.Join(names, " ")),
		nats.CustomInboxPrefix(contracts.BridgeInbox),
		nats.Timeout(connectTimeout),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password that is being changed must not end the bridge
		nats.ReconnectWait(200*time.Millisecond),
		nats.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1), // an acknowledgement that waits for a broker is of no use to a new one
		nats.PingInterval(5*time.Second),
		nats.ConnectHandler(told("connected to the broker")),
		nats.ReconnectHandler(told("connected to the broker again")),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // not by ourselves
				log.Warn("disconnected from the broker", zap.Error(err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("broker", zap.Error(err)) }),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &connection{nc, js}, nil
}

// consumer is the end of a peer's consumer on this connection.
func (c *connection) consumer(peer string, log *zap.Logger) *consumer {
	cons := &consumer{nc: c.nc, js: c.js, peer: peer, log: log, fault: "not looked for yet"}
	cons.ackWaitNow.Store(int64(ackWaitDefault))
	return cons
}

// close lets acknowledgements that are on their way get out.
func (c *connection) close(log *zap.Logger) {
	if c.nc.IsConnected() {
		if err := c.nc.FlushTimeout(flushTimeout); err != nil {
			log.Debug("flush", zap.Error(err))
		}
	}
	c.nc.Close()
}

// delivery is a message of JetStream with the number of its deliveries.
type delivery struct {
	jetstream.Msg
	deliveries int
}

func (d delivery) Deliveries() int { return d.deliveries }

// fetch waits a while for a first hint and takes with it what else is there, up to most. Hints that
// come while a batch is under way so make up the next one.
func (c *consumer) fetch(ctx context.Context, most int) ([]message, error) {
	for !c.nc.IsConnected() { // rather than an error, after which the caller would come again later and later
		c.hold(nil, errDisconnected)
		if err := sleep(ctx, reconnectLook, nil); err != nil {
			return nil, err
		}
	}
	handle, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	hints, more, err := take(handle.Fetch(1, jetstream.FetchMaxWait(fetchWait)))
	if err != nil {
		c.forget(handle, err)
		return nil, err
	}
	if len(hints) == 0 {
		return nil, nil
	}
	c.pausedNow.Store(false) // or nothing would have come
	// Asking in vain costs a round trip, and a second when the consumer is at its MaxAckPending.
	if more && most > 1 {
		rest, _, err := take(handle.FetchNoWait(most - 1))
		if err != nil {
			c.forget(handle, err)
		}
		hints = append(hints, rest...)
	}
	return hints, nil
}

// take collects a batch. It tells whether there may be more: hints not delivered yet, a number that can
// lag a little behind, or others that come again, which are not in it. What is missed comes next time.
func take(batch jetstream.MessageBatch, err error) (hints []message, more bool, _ error) {
	if err != nil {
		return nil, false, err
	}
	for m := range batch.Messages() {
		d := delivery{Msg: m, deliveries: 1}
		if meta, err := m.Metadata(); err == nil { // there is none only when it is not from JetStream
			d.deliveries = int(meta.NumDelivered)
			more = more || meta.NumPending > 0 || meta.NumDelivered > 1
		}
		hints = append(hints, d)
	}
	if len(hints) > 0 {
		return hints, more, nil // an error besides will show again
	}
	return nil, false, batch.Error()
}

// find returns the consumer, asking for it when there is none yet.
func (c *consumer) find(ctx context.Context) (jetstream.Consumer, error) {
	c.finding.Lock()
	defer c.finding.Unlock()
	if !c.nc.IsConnected() {
		c.hold(nil, errDisconnected)
		return nil, errDisconnected
	}
	if handle := c.held(); handle != nil {
		return handle, nil
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	name := contracts.HintConsumer(c.peer)
	handle, err := c.js.Consumer(ctx, contracts.HintStream, name)
	if err != nil {
		c.hold(nil, fmt.Errorf("consumer %s: %w", name, err))
		return nil, err
	}
	c.hold(handle, nil)
	c.learn(handle.CachedInfo())
	c.log.Info("consumer found", zap.String("consumer", name))
	return handle, nil
}

// forget drops a consumer that does not work, for find to look again.
func (c *consumer) forget(handle jetstream.Consumer, err error) {
	if c.held() == handle {
		c.hold(nil, err)
	}
}

func (c *consumer) held() jetstream.Consumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handle
}

// hold keeps the consumer, or why there is none, and logs a fault once.
func (c *consumer) hold(handle jetstream.Consumer, fault error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.fault
	c.handle, c.fault = handle, ""
	if fault == nil {
		return
	}
	if c.fault = fault.Error(); c.fault != was {
		c.log.Warn("consumer not available, trying again", zap.Error(fault))
	}
}

// missing says why nothing can be fetched, "" when it can.
func (c *consumer) missing() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == "" && !c.nc.IsConnected() {
		return errDisconnected.Error()
	}
	return c.fault
}

// watch asks now and then for what the consumer does not tell by itself, until ctx is done.
func (c *consumer) watch(ctx context.Context) {
	for sleep(ctx, watchEvery, nil) == nil {
		handle, err := c.find(ctx)
		if err != nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, apiTimeout)
		info, err := handle.Info(asking)
		cancel()
		switch {
		case err == nil:
			c.learn(info)
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			c.forget(handle, err)
		default:
			c.log.Debug("consumer info", zap.Error(err))
		}
	}
}

func (c *consumer) learn(info *jetstream.ConsumerInfo) {
	c.pausedNow.Store(info.Paused)
	if info.Config.AckWait > 0 {
		c.ackWaitNow.Store(int64(info.Config.AckWait))
	}
}

func (c *consumer) paused() bool           { return c.pausedNow.Load() }
func (c *consumer) ackWait() time.Duration { return time.Duration(c.ackWaitNow.Load()) }

// publish sends outside of any stream; whoever listens gets it, nobody else.
func (c *consumer) publish(subject string, data []byte) error { return c.nc.Publish(subject, data) }
