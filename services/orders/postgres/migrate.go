package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the advisory lock that replicas race for; the number is arbitrary but fixed.
const migrationLock = 0x6f726465727362

const migrationPoll = 100 * time.Millisecond

// Migrate brings the database to the newest schema. Replicas may start at once: one migrates while
// the others wait for it. It returns the schema version.
func (s *Store) Migrate(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		defer c.Conn().Close(context.WithoutCancel(ctx)) // the lock goes with it, as it does if we die
		if err := waitForTurn(ctx, c); err != nil {
			return err
		}
		p, err := s.provider()
		if err != nil {
			return err
		}
		defer p.Close() // of the wrapper around the pool, which stays open
		if _, err := p.Up(ctx); err != nil {
			return err
		}
		version, err = p.GetDBVersion(ctx)
		return err
	})
	return version, translate(err, "migrate database")
}

// waitForTurn asks for the lock until it is free. A statement that waited for it on the server would keep
// whoever has it from making an index concurrently, which waits for every statement that began before.
func waitForTurn(ctx context.Context, c *pgxpool.Conn) error {
	for free := false; ; {
		if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", migrationLock).Scan(&free); err != nil || free {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(migrationPoll):
		}
	}
}

// SchemaVersions tells the version that the database has and the one that this program brings.
func (s *Store) SchemaVersions(ctx context.Context) (current, target int64, err error) {
	p, err := s.provider()
	if err != nil {
		return 0, 0, err
	}
	defer p.Close() // of the wrapper around the pool, which stays open
	current, target, err = p.GetVersions(ctx)
	return current, target, translate(err, "read schema version")
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("embedded migrations: %w", err)
	}
	return goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(s.pool), files)
}
