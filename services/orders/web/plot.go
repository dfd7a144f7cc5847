package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// plot is a small line over the last hour.
type plot struct {
	Title, Last, Top, Label string
	Line, Area              string // points of the polyline and of the shape below it
	Empty                   bool
}

const (
	plotWidth  = 240
	plotHeight = 56
	plotBins   = 120 // half a minute each: more would not be seen
)

// plots draws the four figures that are watched.
func plots(samples []contracts.Sample, everySeconds int, now time.Time) []plot {
	rate := func(n float64) float64 { return n * 60 / float64(max(1, everySeconds)) }
	people := func(n float64) string { return number(int64(n + 0.5)) }
	perMinute := func(n float64) string { return people(n) + " a minute" }
	return []plot{
		draw("Pending", samples, now, func(s contracts.Sample) float64 { return float64(s.Pending) }, people),
		draw("Oldest pending", samples, now, func(s contracts.Sample) float64 { return s.OldestSeconds }, func(v float64) string {
			if v == 0 {
				return "none"
			}
			return seconds(v)
		}),
		draw("Sent", samples, now, func(s contracts.Sample) float64 { return rate(float64(s.Sent)) }, perMinute),
		draw("Received", samples, now, func(s contracts.Sample) float64 { return rate(float64(s.Received)) }, perMinute),
	}
}

// draw puts a figure's highest value of each bin into a line. Where there is no sample it stays flat.
func draw(title string, samples []contracts.Sample, now time.Time, value func(contracts.Sample) float64, say func(float64) string) plot {
	p := plot{Title: title, Empty: len(samples) < 2}
	if len(samples) == 0 {
		p.Label = title + ": nothing measured yet"
		return p
	}
	bin := time.Hour / plotBins
	var bins [plotBins + 1]float64
	var filled [plotBins + 1]bool
	top := 0.0
	for _, s := range samples {
		i := plotBins - int(now.Sub(s.At)/bin)
		if i < 0 || i > plotBins {
			continue
		}
		v := value(s)
		bins[i], filled[i], top = max(bins[i], v), true, max(top, v)
	}
	last := value(samples[len(samples)-1])
	p.Last, p.Top = say(last), say(top)
	p.Label = fmt.Sprintf("%s in the last hour: now %s, highest %s", title, p.Last, p.Top)
	var line strings.Builder
	first := -1
	for i := range bins {
		if !filled[i] {
			continue
		}
		if first < 0 {
			first = i
		}
		y := float64(plotHeight - 2)
		if top > 0 {
			y -= bins[i] / top * (plotHeight - 6)
		}
		fmt.Fprintf(&line, "%.1f,%.1f ", float64(i)/plotBins*plotWidth, y)
	}
	if first < 0 {
		p.Empty = true
		return p
	}
	p.Line = strings.TrimSpace(line.String())
	p.Area = fmt.Sprintf("%.1f,%d %s %d,%d", float64(first)/plotBins*plotWidth, plotHeight, p.Line, plotWidth, plotHeight)
	return p
}
