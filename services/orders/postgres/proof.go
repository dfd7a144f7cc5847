package postgres

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/peering"
)

// stateAt computes what all orders came to when the log ended at a number: of those that have changed since,
// the log tells what they were. After the number the log is read only so far.
const stateAt = `WITH past AS (
		SELECT id, version, deleted, fingerprint FROM orders WHERE seq <= $1
		UNION ALL
		SELECT o.id, l.version, l.deleted, l.fingerprint FROM orders o CROSS JOIN LATERAL (
			SELECT version, deleted, fingerprint FROM log WHERE order_id = o.id AND seq <= $1 AND wrote ORDER BY seq DESC LIMIT 1) l
		WHERE o.seq > $1)
	SELECT count(*), ` + hashOf + `, (SELECT at FROM log WHERE seq > $1 ORDER BY seq LIMIT 1)
	FROM (SELECT ` + rowHash + ` AS h FROM past) x`

// stateAtMost is how many rows of the log may follow the number.
const stateAtMost = 10_000

// StateAt implements peering.Store.
func (s *Store) StateAt(ctx context.Context, position int64) (*peering.State, error) {
	select {
	case s.ranging <- struct{}{}:
		defer func() { <-s.ranging }()
	case <-ctx.Done():
		return nil, translate(ctx.Err(), "compute the state at a position")
	}
	var last int64
	if err := s.pool.QueryRow(ctx, lastLogged).Scan(&last); err != nil {
		return nil, translate(err, "compute the state at a position")
	}
	if position > last || last-position > stateAtMost {
		return nil, orders.Errorf(orders.Conflict, "the log is at %d, so what there was at %d cannot be verified", last, position)
	}
	var out peering.State
	var high, low int64
	var until *time.Time
	err := s.pool.QueryRow(ctx, stateAt, position).Scan(&out.Orders, &high, &low, &until)
	if err != nil {
		return nil, translate(err, "compute the state at a position")
	}
	binary.BigEndian.PutUint64(out.Hash[:8], uint64(high))
	binary.BigEndian.PutUint64(out.Hash[8:], uint64(low))
	if until != nil {
		out.Until = until.UTC()
	}
	return &out, nil
}
