package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings"
)

// cleanupEvery is how often old history is removed, whichever replica does it.
const cleanupEvery = time.Hour

// cleaner removes old history now and then.
type cleaner struct {
	store   *postgres.Store
	what    postgres.Cleanup
	every   time.Duration
	log     *zap.Logger
	removed *prometheus.CounterVec
	last    prometheus.Gauge
}

func newCleaner(cfg *Config, store *postgres.Store, reg prometheus.Registerer, log *zap.Logger) *cleaner {
	c := &cleaner{
		store: store, log: log.Named("cleanup"), every: cleanupEvery,
		what: postgres.Cleanup{Retention: cfg.Retention, Peers: cfg.peerNames(), Apart: cleanupEvery * 9 / 10},
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderbridge_cleanup_removed_total",
			Help: "What this process removed after ORDERS_RETENTION: rows of the log, contents, and deleted orders of which only the deletion is still known.",
		}, []string{"what"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orderbridge_cleanup_last_timestamp_seconds",
			Help: "When a clean-up of this side was last begun, by whichever replica, as this one last looked; 0 when none was.",
		}),
	}
	reg.MustRegister(c.removed, c.last)
	for _, what := range []string{"log", "contents", "tombstones"} {
		c.removed.WithLabelValues(what)
	}
	return c
}

// Run cleans up about every hour until ctx ends; not at once, since replicas start together.
func (c *cleaner) Run(ctx context.Context) error {
	if c.what.Retention == 0 {
		return nil
	}
	for wait := rand.N(c.every / 6); ; wait = c.every - c.every/20 + rand.N(c.every/10) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if err := c.clean(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("old history cannot be removed now", zap.Error(err))
		}
	}
}

func (c *cleaner) clean(ctx context.Context) error {
	done, err := c.store.CleanUp(ctx, c.what)
	c.removed.WithLabelValues("log").Add(float64(done.LogRows))
	c.removed.WithLabelValues("contents").Add(float64(done.Contents))
	c.removed.WithLabelValues("tombstones").Add(float64(done.Tombstones))
	if done.LogRows+done.Contents+done.Tombstones > 0 {
		c.log.Info("old history removed", zap.Int64("log_rows", done.LogRows), zap.Int64("contents", done.Contents), zap.Int64("tombstones", done.Tombstones))
	}
	if err != nil {
		return err
	}
	_, at, err := c.store.LastCleanUp(ctx)
	if err == nil && !at.IsZero() {
		c.last.Set(float64(at.UnixMilli()) / 1000)
	}
	return err
}

// CleanUp is the command that removes old history at once.
func CleanUp() *cobra.Command {
	return &cobra.Command{
		Use:   "cleanup",
		Short: "Remove history older than ORDERS_RETENTION from the database of ORDERS_DATABASE_URL",
		Long: `Remove history older than ORDERS_RETENTION from the database of ORDERS_DATABASE_URL:
rows of the log but the newest of each order, the contents that only these refer to,
and what deleted orders held; of orders only that are settled towards every peer. That an order
was deleted is never removed. The service does the same about every hour.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(Prefix, &c); err != nil {
				return err
			}
			var faults []error
			c.peers(func(name, format string, args ...any) {
				if name == "PEER" || name == "PEERS" { // the names are all that matters here
					faults = append(faults, fmt.Errorf("%s_%s %s", Prefix, name, fmt.Sprintf(format, args...)))
				}
			})
			switch {
			case faults != nil:
				return errors.Join(faults...)
			case c.Retention == 0:
				return fmt.Errorf("%s_RETENTION is 0: everything is kept", Prefix)
			case c.Retention < retentionMin:
				return fmt.Errorf("%s_RETENTION must be %s or more", Prefix, retentionMin)
			}
			store, _, err := openReady(cmd.Context(), &c)
			if err != nil {
				return err
			}
			defer store.Close()
			done, err := store.CleanUp(cmd.Context(), postgres.Cleanup{Retention: c.Retention, Peers: c.peerNames()})
			if err != nil {
				return err
			}
			if done.Idle {
				return fmt.Errorf("another clean-up is under way, or the contents of an earlier version are not all moved yet")
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %d rows of the log, %d contents, and all but the deletion of %d deleted orders\n",
				done.LogRows, done.Contents, done.Tombstones)
			return err
		},
	}
}
