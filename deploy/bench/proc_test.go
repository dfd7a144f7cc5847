//go:build linux

package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	// Fields 14 to 17 of proc(5) are the times: 7 + 5 of its own, 30 + 20 of its children.
	const rest = " S 42 1 1 0 -1 4194304 100 0 0 0 7 5 30 20 20 0 1 0 12345 1000 10"
	for name, line := range map[string]string{
		"plain":              "123 (postgres)" + rest,
		"blanks in the name": "123 (postgres: orders)" + rest,
		"brackets, too":      "123 (a) S 1 (b)" + rest,
	} {
		s, err := parseStat(line)
		require.NoError(t, err, name)
		require.Equal(t, procStat{pid: 123, parent: 42, cpu: 620 * time.Millisecond}, s, name)
	}
}

func TestParseStatRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, line := range []string{"", "123", "123 (x", "123 (x) S 1 2 3", "x (x) S 42 1 1 0 -1 4194304 100 0 0 0 7 5 30 20", "1 (x) S 42 1 1 0 -1 4194304 100 0 0 0 7 y 30 20"} {
		_, err := parseStat(line)
		require.Error(t, err, "%q", line)
	}
}

func TestFamilyCountsAllBelowAndNobodyElse(t *testing.T) {
	stats := []procStat{
		{pid: 1, parent: 0, cpu: 1000},
		{pid: 10, parent: 1, cpu: 1},
		{pid: 11, parent: 10, cpu: 20},
		{pid: 12, parent: 10, cpu: 300},
		{pid: 13, parent: 12, cpu: 4000},
		{pid: 20, parent: 1, cpu: 50000},
	}
	require.Equal(t, time.Duration(4321), familyCPU(stats, 10))
	require.Equal(t, time.Duration(20), familyCPU(stats, 11))
	require.Zero(t, familyCPU(stats, 99))
}

func TestOurOwnProcessIsThere(t *testing.T) {
	stats, err := readStats()
	require.NoError(t, err)
	var pids []int
	for _, s := range stats {
		pids = append(pids, s.pid)
	}
	require.Contains(t, pids, os.Getpid())
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	m, err := parseMemory(text)
	require.NoError(t, err)
	require.Positive(t, m.Now)
	require.GreaterOrEqual(t, m.Peak, m.Now)
}

func TestParseMemory(t *testing.T) {
	m, err := parseMemory([]byte("Name:\tx\nVmPeak:\t 9999 kB\nVmHWM:\t  200000 kB\nVmRSS:\t  125000 kB\nThreads:\t3\n"))
	require.NoError(t, err)
	require.Equal(t, memory{Peak: 204.8, Now: 128}, m)
	for _, text := range []string{"", "Name:\tx\nVmHWM:\t 5 kB\n", "Name:\tx\nVmHWM:\t 5 MB\nVmRSS:\t 5 kB\n"} {
		_, err := parseMemory([]byte(text))
		require.Error(t, err, "%q", text)
	}
}

func TestProcessorName(t *testing.T) {
	require.Equal(t, "Fast One @ 3 GHz", processorName([]byte("processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nflags\t: a b\n")))
	require.NotEmpty(t, processorName([]byte("processor\t: 0\n")))
}
