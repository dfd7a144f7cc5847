package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

func TestCheckTLS(t *testing.T) {
	for given, safe := range map[string]bool{
		"postgres://u:p@127.0.0.1/x?sslmode=disable":                   true,
		"postgres://u:p@[::1]/x":                                       true,
		"postgres://u:p@localhost/x":                                   true,
		"host=/run/postgresql dbname=x":                                true,
		"postgres://u:p@db.example/x?sslmode=verify-full":              true,
		"postgres://u:p@db.example/x":                                  false,
		"postgres://u:p@db.example/x?sslmode=disable":                  false,
		"postgres://u:p@db.example/x?sslmode=require":                  false,
		"postgres://u:p@db.example/x?sslmode=verify-ca":                false,
		"postgres://u:p@127.0.0.1,db.example/x?sslmode=prefer":         false,
		"postgres://u:p@db1.example,db2.example/x?sslmode=verify-full": true,
	} {
		err := postgres.CheckTLS(given)
		require.Equal(t, safe, err == nil, given)
		if err != nil {
			require.NotContains(t, err.Error(), ":p@")
		}
	}
}

// TestVerifyFull: a server that cannot prove that it is the database gets nothing.
func TestVerifyFull(t *testing.T) {
	ctx := t.Context()
	cluster, err := pgcluster.Start(ctx, pgcluster.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	conn, err := pgx.Connect(ctx, cluster.URL("postgres"))
	require.NoError(t, err)
	defer conn.Close(ctx)

	dir := t.TempDir()
	ours, err := tlsfile.NewAuthority("ours")
	require.NoError(t, err)
	foreign, err := tlsfile.NewAuthority("foreign")
	require.NoError(t, err)
	_, err = ours.Issue(dir, "server", "localhost")
	require.NoError(t, err)
	require.NoError(t, ours.Write(filepath.Join(dir, "ours.crt")))
	require.NoError(t, foreign.Write(filepath.Join(dir, "foreign.crt")))
	var data string
	require.NoError(t, conn.QueryRow(ctx, "SHOW data_directory").Scan(&data))
	for _, name := range []string{"server.crt", "server.key"} { // by the server, so that they are its own
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		_, err = conn.Exec(ctx, fmt.Sprintf("COPY (SELECT unnest(ARRAY['%s'])) TO PROGRAM 'umask 077; cat > %s'", strings.Join(lines, "','"), filepath.Join(data, name)))
		require.NoError(t, err)
	}
	for _, set := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		_, err = conn.Exec(ctx, set)
		require.NoError(t, err)
	}

	open := func(host, authority string) error {
		u, err := url.Parse(cluster.URL("postgres"))
		require.NoError(t, err)
		u.Host = fmt.Sprintf("%s:%d", host, cluster.Port())
		q := u.Query()
		q.Set("sslmode", "verify-full")
		q.Set("sslrootcert", filepath.Join(dir, authority+".crt"))
		u.RawQuery = q.Encode()
		store, err := postgres.Open(context.Background(), u.String(), 2)
		if err != nil {
			return err
		}
		defer store.Close()
		return store.Ping(ctx)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, open("localhost", "ours")) }, time.Minute, 20*time.Millisecond)
	require.ErrorContains(t, open("localhost", "foreign"), "authority")
	require.Error(t, open("127.0.0.1", "ours"), "the certificate is for another name")
}
