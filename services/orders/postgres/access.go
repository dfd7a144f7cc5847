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
	insertUser  = `INSERT INTO users (name, role, password_hash, disabled, created_at) VALUES ($1, $2, $3, $4, $5)`
	userColumns = `name, role, password_hash, disabled, created_at`
	findUser    = `SELECT ` + userColumns + ` FROM users WHERE name = $1`
	listUsers   = `SELECT ` + userColumns + ` FROM users ORDER BY name`
	updateUser  = `UPDATE users SET role = COALESCE($2, role), password_hash = COALESCE($3, password_hash), disabled = COALESCE($4, disabled)
	WHERE name = $1 RETURNING ` + userColumns
	endSessions = `DELETE FROM sessions WHERE name = $1`
	// A person who was disabled meanwhile gets no session; their row stays as it is until this is done.
	insertSession = `INSERT INTO sessions (hash, name, begun_at, seen_at)
	SELECT $1, name, $3, $4 FROM users WHERE name = $2 AND password_hash = $5 AND NOT disabled FOR SHARE`
	findSession = `SELECT s.name, u.role, s.begun_at, s.seen_at FROM sessions s JOIN users u ON u.name = s.name
	WHERE s.hash = $1 AND NOT u.disabled`
	seenSession = `UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2`
	endSession  = `DELETE FROM sessions WHERE hash = $1`
	insertAudit = `INSERT INTO audit (at, actor, action, subject, detail, request_id) VALUES ($1, $2, $3, $4, $5, $6)`
	// The rows are made if need be, then locked in the order of their keys, which is the same for all.
	ensureTries = `INSERT INTO login_tries (key, name, failed, last_at, until)
	SELECT k, n, 0, 'epoch', 'epoch' FROM unnest($1::bytea[], $2::bytea[]) AS u (k, n) ORDER BY k ON CONFLICT DO NOTHING`
	lockTries   = `SELECT key, failed, last_at, until FROM login_tries WHERE key = ANY($1) ORDER BY key FOR UPDATE`
	updateTries = `UPDATE login_tries t SET failed = u.failed, last_at = u.last_at, until = u.until
	FROM unnest($1::bytea[], $2::integer[], $3::timestamptz[], $4::timestamptz[]) AS u (key, failed, last_at, until) WHERE t.key = u.key`
	forgetTries    = `DELETE FROM login_tries WHERE name = $1`
	expireSessions = `DELETE FROM sessions WHERE seen_at < $1 OR begun_at < $2`
	expireTries    = `DELETE FROM login_tries WHERE last_at < $1 AND until < $1`
)

func scanUser(row pgx.CollectableRow) (access.User, error) {
	var u access.User
	return u, row.Scan(&u.Name, &u.Role, &u.PasswordHash, &u.Disabled, &u.Created)
}

// recorded does something together with its row of the audit, or neither.
func (s *Store) recorded(ctx context.Context, doing string, e access.Event, do func(pgx.Tx) error) error {
	return s.recordedAs(ctx, doing, func(tx pgx.Tx) (access.Event, error) { return e, do(tx) })
}

// recordedAs is recorded for an event that is known once it is done.
func (s *Store) recordedAs(ctx context.Context, doing string, do func(pgx.Tx) (access.Event, error)) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		e, err := do(tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertAudit, e.At, e.Actor, e.Action, e.Subject, e.Detail, e.RequestID)
		return err
	})
	if errors.Is(err, access.ErrCredentials) {
		return err
	}
	return translate(err, doing)
}

// Record implements access.Store.
func (s *Store) Record(ctx context.Context, e access.Event) error {
	return s.recorded(ctx, "write the audit", e, func(pgx.Tx) error { return nil })
}

// AddUser implements access.Store.
func (s *Store) AddUser(ctx context.Context, u access.User, e access.Event) error {
	return s.recorded(ctx, "add a user", e, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertUser, u.Name, u.Role, u.PasswordHash, u.Disabled, u.Created)
		if sqlState(err) == "23505" {
			return orders.Errorf(orders.Exists, "there is a user of that name already")
		}
		return err
	})
}

// User implements access.Store.
func (s *Store) User(ctx context.Context, name string) (*access.User, error) {
	rows, err := s.pool.Query(ctx, findUser, name)
	if err != nil {
		return nil, translate(err, "find a user")
	}
	return oneUser(rows)
}

func oneUser(rows pgx.Rows) (*access.User, error) {
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, orders.Errorf(orders.NotFound, "there is no such user")
	}
	return &u, translate(err, "find a user")
}

// Users implements access.Store.
func (s *Store) Users(ctx context.Context) ([]access.User, error) {
	rows, err := s.pool.Query(ctx, listUsers)
	if err != nil {
		return nil, translate(err, "list users")
	}
	out, err := pgx.CollectRows(rows, scanUser)
	return out, translate(err, "list users")
}

// ChangeUser implements access.Store. A login that is under way waits for the user's row, or the change
// for the login: no session outlives it.
func (s *Store) ChangeUser(ctx context.Context, name string, c access.UserChange, e access.Event) (u *access.User, err error) {
	err = s.recorded(ctx, "change a user", e, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, updateUser, name, c.Role, c.PasswordHash, c.Disabled)
		if err != nil {
			return err
		}
		if u, err = oneUser(rows); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, endSessions, name)
		return err
	})
	return u, err
}

// AddSession implements access.Store.
func (s *Store) AddSession(ctx context.Context, h access.Hash, u *access.User, x access.Session, e access.Event) error {
	return s.recorded(ctx, "begin a session", e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertSession, h[:], u.Name, x.Begun, x.Seen, u.PasswordHash)
		if err == nil && tag.RowsAffected() == 0 {
			return access.ErrCredentials
		}
		return err
	})
}

// Session implements access.Store.
func (s *Store) Session(ctx context.Context, h access.Hash) (*access.Session, error) {
	var x access.Session
	err := s.pool.QueryRow(ctx, findSession, h[:]).Scan(&x.User, &x.Role, &x.Begun, &x.Seen)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &x, translate(err, "find a session")
}

// SeenSession implements access.Store.
func (s *Store) SeenSession(ctx context.Context, h access.Hash, at time.Time) error {
	_, err := s.pool.Exec(ctx, seenSession, h[:], at)
	return translate(err, "keep a session")
}

// EndSession implements access.Store.
func (s *Store) EndSession(ctx context.Context, h access.Hash, e access.Event) error {
	return s.recorded(ctx, "end a session", e, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, endSession, h[:])
		return err
	})
}

// Try implements access.Store.
func (s *Store) Try(ctx context.Context, keys []access.TryKey, decide func([]access.Tries) ([]access.Tries, error)) error {
	raw, names := make([][]byte, len(keys)), make([][]byte, len(keys))
	at := map[access.Hash]int{}
	for i, k := range keys {
		raw[i], at[k.Key] = k.Key[:], i
		if k.Name != (access.Hash{}) {
			names[i] = k.Name[:]
		}
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, ensureTries, raw, names); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, lockTries, raw)
		if err != nil {
			return err
		}
		known := make([]access.Tries, len(keys))
		var key []byte
		var t access.Tries
		if _, err := pgx.ForEachRow(rows, []any{&key, &t.Failed, &t.Last, &t.Until}, func() error {
			known[at[access.Hash(key)]] = t
			return nil
		}); err != nil {
			return err
		}
		if known, err = decide(known); err != nil {
			return err
		}
		failed, last, until := make([]int, len(keys)), make([]time.Time, len(keys)), make([]time.Time, len(keys))
		for i, t := range known {
			failed[i], last[i], until[i] = t.Failed, t.Last, t.Until
		}
		_, err = tx.Exec(ctx, updateTries, raw, failed, last, until)
		return err
	})
	if _, ok := errors.AsType[*access.TooMany](err); ok {
		return err
	}
	return translate(err, "count a login")
}

// ForgetTries implements access.Store.
func (s *Store) ForgetTries(ctx context.Context, name access.Hash) error {
	_, err := s.pool.Exec(ctx, forgetTries, name[:])
	return translate(err, "forget tries")
}

// Expire implements access.Store.
func (s *Store) Expire(ctx context.Context, sessionsSeen, sessionsBegun, tries time.Time) error {
	if _, err := s.pool.Exec(ctx, expireSessions, sessionsSeen, sessionsBegun); err != nil {
		return translate(err, "drop sessions")
	}
	_, err := s.pool.Exec(ctx, expireTries, tries)
	return translate(err, "drop tries")
}
