package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

const (
	insertToken  = `INSERT INTO api_tokens (name, hash, role, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`
	tokenColumns = `name, role, created_at, created_by, used_at, expires_at, revoked_at`
	findToken    = `SELECT ` + tokenColumns + ` FROM api_tokens WHERE hash = $1`
	listTokens   = `SELECT ` + tokenColumns + ` FROM api_tokens ORDER BY name`
	usedToken    = `UPDATE api_tokens SET used_at = $2 WHERE name = $1 AND (used_at IS NULL OR used_at < $2)`
	revokeToken  = `UPDATE api_tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE name = $1 RETURNING ` + tokenColumns
)

func scanToken(row pgx.CollectableRow) (access.Token, error) {
	var t access.Token
	return t, row.Scan(&t.Name, &t.Role, &t.Created, &t.CreatedBy, &t.Used, &t.Expires, &t.Revoked)
}

// AddToken implements access.Store.
func (s *Store) AddToken(ctx context.Context, h access.Hash, t access.Token, e access.Event) error {
	return s.recorded(ctx, "add a token", e, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertToken, t.Name, h[:], t.Role, t.Created, t.CreatedBy, t.Expires)
		if sqlState(err) == "23505" {
			return orders.Errorf(orders.Exists, "there is, or was, a token of that name already")
		}
		return err
	})
}

// Token implements access.Store.
func (s *Store) Token(ctx context.Context, h access.Hash) (*access.Token, error) {
	rows, err := s.pool.Query(ctx, findToken, h[:])
	if err != nil {
		return nil, translate(err, "find a token")
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &t, translate(err, "find a token")
}

// Tokens implements access.Store.
func (s *Store) Tokens(ctx context.Context) ([]access.Token, error) {
	rows, err := s.pool.Query(ctx, listTokens)
	if err != nil {
		return nil, translate(err, "list tokens")
	}
	out, err := pgx.CollectRows(rows, scanToken)
	return out, translate(err, "list tokens")
}

// UsedToken implements access.Store.
func (s *Store) UsedToken(ctx context.Context, name string, at time.Time) error {
	_, err := s.pool.Exec(ctx, usedToken, name, at)
	return translate(err, "keep the use of a token")
}

// RevokeToken implements access.Store.
func (s *Store) RevokeToken(ctx context.Context, name string, e access.Event) (t *access.Token, err error) {
	err = s.recorded(ctx, "revoke a token", e, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, revokeToken, name, e.At)
		if err != nil {
			return err
		}
		found, err := pgx.CollectExactlyOneRow(rows, scanToken)
		if errors.Is(err, pgx.ErrNoRows) {
			return orders.Errorf(orders.NotFound, "there is no such token")
		}
		t = &found
		return err
	})
	return t, err
}
