//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// spread is a figure of several rounds.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// spreadOf needs at least one value.
func spreadOf(values []float64) spread {
	s := slices.Sorted(slices.Values(values))
	return spread{Median: quantile(s, 0.5), Low: s[0], High: s[len(s)-1]}
}

// quantile of sorted values; between two neighbours it is in proportion.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// percentiles of durations, in milliseconds.
type percentiles struct {
	P50 float64 `json:"p50Ms"`
	P95 float64 `json:"p95Ms"`
	P99 float64 `json:"p99Ms"`
}

// percentilesOf needs at least one duration.
func percentilesOf(list []time.Duration) percentiles {
	ms := make([]float64, len(list))
	for i, d := range list {
		ms[i] = milliseconds(d)
	}
	slices.Sort(ms)
	return percentiles{quantile(ms, 0.50), quantile(ms, 0.95), quantile(ms, 0.99)}
}

// over is how many times the floor's each is.
func (p percentiles) over(floor percentiles) percentiles {
	return percentiles{p.P50 / floor.P50, p.P95 / floor.P95, p.P99 / floor.P99}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// noisy tells that the machine was not the same before and after.
func noisy(before, after float64) bool {
	const most = 1.5
	return max(before, after) > most*min(before, after)
}

// pick collects one figure of each.
func pick[T any](list []T, figure func(T) float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = figure(v)
	}
	return out
}
