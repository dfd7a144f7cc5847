package command

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// restarting stands before a database: it carries a number of statements, then cuts all connections as a server
// does that stops, tells some that follow that it is starting up, and carries everything from then on.
type restarting struct {
	t        *testing.T
	listener net.Listener
	server   string

	mu         sync.Mutex
	statements int // to be carried before it stops; below 0: it has
	refusals   int // that follow
	carried    map[net.Conn]struct{}
}

// restartAfter puts a restarting database before the one of a URL, and returns its own URL.
func restartAfter(t *testing.T, address string, statements, refusals int) (*restarting, string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &restarting{t: t, listener: l, server: u.Host, statements: statements, refusals: refusals, carried: map[net.Conn]struct{}{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	u.Host = l.Addr().String()
	return r, u.String()
}

// over reports whether it has stopped and is up again.
func (r *restarting) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statements < 0 && r.refusals == 0
}

func (r *restarting) serve(c net.Conn) {
	defer c.Close()
	backend := pgproto3.NewBackend(c, c)
	first, err := backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, ok := first.(*pgproto3.StartupMessage); !ok {
		return // to cancel something
	}
	r.mu.Lock()
	refuse := r.statements < 0 && r.refusals > 0
	if refuse {
		r.refusals--
	} else {
		r.carried[c] = struct{}{}
	}
	r.mu.Unlock()
	if refuse {
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P03", Message: "the database system is starting up"})
		_ = backend.Flush()
		return
	}
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	frontend := pgproto3.NewFrontend(server, server)
	frontend.Send(first.(*pgproto3.StartupMessage))
	if frontend.Flush() != nil {
		return
	}
	go func() {
		_, _ = io.Copy(c, server)
		_ = c.Close()
	}()
	r.carry(c, server)
}

// carry passes a client's messages on, one by one.
func (r *restarting) carry(c, server net.Conn) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		body := make([]byte, int(head[1])<<24+int(head[2])<<16+int(head[3])<<8+int(head[4])-4)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		if (head[0] == 'Q' || head[0] == 'S') && r.stops() {
			return
		}
		if _, err := server.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// stops counts a statement, and reports whether it is the one at which the database stops.
func (r *restarting) stops() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements--
	if r.statements != -1 {
		return false
	}
	for c := range r.carried {
		_ = c.Close()
	}
	return true
}

// TestAStartOutlivesARestartOfTheDatabase, at whatever statement of the start it comes.
func TestAStartOutlivesARestartOfTheDatabase(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	s.log = zap.NewNop()
	address := s.cfg.DatabaseURL
	for statements := range 16 {
		s.stop()
		var db *restarting
		db, s.cfg.DatabaseURL = restartAfter(t, address, statements, 2)
		s.start()
		require.Eventually(t, db.over, time.Minute, 10*time.Millisecond)
	}
}

// TestAMigrationOutlivesARestartOfTheDatabase, in an empty database.
func TestAMigrationOutlivesARestartOfTheDatabase(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, statements := range []int{0, 1, 4, 9, 25} {
		s := &side{t: t, cfg: newConfig(t), log: zap.NewNop()}
		var db *restarting
		db, s.cfg.DatabaseURL = restartAfter(t, s.cfg.DatabaseURL, statements, 2)
		t.Cleanup(func() { s.stop() })
		s.start()
		require.Eventually(t, db.over, time.Minute, 10*time.Millisecond)
		s.stop()
	}
}

// TestCommandsWaitForTheDatabase, while it starts up.
func TestCommandsWaitForTheDatabase(t *testing.T) {
	s := startSide(t)
	s.stop()
	for name, c := range map[string]func() *cobra.Command{"migrate": Migrate, "admin list-users": Admin, "cleanup": CleanUp} {
		db, address := restartAfter(t, s.cfg.DatabaseURL, -1, 2)
		t.Setenv("ORDERS_DATABASE_URL", address)
		t.Setenv("ORDERS_PEER", "b")
		cmd := c()
		cmd.SetArgs(strings.Fields(name)[1:])
		cmd.SetOut(io.Discard)
		require.NoError(t, cmd.Execute(), name)
		require.True(t, db.over(), name)
	}
}

// TestAWaitEnds when the program is stopped, or with what waiting cannot mend.
func TestAWaitEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := newConfig(t)
	cfg.DatabaseURL = "postgres://orders@" + freeAddr(t) + "/orders?sslmode=disable" // nobody listens
	ended := make(chan error)
	go func() { ended <- serve(ctx, cfg, nil, zap.NewNop()) }()
	select {
	case err := <-ended:
		require.Fail(t, "it did not wait", "%v", err)
	case <-time.After(time.Second):
	}
	cancel()
	require.NoError(t, <-ended)

	u, err := url.Parse(newConfig(t).DatabaseURL)
	require.NoError(t, err)
	u.User = url.UserPassword("orders", "wrong")
	cfg.DatabaseURL = u.String()
	require.ErrorContains(t, serve(t.Context(), cfg, nil, zap.NewNop()), "28P01")
}
