package command

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/peering"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// figures reads the store's counts when metrics are asked for.
type figures struct {
	peers                             []string
	store                             *postgres.Store
	desk                              *peering.Desk
	proved, held, braked, lost, made  *prometheus.Desc
	states, pending, outbox, lag, bad *prometheus.Desc
}

func newFigures(peers []string, store *postgres.Store, desk *peering.Desk) *figures {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("orderbridge_"+name, help, labels, nil)
	}
	return &figures{
		peers: peers, store: store, desk: desk,
		states:  desc("orders", "Orders in each state towards a peer.", "peer", "state"),
		pending: desc("pending_orders", "Orders that a peer must still be told about.", "peer"),
		outbox:  desc("outbox_pending", "Hints that JetStream has not taken yet."),
		lag:     desc("oldest_pending_seconds", "Age of the oldest order that a peer must be told about; 0 when there is none.", "peer"),
		proved:  desc("proved_equal_age_seconds", "Time since both sides were last proved equal; not there before the first time.", "peer"),
		held:    desc("link_held", "1 while the link to a peer is held until a person has looked.", "peer"),
		lost:    desc("broker_lost_timestamp_seconds", "When the broker was last found without what it held, in Unix time; not there when it never was."),
		braked:  desc("brake_tripped", "1 while changes of a peer are held by the brake.", "peer", "what"),
		made:    desc("invented_numbers_total", "Numbers of this side that a peer claimed and that were never given out.", "peer"),
		bad:     desc("figures_error", "1 when the database could not be asked for the figures."),
	}
}

// Describe implements prometheus.Collector.
func (f *figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.states, f.pending, f.outbox, f.lag, f.bad, f.proved, f.held, f.braked, f.lost, f.made} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (f *figures) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, peer := range f.peers {
		if p := f.desk.Proof(peer); p != nil {
			gauge(f.proved, time.Since(p.At).Seconds(), peer)
		}
		gauge(f.held, oneIf(f.desk.Held(peer) != nil), peer)
		brake := f.desk.Brake(peer)
		gauge(f.braked, oneIf(brake.Deletions), peer, "deletions")
		gauge(f.braked, oneIf(brake.Replacements), peer, "replacements")
		ch <- prometheus.MustNewConstMetric(f.made, prometheus.CounterValue, float64(f.desk.Ignored(peer)), peer)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if lost, err := f.store.BrokerLoss(ctx); err == nil && lost != nil {
		gauge(f.lost, float64(lost.At.Unix()))
	}
	c, err := f.store.Counts(ctx)
	gauge(f.bad, oneIf(err != nil))
	if err != nil {
		return
	}
	gauge(f.outbox, float64(c.Outbox))
	for _, peer := range f.peers {
		for _, s := range ordersync.States[:ordersync.ErrorSynced] {
			gauge(f.states, float64(c.States[peer][s]), peer, s.String())
		}
		gauge(f.pending, float64(c.Due[peer]), peer)
		age := 0.0
		if o, ok := c.Oldest[peer]; ok {
			age = time.Since(o.Since).Seconds()
		}
		gauge(f.lag, age, peer)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
