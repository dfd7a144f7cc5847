//go:build linux

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

const (
	serverVariable = "ORDERBRIDGE_TEST_DATABASE_URL"
	patience       = 2 * time.Minute // for a start on a busy machine
)

// Main runs the tests of a package and ends the server that they used.
func Main(m *testing.M) int {
	code := m.Run()
	if err := shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	return code
}

// Open makes an empty database for t, dropped after it, and returns its URL.
func Open(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

// Template makes a database for t that is a copy of the one that prepare filled, and returns its URL.
// prepare runs once in a test process for each name; the copy takes some 25 ms. It must close its
// connections.
func Template(t testing.TB, name string, prepare func(url string) error) string {
	t.Helper()
	source, err := templateOf(name, prepare)
	if err != nil {
		t.Fatalf("database template %s: %v", name, err)
	}
	return create(t, source)
}

var (
	mu        sync.Mutex
	cluster   *pgcluster.Cluster // nil until a test needs one, or when the server is another's
	templates = map[string]func() (string, error){}
)

// server is the URL of the server's database postgres, for creating others.
func server() (string, error) {
	if given := os.Getenv(serverVariable); given != "" {
		return given, nil
	}
	mu.Lock()
	defer mu.Unlock()
	if cluster == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := pgcluster.Start(ctx, pgcluster.Options{})
		if err != nil {
			return "", err
		}
		cluster = c
	}
	return cluster.URL("postgres"), nil
}

func create(t testing.TB, source string) string {
	t.Helper()
	name, address, err := createDatabase(source)
	if err != nil {
		t.Fatalf("database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := dropDatabase(name); err != nil {
			t.Errorf("%v", err)
		}
	})
	return address
}

func createDatabase(source string) (name, address string, err error) {
	base, err := server()
	if err != nil {
		return "", "", err
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", "", errors.New(serverVariable + " is no URL") // not wrapped: it may hold a password
	}
	name = "test_" + strings.ToLower(rand.Text())
	statement := "CREATE DATABASE " + name
	if source != "" {
		statement += " TEMPLATE " + source
	}
	err = execute(func(ctx context.Context, conn *pgx.Conn) error {
		// Copying the files is several times quicker than the way through the log, which is the
		// default where there is a choice (from version 15 on).
		if major, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), "."); major >= "15" {
			statement += " STRATEGY file_copy"
		}
		_, err := conn.Exec(ctx, statement)
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", statement, err)
	}
	u.Path = "/" + name
	return name, u.String(), nil
}

func dropDatabase(name string) error {
	return execute(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return err
	})
}

func templateOf(name string, prepare func(url string) error) (string, error) {
	mu.Lock()
	once, ok := templates[name]
	if !ok {
		once = sync.OnceValues(func() (string, error) {
			database, address, err := createDatabase("")
			if err != nil {
				return "", err
			}
			if err := prepare(address); err != nil {
				return "", errors.Join(err, dropDatabase(database))
			}
			return database, nil
		})
		templates[name] = once
	}
	mu.Unlock()
	return once()
}

// execute does something in a connection of its own to the server.
func execute(do func(context.Context, *pgx.Conn) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	base, err := server()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return do(ctx, conn)
}

// shutdown ends our server; on another's it drops the templates.
func shutdown() error {
	mu.Lock()
	defer mu.Unlock()
	if cluster != nil {
		return cluster.Stop()
	}
	var errs []error
	for _, database := range templates {
		if name, err := database(); err == nil { // one that was not made needs no dropping
			errs = append(errs, dropDatabase(name))
		}
	}
	return errors.Join(errs...)
}
