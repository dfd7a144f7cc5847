package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings"
)

// Command is `orderbridge bridge`.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:   "bridge",
		Short: "Carry the changes of one side to its peers",
		Long:  "Carry the changes of one side to its peers, until SIGINT or SIGTERM.\nThe settings come from the environment, with names that begin with BRIDGE_.",
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
	log = log.Named("bridge").With(zap.String("side", c.Side))
	c.warnInsecure(log)
	toLocal, toRemote, err := c.transport(log)
	if err != nil {
		return err
	}
	listener, err := c.listen(log)
	if err != nil {
		return fmt.Errorf("listen for health and metrics: %w", err)
	}
	broker, err := connect(c, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer broker.close(log)

	registry, peers := newRegistry(), c.remotes()
	local := newClient("local", c.LocalURL, c.LocalToken, c.Workers*len(peers), nil, nil).overTLS(toLocal)
	defer local.http.CloseIdleConnections()
	var links []*link
	for _, p := range peers {
		l := newLink(c, p, local, toRemote[p.name], broker, registry, log)
		defer l.pipe.remote.http.CloseIdleConnections()
		links = append(links, l)
	}
	return runParts(ctx, c, log, listener, registry, links)
}

// runParts starts the parts and stops them when ctx is done or one of them fails: the workers first,
// as they need the others.
func runParts(ctx context.Context, c Config, log *zap.Logger, listener net.Listener, registry prometheus.Gatherer, links []*link) error {
	stop, stopNow := context.WithCancel(ctx)
	defer stopNow()
	work, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	besides, endBesides := context.WithCancel(context.WithoutCancel(ctx))
	defer endBesides()

	var others, workers sync.WaitGroup
	server, failed := healthServer(c.MetricsToken, registry, func() string { return missing(links) }), error(nil)
	others.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed = fmt.Errorf("serve health and metrics: %w", err)
			stopNow()
		}
	})
	for _, l := range links {
		l.start(besides, &others)
		for range c.Workers {
			workers.Go(func() { fetchAndSettle(stop, work, l.source, l.pipe, c.Batch) })
		}
	}
	log.Info("bridge started", zap.Stringer("http", listener.Addr()))

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
