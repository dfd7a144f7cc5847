package connector

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// figures is what a process has counted since it was started.
type figures struct {
	reads, writes, refused, recorded, wouldWrite, wouldRecord atomic.Int64

	window prometheus.Histogram // seconds from a read to the write that rests on it

	// Under Connector.mu.
	succeededAt  time.Time
	failingSince time.Time
	failure      string
	sweepBegan   time.Time
	sweepEnded   time.Time
}

func newFigures() figures {
	return figures{window: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "orderbridge_connector_window_seconds",
		Help:    "Time between a read of an order and the write that rests on it, in which an edit of the same field goes unseen where the system has no conditional write.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5},
	})}
}

// Collectors are the metrics of the connector.
func (c *Connector) Collectors() []prometheus.Collector {
	count := func(name, help string, n *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "orderbridge_connector_" + name, Help: help}, func() float64 { return float64(n.Load()) })
	}
	f := &c.figures
	return []prometheus.Collector{
		f.window,
		count("reads_total", "Orders that were read from the system to look for changes.", &f.reads),
		count("writes_total", "Writes that were sent to the system.", &f.writes),
		count("refused_total", "Writes that the system, or the mapping, refused.", &f.refused),
		count("recorded_total", "Changes made in the system that were recorded.", &f.recorded),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_connector_failing", Help: "1 while the system cannot be read."}, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.figures.failingSince.IsZero() {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_connector_leads", Help: "1 when this process leads its side."}, func() float64 {
			if c.leads.Load() {
				return 1
			}
			return 0
		}),
	}
}

func (c *Connector) succeeded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.figures.succeededAt = c.o.Now()
	c.figures.failingSince, c.figures.failure = time.Time{}, ""
}

func (c *Connector) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.figures.failingSince.IsZero() {
		c.figures.failingSince = c.o.Now()
	}
	if text := err.Error(); text != c.figures.failure {
		c.figures.failure = text
		c.log.Warn("the system cannot be read", zap.Error(err))
	}
}

// swept takes note of the beginning or the end of a sweep.
func (c *Connector) swept(ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended {
		c.figures.sweepEnded = c.o.Now()
	} else {
		c.figures.sweepBegan = c.o.Now()
	}
}
