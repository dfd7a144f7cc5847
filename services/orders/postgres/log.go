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
	oldestOpen = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
	ownID      = `SELECT pg_current_xact_id()::text::bigint`
	logRow     = `SELECT order_id, version FROM log WHERE seq = $1`
	// Rows that an order's later change has made old are read and left out, so a page is bounded by rows.
	logPage = `SELECT l.seq, l.order_id, l.version, o.seq = l.seq AND l.at >= $3 FROM log l JOIN orders o ON o.id = l.order_id
	WHERE l.seq > $1 AND l.seq <= $2 AND l.wrote ORDER BY l.seq LIMIT $4`
)

// Log implements orders.Store. It waits for what is under way only where there is nothing else to tell.
func (s *Store) Log(ctx context.Context, q orders.LogQuery) (*orders.LogPage, error) {
	complete, last, err := s.end.look(ctx, s)
	if err != nil {
		return nil, translate(err, "find the end of the log")
	}
	page, err := s.logUpTo(ctx, q, complete)
	if err != nil || page.More {
		return page, err
	}
	further, err := s.end.await(ctx, s, last)
	if err != nil {
		return nil, translate(err, "find the end of the log")
	}
	if further == complete {
		return page, nil
	}
	return s.logUpTo(ctx, q, further)
}

// LogEnd implements orders.Store. It waits a little for what is under way.
func (s *Store) LogEnd(ctx context.Context) (int64, error) {
	complete, last, err := s.end.look(ctx, s)
	if err == nil && complete < last {
		complete, err = s.end.await(ctx, s, last)
	}
	return complete, translate(err, "find the end of the log")
}

// logUpTo reads a page of the log up to a number.
func (s *Store) logUpTo(ctx context.Context, q orders.LogQuery, complete int64) (_ *orders.LogPage, err error) {
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
	page.Orders, err = s.load(ctx, newest, q.Bodies)
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
// under way. A writer takes its transaction id before its numbers. So after a number was seen, a new id
// is above that of whoever drew it or a lower one; and once no transaction with that id or a lower one is
// open any more, all rows up to the number are there that ever will be. The new id must be one's own: a
// snapshot tells of the ids that have ended, and not of the highest that was given out.
type logEnd struct {
	mu       sync.Mutex
	server   time.Time // start of the server that this holds for
	complete int64
	next     int64 // complete as soon as no transaction up to id is open; 0: nothing is waited for
	id       int64
}

// await waits a little until the log is complete up to a number, and otherwise settles for less.
func (e *logEnd) await(ctx context.Context, s *Store, wanted int64) (int64, error) {
	for deadline := time.Now().Add(endPatience); ; {
		complete, _, err := e.look(ctx, s)
		if err != nil || complete >= wanted || time.Now().After(deadline) {
			return complete, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(endLook):
		}
	}
}

// look brings the end forward as far as it can be now; last is the last number that was drawn.
func (e *logEnd) look(ctx context.Context, s *Store) (complete, last int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var oldest int64
	var server time.Time
	b := &pgx.Batch{}
	b.Queue(oldestOpen).QueryRow(func(row pgx.Row) error { return row.Scan(&oldest) })
	b.Queue(lastNumber).QueryRow(func(row pgx.Row) error { return row.Scan(&last, &server) })
	if err := s.batch(ctx, b); err != nil {
		return 0, 0, err
	}
	if !server.Equal(e.server) || last < max(e.complete, e.next) { // other numbers than those seen before
		e.server, e.complete, e.next = server, 0, 0
	}
	if e.next > 0 && oldest > e.id {
		e.complete, e.next = e.next, 0
	}
	if e.next == 0 && last > e.complete {
		// A transaction of its own, after the number was seen; it has ended when the next look begins.
		if err := s.pool.QueryRow(ctx, ownID).Scan(&e.id); err != nil {
			return 0, 0, err
		}
		e.next = last
	}
	return e.complete, last, nil
}
