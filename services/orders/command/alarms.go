package command

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orderbridge/orderbridge/services/orders/admin"
)

// alarmFigures reads the status when metrics are asked for, so that what people are shown can be alerted on.
type alarmFigures struct {
	admin                                                       *admin.Admin
	alarms, system, outbox, deliveries, handshakes, silent, bad *prometheus.Desc
}

func newAlarmFigures(a *admin.Admin) *alarmFigures {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("orderbridge_"+name, help, labels, nil)
	}
	return &alarmFigures{
		admin:      a,
		alarms:     desc("alarms", "How many alarms the status shows; each needs a person.", "peer"),
		system:     desc("connector_alarms", "How many alarms the status shows of the system behind a connector's side; there is none of other sides."),
		outbox:     desc("outbox_oldest_seconds", "Age of the oldest hint that JetStream has not taken; 0 when there is none."),
		deliveries: desc("retried_deliveries_max", "The most deliveries of an order that a bridge failed with and that comes again; 0 when there is none.", "peer"),
		handshakes: desc("handshakes_failing_seconds", "For how long all handshakes of a bridge with the peer have failed; 0 while they pass.", "peer"),
		silent:     desc("bridges_silent", "Bridges that have stopped to report.", "peer"),
		bad:        desc("alarms_error", "1 when the status could not be read for the figures."),
	}
}

// Describe implements prometheus.Collector.
func (f *alarmFigures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.alarms, f.system, f.outbox, f.deliveries, f.handshakes, f.silent, f.bad} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (f *alarmFigures) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := f.admin.Status(ctx)
	if err != nil {
		gauge(f.bad, 1)
		return
	}
	gauge(f.bad, 0)
	age := 0.0
	if s.OutboxSince != nil {
		age = max(0, s.At.Sub(*s.OutboxSince).Seconds())
	}
	gauge(f.outbox, age)
	if s.System != nil {
		gauge(f.system, float64(len(s.System.Alarms)))
	}
	for i := range s.Peers {
		p := &s.Peers[i]
		var deliveries, handshakes, silent float64
		for _, b := range p.Bridges {
			for _, o := range b.Retried {
				deliveries = max(deliveries, float64(o.Deliveries))
			}
			if b.HandshakeFailing != nil {
				handshakes = max(handshakes, s.At.Sub(b.HandshakeFailing.Since).Seconds())
			}
			silent += oneIf(b.State == "silent")
		}
		gauge(f.alarms, float64(len(p.Alarms)), p.Peer)
		gauge(f.deliveries, deliveries, p.Peer)
		gauge(f.handshakes, handshakes, p.Peer)
		gauge(f.silent, silent, p.Peer)
	}
}
