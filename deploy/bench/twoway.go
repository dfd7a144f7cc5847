//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// twoWay is what both directions at once take: one paced writer on each side, each with orders of its own.
type twoWay struct {
	Edits     int         `json:"edits"` // of both sides
	Start     percentiles `json:"fromStart"`
	Converged float64     `json:"convergedMs"` // from the last edit's answer until the last one was seen
}

// newestLog is the log's end; wroteSince counts the changes of orders after it: each edit once on each side.
const (
	newestLog  = `SELECT COALESCE(max(seq), 0) FROM log`
	wroteSince = `SELECT count(*) FROM log WHERE wrote AND seq > $1`
)

// twoWay paces a writer on each side at half of the rate. Side a edits the first orders, side b the ones after them.
func (b *bench) twoWay(ctx context.Context) (*twoWay, error) {
	b.revision++
	rate := max(1, b.Rate/2)
	n := b.edits(b.Visible) / 2
	bodies, err := contents(2*n, b.revision)
	if err != nil {
		return nil, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return nil, err
	}
	var ends [2]int64
	for i, s := range []*side{b.a, b.b} {
		if err := s.system.work.QueryRow(ctx, newestLog).Scan(&ends[i]); err != nil {
			return nil, err
		}
	}
	runs, errs := make([][]sample, 2), make([]error, 2)
	var wg sync.WaitGroup
	for i, from := range []*side{b.a, b.b} {
		wg.Go(func() {
			write := func(ctx context.Context, k int) (answered time.Time, err error) {
				b.versions[k], err = from.put(ctx, orderID(k, 0).String(), bodies[k])
				return time.Now(), err
			}
			w := newWatcher(b.peerOf(from).system.watch, pastVersion)
			runs[i], errs[i] = b.pace(ctx, rate, i*n, (i+1)*n, w, b.versions, write)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := b.awaitBacklog(ctx, 0); err != nil {
		return nil, err
	}
	if err := b.awaitSettled(ctx); err != nil { // b's own edits are acknowledged by its own bridge
		return nil, err
	}
	for i, s := range []*side{b.a, b.b} {
		if err := appliedOnce(ctx, s.system.work, ends[i], 2*n); err != nil {
			return nil, fmt.Errorf("side %s: %w", s.name, err)
		}
	}
	t := &twoWay{Edits: 2 * n, Start: describe(runs...).Start, Converged: milliseconds(converged(runs...))}
	b.say("both ways: visible after %.2f ms (median), converged %.0f ms after the last edit", t.Start.P50, t.Converged)
	return t, b.checkEqual(ctx, b.Orders)
}

// converged is the time from the last answer to the last edit seen.
func converged(runs ...[]sample) time.Duration {
	var answered, seen time.Time
	for _, list := range runs {
		for _, s := range list {
			if s.answered.After(answered) {
				answered = s.answered
			}
			if s.seen.After(seen) {
				seen = s.seen
			}
		}
	}
	return max(0, seen.Sub(answered))
}

// appliedOnce checks that each edit, of either side, was written once here: none twice, and none came back.
func appliedOnce(ctx context.Context, conn *pgx.Conn, after int64, edits int) error {
	var wrote int
	if err := conn.QueryRow(ctx, wroteSince, after).Scan(&wrote); err != nil {
		return err
	}
	if wrote != edits {
		return fmt.Errorf("%d edits were written %d times", edits, wrote)
	}
	return nil
}
