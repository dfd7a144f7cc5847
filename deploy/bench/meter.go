//go:build linux

package main

import (
	"os"
	"time"
)

// Which processes a meter counts.
type scope int

const (
	system  scope = iota // all of both sides
	editing              // the service and the database that take edits
	own                  // both databases and this program, which writes to them
)

// part is a process whose time is counted, with all below it.
type part struct {
	name string
	pid  int
}

func (p *plant) parts(of scope) []part {
	databaseA, databaseB := part{"postgres a", p.a.cluster.PID()}, part{"postgres b", p.b.cluster.PID()}
	switch of {
	case editing:
		return []part{{"service a", p.a.service.PID()}, databaseA}
	case own:
		return []part{databaseA, databaseB}
	case system:
		list := []part{
			{"service a", p.a.service.PID()},
			databaseA,
			{"bridge a", p.a.bridge.PID()},
			{"service b", p.b.service.PID()},
			databaseB,
			{"bridge b", p.b.bridge.PID()},
		}
		if p.a.broker != nil {
			list = append(list, part{"broker a", p.a.broker.PID()})
		}
		return list
	}
	panic("unknown scope")
}

// meter counts elapsed and processor time from its start.
type meter struct {
	parts []part
	began time.Time
	cpu   []time.Duration
}

// usage is what a meter has counted.
type usage struct {
	elapsed time.Duration
	Parts   []partUsage
}

// partUsage is the processor time of a process for each order.
type partUsage struct {
	Process string  `json:"process"`
	CPU     float64 `json:"cpuMsPerOrder"`
}

// startMeter begins to count; the clock starts last.
func (p *plant) startMeter(of scope) (m *meter, err error) {
	m = &meter{parts: p.parts(of)}
	if of == own {
		// Only ourselves, of our family: the processes below us are the system.
		m.parts = append(m.parts, part{name: "bench"})
	}
	if m.cpu, err = m.read(); err != nil {
		return nil, err
	}
	m.began = time.Now()
	return m, nil
}

func (m *meter) read() ([]time.Duration, error) {
	stats, err := readStats()
	if err != nil {
		return nil, err
	}
	out := make([]time.Duration, len(m.parts))
	for i, p := range m.parts {
		if p.pid != 0 {
			out[i] = familyCPU(stats, p.pid)
			continue
		}
		for _, s := range stats {
			if s.pid == os.Getpid() {
				out[i] = s.cpu
			}
		}
	}
	return out, nil
}

// stop tells what n orders have taken.
func (m *meter) stop(n int) (usage, error) { return m.stopAt(time.Now(), n) }

// stopAt does when the clock was to stop earlier.
func (m *meter) stopAt(end time.Time, n int) (u usage, err error) {
	u.elapsed = end.Sub(m.began)
	now, err := m.read()
	if err != nil {
		return u, err
	}
	for i, p := range m.parts {
		u.Parts = append(u.Parts, partUsage{p.name, milliseconds(now[i]-m.cpu[i]) / float64(n)})
	}
	return u, nil
}

// total is the milliseconds of all processes for an order.
func (u usage) total() (ms float64) {
	for _, p := range u.Parts {
		ms += p.CPU
	}
	return ms
}
