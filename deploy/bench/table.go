//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// tables prints the result for people.
func (r *result) tables(to io.Writer) error {
	m := r.Machine
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	p := &printer{w: w}
	p.line("orderbridge bench, %s, took %.0f s", r.Started.Format(time.DateTime+" UTC"), r.Seconds)
	p.line("%d cores of %s, %.0f GB, %s, load %s before and %s after; PostgreSQL %s, %s", m.Cores, m.Processor, m.Memory, m.FileSystem, m.Load, m.LoadAfter, m.PostgreSQL, m.Go)
	p.line("default durability, shared_buffers %s, max_wal_size %s; all that runs and this program share the machine", clusterCache, clusterWAL)
	switch {
	case r.Shop != nil:
		p.shop(r.Shop)
	case r.Pages != nil:
		p.pages(r.Pages, r.Sizes)
	default:
		p.exchange(r)
	}
	p.memory(r.Memory)
	if p.err == nil {
		p.err = w.Flush()
	}
	return p.err
}

// exchange prints what was measured of two sides.
func (p *printer) exchange(r *result) {
	p.line("an order is %d bytes as stored, %d as an entry; after every part both sides were equal, whole tables compared", r.OrderBytes, r.EntryBytes)
	all := []*drains{r.Few}
	if r.Many != nil {
		all = append(all, r.Many)
	}
	p.summary(r)
	p.drains(all, r.Sizes)
	p.chain(r.Chain)
	p.edits(all, r.Sizes)
	p.visible(r.Visible, r.Sizes)
	if t := r.TwoWay; t != nil {
		p.title("BOTH WAYS at once: %s edits, half by a writer on each side, of distinct orders; each was written once on each side", number(float64(t.Edits)))
		p.row("ms", "p50", "p95", "p99", "converged")
		p.row("from the edit's start", fmt.Sprintf("%.2f", t.Start.P50), fmt.Sprintf("%.2f", t.Start.P95), fmt.Sprintf("%.2f", t.Start.P99), fmt.Sprintf("%.0f", t.Converged))
	}
	if c := r.Copy; c != nil {
		p.title("FIRST COPY of %s orders that only a has, by a reconciliation, proof included", number(float64(c.Orders)))
		p.row("orders/s", number(c.PerSecond))
		p.row("floor in pages of 256, orders/s", number(c.Floor))
		p.processors(c.CPU, c.Parts)
		p.row("floor in pages, CPU ms/order", fmt.Sprintf("%.3f", c.FloorCPU))
		p.row("times its CPU", fmt.Sprintf("%.2f", c.CPU/c.FloorCPU))
	}
	if e := r.Equality; e != nil {
		p.title("EQUALITY of %s orders on both sides, proved", number(float64(e.Orders)))
		p.row("reconciliation", fmt.Sprintf("%.3f s", e.Seconds), number(float64(e.Bytes))+" bytes", number(float64(e.Requests))+" requests")
		p.row("1,024 digests of (id, version) in SQL", fmt.Sprintf("%.3f s", e.Digests))
	}
}

// summary is a line for each goal; the tables below say how the figures came about.
func (p *printer) summary(r *result) {
	p.title("SUMMARY")
	p.row("what", "figure", "goal")
	few := func(figure func(round) float64) float64 { return spreadOf(pick(r.Few.Rounds, figure)).Median }
	line := func(name string, figure float64, format string, g goal) {
		p.row(name, fmt.Sprintf(format, figure), g.verdict(figure))
	}
	line("drain, of the floor in batches", few(func(r round) float64 { return r.Ratio }), "%.2f", drainGoal)
	line("drain from the outbox, of the floor in batches", r.Chain.Ratio, "%.2f", chainGoal)
	line("drain, times the floor's CPU", few(func(r round) float64 { return r.CPU / r.floorCPU() }), "%.2f", drainCPUGoal)
	x := r.Visible.System.Start.over(r.Visible.Floor.Start)
	line("visible, p50 in floors one by one", x.P50, "%.2f", visibleGoal)
	line("visible, p99 in floors one by one", x.P99, "%.2f", tailGoal)
	if t := r.TwoWay; t != nil {
		line("both ways at once, p50 times one way", t.Start.P50/r.Visible.System.Start.P50, "%.2f", twoWayGoal)
		line("  converged, ms after the last edit", t.Converged, "%.0f", convergeGoal)
	}
	if c := r.Copy; c != nil {
		line("first copy, of the floor in pages", c.Ratio, "%.2f", copyGoal)
	}
	if e := r.Equality; e != nil {
		line(fmt.Sprintf("equality of %s, times digests in SQL", number(float64(e.Orders))), e.Ratio, "%.2f", equalGoal)
		line("  bytes between the sides and the bridge", float64(e.Bytes), "%.0f", bytesGoal)
	}
	line("edits over REST, of a plain PUT's", few(round.tax), "%.2f", taxGoal)
	p.row("  of a plain table's in SQL", fmt.Sprintf("%.2f", few(round.taxSQL)))
}

// printer writes lines and keeps the first error.
type printer struct {
	w   *tabwriter.Writer
	err error
}

// line is one without columns.
func (p *printer) line(format string, args ...any) { p.write(fmt.Sprintf(format, args...)) }

// title begins a table.
func (p *printer) title(format string, args ...any) { p.write(""); p.line(format, args...) }

// row has a name and columns.
func (p *printer) row(name string, columns ...string) {
	p.write(strings.Join(append([]string{"  " + name}, columns...), "\t"))
}

func (p *printer) write(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, text)
	}
}

// drains has a column for each number of orders in the tables.
func (p *printer) drains(all []*drains, s sizes) {
	p.title("DRAIN of %s edits of distinct orders, from the resume to the last one seen on b; median (range) of %d", number(float64(s.Orders)), s.Rounds)
	columns := func(figure func(round) float64, show func(spread) string) (list []string, medians []float64) {
		for _, d := range all {
			v := spreadOf(pick(d.Rounds, figure))
			list, medians = append(list, show(v)), append(medians, v.Median)
		}
		return list, medians
	}
	row := func(name string, figure func(round) float64, show func(spread) string, g *goal) {
		list, medians := columns(figure, show)
		if g != nil {
			list = append(list, g.verdict(medians...))
		}
		p.row(name, list...)
	}
	p.row("orders in the tables", append(heads(all), "goal")...)
	row("orders/s", func(r round) float64 { return r.PerSecond }, numbers, nil)
	row("  first one seen after ms", func(r round) float64 { return r.FirstMs }, numbers, nil)
	row("  until a knows of all, too", func(r round) float64 { return r.Settled }, numbers, nil)
	row("floor in batches of 256, orders/s", func(r round) float64 { return (r.Before.PerSecond + r.After.PerSecond) / 2 }, numbers, nil)
	row("floor one by one, orders/s", func(r round) float64 { return r.Single.PerSecond }, numbers, nil)
	row("of the floor in batches", func(r round) float64 { return r.Ratio }, ratios, &drainGoal)
	row("CPU ms/order", func(r round) float64 { return r.CPU }, milli, nil)
	for i := range all[0].Rounds[0].Parts {
		row("  "+all[0].Rounds[0].Parts[i].Process, func(r round) float64 { return r.Parts[i].CPU }, milli, nil)
	}
	row("floor in batches, CPU ms/order", round.floorCPU, milli, nil)
	row("times its CPU", func(r round) float64 { return r.CPU / r.floorCPU() }, ratios, &drainCPUGoal)
	for _, d := range all {
		for i, r := range d.Rounds {
			if r.Noisy {
				p.line("  busy machine: the floors around round %d with %s orders differ by more than 1.5x", i+1, number(float64(d.Orders)))
			}
		}
	}
}

// chain prints the drain from the outbox on.
func (p *printer) chain(c *wholeChain) {
	p.title("DRAIN FROM THE OUTBOX: edited while a's broker, a process of its own, was down; from when a's service has it again")
	p.row("orders/s", number(c.PerSecond))
	p.row("  first one seen after ms", fmt.Sprintf("%.0f", c.FirstMs))
	p.row("floor in batches of 256, orders/s", number((c.Before.PerSecond+c.After.PerSecond)/2))
	p.row("of the floor in batches", fmt.Sprintf("%.2f", c.Ratio), chainGoal.verdict(c.Ratio))
	p.processors(c.CPU, c.Parts)
}

// processors prints the processor time of an order, and the share of each process.
func (p *printer) processors(total float64, parts []partUsage) {
	p.row("CPU ms/order", fmt.Sprintf("%.3f", total))
	for _, part := range parts {
		p.row("  "+part.Process, fmt.Sprintf("%.3f", part.CPU))
	}
}

// edits compares what an edit costs with few and with many orders in the tables.
func (p *printer) edits(all []*drains, s sizes) {
	p.title("COST OF AN EDIT (PUT over REST, %d connections) and of its drain", s.Writers)
	p.row("orders in the tables", append(heads(all), "growth", "goal")...)
	for _, f := range []struct {
		name   string
		figure func(round) float64
	}{
		{"edit, ms of time", func(r round) float64 { return r.EditMs }},
		{"edit, ms of CPU", func(r round) float64 { return r.EditCPU }},
		{"  service a", func(r round) float64 { return r.EditParts[0].CPU }},
		{"  postgres a", func(r round) float64 { return r.EditParts[1].CPU }},
		{"drain, ms of CPU", func(r round) float64 { return r.CPU }},
	} {
		var columns []string
		var medians []float64
		for _, d := range all {
			v := spreadOf(pick(d.Rounds, f.figure))
			columns, medians = append(columns, milli(v)), append(medians, v.Median)
		}
		if len(all) == 2 {
			growth := medians[1] / medians[0]
			columns = append(columns, fmt.Sprintf("%.2f", growth), growthGoal.verdict(growth))
		}
		p.row(f.name, columns...)
	}
	for _, f := range []struct {
		name   string
		figure func(round) float64
	}{
		{"edits/s with the sync on", func(r round) float64 { return 1000 / r.EditMs }},
		{"edits/s by a plain PUT", func(r round) float64 { return r.PlainHTTP }},
		{"edits/s into a plain table in SQL", func(r round) float64 { return r.Plain }},
	} {
		var columns []string
		for _, d := range all {
			columns = append(columns, number(spreadOf(pick(d.Rounds, f.figure)).Median))
		}
		p.row(f.name, columns...)
	}
}

func heads(all []*drains) (list []string) {
	for _, d := range all {
		list = append(list, number(float64(d.Orders)))
	}
	return list
}

func (p *printer) visible(v *visibles, s sizes) {
	p.title("VISIBLE on b: %s edits by one writer, %d/s (came to %.0f, floor %.0f); asked for every 1 ms", number(float64(v.System.Edits)), s.Rate,
		v.System.PerSecond, v.Floor.PerSecond)
	p.row("ms", "p50", "p95", "p99", "goal")
	figures := func(name string, x percentiles) {
		p.row(name, fmt.Sprintf("%.2f", x.P50), fmt.Sprintf("%.2f", x.P95), fmt.Sprintf("%.2f", x.P99))
	}
	times := func(x, floor percentiles) {
		x = x.over(floor)
		p.row("  times the floor", fmt.Sprintf("%.2f", x.P50), fmt.Sprintf("%.2f", x.P95), fmt.Sprintf("%.2f", x.P99),
			"p50 "+visibleGoal.verdict(x.P50)+"; p99 "+tailGoal.verdict(x.P99))
	}
	figures("from the edit's start", v.System.Start)
	figures("floor one by one, from its start", v.Floor.Start)
	times(v.System.Start, v.Floor.Start)
	figures("from a's answer", v.System.Answer)
	figures("floor one by one, from its commit on a", v.Floor.Answer)
	times(v.System.Answer, v.Floor.Answer)
	figures("the edit itself, start to answer", v.System.Took)
}

func (p *printer) memory(list []memory) {
	p.title("MEMORY, resident MB")
	p.row("", "peak", "after the run", "goal for the peak")
	for _, m := range list {
		g := serviceGoal
		if strings.HasPrefix(m.Process, "bridge") {
			g = bridgeGoal
		}
		p.row(m.Process, fmt.Sprintf("%.0f", m.Peak), fmt.Sprintf("%.0f", m.Now), g.verdict(m.Peak))
	}
}

// number has thousands set apart.
func number(f float64) string {
	text := fmt.Sprintf("%.0f", f)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func numbers(s spread) string {
	return fmt.Sprintf("%s (%s-%s)", number(s.Median), number(s.Low), number(s.High))
}

func ratios(s spread) string { return fmt.Sprintf("%.2f (%.2f-%.2f)", s.Median, s.Low, s.High) }

func milli(s spread) string { return fmt.Sprintf("%.3f (%.3f-%.3f)", s.Median, s.Low, s.High) }
