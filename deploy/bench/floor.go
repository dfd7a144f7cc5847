//go:build linux

package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// The floor's table, and the write to it.
const (
	createFloor = `CREATE TABLE orders (id uuid PRIMARY KEY, body json NOT NULL, updated_at timestamptz NOT NULL) WITH (fillfactor = 80)`
	writeOne    = `INSERT INTO orders (id, body, updated_at) VALUES ($1, $2, $3)
	ON CONFLICT (id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at`
	writeMany = `INSERT INTO orders (id, body, updated_at) SELECT * FROM unnest($1::uuid[], $2::json[], $3::timestamptz[])
	ON CONFLICT (id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at`
)

const floorBatch = 256

// floorRun is what one way of writing cost.
type floorRun struct {
	PerSecond float64 `json:"perSecond"`
	CPU       float64 `json:"cpuMsPerOrder"`
}

// floorBatches writes the orders into both plain tables, 256 a transaction.
func (b *bench) floorBatches(ctx context.Context, bodies [][]byte) (floorRun, error) {
	return b.floor(ctx, len(bodies), floorBatch, func(from, to int, at time.Time) error {
		list, times := make([]uuid.UUID, 0, to-from), make([]time.Time, 0, to-from)
		for i := from; i < to; i++ {
			list, times = append(list, orderID(i, 0)), append(times, at)
		}
		return b.dualWrite(ctx, writeMany, list, bodies[from:to], times)
	})
}

// floorSingle writes one order a transaction.
func (b *bench) floorSingle(ctx context.Context, bodies [][]byte) (floorRun, error) {
	return b.floor(ctx, len(bodies), 1, func(i, _ int, at time.Time) error {
		return b.dualWrite(ctx, writeOne, orderID(i, 0), bodies[i], at)
	})
}

// floorWriters writes one order a transaction into a's plain table alone, over as many connections as make the
// backlog: what an edit costs where nothing is synced.
func (b *bench) floorWriters(ctx context.Context, bodies [][]byte) (perSecond float64, err error) {
	if err := b.checkpoint(ctx); err != nil {
		return 0, err
	}
	conns := make([]*pgx.Conn, b.Writers)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, b.a.cluster.URL(floorName)); err != nil {
			return 0, err
		}
		defer conns[i].Close(ctx) //nolint:errcheck // nothing is under way
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	var next atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, conn := range conns {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < len(bodies); i = int(next.Add(1)) - 1 {
				if _, err := conn.Exec(gctx, writeOne, orderID(i, 0), bodies[i], at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	took := time.Since(began)
	// b's has the same, for the comparison at the end.
	_, err = b.b.floor.work.Exec(ctx, writeMany, ids(len(bodies)), bodies, slices.Repeat([]time.Time{at}, len(bodies)))
	for i := range bodies {
		b.floorAt[i] = floorTime(at)
	}
	return float64(len(bodies)) / took.Seconds(), err
}

// dualWrite runs a statement at side a, then at side b.
func (b *bench) dualWrite(ctx context.Context, statement string, args ...any) error {
	for _, s := range []*side{b.a, b.b} {
		if _, err := s.floor.work.Exec(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// floor times the writing of n orders in steps.
func (b *bench) floor(ctx context.Context, n, step int, write func(from, to int, at time.Time) error) (f floorRun, err error) {
	if err := b.checkpoint(ctx); err != nil {
		return f, err
	}
	meter, err := b.startMeter(own)
	if err != nil {
		return f, err
	}
	for from := 0; from < n; from += step {
		to, at := min(from+step, n), time.Now().UTC().Truncate(time.Microsecond)
		if err := write(from, to, at); err != nil {
			return f, err
		}
		for i := from; i < to; i++ {
			b.floorAt[i] = floorTime(at)
		}
	}
	used, err := meter.stop(n)
	return floorRun{PerSecond: float64(n) / used.elapsed.Seconds(), CPU: used.total()}, err
}

// floorTime is a time of the floor's table as the watcher asks for it.
func floorTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
