package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	reconciliationColumns = `id, peer, cause, dry_run, state, reason, requested_by, requested_at, decided_by, decided_at, except_ids,
	runner, seen_at, finished_at, report`
	openStates           = `('requested', 'running', 'held', 'confirmed')`
	insertOne            = `INSERT INTO reconciliations (id, peer, cause, dry_run, state, requested_by, requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	readOne              = `SELECT ` + reconciliationColumns + ` FROM reconciliations WHERE id = $1`
	openOne              = `SELECT ` + reconciliationColumns + ` FROM reconciliations WHERE peer = $1 AND state IN ` + openStates
	listReconciliations  = `SELECT ` + reconciliationColumns + ` FROM reconciliations WHERE ($1 = '' OR peer = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`
	updateReconciliation = `UPDATE reconciliations SET state = $2, reason = $3, decided_by = $4, decided_at = $5, except_ids = $6, runner = $7,
	seen_at = $8, finished_at = $9, report = $10, confirmed_plan = CASE WHEN $2 = 'confirmed' AND decided_at IS NULL THEN $10 ELSE confirmed_plan END WHERE id = $1`
	endOpen   = `UPDATE reconciliations SET state = 'dropped', reason = $3, finished_at = $2 WHERE peer = $1 AND state IN ` + openStates
	forgetOld = `DELETE FROM reconciliations WHERE peer = $1 AND state NOT IN ` + openStates + `
	AND id < (SELECT id FROM reconciliations WHERE peer = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`
	lastEnded = `SELECT ` + reconciliationColumns + ` FROM reconciliations WHERE peer = $1 AND state IN ('done', 'failed', 'dropped') AND NOT dry_run
	ORDER BY requested_at DESC, id DESC LIMIT 1`
)

// keptReconciliations is how many are remembered with each peer.
const keptReconciliations = 500

func insertReconciliation(ctx context.Context, to interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, r *contracts.Reconciliation,
) error {
	_, err := to.Exec(ctx, insertOne, r.ID, r.Peer, r.Cause, r.DryRun, r.State, r.RequestedBy, r.RequestedAt)
	return err
}

// Add implements peering.Store.
func (s *Store) Add(ctx context.Context, r *contracts.Reconciliation) error {
	err := insertReconciliation(ctx, s.pool, r)
	if sqlState(err) == "23505" {
		return orders.Errorf(orders.Conflict, "a reconciliation with %s is open already", r.Peer)
	}
	if err == nil {
		_, err = s.pool.Exec(ctx, forgetOld, r.Peer, keptReconciliations)
	}
	return translate(err, "add a reconciliation")
}

// Open implements peering.Store.
func (s *Store) Open(ctx context.Context, peer string) (*contracts.Reconciliation, error) {
	r, err := scanReconciliation(s.pool.QueryRow(ctx, openOne, peer))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, translate(err, "read the open reconciliation")
}

// Reconciliation implements peering.Store.
func (s *Store) Reconciliation(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error) {
	r, err := scanReconciliation(s.pool.QueryRow(ctx, readOne, id))
	return r, translate(notFound(err, "reconciliation"), "read a reconciliation")
}

// Reconciliations implements peering.Store.
func (s *Store) Reconciliations(ctx context.Context, peer string, before uuid.UUID, limit int) ([]contracts.Reconciliation, error) {
	rows, err := s.pool.Query(ctx, listReconciliations, peer, orNull(before), limit)
	if err != nil {
		return nil, translate(err, "list reconciliations")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (contracts.Reconciliation, error) {
		r, err := scanReconciliation(row)
		if err != nil {
			return contracts.Reconciliation{}, err
		}
		return *r, nil
	})
	return list, translate(err, "list reconciliations")
}

// ChangeReconciliation implements peering.Store.
func (s *Store) ChangeReconciliation(ctx context.Context, id uuid.UUID, change func(*contracts.Reconciliation) error) (r *contracts.Reconciliation, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if r, err = scanReconciliation(tx.QueryRow(ctx, readOne+` FOR UPDATE`, id)); err != nil {
			return notFound(err, "reconciliation")
		}
		if err := change(r); err != nil {
			return err
		}
		var report []byte
		if r.Report != nil {
			if report, err = json.Marshal(r.Report); err != nil {
				return err
			}
		}
		except := r.Except
		if except == nil {
			except = []string{}
		}
		_, err := tx.Exec(ctx, updateReconciliation, r.ID, r.State, r.Reason, r.DecidedBy, r.DecidedAt, except, r.Runner, r.SeenAt, r.FinishedAt, report)
		return err
	})
	return r, translate(err, "change a reconciliation")
}

// LastEnded implements peering.Store.
func (s *Store) LastEnded(ctx context.Context, peer string) (*contracts.Reconciliation, error) {
	r, err := scanReconciliation(s.pool.QueryRow(ctx, lastEnded, peer))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, translate(err, "read the last reconciliation")
}

func scanReconciliation(row pgx.Row) (*contracts.Reconciliation, error) {
	var r contracts.Reconciliation
	var id uuid.UUID
	var except []uuid.UUID
	var report []byte
	err := row.Scan(&id, &r.Peer, &r.Cause, &r.DryRun, &r.State, &r.Reason, &r.RequestedBy, &r.RequestedAt, &r.DecidedBy, &r.DecidedAt,
		&except, &r.Runner, &r.SeenAt, &r.FinishedAt, &report)
	if err != nil {
		return nil, err
	}
	r.ID, r.RequestedAt = id.String(), r.RequestedAt.UTC()
	for _, at := range []*time.Time{r.DecidedAt, r.SeenAt, r.FinishedAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	for _, e := range except {
		r.Except = append(r.Except, e.String())
	}
	if report != nil {
		r.Report = &contracts.ReconcileReport{}
		if err := json.Unmarshal(report, r.Report); err != nil {
			return nil, fmt.Errorf("%w: report of reconciliation %s: %w", errUnreadable, r.ID, err)
		}
	}
	return &r, nil
}
