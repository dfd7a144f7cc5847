//go:build linux

package e2e

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

// The faults of the rig are tried alone here, because a fault that does nothing makes every test pass.

func TestRequestsArriveTwice(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	p := startProxyTo(t, func() string { return server.URL })
	ask := func() {
		response, err := http.Get(p.url)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	ask()
	p.late.Wait()
	require.EqualValues(t, 1, asked.Load())
	p.repeat(func() (bool, time.Duration) { return true, time.Millisecond })
	ask()
	p.late.Wait()
	require.EqualValues(t, 3, asked.Load())
	p.repeat(nil)
	ask()
	p.late.Wait()
	require.EqualValues(t, 4, asked.Load())
}

func TestADatabaseIsKilledWholeAndHasAFullDisk(t *testing.T) {
	t.Parallel()
	d := &database{options: pgcluster.Options{Dir: filepath.Join(dataDir(t), "postgres"), Durable: true}}
	require.NoError(t, d.start(t.Context()))
	t.Cleanup(func() { require.NoError(t, d.present.Stop()) })
	execute := func(statement string) error {
		conn, err := pgx.Connect(t.Context(), d.present.URL("postgres"))
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), statement)
		return err
	}
	require.NoError(t, execute("CREATE TABLE kept AS SELECT 1 AS n"))
	pids := childrenOf(d.present.PID())
	require.NotEmpty(t, pids)
	d.kill()
	for _, pid := range pids {
		eventually(t, time.Minute, "the server's process ends", func() bool { return !alive(pid) })
	}
	require.NoError(t, d.start(t.Context()))
	require.NoError(t, execute("INSERT INTO kept VALUES (2)"))
	d.limitFiles("65536:")
	require.Error(t, execute("INSERT INTO kept SELECT generate_series(1, 100000)"))
	d.limitFiles("unlimited:")
	eventually(t, time.Minute, "the database is back, if need be started again", func() bool {
		return d.start(t.Context()) == nil && execute("INSERT INTO kept VALUES (3)") == nil
	})
	require.NoError(t, execute("DO $$ BEGIN IF (SELECT count(*) FROM kept) <> 3 THEN RAISE 'not what was committed'; END IF; END $$"))
}
