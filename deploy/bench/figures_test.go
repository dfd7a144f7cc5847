//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantileLiesBetweenNeighbours(t *testing.T) {
	for _, row := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 0.99, 7},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, 2, 10}, 0.5, 2},
		{[]float64{0, 10, 20, 30, 40}, 0, 0},
		{[]float64{0, 10, 20, 30, 40}, 1, 40},
		{[]float64{0, 10, 20, 30, 40}, 0.95, 38},
	} {
		require.InDelta(t, row.want, quantile(row.values, row.q), 1e-9, "%v at %v", row.values, row.q)
	}
}

func TestSpreadSortsACopy(t *testing.T) {
	values := []float64{3, 1, 2}
	require.Equal(t, spread{Median: 2, Low: 1, High: 3}, spreadOf(values))
	require.Equal(t, []float64{3, 1, 2}, values)
}

func TestPercentilesAreMilliseconds(t *testing.T) {
	var list []time.Duration
	for i := 100; i >= 0; i-- {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	p := percentilesOf(list)
	require.Equal(t, percentiles{P50: 50, P95: 95, P99: 99}, p)
	require.Equal(t, percentiles{P50: 2, P95: 1, P99: 0.5}, p.over(percentiles{P50: 25, P95: 95, P99: 198}))
}

func TestNoisyIsMoreThanHalfAsMuchAgain(t *testing.T) {
	require.False(t, noisy(100, 150))
	require.False(t, noisy(150, 100))
	require.True(t, noisy(100, 151))
	require.True(t, noisy(151, 100))
}

func TestDescribePutsRunsTogether(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	first := []sample{{at(0), at(2), at(5)}, {at(10), at(12), at(15)}}
	second := []sample{{at(100), at(102), at(105)}, {at(110), at(112), at(115)}}
	v := describe(first, second)
	require.Equal(t, 4, v.Edits)
	require.InDelta(t, 4/0.024, v.PerSecond, 1e-6, "the time between the runs does not count")
	require.InDelta(t, 5, v.Start.P50, 1e-9)
	require.InDelta(t, 3, v.Answer.P50, 1e-9)
	require.InDelta(t, 2, v.Took.P99, 1e-9)
}

func TestUsageAddsUpProcesses(t *testing.T) {
	u := usage{Parts: []partUsage{{"a", 0.25}, {"b", 0.5}}}
	require.InDelta(t, 0.75, u.total(), 1e-9)
}

func TestGoalsSayWhetherTheyAreMet(t *testing.T) {
	least := goal{atLeast: true, limit: 0.25, next: 0.65}
	require.Equal(t, "at least 0.25: met, then at least 0.65: MISSED", least.verdict(0.25))
	require.Equal(t, "at least 0.25: MISSED, then at least 0.65: MISSED", least.verdict(0.8, 0.24), "every figure must reach it")
	most := goal{limit: 200}
	require.Equal(t, "at most 200: met", most.verdict(200))
	require.Equal(t, "at most 200: MISSED", most.verdict(200.1))
	nothing := 0.0
	require.Equal(t, "at most 200: MISSED", most.verdict(nothing/nothing))
}
