//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on Linux everywhere.
const tick = 10 * time.Millisecond

// procStat is what we need of /proc/PID/stat.
type procStat struct {
	pid, parent int
	cpu         time.Duration // of its own and of children that have ended
}

// parseStat reads a line of /proc/PID/stat. The name in it may hold anything, blanks and brackets too.
func parseStat(text string) (s procStat, err error) {
	pid, rest, opened := strings.Cut(text, " (")
	end := strings.LastIndexByte(rest, ')')
	if !opened || end < 0 {
		return s, fmt.Errorf("unknown form of stat: %q", text)
	}
	const parent, userTime, childSystemTime = 1, 11, 14 // counted from the state, field 3 of proc(5)
	fields := strings.Fields(rest[end+1:])
	if len(fields) <= childSystemTime {
		return s, fmt.Errorf("unknown form of stat: %q", text)
	}
	if s.pid, err = strconv.Atoi(pid); err != nil {
		return s, err
	}
	if s.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return s, err
	}
	for _, f := range fields[userTime : childSystemTime+1] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(ticks) * tick
	}
	return s, nil
}

// readStats reads those of all processes that there are.
func readStats() ([]procStat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	stats := make([]procStat, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		s, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		stats = append(stats, s)
	}
	return stats, nil
}

// familyCPU adds up the time of a process and of all below it. What has ended is in its parent's.
func familyCPU(stats []procStat, root int) (cpu time.Duration) {
	for _, s := range stats {
		switch {
		case s.pid == root:
			cpu += s.cpu
		case s.parent == root:
			cpu += familyCPU(stats, s.pid)
		}
	}
	return cpu
}

// memory is the resident size of a process, in MB of a million bytes.
type memory struct {
	Process string  `json:"process"`
	Peak    float64 `json:"peakMB"`
	Now     float64 `json:"nowMB"`
}

// parseMemory reads /proc/PID/status.
func parseMemory(text []byte) (m memory, err error) {
	for name, to := range map[string]*float64{"VmHWM:": &m.Peak, "VmRSS:": &m.Now} {
		_, rest, found := bytes.Cut(text, []byte("\n"+name))
		fields := bytes.Fields(rest)
		if !found || len(fields) < 2 || string(fields[1]) != "kB" {
			return m, fmt.Errorf("no %s in status", name)
		}
		kib, err := strconv.ParseFloat(string(fields[0]), 64)
		if err != nil {
			return m, err
		}
		*to = kib * 1024 / 1e6
	}
	return m, nil
}

// memory is that of the services and bridges.
func (p *plant) memory() (list []memory, err error) {
	for _, c := range p.programs() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
		if err != nil {
			return nil, err
		}
		m, err := parseMemory(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		m.Process = c.name
		list = append(list, m)
	}
	return list, nil
}
