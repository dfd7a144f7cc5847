//go:build linux

package trytond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

const fillPatience = 30 * time.Minute // on a busy machine

// Fill makes the company's database of an empty one: of the dump of an earlier one with the same contents, or else with
// Tryton's own programs, which takes a minute or several.
func (i *Installation) Fill(ctx context.Context, database string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, fillPatience)
	defer cancel()
	dump, err := dumpFile()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dump); err == nil {
		if err := run(ctx, "psql", "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file="+dump, database); err != nil {
			return fmt.Errorf("read %s (remove it to make another one): %w", dump, err)
		}
		return analyze(ctx, database)
	}
	if err := i.install(ctx, database); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dump), 0o700); err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", dump, os.Getpid())
	if err := run(ctx, "pg_dump", "--no-owner", "--file="+fresh, database); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, dump)
}

// dumpFile is where a filled database is stored. Its name follows from what fills it: our script, Tryton's modules in their
// versions, and the year, of which there are accounts.
func dumpFile() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	modules, err := filepath.Glob(modulesFolder + "/*tryton*-info")
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %q %d %s", mustScript("setup.py"), modules, time.Now().Year(), FirstPassword))
	return filepath.Join(cache, "orderbridge", "tryton-"+hex.EncodeToString(digest[:8])+".sql"), nil
}

func run(ctx context.Context, program string, args ...string) error {
	cmd, err := pgcluster.Command(ctx, program, args...)
	if err != nil {
		return err
	}
	return tether.Run(cmd, syscall.SIGKILL)
}

// analyze makes the statistics that a server without autovacuum does not make.
func analyze(ctx context.Context, database string) (err error) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, "ANALYZE")
	return err
}

// install makes a Tryton database of an empty one.
func (i *Installation) install(ctx context.Context, database string) (err error) {
	dir, err := os.MkdirTemp("", "orderbridge-tryton-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o := Options{Dir: dir, Database: database, Port: 1} // nothing listens there
	if err := o.configure(""); err != nil {
		return err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(FirstPassword), 0o600); err != nil {
		return err
	}
	modules := exec.CommandContext(ctx, Python, "-W", "ignore", i.admin, "-c", o.ConfigFile(), "-d", o.Name(),
		"-u", "web_shop", "--activate-dependencies", "--email", "admin@example.com")
	// Tryton asks information_schema about each table as it makes it, before any statistics could be made. PostgreSQL's
	// plan of nested loops then takes seconds for each.
	modules.Env = append(os.Environ(), "TRYTONPASSFILE="+secret, "PGOPTIONS=-c enable_nestloop=off -c jit=off")
	if err := tether.Run(modules, syscall.SIGKILL); err != nil {
		return err
	}
	if err := analyze(ctx, database); err != nil {
		return err
	}
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	u.Scheme, u.RawQuery = "postgresql", ""
	setup, err := Script(ctx, dir, "setup.py", mustScript("setup.py"),
		"TRYTOND_CONFIG="+o.ConfigFile(), "TRYTON_DATABASE="+u.String(), "TRYTON_PASSWORD="+FirstPassword,
		"TRYTON_LOGINS="+ConnectorLogin+" "+PersonLogin)
	if err != nil {
		return err
	}
	if err := tether.Run(setup, syscall.SIGKILL); err != nil {
		return err
	}
	return analyze(ctx, database)
}
