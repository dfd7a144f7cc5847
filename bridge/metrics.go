package bridge

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/settings"
)

// Outcomes of an entry, as orderbridge_bridge_entries_total counts them.
const (
	outcomeSettled        = "settled"         // answered, the answer stored
	outcomeNothingPending = "nothing_pending" // the own service had nothing left to tell
	outcomeRefused        = "refused"         // the peer does not accept the content: ERROR
	outcomeGivenBack      = "given_back"      // not now: to be delivered again
	outcomeDropped        = "dropped"         // no hint for this bridge
)

// metrics are the figures of the bridge to one peer.
type metrics struct {
	registry    prometheus.Registerer // puts the peer's name on each
	entries     *prometheus.CounterVec
	batches     prometheus.Counter
	redelivered prometheus.Counter
	requests    *prometheus.HistogramVec
}

func newMetrics(registry prometheus.Registerer, peer string) *metrics {
	m := &metrics{
		registry: prometheus.WrapRegistererWith(prometheus.Labels{"peer": peer}, registry),
		entries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orderbridge_bridge_entries_total", Help: "Orders taken from the broker, by how it ended.",
		}, []string{"outcome"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderbridge_bridge_batches_total", Help: "Batches of hints taken from the broker.",
		}),
		redelivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orderbridge_bridge_redelivered_total", Help: "Hints that were delivered before.",
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orderbridge_bridge_request_duration_seconds", Help: "Requests to the two services; code none: no whole response.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"target", "code"}),
	}
	for _, outcome := range []string{outcomeSettled, outcomeNothingPending, outcomeRefused, outcomeGivenBack, outcomeDropped} {
		m.entries.WithLabelValues(outcome) // shown from the start, as 0
	}
	m.registry.MustRegister(m.entries, m.batches, m.redelivered, m.requests)
	return m
}

// newRegistry has the metrics of the process, whichever peers it carries to.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orderbridge_build_info", Help: "The build that runs: always 1, with version, commit and version of Go as labels.",
			ConstLabels: settings.ThisBuild().Labels(),
		}, func() float64 { return 1 }))
	return r
}

func (m *metrics) observe(target, code string, elapsed time.Duration) {
	m.requests.WithLabelValues(target, code).Observe(elapsed.Seconds())
}

// watch adds the gauges that show the state of circuit and consumer at the time of asking.
func (m *metrics) watch(circuit *circuit, paused func() bool, handshakes func() handshakeState, retried func() []contracts.RetriedOrder) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("orderbridge_bridge_circuit_state", "0 closed, 1 half-open, 2 open.", func() float64 {
		return map[string]float64{circuitClosed: 0, circuitHalfOpen: 1, circuitOpen: 2}[circuit.state().name]
	})
	gauge("orderbridge_bridge_unauthorized", "1 while a service does not accept this bridge's token.", func() float64 {
		return oneIf(circuit.state().barred)
	})
	gauge("orderbridge_bridge_handshakes_failing", "How many handshakes with the peer have failed in a row; 0 below three.", func() float64 {
		if failing := handshakes().failing; failing != nil {
			return float64(failing.Count)
		}
		return 0
	})
	gauge("orderbridge_bridge_retried_deliveries_max", "The most deliveries of an order that failed alone and comes again; 0 when there is none.", func() float64 {
		if list := retried(); len(list) > 0 {
			return float64(list[0].Deliveries)
		}
		return 0
	})
	gauge("orderbridge_bridge_paused", "1 while the consumer is paused.", func() float64 { return oneIf(paused()) })
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
