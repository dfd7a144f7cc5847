package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// attemptsMax bounds how often a change that met another is tried.
const attemptsMax = 5

// Change implements orders.Store: two round trips to the database, one that loads and one that saves
// and commits.
func (s *Store) Change(ctx context.Context, c orders.ChangeRequest, decide orders.Decide) ([]orders.Hint, error) {
	if c.Edit {
		hints, err := s.edit(ctx, c, decide)
		if !errors.Is(err, errAlone) {
			return hints, translate(err, "change orders")
		}
	}
	for attempt := 1; ; attempt++ {
		hints, err := s.tryChange(ctx, c, decide)
		switch sqlState(err) {
		case "23505", "40001", "40P01": // another change made the row first; serialization; deadlock
			if attempt < attemptsMax {
				continue
			}
			return nil, orders.Wrap(orders.Unavailable, err, "change orders")
		}
		return hints, translate(err, "change orders")
	}
}

func (s *Store) tryChange(ctx context.Context, c orders.ChangeRequest, decide orders.Decide) (hints []orders.Hint, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	defer func() {
		if err != nil {
			rollback(ctx, conn)
		}
	}()
	r, drawn, err := begin(ctx, conn.Conn(), c)
	if err != nil {
		return nil, err
	}
	drawn.Brake = brakeLock(ctx, conn.Conn())
	changes, err := decide(r.list, drawn)
	if err != nil {
		return nil, err
	}
	return save(ctx, conn.Conn(), c.Key, r.collect(changes))
}

// The loads. Contents and links are read by statements of their own, after the orders' locks are held: joined,
// they would be as old as the statement's start.
const (
	lockOrders = `SELECT id, seq, deleted, updated_at, version, fingerprint, placed_at, COALESCE(content, 0), NULL::json FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE`
	loadBodies = `SELECT o.id, ` + presentBody + ` FROM orders o WHERE o.id = ANY($1)`
	loadLinks  = `SELECT l.order_id, l.peer, l.state, l.due, l.since, l.agreed, l.theirs_version, l.theirs_fingerprint, l.theirs_deleted,
	l.theirs_updated_at, l.reason, COALESCE(l.theirs, 0), l.old_theirs_body IS NOT NULL, CASE WHEN $2 THEN ` + theirsBody + ` END FROM links l WHERE l.order_id = ANY($1)`
	lockLinks = `SELECT FROM links WHERE order_id = ANY($1) ORDER BY order_id, peer FOR UPDATE`
	// The transaction takes its id before its numbers; logEnd goes by that.
	drawNumbers = `WITH own AS MATERIALIZED (SELECT pg_current_xact_id() AS id)
	SELECT nextval('log_seq'), pg_postmaster_start_time() FROM own, generate_series(1, $1) WHERE own.id IS NOT NULL`
	// The lock is for whoever else looks for the number; a statement after it sees what the one before has made.
	lockNumber = `SELECT pg_advisory_xact_lock(hashtextextended($1, 1853189474))`
	// A key without a client is of a replica of before keys had one; such a key is remembered for a day.
	findKey = `SELECT request_hash, order_id FROM idempotency_keys WHERE key IN ($1, $2)`
)

func begin(ctx context.Context, conn *pgx.Conn, c orders.ChangeRequest) (*result, orders.Drawn, error) {
	r, ids := newResult(c.IDs), rawIDs(c.IDs)
	var drawn orders.Drawn
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	if c.Namesake != nil {
		b.Queue(lockNumber, c.Namesake.Number)
	}
	if c.Key != nil { // after the lock: who had it may have used this key
		b.Queue(findKey, storedKey(c.Key), c.Key.Key).Query(func(rows pgx.Rows) error { return replayed(rows, c.Key) })
	}
	if n := c.Namesake; n != nil {
		b.Queue(findNamesake, n.Number, ids).Query(func(rows pgx.Rows) error { return readNamesake(rows, n) })
	}
	b.Queue(lockOrders, ids).Query(r.readHeads)
	b.Queue(loadLinks, ids, c.Bodies).Query(r.readLinks)
	if c.Bodies {
		b.Queue(loadBodies, ids).Query(r.readBodies)
	}
	if c.Seen != nil && c.Seen.Seq > 0 {
		b.Queue(logRow, c.Seen.Seq).QueryRow(func(row pgx.Row) error { return sameRow(row, *c.Seen) })
	}
	if c.Proposal != uuid.Nil {
		b.Queue(takeProposal, c.Proposal).Exec(taken)
	}
	b.Queue(drawNumbers, c.Numbers).Query(readDrawn(&drawn))
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, drawn, err
	}
	// What is locked or moved is read again, and numbers are drawn again.
	if orphans := r.orphans(); orphans != nil {
		if err := reload(ctx, conn, c, r, lockLinks, orphans, &drawn); err != nil {
			return nil, drawn, err
		}
	}
	if r.unmoved {
		if err := reload(ctx, conn, c, r, moveContents, ids, &drawn); err != nil {
			return nil, drawn, err
		}
	}
	return r, drawn, nil
}

// orphans are the orders that are not here, but links of which are, since this side refused them: these links are all
// there is to lock. Those of which there is nothing at all have nothing to lock: two that make one at once meet at
// its key, and the later one tries again.
func (r *result) orphans() (ids [][16]byte) {
	for _, st := range r.list {
		if !st.Known() && len(st.Links) > 0 {
			ids = append(ids, st.ID)
		}
	}
	return ids
}

// reload reads orders again after a statement about them, and draws numbers again: they must be above those of whoever
// held the locks that it waited for.
func reload(ctx context.Context, conn *pgx.Conn, c orders.ChangeRequest, r *result, first string, ids [][16]byte, drawn *orders.Drawn) error {
	for _, id := range ids {
		r.byID[id].Links, r.byID[id].theirs = nil, nil
	}
	drawn.Numbers = nil
	b := &pgx.Batch{}
	b.Queue(first, ids)
	b.Queue(lockOrders, ids).Query(r.readHeads)
	b.Queue(loadLinks, ids, c.Bodies).Query(r.readLinks)
	if c.Bodies {
		b.Queue(loadBodies, ids).Query(r.readBodies)
	}
	b.Queue(drawNumbers, c.Numbers).Query(readDrawn(drawn))
	return conn.SendBatch(ctx, b).Close()
}

func readDrawn(drawn *orders.Drawn) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		for rows.Next() {
			var n int64
			if err := rows.Scan(&n, &drawn.Server); err != nil {
				return err
			}
			drawn.Numbers = append(drawn.Numbers, n)
		}
		return rows.Err()
	}
}

// storedKey is a client's key as its column holds it: no client's name or key has a line break.
func storedKey(key *orders.IdempotencyKey) string { return key.Client + "\n" + key.Key }

var findNamesake = `SELECT o.id FROM orders o WHERE ` + numberIs("$1") + ` AND NOT o.deleted AND o.id <> ALL($2) LIMIT 1`

func readNamesake(rows pgx.Rows, n *orders.Namesake) error {
	n.ID = uuid.Nil
	for rows.Next() {
		if err := rows.Scan(raw(&n.ID)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// replayed finds that a creation was asked for before.
func replayed(rows pgx.Rows, key *orders.IdempotencyKey) error {
	var hash string
	var id uuid.UUID
	found := false
	for rows.Next() {
		if err := rows.Scan(&hash, &id); err != nil {
			return err
		}
		found = true
	}
	switch {
	case rows.Err() != nil || !found:
		return rows.Err()
	case hash != key.RequestHash:
		return orders.Errorf(orders.KeyReused, "the idempotency key was used for another request")
	}
	key.OrderID = id
	return orders.Errorf(orders.Replayed, "the order was created before")
}

// These few changes need, in statements of their own.
const (
	insertKey  = `INSERT INTO idempotency_keys (key, request_hash, order_id) VALUES ($1, $2, $3)`
	endIntents = `DELETE FROM connector_intents WHERE (order_id, sent_at) IN (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]))`
)

func save(ctx context.Context, conn *pgx.Conn, key *orders.IdempotencyKey, w *writes) ([]orders.Hint, error) {
	b := &pgx.Batch{}
	if key != nil {
		b.Queue(insertKey, storedKey(key), key.RequestHash, key.OrderID)
	}
	if sql, args := w.statement(); sql != "" {
		b.Queue(sql, args...).Query(w.numberHints)
	}
	if len(w.carried) > 0 {
		b.Queue(endIntents, w.carried, w.sent)
	}
	committed := false
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		committed = strings.HasPrefix(tag.String(), "COMMIT")
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	if !committed {
		return nil, fmt.Errorf("the transaction was rolled back")
	}
	return w.hints, nil
}

// numberHints reads the ids of the rows in the outbox, which are in the order of the hints.
func (w *writes) numberHints(rows pgx.Rows) error {
	if len(w.hints) == 0 {
		rows.Close()
		return rows.Err()
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err == nil && len(ids) != len(w.hints) {
		err = fmt.Errorf("outbox took %d of %d hints", len(ids), len(w.hints))
	}
	for i := range ids {
		w.hints[i].OutboxID = ids[i]
	}
	return err
}

// stateCode is a state as its column holds it.
func stateCode(s ordersync.State) int16 { return int16(s) }
