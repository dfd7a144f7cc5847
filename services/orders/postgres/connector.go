package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbridge/orderbridge/services/connector"
)

const (
	recordColumns = `SELECT order_id, COALESCE(foreign_id, ''), lines, deleted_as, missing, fault, fault_at, rewritten FROM connector_records `
	recordsAfter  = recordColumns + `WHERE foreign_id IS NOT NULL AND order_id > $1 ORDER BY order_id LIMIT $2`
	presentAfter  = recordColumns + `WHERE foreign_id IS NOT NULL AND missing IS NULL AND order_id > $1 ORDER BY order_id LIMIT $2`
	missing       = recordColumns + `WHERE missing IS NOT NULL ORDER BY missing LIMIT $1`
	faults        = recordColumns + `WHERE fault <> '' ORDER BY fault_at LIMIT $1`
	saveRecord    = `INSERT INTO connector_records (order_id, foreign_id, lines, deleted_as, missing, fault, fault_at, rewritten)
	VALUES ($1, NULLIF($2, ''), $3, $4, $5, $6, $7, $8)
	ON CONFLICT (order_id) DO UPDATE SET foreign_id = EXCLUDED.foreign_id, lines = EXCLUDED.lines, deleted_as = EXCLUDED.deleted_as,
	missing = EXCLUDED.missing, fault = EXCLUDED.fault, fault_at = EXCLUDED.fault_at, rewritten = EXCLUDED.rewritten`

	intentColumns = `SELECT order_id, creates, before, target, body, held, sent_at FROM connector_intents `
	saveIntent    = `INSERT INTO connector_intents (order_id, creates, before, target, body, held, sent_at) SELECT $1, $2, $3, $4, $5, $6, $7
	WHERE NOT $2 OR NOT EXISTS (SELECT FROM connector_records WHERE order_id = $1 AND foreign_id IS NOT NULL)
	ON CONFLICT (order_id) DO NOTHING`
	replaceIntent = `UPDATE connector_intents SET creates = $2, before = $3, target = $4, body = $5, held = $6, sent_at = $7
	WHERE order_id = $1 AND sent_at = $8`

	// A host that leads and vanishes without a word would keep the lead for as long as the server believes in its
	// connection: two hours, as systems come.
	letGoSoon = `SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000`

	// Only the number of the lock matters: it is no other one of ours in this database.
	tryLead = `SELECT pg_try_advisory_lock(7205759403792)`
)

// ConnectorStore implements connector.Records.
type ConnectorStore struct{ pool *pgxpool.Pool }

// Connector is the store of a connector's records, in the same database.
func (s *Store) Connector() *ConnectorStore { return &ConnectorStore{s.pool} }

// leadCheck is how often the connection that holds the lead is tried.
const leadCheck = 2 * time.Second

// Lead implements connector.Records. The lead is a lock of a connection: whoever loses the connection has lost it.
func (s *ConnectorStore) Lead(ctx context.Context, work func(context.Context) error) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return translate(err, "take the lead")
	}
	conn := pooled.Hijack() // closed at the end, and with it the lock
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, letGoSoon); err != nil {
		return translate(err, "take the lead")
	}
	for {
		var leads bool
		if err := conn.QueryRow(ctx, tryLead).Scan(&leads); err != nil {
			return translate(err, "take the lead")
		}
		if leads {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	tick := time.NewTicker(leadCheck)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			asking, cancel := context.WithTimeout(working, leadCheck)
			err := conn.Ping(asking)
			cancel()
			if err != nil && ctx.Err() == nil {
				stop()
				return errors.Join(translate(err, "keep the lead"), <-done)
			}
		}
	}
}

func scanRecord(row pgx.CollectableRow) (*connector.Record, error) {
	var r connector.Record
	var missing, faultAt *time.Time
	if err := row.Scan(&r.OrderID, &r.ForeignID, &r.Lines, &r.DeletedAs, &missing, &r.Fault, &faultAt, &r.Rewritten); err != nil {
		return nil, err
	}
	if missing != nil {
		r.Missing = *missing
	}
	if faultAt != nil {
		r.FaultAt = *faultAt
	}
	return &r, nil
}

func (s *ConnectorStore) records(ctx context.Context, query string, args ...any) ([]*connector.Record, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, translate(err, "read records of the connector")
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	return list, translate(err, "read records of the connector")
}

// Record implements connector.Records.
func (s *ConnectorStore) Record(ctx context.Context, id uuid.UUID) (*connector.Record, error) {
	list, err := s.records(ctx, recordColumns+`WHERE order_id = $1`, id)
	if err != nil || len(list) == 1 {
		return one(list), err
	}
	return &connector.Record{OrderID: id}, nil
}

// RecordOf implements connector.Records.
func (s *ConnectorStore) RecordOf(ctx context.Context, foreignID string) (*connector.Record, error) {
	list, err := s.records(ctx, recordColumns+`WHERE foreign_id = $1`, foreignID)
	return one(list), err
}

func one(list []*connector.Record) *connector.Record {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// RecordsAfter implements connector.Records.
func (s *ConnectorStore) RecordsAfter(ctx context.Context, after uuid.UUID, present bool, limit int) ([]*connector.Record, error) {
	if present {
		return s.records(ctx, presentAfter, after, limit)
	}
	return s.records(ctx, recordsAfter, after, limit)
}

// Missing implements connector.Records.
func (s *ConnectorStore) Missing(ctx context.Context, limit int) ([]*connector.Record, error) {
	return s.records(ctx, missing, limit)
}

// Faults implements connector.Records.
func (s *ConnectorStore) Faults(ctx context.Context, limit int) (list []*connector.Record, all int64, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM connector_records WHERE fault <> ''`).Scan(&all); err != nil {
		return nil, 0, translate(err, "count faults")
	}
	list, err = s.records(ctx, faults, limit)
	return list, all, err
}

// SaveRecord implements connector.Records.
func (s *ConnectorStore) SaveRecord(ctx context.Context, r *connector.Record) error {
	lines, err := json.Marshal(r.Lines)
	if r.Lines == nil {
		lines = []byte("{}")
	}
	if err != nil {
		return fmt.Errorf("encode lines: %w", err)
	}
	rewritten, err := json.Marshal(r.Rewritten)
	if r.Rewritten == nil {
		rewritten = []byte("{}")
	}
	if err != nil {
		return fmt.Errorf("encode counts: %w", err)
	}
	_, err = s.pool.Exec(ctx, saveRecord, r.OrderID, r.ForeignID, lines, r.DeletedAs, timeOrNull(r.Missing), r.Fault, timeOrNull(r.FaultAt), rewritten)
	return translate(err, "save record of the connector")
}

func (s *ConnectorStore) intents(ctx context.Context, query string, args ...any) ([]*connector.Intent, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, translate(err, "read intents")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*connector.Intent, error) {
		var i connector.Intent
		err := row.Scan(&i.OrderID, &i.Create, &i.Before, &i.Target, &i.Body, &i.Held, &i.SentAt)
		return &i, err
	})
	return list, translate(err, "read intents")
}

// Intent implements connector.Records.
func (s *ConnectorStore) Intent(ctx context.Context, id uuid.UUID) (*connector.Intent, error) {
	list, err := s.intents(ctx, intentColumns+`WHERE order_id = $1`, id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// Intents implements connector.Records.
func (s *ConnectorStore) Intents(ctx context.Context, limit int) (list []*connector.Intent, all int64, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM connector_intents`).Scan(&all); err != nil {
		return nil, 0, translate(err, "count intents")
	}
	list, err = s.intents(ctx, intentColumns+`ORDER BY sent_at LIMIT $1`, limit)
	return list, all, err
}

// SaveIntent implements connector.Records.
func (s *ConnectorStore) SaveIntent(ctx context.Context, i, was *connector.Intent) (saved bool, err error) {
	query, args := saveIntent, []any{i.OrderID, i.Create, i.Before, i.Target, i.Body, i.Held, i.SentAt}
	if was != nil {
		query, args = replaceIntent, append(args, was.SentAt)
	}
	done, err := s.pool.Exec(ctx, query, args...)
	return done.RowsAffected() == 1, translate(err, "save intent")
}

// DropIntent implements connector.Records.
func (s *ConnectorStore) DropIntent(ctx context.Context, id uuid.UUID) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM connector_intents WHERE order_id = $1`, id)
	return translate(err, "drop intent")
}

// Cursor implements connector.Records.
func (s *ConnectorStore) Cursor(ctx context.Context) (c connector.Cursor, err error) {
	var at *time.Time
	err = s.pool.QueryRow(ctx, `SELECT cursor, imported FROM connector`).Scan(&at, &c.Imported)
	if at != nil {
		c.At = *at
	}
	return c, translate(err, "read the connector's cursor")
}

// SaveCursor implements connector.Records.
func (s *ConnectorStore) SaveCursor(ctx context.Context, c connector.Cursor) error {
	_, err := s.pool.Exec(ctx, `UPDATE connector SET cursor = $1, imported = $2`, timeOrNull(c.At), c.Imported)
	return translate(err, "save the connector's cursor")
}

// Probed implements connector.Records.
func (s *ConnectorStore) Probed(ctx context.Context) (result []byte, err error) {
	err = s.pool.QueryRow(ctx, `SELECT probe FROM connector`).Scan(&result)
	return result, translate(err, "read the last probe")
}

// SaveProbe implements connector.Records.
func (s *ConnectorStore) SaveProbe(ctx context.Context, result []byte) error {
	_, err := s.pool.Exec(ctx, `UPDATE connector SET probe = $1`, result)
	return translate(err, "save the probe")
}
