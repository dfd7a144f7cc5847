package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	// The brake is the side's: the rows of all peers have the same of it. Whoever changes several locks them in this order first.
	lockPeerRows = `SELECT FROM peers ORDER BY peer FOR UPDATE`
	// A confirmed plan holds while its reconciliation is carried out. It is read by a statement of its own, when the
	// lock is held: joined, the plan would be as old as the wait for the lock.
	readBrake = `SELECT p.tripped, p.off_until, p.since, p.deletions, p.replacements, clock_timestamp(),
	r.id, r.confirmed_plan, r.except_ids, r.passed_deletions, r.passed_replacements
	FROM (SELECT bit_or(brake_tripped) AS tripped, max(brake_off_until) AS off_until, max(brake_since) AS since,
		max(brake_deletions) AS deletions, max(brake_replacements) AS replacements FROM peers WHERE left_at IS NULL) p
	LEFT JOIN reconciliations r ON r.peer = $1 AND r.state IN ('confirmed', 'running') AND r.confirmed_plan IS NOT NULL`
	countBrake = `UPDATE peers SET brake_tripped = $1, brake_since = $2, brake_deletions = $3, brake_replacements = $4`
	countPlan  = `UPDATE reconciliations SET passed_deletions = $2, passed_replacements = $3 WHERE id = $1`
	// Set by an operator, it counts anew.
	setBrake = `UPDATE peers SET brake_tripped = $1, brake_off_until = $2, brake_since = NULL, brake_deletions = 0, brake_replacements = 0`
)

// brakeLock implements orders.BrakeLock in the transaction of a connection.
func brakeLock(ctx context.Context, conn *pgx.Conn) orders.BrakeLock {
	return func(peer string, decide func(orders.BrakeState, time.Time) orders.BrakeState) error {
		var was orders.BrakeState
		var tripped int16
		var off, since *time.Time
		var now time.Time
		var plan *uuid.UUID
		var confirmed []byte
		var except []uuid.UUID
		var deletions, replacements *int64
		read := &pgx.Batch{}
		read.Queue(lockPeerRows)
		read.Queue(readBrake, peer).QueryRow(func(row pgx.Row) error {
			return row.Scan(&tripped, &off, &since, &was.Deleted, &was.Replaced, &now, &plan, &confirmed, &except, &deletions, &replacements)
		})
		if err := conn.SendBatch(ctx, read).Close(); err != nil {
			return err
		}
		was.Deletions, was.Replacements = tripped&1 != 0, tripped&2 != 0
		if off != nil {
			was.OffUntil = *off
		}
		if since != nil {
			was.Since = *since
		}
		var allowed orders.ConfirmedPlan
		if plan != nil {
			var report contracts.ReconcileReport
			if err := json.Unmarshal(confirmed, &report); err != nil {
				return err
			}
			was.Plan = orders.PlanOf(&report, except)
			allowed = *was.Plan
			was.Plan.MoreDeletes -= *deletions
			was.Plan.MoreReplaces -= *replacements
		}
		is := decide(was, now)
		b := &pgx.Batch{}
		b.Queue(countBrake, trippedBits(is), is.Since, is.Deleted, is.Replaced)
		if plan != nil {
			b.Queue(countPlan, *plan, allowed.MoreDeletes-is.Plan.MoreDeletes, allowed.MoreReplaces-is.Plan.MoreReplaces)
		}
		return conn.SendBatch(ctx, b).Close()
	}
}

func trippedBits(b orders.BrakeState) (bits int16) {
	if b.Deletions {
		bits |= 1
	}
	if b.Replacements {
		bits |= 2
	}
	return bits
}

// SetBrake implements peering.Store.
func (s *Store) SetBrake(ctx context.Context, b orders.BrakeState) error {
	var off *time.Time
	if !b.OffUntil.IsZero() {
		off = &b.OffUntil
	}
	set := &pgx.Batch{}
	set.Queue("BEGIN")
	set.Queue(lockPeerRows)
	set.Queue(setBrake, trippedBits(b), off)
	set.Queue("COMMIT")
	return translate(s.pool.SendBatch(ctx, set).Close(), "set the brake")
}
