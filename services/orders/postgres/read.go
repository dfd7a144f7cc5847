package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

const (
	readOrders = `SELECT o.id, o.seq, o.deleted, o.updated_at, o.version, o.fingerprint, o.placed_at, COALESCE(o.content, 0), CASE WHEN $2 THEN ` + presentBody + ` END
	FROM orders o WHERE o.id = ANY($1)`
	contentAt = `SELECT l.deleted, l.fingerprint, (SELECT c.body FROM contents c WHERE c.seq = l.content) FROM log l
	WHERE l.order_id = $1 AND l.wrote AND l.version = $2 ORDER BY l.seq DESC LIMIT 1`
	versionsOf = `SELECT version FROM log WHERE order_id = $1 AND wrote ORDER BY seq DESC LIMIT $2`
)

// Load implements orders.Store.
func (s *Store) Load(ctx context.Context, ids []uuid.UUID) ([]*orders.Stored, error) {
	return s.load(ctx, ids, true)
}

// load reads orders, with contents or without. Head, links and content are of one moment.
func (s *Store) load(ctx context.Context, ids []uuid.UUID, bodies bool) ([]*orders.Stored, error) {
	r, raw := newResult(ids), rawIDs(ids)
	if len(ids) == 0 {
		return r.list, nil
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue(readOrders, raw, bodies).Query(r.readHeads)
	b.Queue(loadLinks, raw, bodies).Query(r.readLinks)
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
	if err = conn.SendBatch(ctx, b).Close(); err != nil {
		rollback(ctx, conn)
	}
	return err
}

// rollback ends a transaction that was begun: it must not stay with the connection. If that fails the
// connection is broken, and so is its transaction: the pool throws it away.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		conn.Conn().Close(ctx)
	}
}

// Versions implements orders.Store.
func (s *Store) Versions(ctx context.Context, id uuid.UUID, limit int) ([]ordersync.Vector, error) {
	rows, err := s.pool.Query(ctx, versionsOf, id, limit)
	if err != nil {
		return nil, translate(err, "list versions")
	}
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ordersync.Vector, error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return ordersync.Vector{}, err
		}
		return parseVersion(text)
	})
	return versions, translate(err, "list versions")
}

// ContentAt implements orders.Store.
func (s *Store) ContentAt(ctx context.Context, id uuid.UUID, version ordersync.Vector) (*orders.CaseVersion, error) {
	out := &orders.CaseVersion{Head: ordersync.Head{Version: version}}
	err := s.moveFirst(ctx, id)
	if err == nil {
		err = s.pool.QueryRow(ctx, contentAt, id, version.String()).Scan(&out.Head.Deleted, &out.Head.Fingerprint, &out.Body)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, translate(err, "find the content of a version")
	case out.Body == nil && !out.Head.Deleted: // of an order that was deleted later it may have been removed
		return nil, nil
	}
	return out, nil
}
