package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
)

// The states are in the text, as in listLinks.
const (
	openCases = `SELECT l.order_id, COALESCE(o.order_number, ''), l.peer, l.state, l.since, l.due, l.reason, COALESCE(o.version, ''), COALESCE(l.theirs_version, '')
	FROM links l LEFT JOIN orders o ON o.id = l.order_id WHERE l.state = 6 AND l.peer = ANY($5) AND ` + caseMatches + `
	AND ($6::uuid IS NULL OR l.order_id > $6 OR l.order_id = $6 AND l.peer > $7) ORDER BY l.order_id, l.peer LIMIT $8`
	countCases = `SELECT count(*), count(*) FILTER (WHERE ` + caseMatches + `)
	FROM links l LEFT JOIN orders o ON o.id = l.order_id WHERE l.state = 6 AND l.peer = ANY($5)`
	caseMatches = `($1 = '' OR l.peer = $1) AND (starts_with(lower(COALESCE(o.order_number, '')), $2) OR o.words @@ $4::tsquery)
	AND ($3::timestamptz IS NULL OR l.since <= $3)`
)

// OpenCases lists open collisions by order id, up to a limit, and counts them.
func (s *Store) OpenCases(ctx context.Context, f orders.CaseFilter, limit int) (rows []orders.LinkRow, n orders.CaseCounts, err error) {
	after, peer := pageAfter(f.After)
	number := orders.Fold(f.Number)
	b := &pgx.Batch{}
	b.Queue(openCases, f.Peer, number, timeOrNull(f.Since), numberQuery(number), f.Peers, after, peer, limit).Query(func(found pgx.Rows) (err error) {
		rows, err = pgx.CollectRows(found, scanLink)
		return err
	})
	b.Queue(countCases, f.Peer, number, timeOrNull(f.Since), numberQuery(number), f.Peers).QueryRow(func(row pgx.Row) error { return row.Scan(&n.Open, &n.Matching) })
	return rows, n, translate(s.pool.SendBatch(ctx, b).Close(), "list collisions")
}

// pageAfter is the order and the peer that a page follows, or nothing; without a peer it follows the whole order.
func pageAfter(k orders.CaseKey) (id *uuid.UUID, peer *string) {
	if k.ID == uuid.Nil {
		return nil, nil
	}
	if k.Peer == "" {
		return &k.ID, nil
	}
	return &k.ID, &k.Peer
}

// caseRowsMax is how many numbers of the log are looked at for collisions that ended: they are rare, and
// have no index.
const caseRowsMax = 200_000

const endedRows = `SELECT seq, order_id, peer, at, deleted, content, dropped FROM log
	WHERE seq > (SELECT last_value FROM log_seq) - $2 AND was = 6 AND becomes NOT IN (6, 7, 8) ORDER BY seq DESC LIMIT $1`

// A case began with the change that left what was agreed, whose row says so; a deleted base is none.
const endedCases = `WITH ended AS MATERIALIZED (` + endedRows + `)
	SELECT e.order_id, e.peer, e.at,
	(SELECT c.body FROM contents c WHERE c.seq = CASE WHEN began.was = 3 THEN COALESCE(began.replaced,
		(SELECT l.content FROM log l WHERE l.order_id = e.order_id AND l.wrote AND l.seq < began.seq ORDER BY l.seq DESC LIMIT 1)) END),
	(SELECT c.body FROM contents c WHERE c.seq = before.content),
	(SELECT c.body FROM contents c WHERE c.seq = e.dropped),
	(SELECT c.body FROM contents c WHERE c.seq = CASE WHEN NOT e.deleted THEN COALESCE(e.content, before.content) END)
	FROM ended e
	LEFT JOIN LATERAL (SELECT l.seq, l.was, l.replaced FROM log l WHERE l.order_id = e.order_id AND l.peer = e.peer AND l.seq < e.seq AND l.was IN (3, 5)
		ORDER BY l.seq DESC LIMIT 1) began ON true
	LEFT JOIN LATERAL (SELECT l.content FROM log l WHERE l.order_id = e.order_id AND l.wrote AND l.seq < e.seq
		ORDER BY l.seq DESC LIMIT 1) before ON true
	ORDER BY e.seq DESC`

const endedOrders = `SELECT DISTINCT order_id FROM (` + endedRows + `) e`

// EndedCases implements orders.Store.
func (s *Store) EndedCases(ctx context.Context, limit int) ([]orders.EndedCase, error) {
	ids, err := oneColumn[uuid.UUID](s.pool.Query(ctx, endedOrders, limit, caseRowsMax))
	if err == nil {
		err = s.moveFirst(ctx, ids...)
	}
	if err != nil {
		return nil, translate(err, "list ended collisions")
	}
	rows, err := s.pool.Query(ctx, endedCases, limit, caseRowsMax)
	if err != nil {
		return nil, translate(err, "list ended collisions")
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (orders.EndedCase, error) {
		var c orders.EndedCase
		err := row.Scan(&c.ID, &c.Peer, &c.At, &c.Base, &c.Ours, &c.Theirs, &c.Became)
		return c, err
	})
	return out, translate(err, "list ended collisions")
}
