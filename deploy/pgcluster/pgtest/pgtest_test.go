//go:build linux

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func mustConnect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func exists(t *testing.T, url string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		require.NoError(t, conn.Close(t.Context()))
	}
	return err == nil
}

func TestOpenGivesEachTestItsOwn(t *testing.T) {
	var urls []string
	t.Run("use", func(t *testing.T) {
		urls = []string{Open(t), Open(t)}
		require.NotEqual(t, urls[0], urls[1])
		_, err := mustConnect(t, urls[0]).Exec(t.Context(), "CREATE TABLE mine()")
		require.NoError(t, err)
		_, err = mustConnect(t, urls[1]).Exec(t.Context(), "CREATE TABLE mine()")
		require.NoError(t, err)
	})
	for _, url := range urls {
		require.False(t, exists(t, url), "dropped after the test")
	}
}

func TestTemplateIsPreparedOnce(t *testing.T) {
	prepared, told := 0, rand.Text() // another name in each run of a -count
	prepare := func(url string) error {
		prepared++
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE TABLE told AS SELECT 'once' AS word")
		return errors.Join(err, conn.Close(ctx))
	}
	t.Run("clones", func(t *testing.T) {
		for _, name := range []string{"first", "second", "third"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn := mustConnect(t, Template(t, told, prepare))
				var word string
				require.NoError(t, conn.QueryRow(t.Context(), "SELECT word FROM told").Scan(&word))
				require.Equal(t, "once", word)
				_, err := conn.Exec(t.Context(), "DROP TABLE told")
				require.NoError(t, err)
			})
		}
	})
	require.Equal(t, 1, prepared)
}

func TestTemplateThatCannotBePreparedLeavesNothing(t *testing.T) {
	var address string
	_, err := templateOf("broken", func(url string) error {
		address = url
		return errors.New("no such migration")
	})
	require.ErrorContains(t, err, "no such migration")
	require.False(t, exists(t, address))
}

// Another process of these tests uses our server, and must leave it as it was.
func TestServerOfAnother(t *testing.T) {
	if os.Getenv(serverVariable) != "" {
		return // this is that other process
	}
	base, err := server()
	require.NoError(t, err)
	count := func() (n int) {
		require.NoError(t, mustConnect(t, base).QueryRow(t.Context(), "SELECT count(*) FROM pg_database").Scan(&n))
		return n
	}
	before := count()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v")
	cmd.Env = append(os.Environ(), serverVariable+"="+base)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestTemplateIsPreparedOnce")
	require.Equal(t, before, count())
}

func BenchmarkTemplate(b *testing.B) {
	empty := func(string) error { return nil }
	Template(b, "empty", empty)
	for b.Loop() {
		Template(b, "empty", empty)
	}
}
