//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// firstCopy is what it takes to bring orders that only a has to b, by a reconciliation.
type firstCopy struct {
	Orders    int     `json:"orders"`
	PerSecond float64 `json:"perSecond"`
	Floor     float64 `json:"floorPerSecond"` // pages of 256 by key from a's plain table, upserted into b's
	Ratio     float64 `json:"ratio"`
	// Processor time of an order, by process and of all together, and of the floor.
	Parts    []partUsage `json:"parts"`
	CPU      float64     `json:"cpuMsPerOrder"`
	FloorCPU float64     `json:"floorCpuMsPerOrder"`
}

// equality is what it takes to prove that both sides have the same.
type equality struct {
	Orders   int     `json:"orders"`
	Seconds  float64 `json:"seconds"`
	Bytes    int64   `json:"bytes"`
	Requests int64   `json:"requests"`
	Digests  float64 `json:"digestSeconds"` // 1,024 digests of (id, version) by each database, compared here
	Ratio    float64 `json:"ratio"`
}

// The floor of a first copy has a table of its own, which is part of the plain one afterwards.
const (
	createCopied = `CREATE TABLE copied (LIKE orders INCLUDING ALL)`
	nextPage     = `SELECT id, body, updated_at FROM copied WHERE id > $1 ORDER BY id LIMIT $2`
	writePage    = `INSERT INTO copied (id, body, updated_at) SELECT * FROM unnest($1::uuid[], $2::json[], $3::timestamptz[])
	ON CONFLICT (id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at`
	keepCopied = `WITH moved AS (DELETE FROM copied RETURNING *) INSERT INTO orders SELECT * FROM moved`
	dropCopied = `DROP TABLE copied`
)

// copyFirst brings the orders from..to to a alone and has them copied.
func (b *bench) copyFirst(ctx context.Context, from, to int) (*firstCopy, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for first := from; first < to; first += contracts.BatchEntriesMax {
		g.Go(func() error { return b.fillBatch(gctx, first, min(first+contracts.BatchEntriesMax, to), b.a) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c := &firstCopy{Orders: to - from}
	if err := b.floorCopy(ctx, c, from, to); err != nil {
		return nil, fmt.Errorf("floor of the first copy: %w", err)
	}
	if err := b.exec(ctx, "VACUUM ANALYZE"); err != nil {
		return nil, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return nil, err
	}
	m, err := b.startMeter(system)
	if err != nil {
		return nil, err
	}
	report, err := b.reconcile(ctx)
	if err != nil {
		return nil, err
	}
	u, err := m.stop(c.Orders)
	if err != nil {
		return nil, err
	}
	c.Parts, c.CPU = u.Parts, u.total()
	if report.Effects["createsThere"] != c.Orders {
		return nil, fmt.Errorf("the reconciliation copied %d orders instead of %d", report.Effects["createsThere"], c.Orders)
	}
	c.PerSecond = float64(c.Orders) / report.Seconds
	c.Ratio = c.PerSecond / c.Floor
	b.say("first copy of %d: %.0f orders/s, floor %.0f, ratio %.2f; CPU ms/order %.3f, floor %.3f", c.Orders, c.PerSecond, c.Floor, c.Ratio, c.CPU, c.FloorCPU)
	if err := b.exec(ctx, "VACUUM ANALYZE"); err != nil {
		return nil, err
	}
	return c, b.checkEqual(ctx, to)
}

// floorCopy reads a's table in pages by key and upserts each into b's.
func (b *bench) floorCopy(ctx context.Context, c *firstCopy, from, to int) error {
	plain := func(statement string) error {
		return b.both(func(s, _ *side) error { _, err := s.floor.work.Exec(ctx, statement); return err })
	}
	if err := plain(createCopied); err != nil {
		return err
	}
	if err := copyFloor(ctx, b.a.floor.work, "copied", from, to); err != nil {
		return err
	}
	if err := b.checkpoint(ctx); err != nil {
		return err
	}
	m, err := b.startMeter(own)
	if err != nil {
		return err
	}
	for after := (uuid.UUID{}); ; {
		rows, err := b.a.floor.work.Query(ctx, nextPage, after, floorBatch)
		if err != nil {
			return err
		}
		var list []uuid.UUID
		var bodies [][]byte
		var times []time.Time
		var id uuid.UUID
		var body []byte
		var at time.Time
		if _, err := pgx.ForEachRow(rows, []any{&id, &body, &at}, func() error {
			list, bodies, times = append(list, id), append(bodies, bytes.Clone(body)), append(times, at)
			return nil
		}); err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		if _, err := b.b.floor.work.Exec(ctx, writePage, list, bodies, times); err != nil {
			return err
		}
		after = list[len(list)-1]
	}
	u, err := m.stop(c.Orders)
	if err != nil {
		return err
	}
	c.Floor, c.FloorCPU = float64(c.Orders)/u.elapsed.Seconds(), u.total()
	if err := plain(keepCopied); err != nil {
		return err
	}
	return plain(dropCopied)
}

// A digest of a bucket is a sum, so that it does not depend on the order of its rows.
const digests = `SELECT (get_byte(uuid_send(id), 14) & 3) * 256 + get_byte(uuid_send(id), 15), count(*),
	sum(hashtextextended(concat(id, version), 0))::text FROM orders GROUP BY 1 ORDER BY 1`

// prove has both sides compared while they are equal, and compares digests in SQL beside it.
func (b *bench) prove(ctx context.Context, orders int) (*equality, error) {
	e := &equality{Orders: orders}
	var sums [2]string
	began := time.Now()
	err := b.both(func(s, _ *side) error {
		rows, err := s.system.work.Query(ctx, digests)
		if err != nil {
			return err
		}
		var text strings.Builder
		var bucket int
		var n int64
		var sum string
		_, err = pgx.ForEachRow(rows, []any{&bucket, &n, &sum}, func() error {
			_, err := fmt.Fprintln(&text, bucket, n, sum)
			return err
		})
		sums[slices.Index([]*side{b.a, b.b}, s)] = text.String()
		return err
	})
	if err != nil {
		return nil, err
	}
	e.Digests = time.Since(began).Seconds()
	if sums[0] != sums[1] {
		return nil, errors.New("the digests of both sides differ")
	}
	report, err := b.reconcile(ctx)
	if err != nil {
		return nil, err
	}
	if report.Orders != int64(orders) {
		return nil, fmt.Errorf("the reconciliation compared %d orders instead of %d", report.Orders, orders)
	}
	e.Seconds, e.Bytes, e.Requests = report.Seconds, report.Bytes, report.Requests
	e.Ratio = e.Seconds / e.Digests
	b.say("equality of %d: %.2f s, %d bytes; digests in SQL %.2f s", orders, e.Seconds, e.Bytes, e.Digests)
	return e, nil
}

// reconcile has a's bridge compare both sides and make them equal, and returns its report.
func (b *bench) reconcile(ctx context.Context) (*contracts.ReconcileReport, error) {
	ask, err := strictjson.Encode(contracts.ReconciliationRequest{Peer: b.b.name})
	if err != nil {
		return nil, err
	}
	header, _, err := b.a.call(ctx, request{method: http.MethodPost, path: "/admin/api/reconciliations", token: b.a.tokens.admin, body: ask})
	if err != nil {
		return nil, err
	}
	var r contracts.Reconciliation
	err = until(ctx, settlePatience, pollReport, "the reconciliation has ended", func() (bool, error) {
		_, text, err := b.a.call(ctx, request{method: http.MethodGet, path: header.Get("Location"), token: b.a.tokens.admin})
		if err != nil {
			return false, err
		}
		r = contracts.Reconciliation{}
		return json.Unmarshal(text, &r) == nil && r.FinishedAt != nil, nil
	})
	if err != nil {
		return nil, err
	}
	if r.State != "done" || r.Report == nil || !r.Report.Equal {
		return nil, fmt.Errorf("the reconciliation is %s, and the sides are not proved equal: %s", r.State, r.Reason)
	}
	return r.Report, nil
}
