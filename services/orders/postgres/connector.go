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
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/orders/gather"
)

const (
	knownColumns = `COALESCE(r.foreign_id, ''), COALESCE(r.lines, '{}'), COALESCE(r.deleted_as, ''), r.missing, COALESCE(r.fault, ''), r.fault_at,
	COALESCE(r.rewritten, '{}'), i.creates, i.before, i.target, i.body, i.held, i.sent_at, i.stuck `
	withIntents   = `LEFT JOIN connector_intents i USING (order_id) `
	readRecord    = `SELECT order_id, ` + knownColumns + `FROM (SELECT $1::uuid AS order_id) o LEFT JOIN connector_records r USING (order_id) ` + withIntents
	recordColumns = `SELECT r.order_id, ` + knownColumns + `FROM connector_records r ` + withIntents
	recordOf      = recordColumns + `WHERE r.foreign_id = $1`
	recordsAfter  = recordColumns + `WHERE r.foreign_id IS NOT NULL AND r.missing IS NULL AND r.order_id > $1 ORDER BY r.order_id LIMIT $2`
	missing       = recordColumns + `WHERE r.missing IS NOT NULL ORDER BY r.missing LIMIT $1`
	faults        = recordColumns + `WHERE r.fault <> '' ORDER BY r.fault_at LIMIT $1`
	saveRecord    = `INSERT INTO connector_records (order_id, foreign_id, lines, deleted_as, missing, fault, fault_at, rewritten)
	VALUES ($1, NULLIF($2, ''), $3, $4, $5, $6, $7, $8)
	ON CONFLICT (order_id) DO UPDATE SET foreign_id = EXCLUDED.foreign_id, lines = EXCLUDED.lines, deleted_as = EXCLUDED.deleted_as,
	missing = EXCLUDED.missing, fault = EXCLUDED.fault, fault_at = EXCLUDED.fault_at, rewritten = EXCLUDED.rewritten`

	intentColumns = `SELECT order_id, creates, before, target, body, held, sent_at, stuck FROM connector_intents `
	intents       = intentColumns + `ORDER BY stuck = '', sent_at LIMIT $1`
	saveIntent    = `INSERT INTO connector_intents (order_id, creates, before, target, body, held, sent_at) SELECT $1, $2, $3, $4, $5, $6, $7
	WHERE NOT $2 OR NOT EXISTS (SELECT FROM connector_records WHERE order_id = $1 AND foreign_id IS NOT NULL)
	ON CONFLICT (order_id) DO NOTHING`
	dropIntent    = `DELETE FROM connector_intents WHERE order_id = $1 AND sent_at = $2`
	replaceIntent = `UPDATE connector_intents SET creates = $2, before = $3, target = $4, body = $5, held = $6, sent_at = $7, tried_at = NULL, stuck = ''
	WHERE order_id = $1 AND sent_at = $8`

	// A host that leads and vanishes without a word would keep the lead for as long as the server believes in its
	// connection: two hours, as systems come.
	letGoSoon = `SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000`

	// Only the number of the lock matters: it is no other one of ours in this database.
	tryLead = `SELECT pg_try_advisory_lock(7205759403792)`
)

// ConnectorStore implements connector.Records.
type ConnectorStore struct {
	pool          *pgxpool.Pool
	durable, soon gather.Group[*statement] // by what is to be when the caller goes on
}

// Connector is the store of a connector's records, in the same database.
func (s *Store) Connector() *ConnectorStore { return &ConnectorStore{pool: s.pool} }

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
	var missing, faultAt, sentAt *time.Time
	var creates *bool
	var before, target, held, stuck *string
	var body []byte
	if err := row.Scan(&r.OrderID, &r.ForeignID, &r.Lines, &r.DeletedAs, &missing, &r.Fault, &faultAt, &r.Rewritten,
		&creates, &before, &target, &body, &held, &sentAt, &stuck); err != nil {
		return nil, err
	}
	if missing != nil {
		r.Missing = *missing
	}
	if faultAt != nil {
		r.FaultAt = *faultAt
	}
	if sentAt != nil {
		r.Intent = &connector.Intent{
			OrderID: r.OrderID, Create: *creates, Before: *before, Target: *target, Body: body, Held: *held, SentAt: *sentAt, Stuck: *stuck,
		}
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
	list, err := s.records(ctx, readRecord, id)
	return one(list), err
}

// RecordOf implements connector.Records.
func (s *ConnectorStore) RecordOf(ctx context.Context, foreignID string) (*connector.Record, error) {
	list, err := s.records(ctx, recordOf, foreignID)
	return one(list), err
}

func one(list []*connector.Record) *connector.Record {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// RecordsAfter implements connector.Records.
func (s *ConnectorStore) RecordsAfter(ctx context.Context, after uuid.UUID, limit int) ([]*connector.Record, error) {
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
	err = s.writeSoon(ctx, saveRecord, r.OrderID, r.ForeignID, lines, r.DeletedAs, timeOrNull(r.Missing), r.Fault, timeOrNull(r.FaultAt), rewritten)
	return translate(err, "save record of the connector")
}

// Intents implements connector.Records.
func (s *ConnectorStore) Intents(ctx context.Context, limit int) (list []*connector.Intent, all int64, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM connector_intents`).Scan(&all); err != nil {
		return nil, 0, translate(err, "count intents")
	}
	list, err = s.intents(ctx, intents, limit)
	return list, all, err
}

func (s *ConnectorStore) intents(ctx context.Context, query string, args ...any) ([]*connector.Intent, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, translate(err, "read intents")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*connector.Intent, error) {
		var i connector.Intent
		err := row.Scan(&i.OrderID, &i.Create, &i.Before, &i.Target, &i.Body, &i.Held, &i.SentAt, &i.Stuck)
		return &i, err
	})
	return list, translate(err, "read intents")
}

// SaveIntent implements connector.Records.
func (s *ConnectorStore) SaveIntent(ctx context.Context, i, was *connector.Intent) (saved bool, err error) {
	query, args := saveIntent, []any{i.OrderID, i.Create, i.Before, i.Target, i.Body, i.Held, i.SentAt}
	if was != nil {
		query, args = replaceIntent, append(args, was.SentAt)
	}
	n, err := s.write(ctx, query, args...)
	return n == 1, translate(err, "save intent")
}

// DropIntent implements connector.Records.
func (s *ConnectorStore) DropIntent(ctx context.Context, i *connector.Intent) error {
	return translate(s.writeSoon(ctx, dropIntent, i.OrderID, i.SentAt), "drop intent")
}

// statement is a write about one order, and what became of it.
type statement struct {
	sql  string
	args []any
	rows int64 // that it changed
	err  error
}

var errNotWritten = errors.New("it was not begun")

// write does a statement, and returns once it is durable. Those that come while a commit is under way are stored by
// the next one: on a disk that takes a millisecond for a commit, the orders of a batch would otherwise wait for each
// other's.
func (s *ConnectorStore) write(ctx context.Context, sql string, args ...any) (rows int64, err error) {
	w := &statement{sql: sql, args: args, err: errNotWritten}
	s.durable.Do(w, func(all []*statement) { s.commit(context.WithoutCancel(ctx), durably, all) })
	return w.rows, w.err
}

// writeSoon does a statement that everybody sees when it returns, and that is durable with the next durable commit, or
// a moment later. A database that crashes before loses it with all that was written after it, never by itself.
func (s *ConnectorStore) writeSoon(ctx context.Context, sql string, args ...any) error {
	w := &statement{sql: sql, args: args, err: errNotWritten}
	s.soon.Do(w, func(all []*statement) { s.commit(context.WithoutCancel(ctx), soon, all) })
	return w.err
}

// Values of synchronous_commit for one transaction: as the database is set up, or without waiting for the disk.
const (
	durably = ""
	soon    = `SELECT set_config('synchronous_commit', 'off', true)`
)

// commitPatience bounds a transaction of several callers, which goes on without them: a database that has vanished ends no
// statement.
const commitPatience = 30 * time.Second

// commit does statements in one transaction. One that the database refuses does not hold up the others.
func (s *ConnectorStore) commit(ctx context.Context, how string, all []*statement) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	b := &pgx.Batch{}
	if how != durably {
		b.Queue(how)
	}
	for _, w := range all {
		b.Queue(w.sql, w.args...).Exec(func(done pgconn.CommandTag) error {
			w.rows = done.RowsAffected()
			return nil
		})
	}
	err := s.pool.SendBatch(ctx, b).Close()
	if len(all) > 1 && sqlState(err) != "" {
		for _, w := range all {
			s.commit(ctx, how, []*statement{w})
		}
		return
	}
	for _, w := range all {
		w.err = err
	}
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
func (s *ConnectorStore) Probed(ctx context.Context) (result []byte, lowered string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT probe, lowered FROM connector`).Scan(&result, &lowered)
	return result, lowered, translate(err, "read the last probe")
}

// SaveProbe implements connector.Records.
func (s *ConnectorStore) SaveProbe(ctx context.Context, result []byte) error {
	_, err := s.pool.Exec(ctx, `UPDATE connector SET probe = $1, lowered = ''`, result)
	return translate(err, "save the probe")
}

// Lower implements connector.Records.
func (s *ConnectorStore) Lower(ctx context.Context, why string) error {
	_, err := s.pool.Exec(ctx, `UPDATE connector SET lowered = $1`, why)
	return translate(err, "lower the level")
}
