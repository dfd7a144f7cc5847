package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

const (
	readOrders = `SELECT id, seq, deleted, updated_at, version, fingerprint FROM orders WHERE id = ANY($1)`
	// The state condition goes by the links, which have an index of what is not settled.
	listOrders = `SELECT o.id FROM orders o WHERE o.deleted = $1 AND ($2::uuid IS NULL OR o.id < $2) AND ($3 = '' OR o.status = $3)
	AND ($4 = 0 OR EXISTS (SELECT FROM links l WHERE l.order_id = o.id AND l.state = $4 AND ($5 = '' OR l.peer = $5)))
	ORDER BY o.id DESC LIMIT $6`
	// The content at a version is what the next change of content replaced, or the present one.
	contentAt = `SELECT replaced FROM log WHERE order_id = $1 AND replaced IS NOT NULL
	AND seq > (SELECT max(seq) FROM log WHERE order_id = $1 AND wrote AND version = $2) ORDER BY seq LIMIT 1`
	contentNow = `SELECT body FROM orders WHERE id = $1 AND EXISTS (SELECT FROM log WHERE order_id = $1 AND wrote AND version = $2)`
)

// Load implements orders.Store. Head, links and content are of one moment.
func (s *Store) Load(ctx context.Context, ids []uuid.UUID) ([]*orders.Stored, error) {
	r := newResult(ids)
	if len(ids) == 0 {
		return r.list, nil
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue(readOrders, ids).Query(r.readHeads)
	b.Queue(loadLinks, ids, true).Query(r.readLinks)
	b.Queue(loadBodies, ids).Query(r.readBodies)
	b.Queue("COMMIT")
	return r.list, translate(s.batch(ctx, b), "load orders")
}

// batch runs statements that make a transaction of their own, and leaves the connection outside of
// any transaction if one of them fails.
func (s *Store) batch(ctx context.Context, b *pgx.Batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = conn.SendBatch(ctx, b).Close()
	if err != nil && conn.Conn().PgConn().TxStatus() != 'I' {
		if _, e := conn.Exec(context.WithoutCancel(ctx), "ROLLBACK"); e != nil {
			conn.Conn().Close(context.WithoutCancel(ctx))
		}
	}
	return err
}

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]*orders.Stored, error) {
	var before *uuid.UUID
	if q.Before != uuid.Nil {
		before = &q.Before
	}
	rows, err := s.pool.Query(ctx, listOrders, q.Deleted, before, q.Status, stateCode(q.State), q.Peer, q.Limit)
	if err != nil {
		return nil, translate(err, "list orders")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, translate(err, "list orders")
	}
	return s.Load(ctx, ids)
}

// ContentAt implements orders.Store.
func (s *Store) ContentAt(ctx context.Context, id uuid.UUID, version ordersync.Vector) ([]byte, error) {
	for _, query := range []string{contentAt, contentNow} {
		rows, err := s.pool.Query(ctx, query, id, version.String())
		if err != nil {
			return nil, translate(err, "find content of a version")
		}
		bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return nil, translate(err, "find content of a version")
		}
		if len(bodies) > 0 {
			return bodies[0], nil
		}
	}
	return nil, nil
}
