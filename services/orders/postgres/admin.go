package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

const (
	// What is common is counted as the rest: each of these goes by an index, and none reads the rows
	// of settled orders. Where there are many, nothing is counted that is settled.
	countOrders = `WITH ` + sizes + ` SELECT CASE WHEN o.few THEN (SELECT count(*) FROM orders) - (SELECT count(*) FROM orders WHERE deleted)
		ELSE greatest(0, o.n - d.n)::bigint END, NOT o.few FROM sizes o, sizes d WHERE o.of = 'orders' AND d.of = 'orders_deleted'`
	// By peer: of state 5, and 0 for all links. Of an estimate each peer has its share.
	countSettled = `WITH ` + sizes + `, links_size AS MATERIALIZED (SELECT few FROM sizes WHERE of = 'links')
	SELECT peer, 5, count(*), false FROM links WHERE state = 5 AND (SELECT few FROM links_size) GROUP BY peer
	UNION ALL SELECT peer, 0, count(*), false FROM links WHERE (SELECT few FROM links_size) GROUP BY peer
	UNION ALL SELECT p.peer, CASE of WHEN 'links' THEN 0 ELSE 5 END, (s.n / (SELECT count(*) FROM peers))::bigint, true
		FROM peers p, sizes s WHERE s.of IN ('links', 'links_deleted') AND NOT (SELECT few FROM links_size)`
	// A table that was never analysed is taken to have 10 rows a page, until the database has looked at it.
	sizes = `sizes AS MATERIALIZED (SELECT relname AS of, pg_relation_size(oid) < 8 << 20 AS few,
		pg_relation_size(oid) / current_setting('block_size')::float8 * CASE WHEN relpages > 0 THEN greatest(0, reltuples) / relpages WHEN relkind = 'r' THEN 10 ELSE 0 END AS n
		FROM pg_class WHERE oid IN ('orders'::regclass, 'orders_deleted'::regclass, 'links'::regclass, 'links_deleted'::regclass))`
	countOutbox = `SELECT count(*), min(at) FROM outbox`
	// All open links are read once: the oldest that is due is then found by the index.
	countOpen = `WITH open AS MATERIALIZED (SELECT peer, state, count(*) AS n, count(*) FILTER (WHERE due) AS due, min(since) FILTER (WHERE due) AS oldest
		FROM links WHERE state NOT IN (3, 5) GROUP BY peer, state)
	SELECT peer, state, n, due, oldest, (SELECT l.order_id FROM links l
		WHERE l.peer = o.peer AND l.state = o.state AND l.since = o.oldest AND l.due AND l.state NOT IN (3, 5) LIMIT 1) FROM open o`
	// The states are put into the text: as parameters they would keep the planner from the index of what
	// is not settled. A page is found first, then read row by row; the open links that are asked for are
	// few, and all found before that. OFFSET keeps the planner from going through all links or orders instead,
	// and so does the limit in the text: of one that it does not know it expects many rows.
	listLinks = `SELECT c.order_id, COALESCE(o.order_number, ''), c.peer, l.state, l.since, l.due, l.reason, COALESCE(o.version, ''), COALESCE(l.theirs_version, '')
	FROM (%s ORDER BY order_id, peer LIMIT %d) c
	CROSS JOIN LATERAL (SELECT * FROM links l WHERE l.order_id = c.order_id AND l.peer = c.peer OFFSET 0) l
	LEFT JOIN LATERAL (SELECT order_number, version FROM orders WHERE id = c.order_id OFFSET 0) o ON true ORDER BY c.order_id, c.peer`
	allLinks      = `SELECT order_id, peer FROM links WHERE %s`
	openLinks     = `SELECT order_id, peer FROM (SELECT order_id, peer FROM links WHERE %s AND state NOT IN (3, 5) OFFSET 0) x`
	receivedSince = `SELECT peer, count(*) FROM log WHERE seq > $1 AND seq <= $2 AND event = 4 GROUP BY peer`
	changesSince  = `SELECT count(*) FROM (SELECT FROM log WHERE seq > $1 AND wrote LIMIT $2) l`
	lastSeq       = `SELECT COALESCE((SELECT seq FROM log ORDER BY seq DESC LIMIT 1), 0)`
	markOpen      = `SELECT count(*)::text || ' ' || count(*) FILTER (WHERE due) || ' ' || COALESCE(max(since)::text, '') FROM links WHERE state NOT IN (3, 5)`
	markProposals = `SELECT count(*)::text || ' ' || COALESCE(max(proposed_at)::text, '') FROM proposals`
	markOutbox    = `SELECT count(*)::text FROM (SELECT FROM outbox LIMIT 1000) o`
	// Each state by itself: asked for both at once, a plan that was made while there were few links goes through all of them.
	inError = `SELECT order_id FROM (
	SELECT order_id FROM links WHERE peer = $1 AND state = 7 AND state NOT IN (3, 5) AND reason = $2
	UNION ALL SELECT order_id FROM links WHERE peer = $1 AND state = 8 AND state NOT IN (3, 5) AND reason = $2) l ORDER BY order_id LIMIT $3`
	timeline = `SELECT seq, order_id, at, event, peer, received, was, was_since, becomes, rule, version,
	fingerprint, deleted, wrote, actor, request_id, reason, num_nonnulls(replaced, dropped) > 0 FROM log WHERE order_id = $1 ORDER BY seq`
	keptContents = `SELECT (SELECT body FROM contents WHERE seq = l.replaced), (SELECT body FROM contents WHERE seq = l.dropped)
	FROM log l WHERE l.seq = $2 AND l.order_id = $1`
)

func sum(states map[ordersync.State]int64) (n int64) {
	for _, count := range states {
		n += count
	}
	return n
}

// ChangesSince counts the changes of orders after a place in the log, up to most.
func (s *Store) ChangesSince(ctx context.Context, position int64, most int) (n int64, err error) {
	err = s.pool.QueryRow(ctx, changesSince, position, most).Scan(&n)
	return n, translate(err, "count changes since a proof")
}

// Links lists links to some peers in any of some states, by order id and peer, after one (zero: from the start).
func (s *Store) Links(ctx context.Context, states []ordersync.State, peers []string, after orders.CaseKey, limit int) ([]orders.LinkRow, error) {
	text, args := linksIn(states, peers, after, limit)
	rows, err := s.pool.Query(ctx, text, args...)
	if err != nil {
		return nil, translate(err, "list links")
	}
	out, err := pgx.CollectRows(rows, scanLink)
	return out, translate(err, "list links")
}

func scanLink(row pgx.CollectableRow) (l orders.LinkRow, err error) {
	var state int16
	err = row.Scan(&l.ID, &l.OrderNumber, &l.Peer, &state, &l.Since, &l.Due, &l.Reason, &l.Version, &l.Theirs)
	l.State = ordersync.State(state)
	return l, err
}

func linksIn(states []ordersync.State, peers []string, after orders.CaseKey, limit int) (string, arguments) {
	var args arguments
	codes := make([]string, len(states))
	for i, st := range states {
		codes[i] = strconv.Itoa(int(stateCode(st)))
	}
	where := "state IN (" + strings.Join(codes, ", ") + ") AND peer = ANY(" + args.add(peers) + ")"
	switch id, peer := pageAfter(after); {
	case id == nil:
	case peer == nil:
		where += " AND order_id > " + args.add(*id)
	default: // the first condition is for the index
		where += " AND order_id >= " + args.add(*id) + " AND (order_id > " + args.add(*id) + " OR peer > " + args.add(*peer) + ")"
	}
	from := openLinks
	if slices.ContainsFunc(states, ordersync.State.Settled) {
		from = allLinks
	}
	return fmt.Sprintf(listLinks, fmt.Sprintf(from, where), limit), args
}

// InError lists orders that are in error towards a peer for one reason.
func (s *Store) InError(ctx context.Context, peer, reason string, limit int) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, inError, peer, reason, limit)
	if err != nil {
		return nil, translate(err, "list errors")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, translate(err, "list errors")
}

// Timeline reads what the log has of an order, oldest first.
func (s *Store) Timeline(ctx context.Context, id uuid.UUID) ([]orders.LogRow, error) {
	if err := s.moveFirst(ctx, id); err != nil {
		return nil, translate(err, "read timeline")
	}
	rows, err := s.pool.Query(ctx, timeline, id)
	if err != nil {
		return nil, translate(err, "read timeline")
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (orders.LogRow, error) {
		var r orders.LogRow
		var event, received, was, becomes, rule int16
		var wasSince *time.Time
		var version string
		err := row.Scan(&r.Seq, &r.OrderID, &r.At, &event, &r.Peer, &received, &was, &wasSince, &becomes, &rule, &version,
			&r.Head.Fingerprint, &r.Head.Deleted, &r.Wrote, &r.Actor, &r.RequestID, &r.Reason, &r.Kept)
		if err != nil {
			return r, err
		}
		r.Event, r.Received, r.Was = orders.Event(event), ordersync.State(received), ordersync.State(was)
		r.Becomes, r.Rule = ordersync.State(becomes), ordersync.Rule(rule)
		if wasSince != nil {
			r.WasSince = *wasSince
		}
		r.Head.Version, err = parseVersion(version)
		return r, err
	})
	return out, translate(err, "read timeline")
}

// KeptContents reads what a change of an order replaced and what it dropped of the other side's. Both are
// nil where nothing is kept.
func (s *Store) KeptContents(ctx context.Context, id uuid.UUID, seq int64) (replaced, dropped []byte, err error) {
	if err = s.moveFirst(ctx, id); err == nil {
		err = s.pool.QueryRow(ctx, keptContents, id, seq).Scan(&replaced, &dropped)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	return replaced, dropped, translate(err, "read what a change replaced")
}

// ReceivedSince counts what came from each peer after a number of the log, and tells the newest number.
func (s *Store) ReceivedSince(ctx context.Context, seq int64) (byPeer map[string]int64, last int64, err error) {
	byPeer = map[string]int64{}
	if err = s.pool.QueryRow(ctx, lastSeq).Scan(&last); err != nil || last <= seq {
		return byPeer, last, translate(err, "count what came")
	}
	rows, err := s.pool.Query(ctx, receivedSince, seq, last)
	if err != nil {
		return nil, 0, translate(err, "count what came")
	}
	var peer string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&peer, &n}, func() error {
		byPeer[peer] = n
		return nil
	})
	return byPeer, last, translate(err, "count what came")
}

// Mark is a text that is another one when the log, the open links, the proposals or the outbox have changed.
func (s *Store) Mark(ctx context.Context) (string, error) {
	var seq int64
	var open, proposed, waiting string
	b := &pgx.Batch{}
	b.Queue(lastSeq).QueryRow(func(row pgx.Row) error { return row.Scan(&seq) })
	b.Queue(markOpen).QueryRow(func(row pgx.Row) error { return row.Scan(&open) })
	b.Queue(markProposals).QueryRow(func(row pgx.Row) error { return row.Scan(&proposed) })
	b.Queue(markOutbox).QueryRow(func(row pgx.Row) error { return row.Scan(&waiting) })
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return "", translate(err, "look for changes")
	}
	mark := fmt.Sprint(seq, " ", open, " ", proposed, " ", waiting)
	s.open.looked(mark)
	return mark, nil
}
