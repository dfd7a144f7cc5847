package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Cleanup says what a clean-up may remove.
type Cleanup struct {
	Retention time.Duration // history younger than this stays
	Peers     []string      // a deletion stays whole until each of them has it
	Apart     time.Duration // nothing is done when another one was begun less than this ago
}

// Cleaned is what a clean-up did.
type Cleaned struct {
	Idle       bool // another one is at it, or was a short time ago; or contents of an earlier version are being moved
	LogRows    int64
	Contents   int64 // contents that nothing refers to any more
	Tombstones int64 // deleted orders of which nothing else is known now
}

const (
	// cleanupLock is the advisory lock of who cleans up; the number is arbitrary but fixed.
	cleanupLock = 0x6f726465727364
	// A step reads so many rows, and changes no more, in a transaction of its own; between two of them
	// there is room for others.
	cleanupStep  = 1000
	cleanupPause = 10 * time.Millisecond
)

const (
	// A time that lies ahead is a clock's mistake.
	beginCleanup = `UPDATE cleanup SET ran_at = now() WHERE ran_at IS NULL OR ran_at <= now() - $1::interval OR ran_at > now()`
	cleanupLast  = `SELECT up_to, ran_at FROM cleanup`
	takeTurn     = `SELECT pg_try_advisory_xact_lock($1)`
	// Most rows are the newest of an order that was left alone for long, and hold nothing.
	oldRows = `SELECT l.seq, l.at < now() - $2::interval, num_nonnulls(l.replaced, l.dropped) > 0
	OR NOT EXISTS (SELECT FROM orders o WHERE o.id = l.order_id AND o.seq = l.seq OFFSET 0) FROM log l WHERE l.seq > $1 ORDER BY l.seq LIMIT $3`
	cleanRows   = `SELECT removed, COALESCE(up_to, 0), emptied FROM clean_log($1, $2)`
	cleanedUpTo = `UPDATE cleanup SET up_to = greatest(up_to, $1)`

	// An order's newest change says when it was deleted here.
	oldTombstones = `SELECT o.id, l.at < now() - $2::interval, o.content IS NOT NULL FROM orders o JOIN log l ON l.seq = o.seq
	WHERE o.deleted AND o.id > $1 ORDER BY o.id LIMIT $3`
	cleanTombstones = `SELECT removed, emptied FROM clean_tombstones($1, $2, $3)`
)

// CleanUp removes history and contents that have outlived the retention, of orders that are settled
// towards every peer that has not left: rows of the log but the newest of each order, and what deleted orders held. That
// an order was deleted, and at which version, is never removed, so that nothing deleted comes back.
// Nothing is done before all contents of an earlier version are moved.
func (s *Store) CleanUp(ctx context.Context, c Cleanup) (done Cleaned, err error) {
	if moved, err := s.areMoved(ctx); !moved {
		return Cleaned{Idle: true}, translate(err, "begin to clean up")
	}
	tag, err := s.pool.Exec(ctx, beginCleanup, c.Apart)
	if err != nil {
		return done, translate(err, "begin to clean up")
	}
	if tag.RowsAffected() == 0 {
		done.Idle = true
		return done, nil
	}
	// Tombstones first: when a deletion is old is told by its row of the log.
	for _, clean := range []func(context.Context, Cleanup, *Cleaned) error{s.cleanTombstones, s.cleanLog} {
		if err := clean(ctx, c, &done); err != nil || done.Idle {
			return done, translate(err, "clean up")
		}
	}
	return done, nil
}

// CleanedUpTo is the highest number of the log that was ever removed, 0 when none was. A cursor that is
// not above it may have lost its place.
func (s *Store) CleanedUpTo(ctx context.Context) (int64, error) {
	upTo, _, err := s.LastCleanUp(ctx)
	return upTo, err
}

// LastCleanUp tells how far the log was cleaned up, and when that was last begun, by whichever process;
// the zero time when never.
func (s *Store) LastCleanUp(ctx context.Context) (upTo int64, at time.Time, err error) {
	var when *time.Time
	err = s.pool.QueryRow(ctx, cleanupLast).Scan(&upTo, &when)
	if when != nil {
		at = *when
	}
	return upTo, at, translate(err, "read how far the log was cleaned up")
}

// cleanLog goes through the log from its beginning to where it is young.
func (s *Store) cleanLog(ctx context.Context, c Cleanup, done *Cleaned) error {
	for from := int64(0); ; {
		w, err := look(&from, &from)(s.pool.Query(ctx, oldRows, from, c.Retention, cleanupStep))
		if err != nil || !w.old {
			return err
		}
		err = s.inTurn(ctx, len(w.todo), done, func(tx pgx.Tx) (did Cleaned, err error) {
			var upTo int64
			if err = tx.QueryRow(ctx, cleanRows, w.todo, c.Retention).Scan(&did.LogRows, &upTo, &did.Contents); err == nil && upTo > 0 {
				_, err = tx.Exec(ctx, cleanedUpTo, upTo)
			}
			return did, err
		})
		if err != nil || done.Idle || w.read < cleanupStep {
			return err
		}
	}
}

// cleanTombstones goes through the deleted orders.
func (s *Store) cleanTombstones(ctx context.Context, c Cleanup, done *Cleaned) error {
	for from := uuid.Nil; ; {
		w, err := look(&from, raw(&from))(s.pool.Query(ctx, oldTombstones, from, c.Retention, cleanupStep))
		if err != nil {
			return err
		}
		err = s.inTurn(ctx, len(w.todo), done, func(tx pgx.Tx) (did Cleaned, err error) {
			err = tx.QueryRow(ctx, cleanTombstones, rawIDs(w.todo), c.Peers, c.Retention).Scan(&did.Tombstones, &did.Contents)
			return did, err
		})
		if err != nil || done.Idle || w.read < cleanupStep {
			return err
		}
	}
}

// window is what a step looked at.
type window[T any] struct {
	read int
	old  bool // some of it is
	todo []T
}

// look reads a window of ids, whether each is old, and whether there may be something to remove. Last
// becomes the last one; into is where it is read to.
func look[T any](last *T, into any) func(pgx.Rows, error) (window[T], error) {
	return func(rows pgx.Rows, err error) (w window[T], _ error) {
		if err != nil {
			return w, err
		}
		var old, holds bool
		_, err = pgx.ForEachRow(rows, []any{into, &old, &holds}, func() error {
			w.read++
			w.old = w.old || old
			if old && holds {
				w.todo = append(w.todo, *last)
			}
			return nil
		})
		return w, err
	}
}

// oneColumn reads rows of one column.
func oneColumn[T any](rows pgx.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// inTurn does what there is to do in a short transaction, if no other process is at it, and rests.
func (s *Store) inTurn(ctx context.Context, todo int, done *Cleaned, do func(pgx.Tx) (Cleaned, error)) error {
	if todo > 0 {
		var did Cleaned
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			var mine bool
			if err := tx.QueryRow(ctx, takeTurn, cleanupLock).Scan(&mine); err != nil {
				return err
			}
			if !mine {
				done.Idle = true
				return nil
			}
			did, err = do(tx)
			return err
		})
		if err != nil || done.Idle {
			return err
		}
		done.LogRows, done.Contents, done.Tombstones = done.LogRows+did.LogRows, done.Contents+did.Contents, done.Tombstones+did.Tombstones
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(cleanupPause):
		return nil
	}
}
