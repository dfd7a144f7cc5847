package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Contents are read by their number. Until those of an order are moved, which came with migration 0028, its present
// content and those beside its links are in the columns of before; what is in the log is moved before it is read.
const (
	presentBody = `COALESCE((SELECT c.body FROM contents c WHERE c.seq = o.content), o.old_body)`
	theirsBody  = `COALESCE((SELECT c.body FROM contents c WHERE c.seq = l.theirs), l.old_theirs_body)`

	unmoved      = -1 // orders.content until the contents of the order are moved
	moveContents = `SELECT move_contents($1)`
	allMoved     = `SELECT NOT EXISTS (SELECT FROM contents_to_move)`
	nextToMove   = `SELECT next FROM contents_to_move FOR UPDATE SKIP LOCKED`
	// Some orders are known by their links only, and some have more than one.
	listToMove = `(SELECT id FROM orders WHERE id >= $1 ORDER BY id LIMIT $2)
	UNION (SELECT DISTINCT order_id FROM links WHERE order_id >= $1 ORDER BY order_id LIMIT $2) ORDER BY id LIMIT $2`
	moveOn   = `UPDATE contents_to_move SET next = $1`
	moveDone = `DELETE FROM contents_to_move`
)

// MoveContents moves the contents of at most so many orders of an earlier version to where they are read and written
// now. It returns how many orders it looked at; 0 when all are moved, or when another process is at it.
func (s *Store) MoveContents(ctx context.Context, most int) (n int, err error) {
	if done, err := s.areMoved(ctx); done || err != nil {
		return 0, translate(err, "move contents")
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		n = 0
		var next uuid.UUID
		if err := tx.QueryRow(ctx, nextToMove).Scan(&next); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		}
		ids, err := oneColumn[uuid.UUID](tx.Query(ctx, listToMove, next, most))
		if err != nil {
			return err
		}
		n = len(ids)
		if _, err := tx.Exec(ctx, moveContents, rawIDs(ids)); err != nil {
			return err
		}
		if n < most {
			_, err = tx.Exec(ctx, moveDone)
		} else {
			_, err = tx.Exec(ctx, moveOn, ids[n-1])
		}
		return err
	})
	return n, translate(err, "move contents")
}

// areMoved reports whether no contents of an earlier version are left to move.
func (s *Store) areMoved(ctx context.Context) (done bool, err error) {
	if s.moved.Load() {
		return true, nil
	}
	if err = s.pool.QueryRow(ctx, allMoved).Scan(&done); done {
		s.moved.Store(true)
	}
	return done, err
}

// moveFirst moves the contents of orders whose history is about to be read.
func (s *Store) moveFirst(ctx context.Context, ids ...uuid.UUID) error {
	done, err := s.areMoved(ctx)
	if err == nil && !done && len(ids) > 0 {
		_, err = s.pool.Exec(ctx, moveContents, rawIDs(ids))
	}
	return err
}
