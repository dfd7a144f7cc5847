package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbridge/orderbridge/services/orders"
)

// Store implements the stores that the service, the admin and the outbox ask for.
type Store struct {
	pool    *pgxpool.Pool
	end     logEnd
	open    openCount
	ranging chan struct{} // holds one: a comparison reads all orders, and must not take all connections
	recount chan struct{} // holds one, where very much is to be counted
	moved   atomic.Bool   // no contents of an earlier version are left to move
	edits   edits
}

// Open connects to a database. MaxConns 0 is pgx's own choice.
func Open(ctx context.Context, url string, maxConns int) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx puts the address into its message, and with it perhaps the password.
		return nil, errors.New("database url: cannot be read as a PostgreSQL connection string")
	}
	if maxConns > 0 {
		cfg.MaxConns = int32(maxConns)
	}
	defaults := map[string]string{
		"application_name":                    "orderbridge",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "10s",
		"idle_in_transaction_session_timeout": "60s",
		"timezone":                            "UTC",
		"default_transaction_isolation":       "read committed", // a statement after a lock must see what the lock waited for
		"jit":                                 "off",            // our statements are short; compiling them costs more than it saves
		// Planning an edit's statements costs as much as running them, so it is done once. A plan that
		// is made while the tables are empty has to fit when they are full: it goes by the indexes.
		"plan_cache_mode": "force_generic_plan",
		"enable_seqscan":  "off",
		// A search for words that most customers have gives up to look for all of them.
		"gin_fuzzy_search_limit": "5000",
	}
	for k, v := range defaults {
		if _, set := cfg.ConnConfig.RuntimeParams[k]; !set {
			cfg.ConnConfig.RuntimeParams[k] = v
		}
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &Store{pool: pool, ranging: make(chan struct{}, 1), recount: make(chan struct{}, 1)}, nil
}

// Close gives the connections back.
func (s *Store) Close() { s.pool.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return translate(s.pool.Ping(ctx), "reach database") }

// Pool figures for metrics.
func (s *Store) Pool() *pgxpool.Stat { return s.pool.Stat() }

// errUnreadable tells of a row that this program cannot read.
var errUnreadable = errors.New("a stored row cannot be read")

// sessionEnds are the severities with which the database ends the session, whatever its code says: a server that cannot
// write its log on a full disk ends whole, with XX000. Whether the change was stored is as open as after a lost connection.
var sessionEnds = []string{"FATAL", "PANIC"}

// translate turns a failure into the kind that the edges know, by SQLSTATE.
func translate(err error, doing string) error {
	var known *orders.Error
	var pg *pgconn.PgError
	var scan pgx.ScanArgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return orders.Wrap(orders.Unavailable, err, doing)
	case errors.As(err, &pg) && slices.Contains(sessionEnds, pg.SeverityUnlocalized):
		return orders.Wrap(orders.Unavailable, err, doing)
	case errors.As(err, &pg):
		switch pg.Code[:2] {
		case "08", "53", "57", "58", "55", "40", "25": // connection, resources, operator, system, lock, rollback, read-only
			return orders.Wrap(orders.Unavailable, err, doing)
		case "22": // a value that its column cannot hold: the edges refuse what they know of
			return orders.Wrap(orders.Invalid, fmt.Errorf("%s: %w", doing, err), "a value cannot be stored")
		}
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, errUnreadable), errors.As(err, &scan), errors.Is(err, pgx.ErrNoRows), errors.Is(err, pgx.ErrTooManyRows):
		return fmt.Errorf("%s: %w", doing, err)
	default:
		// What is left has no SQLSTATE, so it did not come from the database: the connection failed.
		return orders.Wrap(orders.Unavailable, err, doing)
	}
}

// sqlState is the code of a failure that the database told, or empty.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// NotYet reports whether an error will pass without anybody doing something here: the database cannot be
// reached, it starts or stops, or another process holds a lock for long.
func NotYet(err error) bool {
	if state := sqlState(err); state != "" {
		const canceled, lockTimeout = "57014", "55P03"
		return slices.Contains([]string{"08", "53", "57"}, state[:2]) && state != canceled || state == lockTimeout
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) // as the migrations get it
}
