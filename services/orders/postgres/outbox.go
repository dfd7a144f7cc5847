package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/outbox"
)

const (
	pendingHints = `SELECT id, order_id, peer, version, state, at FROM outbox WHERE id > $1 ORDER BY id LIMIT $2`
	// Nothing is lost if a power cut takes this deletion back: the hint goes out once more.
	deleteHints = `DELETE FROM outbox WHERE id = ANY($1)`
	// Links whose peer must be told and whose hint is not waiting in the outbox, in the order of the index, so that
	// each page goes on where the one before ended. A time that lies ahead is a clock's mistake and no reason to wait.
	dueLinks = `SELECT l.order_id, l.since, l.state FROM links l WHERE l.peer = $1 AND l.state NOT IN (3, 5) AND (l.state, l.since, l.order_id) > ($3, $4, $5)
	AND l.due AND (l.since < $2 OR l.since > now()) AND NOT EXISTS (SELECT FROM outbox o WHERE o.order_id = l.order_id AND o.peer = l.peer)
	ORDER BY l.state, l.since, l.order_id LIMIT $6`
	// The state is given one by one, so that the index yields the oldest of each without a look at the others.
	oldestDue = `SELECT l.order_id, l.since, s.state FROM generate_series(1, 9) s (state) CROSS JOIN LATERAL (
	SELECT order_id, since FROM links WHERE peer = $1 AND state = s.state AND state NOT IN (3, 5) AND due
	AND NOT EXISTS (SELECT FROM outbox o WHERE o.order_id = links.order_id AND o.peer = links.peer)
	ORDER BY since, order_id LIMIT $2) l ORDER BY l.since, l.order_id LIMIT $2`
	hintAgain = `INSERT INTO outbox (order_id, peer, version, state, at)
	SELECT l.order_id, l.peer, COALESCE(o.version, ''), l.state, now() FROM links l LEFT JOIN orders o ON o.id = l.order_id
	WHERE l.peer = $1 AND l.due AND l.order_id = ANY($2)`
	setPaused = `INSERT INTO peers (peer, paused) VALUES ($1, $2) ON CONFLICT (peer) DO UPDATE SET paused = EXCLUDED.paused`
	getPaused = `SELECT COALESCE((SELECT paused FROM peers WHERE peer = $1), false)`
	getStill  = `SELECT COALESCE((SELECT paused OR held_at IS NOT NULL FROM peers WHERE peer = $1), false)`
	readMark  = `SELECT created_at, last_seq FROM broker`
	writeMark = `INSERT INTO broker (created_at, last_seq, lost_at, lost_reason) VALUES ($1, $2, CASE WHEN $3 <> '' THEN now() END, $3)
	ON CONFLICT (one) DO UPDATE SET created_at = $1, last_seq = CASE WHEN $3 = '' AND broker.created_at = $1 THEN GREATEST(broker.last_seq, $2) ELSE $2 END,
	lost_at = CASE WHEN $3 = '' THEN broker.lost_at ELSE now() END, lost_reason = CASE WHEN $3 = '' THEN broker.lost_reason ELSE $3 END`
	raiseMark  = `UPDATE broker SET last_seq = GREATEST(last_seq, $2) WHERE created_at = $1`
	readLoss   = `SELECT lost_at, lost_reason FROM broker WHERE lost_at IS NOT NULL`
	forgetKeys = `DELETE FROM idempotency_keys WHERE at < now() - $1::interval`
)

// PendingHints implements outbox.Store.
func (s *Store) PendingHints(ctx context.Context, after int64, limit int) ([]orders.Hint, error) {
	rows, err := s.pool.Query(ctx, pendingHints, after, limit)
	if err != nil {
		return nil, translate(err, "read outbox")
	}
	hints, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (orders.Hint, error) {
		var h orders.Hint
		var state int16
		err := row.Scan(&h.OutboxID, raw(&h.OrderID), &h.Peer, &h.Version, &state, &h.At)
		h.State = ordersync.State(state)
		return h, err
	})
	return hints, translate(err, "read outbox")
}

// DeleteHints removes rows of the outbox that JetStream has taken.
func (s *Store) DeleteHints(ctx context.Context, ids []int64) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue("SET LOCAL synchronous_commit = off")
	b.Queue(deleteHints, ids)
	b.Queue("COMMIT")
	return translate(s.batch(ctx, b), "clear outbox")
}

// DueOrders implements outbox.DueStore: each of them should have a hint in the stream.
func (s *Store) DueOrders(ctx context.Context, peer string, before time.Time, after outbox.DueLink, limit int) ([]outbox.DueLink, error) {
	links, err := s.dueLinks(ctx, dueLinks, peer, before, int16(after.State), after.Since, raw(&after.OrderID), limit)
	return links, translate(err, "read due links")
}

// OldestDue implements outbox.DueStore.
func (s *Store) OldestDue(ctx context.Context, peer string, limit int) ([]outbox.DueLink, error) {
	links, err := s.dueLinks(ctx, oldestDue, peer, limit)
	return links, translate(err, "read oldest due links")
}

func (s *Store) dueLinks(ctx context.Context, query string, args ...any) ([]outbox.DueLink, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l outbox.DueLink, err error) {
		var state int16
		err = row.Scan(raw(&l.OrderID), &l.Since, &state)
		l.State = ordersync.State(state)
		return l, err
	})
}

// HintAgain puts orders into the outbox again, as far as they are still due, and says how many.
func (s *Store) HintAgain(ctx context.Context, peer string, ids []uuid.UUID) (int64, error) {
	tag, err := s.pool.Exec(ctx, hintAgain, peer, rawIDs(ids))
	return tag.RowsAffected(), translate(err, "hint again")
}

// SetPaused remembers what a person decided about a peer.
func (s *Store) SetPaused(ctx context.Context, peer string, paused bool) error {
	_, err := s.pool.Exec(ctx, setPaused, peer, paused)
	return translate(err, "remember pause")
}

// PausedByPerson tells what a person last decided about a peer.
func (s *Store) PausedByPerson(ctx context.Context, peer string) (paused bool, err error) {
	err = s.pool.QueryRow(ctx, getPaused, peer).Scan(&paused)
	return paused, translate(err, "read pause")
}

// Paused tells whether the delivery to a peer is to stand still: a person wants it, or the link is held.
func (s *Store) Paused(ctx context.Context, peer string) (paused bool, err error) {
	err = s.pool.QueryRow(ctx, getStill, peer).Scan(&paused)
	return paused, translate(err, "read pause")
}

// StreamMark implements outbox.DueStore.
func (s *Store) StreamMark(ctx context.Context) (*outbox.StreamMark, error) {
	var m outbox.StreamMark
	err := s.pool.QueryRow(ctx, readMark).Scan(&m.Created, &m.LastSeq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &m, translate(err, "read what was seen of the stream")
}

// MarkStream implements outbox.DueStore.
func (s *Store) MarkStream(ctx context.Context, m outbox.StreamMark, lost string) error {
	_, err := s.pool.Exec(ctx, writeMark, m.Created, m.LastSeq, lost)
	return translate(err, "keep what was seen of the stream")
}

// RaiseMark implements outbox.DueStore.
func (s *Store) RaiseMark(ctx context.Context, m outbox.StreamMark) error {
	_, err := s.pool.Exec(ctx, raiseMark, m.Created, m.LastSeq)
	return translate(err, "keep how far the stream has come")
}

// BrokerLoss tells when the stream was last found to be another one, nil when it never was.
func (s *Store) BrokerLoss(ctx context.Context) (*contracts.BrokerLoss, error) {
	var l contracts.BrokerLoss
	err := s.pool.QueryRow(ctx, readLoss).Scan(&l.At, &l.Reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	l.At = l.At.UTC()
	return &l, translate(err, "read the broker's loss")
}

// ForgetKeys drops idempotency keys older than an age.
func (s *Store) ForgetKeys(ctx context.Context, age time.Duration) error {
	_, err := s.pool.Exec(ctx, forgetKeys, age)
	return translate(err, "forget idempotency keys")
}
