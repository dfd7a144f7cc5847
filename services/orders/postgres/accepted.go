package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
)

// acceptLock is the advisory lock of those that accept a batch, so that no more are open than may be;
// the number is arbitrary but fixed.
const acceptLock = 0x6f726465727363

const (
	acceptInTurn = `SELECT pg_advisory_xact_lock($1)`
	sameBatch    = `SELECT id FROM accepted_batches WHERE ended_at IS NULL AND role = $1 AND peer = $2 AND body_hash = $3`
	openBatches  = `SELECT count(*) FROM accepted_batches WHERE ended_at IS NULL AND role = $1 AND peer = $2`
	insertBatch  = `INSERT INTO accepted_batches (id, role, peer, request_id, body_hash) VALUES ($1, $2, $3, $4, $5)`
	insertPiece  = `INSERT INTO accepted_pieces (batch_id, number, entries, body) VALUES ($1, $2, $3, $4)`
	readBatch    = `SELECT b.peer, b.accepted_at, b.started_at IS NOT NULL, b.ended_at, b.failure, count(*), sum(p.entries),
	COALESCE(sum(p.entries) FILTER (WHERE p.answers IS NOT NULL), 0), sum(p.collided), sum(p.refused)
	FROM accepted_batches b JOIN accepted_pieces p ON p.batch_id = b.id WHERE b.id = $1 AND b.role = $2 AND ($3 = '' OR b.peer = $3) GROUP BY b.id`
	readAnswers = `SELECT answers FROM accepted_pieces WHERE batch_id = $1 AND number = $2 AND answers IS NOT NULL`
	// A lease, and no lock, since a connection is too much to hold on to for so long.
	claimBatch = `UPDATE accepted_batches SET leased_by = $1, leased_until = now() + $2::interval, attempts = attempts + 1,
	started_at = COALESCE(started_at, now())
	WHERE id = (SELECT id FROM accepted_batches WHERE ended_at IS NULL AND (leased_by = $1 OR leased_until < now())
		ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING id, role, peer, request_id, attempts`
	nextPiece   = `SELECT number, entries, body FROM accepted_pieces WHERE batch_id = $1 AND answers IS NULL ORDER BY number LIMIT 1`
	settlePiece = `UPDATE accepted_pieces SET body = '', answers = $3, collided = $4, refused = $5
	WHERE batch_id = $1 AND number = $2 AND answers IS NULL`
	endBatch = `UPDATE accepted_batches SET attempts = 0,
	ended_at = CASE WHEN EXISTS (SELECT FROM accepted_pieces WHERE batch_id = $1 AND answers IS NULL) THEN NULL ELSE now() END WHERE id = $1`
	failBatch  = `UPDATE accepted_batches SET ended_at = now(), failure = $2 WHERE id = $1 AND ended_at IS NULL`
	dropBodies = `UPDATE accepted_pieces SET body = '' WHERE batch_id = $1 AND answers IS NULL`
	// What was broken off by a stop is no failed attempt.
	releaseBatches = `UPDATE accepted_batches SET leased_by = '', leased_until = '-infinity', attempts = greatest(attempts - 1, 0)
	WHERE ended_at IS NULL AND leased_by = $1`
	forgetBatches = `DELETE FROM accepted_batches WHERE ended_at < now() - $1::interval`
)

// Accept keeps a batch to be worked on later, unless its sender has openMax of them already: then it is
// TooMany. A batch that is kept and open already is not kept twice; the id is that of the one kept.
func (s *Store) Accept(ctx context.Context, a *orders.Accepted, pieces []orders.Piece, openMax int) (uuid.UUID, error) {
	id := a.ID
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, acceptInTurn, acceptLock); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, sameBatch, a.Role, a.Peer, a.Hash).Scan(&id)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var open int
		if err := tx.QueryRow(ctx, openBatches, a.Role, a.Peer).Scan(&open); err != nil {
			return err
		}
		if open >= openMax {
			return orders.Errorf(orders.TooMany, "%d accepted batches are being worked on; wait until one has ended", open)
		}
		b := &pgx.Batch{}
		b.Queue(insertBatch, a.ID, a.Role, a.Peer, a.RequestID, a.Hash)
		for i := range pieces {
			b.Queue(insertPiece, a.ID, i+1, pieces[i].Entries, pieces[i].Body)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return id, translate(err, "accept a batch")
}

// Accepted finds a batch that a role's token sent, for a peer or, where none is given, for any.
func (s *Store) Accepted(ctx context.Context, id uuid.UUID, role, peer string) (*orders.Accepted, error) {
	a := &orders.Accepted{ID: id, Role: role}
	var ended *time.Time
	err := s.pool.QueryRow(ctx, readBatch, id, role, peer).Scan(&a.Peer, &a.AcceptedAt, &a.Started, &ended, &a.Failure,
		&a.Pieces, &a.Entries, &a.Settled, &a.Collided, &a.Refused)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, orders.Errorf(orders.NotFound, "there is no such batch, or it was forgotten since")
	}
	if ended != nil {
		a.EndedAt = *ended
	}
	return a, translate(err, "read a batch")
}

// PieceAnswers are the answers to a piece, nil when it was not applied.
func (s *Store) PieceAnswers(ctx context.Context, id uuid.UUID, number int) (answers []byte, err error) {
	err = s.pool.QueryRow(ctx, readAnswers, id, number).Scan(&answers)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return answers, translate(err, "read answers of a batch")
}

// Claim takes the next piece of the oldest batch that no other worker holds, for as long as the lease;
// nil when there is none. It is the worker's until it is settled or fails.
func (s *Store) Claim(ctx context.Context, worker string, lease time.Duration) (*orders.Piece, error) {
	var p orders.Piece
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, claimBatch, worker, lease).Scan(&p.Batch, &p.Role, &p.Peer, &p.RequestID, &p.Attempts); err != nil {
			return err
		}
		return tx.QueryRow(ctx, nextPiece, p.Batch).Scan(&p.Number, &p.Entries, &p.Body)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &p, translate(err, "claim a batch")
}

// Settle keeps what became of a piece, and ends its batch with the last one.
func (s *Store) Settle(ctx context.Context, p *orders.Piece, o orders.PieceOutcome) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(settlePiece, p.Batch, p.Number, o.Answers, o.Collided, o.Refused)
	b.Queue(endBatch, p.Batch)
	b.Queue("COMMIT")
	return translate(s.batch(ctx, b), "settle a piece")
}

// FailBatch ends a batch that cannot be applied; pieces before the present one have been.
func (s *Store) FailBatch(ctx context.Context, id uuid.UUID, failure string) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(failBatch, id, failure)
	b.Queue(dropBodies, id)
	b.Queue("COMMIT")
	return translate(s.batch(ctx, b), "fail a batch")
}

// Release gives back what a worker holds.
func (s *Store) Release(ctx context.Context, worker string) error {
	_, err := s.pool.Exec(ctx, releaseBatches, worker)
	return translate(err, "release batches")
}

// ForgetBatches drops batches that ended longer ago than an age.
func (s *Store) ForgetBatches(ctx context.Context, age time.Duration) error {
	_, err := s.pool.Exec(ctx, forgetBatches, age)
	return translate(err, "forget batches")
}
