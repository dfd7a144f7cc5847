//go:build linux

package pgcluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/folderlock"
)

func mustStart(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

func mustConnect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone by then
	return conn
}

func mustExec(t *testing.T, c *Cluster, statement string) {
	t.Helper()
	_, err := mustConnect(t, c.URL("postgres")).Exec(t.Context(), statement)
	require.NoError(t, err)
}

func mustQuery(t *testing.T, c *Cluster, query string) string {
	t.Helper()
	var answer string
	require.NoError(t, mustConnect(t, c.URL("postgres")).QueryRow(t.Context(), query).Scan(&answer))
	return answer
}

// alive tells whether a process still runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 5*time.Millisecond, what)
}

func TestThrowawayClusterLeavesNothing(t *testing.T) {
	t.Parallel()
	c := mustStart(t, Options{Settings: map[string]string{"work_mem": "7MB"}})
	require.Equal(t, "off", mustQuery(t, c, "SHOW fsync"))
	require.Equal(t, "7MB", mustQuery(t, c, "SHOW work_mem"))
	require.Equal(t, "127.0.0.1", mustQuery(t, c, "SHOW listen_addresses"))
	require.Equal(t, "", mustQuery(t, c, "SHOW unix_socket_directories"))
	require.True(t, alive(c.PID()))

	require.NoError(t, c.Stop())
	require.NoError(t, c.Stop(), "a second time")
	<-c.Done()
	require.False(t, alive(c.PID()))
	require.NoDirExists(t, c.folder)
}

func TestNobodyComesInWithoutThePassword(t *testing.T) {
	t.Parallel()
	c := mustStart(t, Options{})
	for _, user := range []string{"orders", "orders:wrong", "postgres"} {
		_, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?sslmode=disable", user, c.Port()))
		require.ErrorContains(t, err, "28P01", user) // invalid password
	}
}

func TestDurableClusterGoesOnWithItsData(t *testing.T) {
	t.Parallel()
	o := Options{Dir: filepath.Join(t.TempDir(), "a", "postgres"), Durable: true}
	first := mustStart(t, o)
	require.Equal(t, "on", mustQuery(t, first, "SHOW fsync"))
	require.NoError(t, first.CreateDatabase(t.Context(), "orders"))
	require.NoError(t, first.CreateDatabase(t.Context(), "orders"), "a second time")
	mustExec(t, first, "CREATE TABLE kept AS SELECT 'here' AS word")
	require.NoError(t, first.Stop())
	require.NoError(t, first.Err())

	o.Port = first.Port()
	second := mustStart(t, o)
	require.Equal(t, first.Port(), second.Port())
	require.Equal(t, "here", mustQuery(t, second, "SELECT word FROM kept"))
	mustConnect(t, second.URL("orders"))
	_, err := pgx.Connect(t.Context(), first.URL("postgres"))
	require.ErrorContains(t, err, "28P01", "the password of the first start")
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Durable: true, Password: "given-and-kept-over-restarts"}
	c := mustStart(t, o)
	mustExec(t, c, "CREATE TABLE kept AS SELECT 'here' AS word")
	// A backend that computes does not notice that its postmaster is gone, and still uses the memory.
	conn := mustConnect(t, c.URL("postgres"))
	busy := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), `DO $$ DECLARE until timestamptz := clock_timestamp() + interval '1 s';
			BEGIN CREATE TABLE busy(); COMMIT; WHILE clock_timestamp() < until LOOP END LOOP; END $$`)
		busy <- err
	}()
	eventually(t, "the backend is at work", func() bool {
		return mustQuery(t, c, "SELECT coalesce(to_regclass('busy')::text, '')") == "busy"
	})

	require.NoError(t, syscall.Kill(c.PID(), syscall.SIGKILL))
	<-c.Done()
	require.ErrorContains(t, c.Err(), "killed")

	again := mustStart(t, o)
	<-busy // with or without an error; without the wait for it, the start would have failed
	require.Equal(t, "here", mustQuery(t, again, "SELECT word FROM kept"))
	require.NoError(t, c.Stop(), "of a cluster that is dead already")
}

func TestLeftoversOfACrashDoNotStopAStart(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(o.Dir, unfinished, "base"), 0o700), "of an initdb")
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, verifierName), nil, 0o400))
	c := mustStart(t, o)
	require.NoFileExists(t, filepath.Join(o.Dir, verifierName))
	require.NoError(t, c.Stop())

	unrelated := exec.Command("sleep", "600")
	unrelated.SysProcAttr = &syscall.SysProcAttr{Credential: c.who} // PostgreSQL ignores other users'
	require.NoError(t, unrelated.Start())
	t.Cleanup(func() {
		require.NoError(t, unrelated.Process.Kill())
		require.Error(t, unrelated.Wait())
	})
	file := filepath.Join(c.data(), pidFileName)
	for name, text := range map[string]string{
		"a number used again": fmt.Sprintf("%d\n%s\n1\n5432\n\n127.0.0.1\n1 1\nready\n", unrelated.Process.Pid, c.data()),
		"a dead number":       fmt.Sprintf("%d\n%s\n", 1<<22, c.data()),
		"an empty file":       "",
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			require.NoError(t, mustStart(t, o).Stop())
		})
	}
}

func TestFolderInUse(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir()}
	mustStart(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, o)
	require.ErrorIs(t, err, folderlock.ErrInUse)
	require.ErrorIs(t, Remove(ctx, o.Dir), folderlock.ErrInUse)
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	photo := filepath.Join(dir, "photo.jpg")
	require.NoError(t, os.WriteFile(photo, nil, 0o600))
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "is no cluster folder: it holds photo.jpg")
	require.ErrorContains(t, Remove(t.Context(), dir), "is no cluster folder")
	require.FileExists(t, photo)
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cluster")
	require.NoError(t, Remove(t.Context(), dir), "nothing there")
	c := mustStart(t, Options{Dir: dir})
	require.NoError(t, c.Stop())
	require.NoError(t, Remove(t.Context(), dir))
	require.NoDirExists(t, dir)
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	port := l.Addr().(*net.TCPAddr).Port
	_, err = Start(t.Context(), Options{Port: port})
	require.ErrorIs(t, err, errPortTaken)
	require.ErrorContains(t, err, fmt.Sprint(port))
}

func TestServerThatRefusesToStartSaysWhyAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	_, err := Start(t.Context(), Options{Settings: map[string]string{"no_such_setting": "1"}})
	require.ErrorContains(t, err, "no_such_setting")
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}
