package postgres

import (
	"context"
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
	loaded, drawn, err := begin(ctx, conn.Conn(), c)
	if err != nil {
		return nil, err
	}
	drawn.Brake = brakeLock(ctx, conn.Conn())
	changes, err := decide(loaded, drawn)
	if err != nil {
		return nil, err
	}
	return save(ctx, conn.Conn(), c.Key, changes)
}

// The loads. Links are read by a statement of their own, after the orders' locks are held: joined,
// they would be as old as the statement's start.
const (
	lockOrders = `SELECT id, seq, deleted, updated_at, version, fingerprint, placed_at FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE`
	loadBodies = `SELECT id, body FROM orders WHERE id = ANY($1)`
	loadLinks  = `SELECT order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint, theirs_deleted,
	theirs_updated_at, reason, CASE WHEN $2 THEN theirs_body END FROM links WHERE order_id = ANY($1)`
	lockLinks = `SELECT FROM links WHERE order_id = ANY($1) ORDER BY order_id, peer FOR UPDATE`
	// The transaction takes its id before its numbers; logEnd goes by that.
	drawNumbers = `WITH own AS MATERIALIZED (SELECT pg_current_xact_id() AS id)
	SELECT nextval('log_seq'), pg_postmaster_start_time() FROM own, generate_series(1, $1) WHERE own.id IS NOT NULL`
	// The lock is for whoever else looks for the number; a statement after it sees what the one before has made.
	lockNumber = `SELECT pg_advisory_xact_lock(hashtextextended($1, 1853189474))`
	// A key without a client is of a replica of before keys had one; such a key is remembered for a day.
	findKey = `SELECT request_hash, order_id FROM idempotency_keys WHERE key IN ($1, $2)`
)

func begin(ctx context.Context, conn *pgx.Conn, c orders.ChangeRequest) ([]*orders.Stored, orders.Drawn, error) {
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
	again, err := lockOrphans(ctx, conn, c, r)
	if again.Numbers != nil {
		drawn = again
	}
	return r.list, drawn, err
}

// lockOrphans locks what there is of orders that are not here, the links of those that this side
// refused, and reads these links again. Those of which there is nothing at all have nothing to lock:
// two that make one at once meet at its key, and the later one tries again. Numbers are drawn again
// too: they must be above those of whoever held the locks before.
func lockOrphans(ctx context.Context, conn *pgx.Conn, c orders.ChangeRequest, r *result) (drawn orders.Drawn, err error) {
	var orphans [][16]byte
	for _, st := range r.list {
		if !st.Known() && len(st.Links) > 0 {
			orphans = append(orphans, st.ID)
			st.Links = nil
		}
	}
	if orphans == nil {
		return drawn, nil
	}
	b := &pgx.Batch{}
	b.Queue(lockLinks, orphans)
	b.Queue(lockOrders, orphans).Query(r.readHeads)
	b.Queue(loadLinks, orphans, c.Bodies).Query(r.readLinks)
	if c.Bodies {
		b.Queue(loadBodies, orphans).Query(r.readBodies)
	}
	b.Queue(drawNumbers, c.Numbers).Query(readDrawn(&drawn))
	err = conn.SendBatch(ctx, b).Close()
	return drawn, err
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

// The saves. The log comes first, since it copies what the others replace.
const (
	insertLog = `INSERT INTO log (seq, order_id, at, event, peer, received, was, was_since, becomes, rule, version, fingerprint,
	deleted, wrote, actor, request_id, reason, replaced, dropped)
	SELECT u.seq, u.order_id, u.at, u.event, u.peer, u.received, u.was, u.was_since, u.becomes, u.rule, u.version, u.fingerprint,
	u.deleted, u.wrote, u.actor, u.request_id, u.reason,
	CASE WHEN u.replaces THEN (SELECT o.body FROM orders o WHERE o.id = u.order_id) END,
	CASE WHEN u.drops THEN (SELECT l.theirs_body FROM links l WHERE l.order_id = u.order_id AND l.peer = u.peer) END
	FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::smallint[], $5::text[], $6::smallint[], $7::smallint[],
	$8::timestamptz[], $9::smallint[], $10::smallint[], $11::text[], $12::text[], $13::boolean[], $14::boolean[], $15::text[],
	$16::text[], $17::text[], $18::boolean[], $19::boolean[])
	AS u (seq, order_id, at, event, peer, received, was, was_since, becomes, rule, version, fingerprint, deleted, wrote, actor,
	request_id, reason, replaces, drops)`
	insertOrders = `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, body, words, placed_at)
	SELECT u.id, u.seq, u.deleted, u.updated_at, u.version, u.fingerprint, u.order_number, u.status, u.body, ` + folded + `, u.placed_at FROM ` + orderRows
	updateOrders = `UPDATE orders o SET seq = u.seq, deleted = u.deleted, updated_at = u.updated_at, version = u.version,
	fingerprint = u.fingerprint, order_number = COALESCE(u.order_number, o.order_number), status = COALESCE(u.status, o.status),
	body = COALESCE(u.body, o.body), words = COALESCE(` + folded + `, o.words), placed_at = COALESCE(u.placed_at, o.placed_at)
	FROM ` + orderRows + ` WHERE o.id = u.id`
	orderRows = `unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::json[], $10::text[],
	$11::text[], $12::timestamptz[], $13::text[])
	AS u (id, seq, deleted, updated_at, version, fingerprint, order_number, status, body, words, folded, placed_at, ref)`
	linkColumns = `unnest($1::uuid[], $2::text[], $3::smallint[], $4::boolean[], $5::timestamptz[], $6::text[],
	$7::text[], $8::text[], $9::boolean[], $10::timestamptz[], $11::json[], $12::text[])`
	insertLinks = `INSERT INTO links (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint,
	theirs_deleted, theirs_updated_at, theirs_body, reason) SELECT * FROM ` + linkColumns
	// A kept content that was not loaded comes back as null: it stays while the kept version does.
	updateLinks = `UPDATE links l SET state = u.state, due = u.due, since = u.since, agreed = u.agreed,
	theirs_version = u.theirs_version, theirs_fingerprint = u.theirs_fingerprint, theirs_deleted = u.theirs_deleted,
	theirs_updated_at = u.theirs_updated_at, reason = u.reason,
	theirs_body = CASE WHEN u.theirs_body IS NULL AND u.theirs_version = l.theirs_version THEN l.theirs_body ELSE u.theirs_body END
	FROM ` + linkColumns + ` AS u (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint,
	theirs_deleted, theirs_updated_at, theirs_body, reason) WHERE l.order_id = u.order_id AND l.peer = u.peer`
	insertOutbox = `INSERT INTO outbox (order_id, peer, version, state, at)
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[]) RETURNING id`
	insertKey = `INSERT INTO idempotency_keys (key, request_hash, order_id) VALUES ($1, $2, $3)`
)

func save(ctx context.Context, conn *pgx.Conn, key *orders.IdempotencyKey, changes []orders.Change) ([]orders.Hint, error) {
	w := collect(changes)
	b := &pgx.Batch{}
	if key != nil {
		b.Queue(insertKey, storedKey(key), key.RequestHash, key.OrderID)
	}
	w.log.queue(b, insertLog)
	w.newOrders.queue(b, insertOrders)
	w.oldOrders.queue(b, updateOrders)
	w.newLinks.queue(b, insertLinks)
	w.oldLinks.queue(b, updateLinks)
	if len(w.hints) > 0 {
		b.Queue(insertOutbox, w.outbox.args()...).Query(func(rows pgx.Rows) error {
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err == nil && len(ids) != len(w.hints) {
				err = fmt.Errorf("outbox took %d of %d hints", len(ids), len(w.hints))
			}
			for i := range ids {
				w.hints[i].OutboxID = ids[i]
			}
			return err
		})
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

// stateCode is a state as its column holds it.
func stateCode(s ordersync.State) int16 { return int16(s) }
