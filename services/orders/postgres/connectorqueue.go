package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/connector"
)

const (
	intentsToTry = intentColumns + `WHERE sent_at < $1 AND COALESCE(tried_at, sent_at) < $1 ORDER BY COALESCE(tried_at, sent_at) LIMIT $2`
	triedIntent  = `UPDATE connector_intents SET tried_at = $3, stuck = $4 WHERE order_id = $1 AND sent_at = $2`

	list     = `INSERT INTO connector_listed SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING foreign_id`
	unlisted = recordColumns + `WHERE r.foreign_id IS NOT NULL AND r.order_id > $1
	AND NOT EXISTS (SELECT FROM connector_listed l WHERE l.foreign_id = r.foreign_id) ORDER BY r.order_id LIMIT $2`
)

// IntentsToTry implements connector.Records.
func (s *ConnectorStore) IntentsToTry(ctx context.Context, since time.Time, limit int) ([]*connector.Intent, error) {
	return s.intents(ctx, intentsToTry, since, limit)
}

// TriedIntent implements connector.Records.
func (s *ConnectorStore) TriedIntent(ctx context.Context, i *connector.Intent, at time.Time, stuck string) error {
	_, err := s.pool.Exec(ctx, triedIntent, i.OrderID, i.SentAt, at, stuck)
	return translate(err, "save when an intent was tried")
}

// NotBefore implements connector.Records.
func (s *ConnectorStore) NotBefore(ctx context.Context) (time.Time, error) {
	var at *time.Time
	err := s.pool.QueryRow(ctx, `SELECT not_before FROM connector`).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, translate(err, "read when the system may be called")
	}
	return *at, nil
}

// SaveNotBefore implements connector.Records.
func (s *ConnectorStore) SaveNotBefore(ctx context.Context, t time.Time) error {
	_, err := s.pool.Exec(ctx, `UPDATE connector SET not_before = $1`, timeOrNull(t))
	return translate(err, "save when the system may be called")
}

// ForgetListed implements connector.Records.
func (s *ConnectorStore) ForgetListed(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM connector_listed`)
	return translate(err, "begin the list of a sweep")
}

// List implements connector.Records.
func (s *ConnectorStore) List(ctx context.Context, foreignIDs []string) (fresh []string, err error) {
	rows, err := s.pool.Query(ctx, list, foreignIDs)
	if err != nil {
		return nil, translate(err, "add to the list of a sweep")
	}
	fresh, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return fresh, translate(err, "add to the list of a sweep")
}

// Unlisted implements connector.Records.
func (s *ConnectorStore) Unlisted(ctx context.Context, after uuid.UUID, limit int) ([]*connector.Record, error) {
	return s.records(ctx, unlisted, after, limit)
}
