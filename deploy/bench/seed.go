//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// fillers are the connections that bring orders in, to each side.
const fillers = 2

// fill brings the orders from..to in: each side takes them from its peer, and they are in the floor's
// tables too. Then all is equal, settled, and as tidy as autovacuum would leave it some time later.
func (b *bench) fill(ctx context.Context, from, to int) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fillers)
	for first := from; first < to; first += contracts.BatchEntriesMax {
		g.Go(func() error { return b.fillBatch(gctx, first, min(first+contracts.BatchEntriesMax, to), b.a, b.b) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := b.both(func(s, _ *side) error { return copyFloor(ctx, s.floor.work, "orders", from, to) }); err != nil {
		return err
	}
	if from == 0 {
		b.versions, b.floorAt = make([]string, b.Orders), make([]string, b.Orders)
		for i := range b.versions {
			b.versions[i], b.floorAt[i] = seedVersion(i), floorTime(placed(i))
		}
	}
	if err := b.exec(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	return b.checkEqual(ctx, to)
}

// fillBatch has sides take a batch of orders as from their peer.
func (b *bench) fillBatch(ctx context.Context, from, to int, takers ...*side) error {
	batch := contracts.Batch{Entries: make([]contracts.Entry, 0, to-from)}
	for i := from; i < to; i++ {
		batch.Entries = append(batch.Entries, seedEntry(i))
	}
	bodies := map[*side][]byte{}
	for _, s := range takers {
		batch.Side = b.peerOf(s).name
		var err error
		if bodies[s], err = strictjson.Encode(batch); err != nil {
			return err
		}
	}
	return b.both(func(s, _ *side) error {
		if bodies[s] == nil {
			return nil
		}
		return s.receive(ctx, bodies[s])
	})
}

// copyFloor brings the same orders into a plain table.
func copyFloor(ctx context.Context, conn *pgx.Conn, table string, from, to int) error {
	i := from - 1
	rows := pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i == to {
			return nil, nil
		}
		body, err := content(i, 0)
		return []any{orderID(i, 0), body, placed(i)}, err
	})
	n, err := conn.CopyFrom(ctx, pgx.Identifier{table}, []string{"id", "body", "updated_at"}, rows)
	if err == nil && n != int64(to-from) {
		err = fmt.Errorf("took %d of %d", n, to-from)
	}
	if err != nil {
		return fmt.Errorf("fill the floor's table: %w", err)
	}
	return nil
}
