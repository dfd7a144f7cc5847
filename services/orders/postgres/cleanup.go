package postgres

import (
	"context"
	"slices"
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
	Idle       bool // another one is at it, or was a short time ago
	LogRows    int64
	Contents   int64 // rows of the log whose kept contents were removed
	Tombstones int64 // deleted orders whose last content was removed
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
	oldRows = `SELECT l.seq, l.at < now() - $2::interval, l.replaced IS NOT NULL OR l.dropped IS NOT NULL
	OR NOT EXISTS (SELECT FROM orders o WHERE o.id = l.order_id AND o.seq = l.seq) FROM log l WHERE l.seq > $1 ORDER BY l.seq LIMIT $3`
	removeRows     = `SELECT remove_log_rows($1, $2)`
	removeContents = `SELECT remove_log_contents($1, $2)`
	cleanedUpTo    = `UPDATE cleanup SET up_to = greatest(up_to, $1)`

	// An order's newest change says when it was deleted here.
	oldTombstones = `SELECT o.id, l.at < now() - $2::interval, o.body IS NOT NULL FROM orders o JOIN log l ON l.seq = o.seq
	WHERE o.deleted AND o.id > $1 ORDER BY o.id LIMIT $3`
	// Those that somebody works on now are left to the next time. Links change only under this lock, so
	// they are looked at by a statement of its own after it.
	lockTombstones   = `SELECT id FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED`
	removeTombstones = `UPDATE orders o SET body = NULL, words = NULL, order_number = '', status = '' WHERE o.id = ANY($1) AND o.deleted AND o.body IS NOT NULL
	AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.state NOT IN (3, 5))
	AND NOT EXISTS (SELECT FROM unnest($2::text[]) p WHERE NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.peer = p AND k.state = 5))
	RETURNING o.id`
	forgetContents = `SELECT remove_tombstone_contents($1)`
)

// CleanUp removes history and contents that have outlived the retention, of orders that are settled
// towards every peer: rows of the log but the newest of each order, and what deleted orders held. That
// an order was deleted, and at which version, is never removed, so that nothing deleted comes back.
func (s *Store) CleanUp(ctx context.Context, c Cleanup) (done Cleaned, err error) {
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
			gone, err := oneColumn[int64](tx.Query(ctx, removeRows, w.todo, c.Retention))
			if err != nil {
				return did, err
			}
			if len(gone) > 0 {
				if _, err := tx.Exec(ctx, cleanedUpTo, slices.Max(gone)); err != nil {
					return did, err
				}
			}
			emptied, err := tx.Exec(ctx, removeContents, w.todo, c.Retention)
			return Cleaned{LogRows: int64(len(gone)), Contents: emptied.RowsAffected()}, err
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
			locked, err := oneColumn[uuid.UUID](tx.Query(ctx, lockTombstones, rawIDs(w.todo)))
			if err != nil {
				return did, err
			}
			gone, err := oneColumn[uuid.UUID](tx.Query(ctx, removeTombstones, rawIDs(locked), c.Peers))
			if err != nil {
				return did, err
			}
			emptied, err := tx.Exec(ctx, forgetContents, rawIDs(gone))
			return Cleaned{Tombstones: int64(len(gone)), Contents: emptied.RowsAffected()}, err
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
