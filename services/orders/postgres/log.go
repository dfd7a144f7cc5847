package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	lastNumber = `SELECT last_value, pg_postmaster_start_time() FROM log_seq`
	inProgress = `SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s`
	logRow     = `SELECT order_id, version FROM log WHERE seq = $1`
	// Rows that an order's later change has made old are read and left out, so a page is bounded by rows.
	logPage = `SELECT l.seq, l.order_id, l.version, o.seq = l.seq AND l.at >= $3 FROM log l JOIN orders o ON o.id = l.order_id
	WHERE l.seq > $1 AND l.seq <= $2 AND l.wrote ORDER BY l.seq LIMIT $4`
)

// Log implements orders.Store.
func (s *Store) Log(ctx context.Context, q orders.LogQuery) (*orders.LogPage, error) {
	complete, err := s.end.find(ctx, s)
	if err != nil {
		return nil, translate(err, "find the end of the log")
	}
	page := &orders.LogPage{Cursor: q.After}
	var newest []uuid.UUID
	scanned := 0
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if q.After.Seq > 0 {
		b.Queue(logRow, q.After.Seq).QueryRow(func(row pgx.Row) error { return sameRow(row, q.After) })
	}
	b.Queue(logPage, q.After.Seq, complete, q.Earliest, q.Limit+1).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if scanned++; scanned > q.Limit {
				page.More = true
				continue
			}
			var seq int64
			var id uuid.UUID
			var version string
			var is bool
			if err := rows.Scan(&seq, raw(&id), &version, &is); err != nil {
				return err
			}
			page.Cursor = orders.CursorAfter(seq, id, version)
			if is {
				newest = append(newest, id)
			}
		}
		return rows.Err()
	})
	b.Queue("COMMIT")
	if err := s.batch(ctx, b); err != nil {
		return nil, translate(err, "read the log")
	}
	page.Orders, err = s.heads(ctx, newest)
	return page, err
}

// sameRow asks that a cursor's row is still the one that it was given for.
func sameRow(row pgx.Row, c orders.Cursor) error {
	var id uuid.UUID
	var version string
	err := row.Scan(raw(&id), &version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if err != nil || orders.CursorAfter(c.Seq, id, version) != c {
		return orders.Errorf(orders.CursorLost, "the log does not hold the cursor's place any more: begin without one, and compare in full")
	}
	return nil
}

// How long a reader waits for transactions that are under way, and how often it looks.
const (
	endPatience = 100 * time.Millisecond
	endLook     = 2 * time.Millisecond
)

// logEnd knows up to which number the log is complete: no transaction that drew such a number is still
// under way. A writer takes its transaction id before its numbers. So once a number was seen, whoever
// drew it or a lower one has an id below the ones that are given out from then on; and when none of
// those ids is in progress any more, all such rows are there that ever will be.
type logEnd struct {
	mu       sync.Mutex
	server   time.Time // start of the server that this holds for
	complete int64
	next     int64 // complete as soon as no id below ids is in progress
	ids      int64
}

// find waits a little for the end as it is now, and otherwise settles for an earlier one.
func (e *logEnd) find(ctx context.Context, s *Store) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wanted := int64(-1)
	for deadline := time.Now().Add(endPatience); ; {
		last, lowest, following, err := e.look(ctx, s)
		if err != nil {
			return 0, err
		}
		if wanted < 0 {
			wanted = last
		}
		if e.next > 0 && lowest >= e.ids {
			e.complete, e.next = max(e.complete, e.next), 0
		}
		if lowest == following { // nobody is writing
			e.complete, e.next = max(e.complete, last), 0
		}
		if e.complete >= wanted || time.Now().After(deadline) {
			return e.complete, nil
		}
		if e.next == 0 {
			e.next, e.ids = last, following
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(endLook):
		}
	}
}

// look reads the last number, and after it which transactions are in progress: from the lowest id that
// is, to the one that is given out next. Where the numbers are another server's, or have gone back,
// what was known before is forgotten.
func (e *logEnd) look(ctx context.Context, s *Store) (last, lowest, following int64, err error) {
	var server time.Time
	b := &pgx.Batch{}
	b.Queue(lastNumber).QueryRow(func(row pgx.Row) error { return row.Scan(&last, &server) })
	b.Queue(inProgress).QueryRow(func(row pgx.Row) error { return row.Scan(&lowest, &following) })
	if err := s.batch(ctx, b); err != nil {
		return 0, 0, 0, err
	}
	if !server.Equal(e.server) || last < e.complete {
		e.server, e.complete, e.next = server, 0, 0
	}
	return last, lowest, following, nil
}
