package bridge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// link is the bridge to one peer. Those of one process share the connection to the broker and those to the own service, and
// nothing else: a peer that is away, or slow, holds up no other.
type link struct {
	pipe     *pipe
	source   *consumer
	reporter *reporter
}

func newLink(c Config, peer remote, local *client, secure *tls.Config, broker *connection, registry prometheus.Registerer, log *zap.Logger) *link {
	log = log.With(zap.String("remote", peer.name))
	source := broker.consumer(peer.name, log)
	figures, failed, changed := newMetrics(registry, peer.name), &failedCalls{}, make(chan struct{}, 1)
	circuit := newCircuit(c.BackoffMax, log, func() { notify(changed) })
	p := newPipe(c, peer, local, secure, figures, failed, log)
	p.circuit, p.paused, p.ackWait = circuit, source.paused, source.ackWait
	figures.watch(circuit, source.paused, p.handshakes.state, p.retried.last)
	return &link{p, source, &reporter{
		instance: p.instance, peer: peer.name, changed: changed, circuit: circuit, missing: source.missing,
		delivered: p.delivered.Load, failed: failed.last, retried: p.retried.last, handshakes: p.handshakes.state, publish: source.publish, log: log,
	}}
}

// newPipe makes the pipe to a peer, which speaks to the own service over the connections of local, and to the peer over TLS as secure says.
func newPipe(c Config, peer remote, local *client, secure *tls.Config, figures *metrics, failed *failedCalls, log *zap.Logger) *pipe {
	p := &pipe{
		side: c.Side, peer: peer.name, metrics: figures, log: log, instance: strings.ToLower(rand.Text()[:12]), delayMax: c.BackoffMax,
		local:  local.separate(),
		remote: newClient("remote", peer.url, peer.token, c.Workers, failed, figures.observe).overTLS(secure),
	}
	p.local.failed, p.local.observe = failed, figures.observe
	p.findDoors()
	return p
}

// start runs what goes on besides the workers, until ctx is done.
func (l *link) start(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { l.source.watch(ctx) })
	running.Go(func() { l.reporter.run(ctx) })
	running.Go(func() { (&clerk{pipe: l.pipe, paused: l.source.paused}).run(ctx) })
	l.pipe.log.Info("link started", zap.String("instance", l.pipe.instance))
}

// missing says why hints for a peer cannot be fetched, "" when all can.
func missing(links []*link) string {
	var out []string
	for _, l := range links {
		if why := l.source.missing(); why != "" {
			out = append(out, l.pipe.peer+": "+why)
		}
	}
	return strings.Join(out, "; ")
}
