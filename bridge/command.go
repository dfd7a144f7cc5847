package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings"
)

// Command is `orderbridge bridge`.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:   "bridge",
		Short: "Carry the changes of one side to its peer",
		Long:  "Carry the changes of one side to its peer, until SIGINT or SIGTERM.\nThe settings come from the environment, with names that begin with BRIDGE_.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(settingsPrefix, &c); err != nil {
				return err
			}
			log, err := settings.NewLogger(c.LogLevel, c.LogFormat)
			if err != nil {
				return err
			}
			defer log.Sync() // standard error cannot always be synced
			settings.TuneMemory(settings.BridgeMemory)
			ctx, cancel := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer cancel()
			return Run(ctx, c, log)
		},
	}
}

// Run carries changes until ctx is done, then finishes what is under way, at most for ShutdownGrace,
// gives the rest back to the broker, and returns nil.
func Run(ctx context.Context, c Config, log *zap.Logger) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("settings:\n%w", err)
	}
	log = log.Named("bridge").With(zap.String("side", c.Side), zap.String("remote", c.Peer))
	c.warnInsecure(log)
	toLocal, toRemote, err := c.transport(log)
	if err != nil {
		return err
	}
	listener, err := c.listen(log)
	if err != nil {
		return fmt.Errorf("listen for health and metrics: %w", err)
	}
	source, err := connect(c, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer source.close()

	figures, failed, changed := newMetrics(), &failedCalls{}, make(chan struct{}, 1)
	circuit := newCircuit(c.BackoffMax, log, func() { notify(changed) })
	p := &pipe{
		side: c.Side, peer: c.Peer,
		local:   newClient("local", c.LocalURL, c.LocalToken, c.Workers, failed, figures.observe).overTLS(toLocal),
		remote:  newClient("remote", c.RemoteURL, c.RemoteToken, c.Workers, failed, figures.observe).overTLS(toRemote),
		circuit: circuit, metrics: figures, log: log,
		instance: strings.ToLower(rand.Text()[:12]), delayMax: c.BackoffMax,
		paused: source.paused, ackWait: source.ackWait,
	}
	p.findDoors()
	figures.watch(circuit, source.paused, p.handshakes.state, p.retried.last)
	defer p.local.http.CloseIdleConnections()
	defer p.remote.http.CloseIdleConnections()
	r := &reporter{
		instance: p.instance, peer: c.Peer, changed: changed, circuit: circuit, missing: source.missing,
		delivered: p.delivered.Load, failed: failed.last, retried: p.retried.last, handshakes: p.handshakes.state, publish: source.publish, log: log,
	}
	return runParts(ctx, c, log, listener, source, p, r)
}

// runParts starts the parts and stops them when ctx is done or one of them fails: the workers first,
// as they need the others.
func runParts(ctx context.Context, c Config, log *zap.Logger, listener net.Listener, source *consumer, p *pipe, r *reporter) error {
	stop, stopNow := context.WithCancel(ctx)
	defer stopNow()
	work, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	besides, endBesides := context.WithCancel(context.WithoutCancel(ctx))
	defer endBesides()

	var others sync.WaitGroup
	server, failed := healthServer(c.MetricsToken, p.metrics, source.missing), error(nil)
	others.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed = fmt.Errorf("serve health and metrics: %w", err)
			stopNow()
		}
	})
	others.Go(func() { source.watch(besides) })
	others.Go(func() { r.run(besides) })
	others.Go(func() { (&clerk{pipe: p, paused: source.paused}).run(besides) })

	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(func() { fetchAndSettle(stop, work, source, p, c.Batch) })
	}
	log.Info("bridge started", zap.String("instance", p.instance), zap.Stringer("http", listener.Addr()))

	<-stop.Done()
	grace := time.AfterFunc(c.ShutdownGrace, breakOff)
	defer grace.Stop()
	workers.Wait()
	endBesides()
	if err := server.Close(); err != nil {
		log.Debug("close health and metrics", zap.Error(err))
	}
	others.Wait()
	log.Info("bridge stopped")
	return failed
}

// source is where a worker gets its hints from.
type source interface {
	fetch(ctx context.Context, most int) ([]message, error)
}

// Pauses between tries to fetch while the broker or the consumer is away.
const (
	refetchMin = 100 * time.Millisecond
	refetchMax = 2 * time.Second
)

// fetchAndSettle is one worker: it runs until stop is done. While the circuit is open it takes nothing
// from the broker.
func fetchAndSettle(stop, work context.Context, from source, p *pipe, batch int) {
	pause := refetchMin
	for p.circuit.ready(stop) == nil {
		hints, err := from.fetch(stop, batch)
		if err != nil { // logged by the source, which knows whether it is news
			if sleep(stop, pause, nil) != nil {
				return
			}
			pause = min(2*pause, refetchMax)
			continue
		}
		pause = refetchMin
		if len(hints) > 0 {
			p.settle(stop, work, hints)
		}
	}
}
