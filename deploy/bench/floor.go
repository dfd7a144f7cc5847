//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
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
	pool, err := b.floorPool(ctx)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	at := time.Now().UTC().Truncate(time.Microsecond)
	return b.floorEdits(ctx, bodies, at, func(ctx context.Context, i int) error {
		_, err := pool.Exec(ctx, writeOne, orderID(i, 0), bodies[i], at)
		return err
	})
}

// floorRequests does the same over HTTP: the PUT that the service takes, handled by a server of the fewest lines,
// which writes the body that came into the plain table. No service that answers when an order is stored costs less.
func (b *bench) floorRequests(ctx context.Context, bodies [][]byte) (perSecond float64, err error) {
	pool, err := b.floorPool(ctx)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	at := time.Now().UTC().Truncate(time.Microsecond)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = pool.Exec(r.Context(), writeOne, path.Base(r.URL.Path), body, at)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // who does not get it says so
	}))
	defer server.Close()
	return b.floorEdits(ctx, bodies, at, func(ctx context.Context, i int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL+"/orders/"+orderID(i, 0).String(), bytes.NewReader(bodies[i]))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		_, _, err = send(r)
		return err
	})
}

// floorPool has a connection to a's plain table for each writer.
func (b *bench) floorPool(ctx context.Context) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(b.a.cluster.URL(floorName))
	if err != nil {
		return nil, err
	}
	c.MaxConns, c.MinConns = int32(b.Writers), int32(b.Writers)
	return pgxpool.NewWithConfig(ctx, c)
}

// floorEdits writes every order to a's plain table, and then, untimed, to b's, for the comparison at the end.
func (b *bench) floorEdits(ctx context.Context, bodies [][]byte, at time.Time, write func(ctx context.Context, i int) error) (perSecond float64, err error) {
	if err := b.checkpoint(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := b.spread(ctx, len(bodies), write); err != nil {
		return 0, err
	}
	took := time.Since(began)
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
