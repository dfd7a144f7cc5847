//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersHaveTheirThousandsSetApart(t *testing.T) {
	for want, f := range map[string]float64{"0": 0, "7": 7.4, "999": 999, "1,000": 999.6, "21,190": 21190, "1,234,567": 1234567, "-1,000": -1000} {
		require.Equal(t, want, number(f))
	}
}

func TestQuickIsTheBaseForLaterFlags(t *testing.T) {
	read := func(args ...string) sizes {
		s := fullSizes
		f := flag.NewFlagSet("bench", flag.ContinueOnError)
		s.flags(f)
		require.NoError(t, f.Parse(args))
		return s
	}
	full := read()
	full.Dir = ""
	require.Equal(t, fullSizes, full)
	s := read("-dir", "/x", "-quick", "-orders", "6000")
	require.Equal(t, 6000, s.Orders)
	require.Equal(t, quickSizes.Visible, s.Visible)
	require.Equal(t, "/x", s.Dir)
}

func TestSizes(t *testing.T) {
	require.NoError(t, fullSizes.validate())
	require.NoError(t, quickSizes.validate())
	for name, change := range map[string]func(*sizes){
		"no orders":                         func(s *sizes) { s.Orders = 0 },
		"no rounds":                         func(s *sizes) { s.Rounds = 0 },
		"fewer in the tables":               func(s *sizes) { s.Many = s.Orders + s.Copy - 1 },
		"a first copy of less than nothing": func(s *sizes) { s.Copy = -1 },
		"more single writes than orders":    func(s *sizes) { s.Single = s.Orders + 1 },
		"more paced edits than orders":      func(s *sizes) { s.Visible = time.Hour },
		"no paced edit for the floor":       func(s *sizes) { s.Rate, s.Visible = 3, time.Second },
		"a time too short for percentiles":  func(s *sizes) { s.Visible = time.Millisecond },
		"pages of too few orders":           func(s *sizes) { s.Pages = pagesMin - 1 },
		"no calls of a page":                func(s *sizes) { s.Calls = 0 },
	} {
		s := fullSizes
		change(&s)
		require.Error(t, s.validate(), name)
	}
}

// aResult has something in every field that is printed.
func aResult() *result {
	parts := []partUsage{{"service a", 0.05}, {"postgres a", 0.02}}
	r := round{
		PerSecond: 8000, FirstMs: 90, Settled: 7900, Ratio: 0.4, Parts: parts, CPU: 0.07, Before: floorRun{20_000, 0.03},
		After: floorRun{20_000, 0.03}, Single: floorRun{2000, 0.3}, EditMs: 0.4, EditCPU: 0.6, EditParts: parts, Plain: 10_000, PlainHTTP: 5000,
	}
	busy := r
	busy.Noisy = true
	x := percentiles{P50: 4, P95: 6, P99: 9}
	return &result{
		Started: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC), Seconds: 100, Sizes: fullSizes, OrderBytes: 663, EntryBytes: 935,
		Chain: &wholeChain{PerSecond: 5_000, FirstMs: 60, Ratio: 0.5, CPU: 0.1, Parts: r.Parts, Before: r.Before, After: r.After},
		Few:   &drains{20_000, []round{r, r, r}}, Many: &drains{300_000, []round{r, busy, r}},
		Visible: &visibles{System: visible{6000, 200, x, x, x}, Floor: visible{6000, 200, percentiles{1, 2, 3}, percentiles{1, 2, 3}, x}},
		TwoWay:  &twoWay{6000, percentiles{5, 8, 9}, 70}, Copy: &firstCopy{100_000, 20_000, 40_000, 0.5, parts, 0.21, 0.07}, Equality: &equality{120_000, 0.5, 90_000, 2, 0.2, 2.5},
		Memory: []memory{{"service a", 190, 80}, {"bridge a", 65, 20}},
	}
}

func TestTheTableShowsFiguresAndGoals(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, aResult().print(&out, false))
	for _, want := range []string{
		`of the floor in batches +0.40 \(0.40-0.40\) +0.40 \(0.40-0.40\) +at least 0.25: met, then at least 0.65: MISSED`,
		`times its CPU +2.33`,
		`drain from the outbox, of the floor in batches +0.50 +at least 0.45: met, then at least 0.6: MISSED`,
		`busy machine: the floors around round 2 with 300,000 orders`,
		`edit, ms of CPU +0.600 .* 1.00 +at most 1.25: met`,
		`times the floor +4.00 +3.00 +3.00 +p50 at most 4: met, then at most 2.5: MISSED; p99 at most 6: met, then at most 4: met`,
		`both ways at once, p50 times one way +1.25 +at most 1.5: met, then at most 1.25: met`,
		`converged, ms after the last edit +70 +at most 200: met, then at most 60: MISSED`,
		`times its CPU +3.00`,
		`first copy, of the floor in pages +0.50 +at least 0.5: met, then at least 0.7: MISSED`,
		`equality of 120,000, times digests in SQL +2.50 +at most 5: met, then at most 3: met`,
		`edits over REST, of a plain PUT's +0.50 +at least 0.75: MISSED`,
		`  of a plain table's in SQL +0.25`,
		`edits/s by a plain PUT +5,000 +5,000`,
		`service a +190 +80 +at most 200: met`,
		`bridge a +65 +20 +at most 64: MISSED`,
	} {
		require.Regexp(t, want, out.String())
	}
}

func TestTheTableDoesWithoutTheRepetition(t *testing.T) {
	r := aResult()
	r.Many = nil
	var out bytes.Buffer
	require.NoError(t, r.print(&out, false))
	require.NotContains(t, out.String(), "300,000")
}

func TestPagesHaveATableOfTheirOwn(t *testing.T) {
	slow := called{Name: "page orders", Bytes: 12_345, First: 70, percentiles: percentiles{P50: 20, P99: 51}, Max: 52}
	r := &result{Sizes: fullSizes, Pages: []called{slow}, Memory: []memory{{"service a", 190, 80}}}
	r.Sizes.Pages = 1_000_000
	var out bytes.Buffer
	require.NoError(t, r.print(&out, true))
	require.Contains(t, out.String(), "with 1,000,000 orders")
	require.Regexp(t, `page orders +70.0 +20.0 +51.0 +52.0 +12,345 +at most 50: MISSED`, out.String())
	require.Contains(t, out.String(), `"name":"page orders","bytes":12345,"firstMs":70,"p50Ms":20`)
	require.NotContains(t, out.String(), "DRAIN")
}

func TestJSONIsTheLastLine(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, aResult().print(&out, true))
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var back result
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &back))
	require.Equal(t, aResult().Many.Rounds[1], back.Many.Rounds[1])
}
