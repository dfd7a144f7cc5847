package command

import (
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// roles makes an owner of a database, and a role each for the service and for reports; their URLs come back.
func roles(t *testing.T, address string) (owner, app, reader string) {
	t.Helper()
	suffix := strings.ReplaceAll(uuid.NewString(), "-", "")
	u, err := url.Parse(address)
	require.NoError(t, err)
	super := *u
	database := strings.TrimPrefix(u.Path, "/")
	var out []string
	for _, name := range []string{"owner", "app", "reader"} {
		role := name + "_" + suffix
		execute(t, super.String(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'")
		t.Cleanup(func() {
			execute(t, super.String(), "REASSIGN OWNED BY "+role+" TO CURRENT_USER; DROP OWNED BY "+role+"; DROP ROLE "+role)
		})
		u.User = url.UserPassword(role, "secret")
		out = append(out, u.String())
	}
	execute(t, super.String(), "ALTER DATABASE "+database+" OWNER TO owner_"+suffix+"; GRANT ALL ON SCHEMA public TO owner_"+suffix+
		"; REVOKE CONNECT ON DATABASE "+database+" FROM public")
	return out[0], out[1], out[2]
}

func userOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.User.Username()
}

// migrateFor runs the command that brings a database to the schema and gives two roles their rights.
func migrateFor(t *testing.T, owner, app, reader string) {
	t.Helper()
	t.Setenv("ORDERS_DATABASE_URL", owner)
	cmd := Migrate()
	cmd.SetOut(io.Discard)
	cmd.SetArgs([]string{"--app", userOf(t, app), "--reader", userOf(t, reader)})
	require.NoError(t, cmd.Execute())
}

// emptyDatabase is for who migrates it.
func emptyDatabase(t *testing.T) func(*Config) {
	return func(c *Config) { c.DatabaseURL = pgtest.Open(t) }
}

// refusedTo demands that a role may not do something.
func refusedTo(t *testing.T, address, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), statement)
	require.ErrorContains(t, err, "42501", statement)
}

// TestTheServicesRole: with the rights that migrate gives it, the service does all that it does; but it cannot
// rewrite history.
func TestTheServicesRole(t *testing.T) {
	cfg := newConfig(t, emptyDatabase(t))
	owner, app, reader := roles(t, cfg.DatabaseURL)
	migrateFor(t, owner, app, reader)
	migrateFor(t, owner, app, reader) // again, as after an upgrade
	cfg.DatabaseURL, cfg.Migrate, cfg.AllowSuperuser = app, false, false
	s := &side{t: t, cfg: cfg}
	s.start()
	t.Cleanup(func() { s.stop() })

	root := s.person("root", access.Admin)
	o := newOrder(t, "one")
	s.create(o)
	o.CustomerNote = "two"
	s.want(200, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	st := collide(t, s)
	st.resolve(200, contracts.Resolution{Take: "ours"})
	gone := newOrder(t, "gone")
	s.create(gone)
	s.want(204, "client", "DELETE", "/orders/"+gone.ID, nil, "If-Match", "*")
	s.want(200, "client", "GET", "/orders?search=one", nil)
	require.Equal(t, 201, root.do("POST", "/admin/api/tokens", `{"name":"shop","role":"client"}`).status)
	require.Equal(t, 204, root.do("POST", "/admin/api/session/end", "").status)
	for name, action := range map[string]func(){
		"accepted": func() {
			s.want(202, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, uuid.NewString(), "NEW", b(50), nil)}}, "Prefer", "respond-async")
		},
		"log":      func() { s.want(200, "peer", "GET", "/orders/transactions", nil) },
		"feed":     func() { s.want(200, "client", "GET", "/orders/changes", nil) },
		"compared": func() { s.want(200, "admin", "GET", "/orders/fingerprints?parts=1", nil) },
		"status":   func() { s.want(200, "admin", "GET", "/admin/api/status", nil) },
		"audit":    func() { s.want(200, "admin", "GET", "/admin/api/audit", nil) },
	} {
		t.Log(name)
		action()
	}
	// A link is held, and released again.
	execute(t, owner, "UPDATE peers SET told = NULL")
	require.Eventually(t, func() bool {
		s.greetOnce("peer", map[string]int64{"a.7kq2mz4p9w": 40})
		return s.peerStatus().Held != nil
	}, time.Minute, 100*time.Millisecond)
	s.confirmPlan(t, "done")
	require.Nil(t, s.peerStatus().Held)
	execute(t, owner, "UPDATE log SET at = at - interval '100 days'; UPDATE links SET state = 3 WHERE state NOT IN (3, 5)")
	t.Setenv("ORDERS_DATABASE_URL", app)
	t.Setenv("ORDERS_PEER", "b")
	var out strings.Builder
	clean := CleanUp()
	clean.SetOut(&out)
	clean.SetArgs(nil)
	require.NoError(t, clean.Execute())
	require.NotContains(t, out.String(), "removed 0 rows")

	for _, statement := range []string{
		"TRUNCATE audit", "DELETE FROM audit", "UPDATE audit SET actor = ''", "TRUNCATE log", "DELETE FROM log", "UPDATE log SET actor = ''",
		"TRUNCATE contents", "DELETE FROM contents", "UPDATE contents SET body = '{}'", "SELECT remove_contents('{1}', '{}')",
		"DROP TABLE audit", "ALTER TABLE audit ADD COLUMN x int", "UPDATE epoch_key SET key = ''", "DELETE FROM goose_db_version",
		"CREATE TABLE mine (x int)",
	} {
		refusedTo(t, app, statement)
	}
	for _, statement := range []string{
		"SELECT password_hash FROM users", "SELECT * FROM sessions", "SELECT * FROM api_tokens", "SELECT * FROM login_tries", "SELECT * FROM epoch_key",
		"SELECT * FROM clean_log('{1}', '0')", "UPDATE orders SET status = ''", "DELETE FROM outbox",
	} {
		refusedTo(t, reader, statement)
	}
	execute(t, reader, "SELECT * FROM orders; SELECT * FROM log; SELECT * FROM audit")
	// The functions of the clean-up remove nothing young, whatever they are asked for, nor by tables of the caller.
	o.CustomerNote = "three"
	s.want(200, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	o.CustomerNote = "four"
	s.want(200, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	before := count(t, owner, "SELECT count(*) FROM log")
	execute(t, app, "SELECT count(*) FROM clean_log((SELECT array_agg(seq) FROM log), '-1 year')")
	require.Equal(t, before, count(t, owner, "SELECT count(*) FROM log"))
	// Nor does the one of the upgrade take from history what it refers to.
	const referring = "SELECT count(content) + count(replaced) FROM log"
	before = count(t, owner, referring)
	execute(t, app, "UPDATE orders SET content = -1; SELECT move_contents(array_agg(id)) FROM orders")
	require.Equal(t, before, count(t, owner, referring))
}

// TestTheServicesRoleKeepsALink: how the sides look at each other needs no more rights than the service has.
func TestTheServicesRoleKeepsALink(t *testing.T) {
	cfg := newConfig(t, emptyDatabase(t))
	owner, app, reader := roles(t, cfg.DatabaseURL)
	migrateFor(t, owner, app, reader)
	ctx := t.Context()
	store, err := postgres.Open(ctx, app, 2)
	require.NoError(t, err)
	defer store.Close()
	_, err = store.SetPeers(ctx, []string{"b"})
	require.NoError(t, err)
	epochs, err := store.Epochs(ctx, time.Hour)
	require.NoError(t, err)
	require.False(t, epochs.Unverified)
	require.NoError(t, store.Hold(ctx, []string{"b"}, contracts.Hold{At: now(), Reason: "a test"}, nil, 10))
	require.NoError(t, store.ReleaseLink(ctx, "b"))
	epochs, err = store.Epochs(ctx, time.Hour)
	require.NoError(t, err)
	require.True(t, epochs.Unverified)
	_, err = store.StateAt(ctx, 0)
	require.NoError(t, err)
}

// TestASuperuserIsRefused, unless a setting allows it.
func TestASuperuserIsRefused(t *testing.T) {
	cfg := newConfig(t, func(c *Config) { c.AllowSuperuser = false })
	require.ErrorContains(t, serve(t.Context(), cfg, nil, zap.NewNop()), "is a superuser")
}
