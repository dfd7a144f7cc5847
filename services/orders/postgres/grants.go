package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What the role of the service gets: everything but what would rewrite history. The clean-up removes from the log
// by functions of the owner.
const grantApp = `
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA {schema} TO {role};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
REVOKE UPDATE, DELETE ON log, contents, audit FROM {role};
REVOKE INSERT, UPDATE, DELETE ON epoch_key, goose_db_version FROM {role};
GRANT UPDATE (unverified) ON epoch_key TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
GRANT EXECUTE ON FUNCTION move_contents, clean_log, clean_tombstones, forget_links TO {role}`

// What a role that only reads gets, for reports: no hash of a password, session or token, and no key.
const grantReader = `
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA {schema} TO {role};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};
REVOKE ALL ON users, sessions, login_tries, api_tokens, epoch_key, idempotency_keys FROM {role}`

// Grant gives two roles that exist what they need of the tables, as the owner of these; an empty name is nobody.
// It is done anew after each migration, which may have brought tables.
func (s *Store) Grant(ctx context.Context, app, reader string) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var database, schema string
		if err := tx.QueryRow(ctx, "SELECT current_database(), current_schema()").Scan(&database, &schema); err != nil {
			return err
		}
		for _, g := range []struct{ role, statements string }{{app, grantApp}, {reader, grantReader}} {
			if g.role == "" {
				continue
			}
			names := strings.NewReplacer("{database}", identifier(database), "{schema}", identifier(schema), "{role}", identifier(g.role))
			for statement := range strings.SplitSeq(g.statements, ";") {
				if _, err := tx.Exec(ctx, names.Replace(statement)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return translate(err, "grant rights")
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// Rights are what the user of the service may do beyond what it needs.
type Rights struct {
	Superuser bool
	Truncate  bool // erase the audit, as the owner of the tables may
}

// Rights tells what the user of this store may do.
func (s *Store) Rights(ctx context.Context) (r Rights, err error) {
	err = s.pool.QueryRow(ctx, `SELECT rolsuper, has_table_privilege('audit', 'TRUNCATE') FROM pg_roles WHERE rolname = current_user`).
		Scan(&r.Superuser, &r.Truncate)
	return r, translate(err, "read the rights of the database's user")
}
