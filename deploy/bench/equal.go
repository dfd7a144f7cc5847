//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A whole table in two numbers that do not depend on the order of its rows.
const (
	hashSystem = `SELECT count(*), COALESCE(sum(hashtextextended(concat_ws('|', id, deleted, updated_at AT TIME ZONE 'UTC', version, fingerprint,
	order_number, status, (SELECT body FROM contents c WHERE c.seq = o.content)), 0)), 0)::text FROM orders o`
	hashFloor   = `SELECT count(*), COALESCE(sum(hashtextextended(concat_ws('|', id, updated_at AT TIME ZONE 'UTC', body), 0)), 0)::text FROM orders`
	openLinks   = `SELECT EXISTS (SELECT FROM links WHERE state NOT IN (3, 5))` // 3 is OK, 5 is DEL_SYNCED
	countOpened = `SELECT count(*) FROM links WHERE state <> 3`
)

// tableHash is a table as the queries above see it.
type tableHash struct {
	rows int64
	hash string
}

func readHash(ctx context.Context, conn *pgx.Conn, query string) (h tableHash, err error) {
	err = conn.QueryRow(ctx, query).Scan(&h.rows, &h.hash)
	return h, err
}

// checkEqual compares whole tables, those of the system and those of the floor, and looks for orders
// that are not settled. A run that fails it does not count.
func (b *bench) checkEqual(ctx context.Context, rows int) error {
	var system, floor [2]tableHash
	var open [2]int64
	err := b.both(func(s, _ *side) (err error) {
		at := 0
		if s == b.b {
			at = 1
		}
		if system[at], err = readHash(ctx, s.system.work, hashSystem); err != nil {
			return err
		}
		if err := s.system.work.QueryRow(ctx, countOpened).Scan(&open[at]); err != nil {
			return err
		}
		floor[at], err = readHash(ctx, s.floor.work, hashFloor)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("compare the sides: %w", err)
	case system[0] != system[1] || floor[0] != floor[1]:
		return fmt.Errorf("the sides are not equal: orders %v, floor %v", system, floor)
	case system[0].rows != int64(rows) || floor[0].rows != int64(rows):
		return fmt.Errorf("there are %d orders, and %d in the floor's tables, instead of %d", system[0].rows, floor[0].rows, rows)
	case open != [2]int64{}:
		return fmt.Errorf("orders that are not OK on a and b: %v", open)
	}
	return nil
}

// awaitSettled waits until each side knows that the other has everything: no link is open.
func (b *bench) awaitSettled(ctx context.Context) error {
	return until(ctx, settlePatience, pollLinks, "no link of either side is open", func() (bool, error) {
		for _, s := range []*side{b.a, b.b} {
			var open bool
			if err := s.system.work.QueryRow(ctx, openLinks).Scan(&open); open || err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// awaitBacklog waits until the outbox of side a is empty and so many hints are in its broker.
func (b *bench) awaitBacklog(ctx context.Context, want int64) error {
	var outbox, hints int64
	err := until(ctx, settlePatience, pollBacklog, "the hints are in the broker", func() (done bool, err error) {
		outbox, hints, err = b.a.backlog(ctx)
		return outbox == 0 && hints == want, err
	})
	if err != nil {
		err = fmt.Errorf("%w (outbox %d, broker %d, wanted %d)", err, outbox, hints, want)
	}
	return err
}
