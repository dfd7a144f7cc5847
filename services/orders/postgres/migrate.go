package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the advisory lock that replicas race for; the number is arbitrary but fixed.
const migrationLock = 0x6f726465727362

// Migrate brings the database to the newest schema. Replicas may start at once: one migrates while
// the others wait for it. It returns the schema version.
func (s *Store) Migrate(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		// The lock waits on the server, without polling, and goes with the connection if we die. It
		// may take longer than a statement should.
		if _, err := c.Exec(ctx, "SET statement_timeout = 0; SET lock_timeout = 0"); err != nil {
			return err
		}
		defer c.Conn().Close(context.WithoutCancel(ctx)) // its settings must not go back to the pool
		if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
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
