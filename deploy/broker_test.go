package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// configure lays out the broker's configuration as the containers see it, and reads it.
func configure(t *testing.T, name string) (*server.Options, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	made := makeSecrets(t, filepath.Join(t.TempDir(), "secrets"))
	for to, content := range map[string]string{"users.conf": made["a-nats-users.conf"], "routes.conf": made["a-nats-routes.conf"]} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), []byte(content), 0o600))
	}
	for _, conf := range []string{"nats-server.conf", "cluster.conf"} {
		data, err := os.ReadFile(filepath.Join("nats", conf))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, conf), data, 0o600))
	}
	t.Setenv("NATS_NAME", "nats-a")
	t.Setenv("NATS_SYNC", "always")
	opts, err := server.ProcessConfigFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return opts, made
}

func TestTheClusterIsTheServerWithRoutes(t *testing.T) {
	one, _ := configure(t, "nats-server.conf")
	require.True(t, one.SyncAlways)
	require.Equal(t, "127.0.0.1", one.HTTPHost, "monitoring asks for no password")
	three, made := configure(t, "cluster.conf")
	require.Len(t, three.Users, len(one.Users))
	require.Len(t, three.Routes, 3)
	for _, r := range three.Routes {
		password, _ := r.User.Password()
		require.Equal(t, made["a-nats-route-password"], password)
	}
	require.Equal(t, made["a-nats-route-password"], three.Cluster.Password)
}

// TestEachRoleMayDoItsPart goes through what each user of the broker may send and hear. That the
// service and the bridge get by with it is seen by deploy/e2e.
func TestEachRoleMayDoItsPart(t *testing.T) {
	opts, made := configure(t, "nats-server.conf")
	opts.Port, opts.HTTPPort, opts.StoreDir, opts.NoLog, opts.NoSigs = server.RANDOM_PORT, server.RANDOM_PORT, t.TempDir(), true, true
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(10*time.Second))
	_, err = nats.Connect(s.ClientURL())
	require.ErrorIs(t, err, nats.ErrAuthorization, "nobody comes in without a password")

	const service, bridge, operator = "service", "bridge", "operator"
	sends := map[string]string{
		"orders.changed.b.1":                             service,
		"orders.bridge.b":                                bridge,
		"other":                                          "",
		"$JS.API.STREAM.CREATE.ORDERS_SYNC":              service,
		"$JS.API.STREAM.UPDATE.ORDERS_SYNC":              service,
		"$JS.API.STREAM.INFO.ORDERS_SYNC":                service + operator,
		"$JS.API.STREAM.DELETE.ORDERS_SYNC":              service,
		"$JS.API.STREAM.PURGE.ORDERS_SYNC":               service,
		"$JS.API.STREAM.MSG.GET.ORDERS_SYNC":             operator,
		"$JS.API.STREAM.MSG.DELETE.ORDERS_SYNC":          "",
		"$JS.API.STREAM.CREATE.OTHER":                    "",
		"$JS.API.CONSUMER.CREATE.ORDERS_SYNC.bridge-b.x": service,
		"$JS.API.CONSUMER.DELETE.ORDERS_SYNC.bridge-b":   service,
		"$JS.API.DIRECT.GET.ORDERS_SYNC.x":               service + operator,
		"$JS.API.CONSUMER.INFO.ORDERS_SYNC.bridge-b":     service + bridge + operator,
		"$JS.API.CONSUMER.PAUSE.ORDERS_SYNC.bridge-b":    service,
		"$JS.API.CONSUMER.RESET.ORDERS_SYNC.bridge-b":    "",
		"$JS.API.CONSUMER.MSG.NEXT.ORDERS_SYNC.bridge-b": bridge,
		"$JS.ACK.ORDERS_SYNC.bridge-b.1.1.1.1.1":         bridge,
	}
	hears := map[string]string{
		">":                "",
		"orders.changed.>": "",
		"orders.bridge.b":  service + operator,
		"_INBOX.x.y":       operator,
		"_INBOX_SERVICE.x": service,
		"_INBOX_BRIDGE.x":  bridge,
		"$SYS.>":           "",
	}
	for _, role := range []string{service, bridge, operator} {
		conn, err := nats.Connect(s.ClientURL(), nats.UserInfo(role, made["a-nats-"+role+"-password"]),
			nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // LastError is asked below
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		allowed := func(kind, subject string, what func() error) bool {
			require.NoError(t, what())
			require.NoError(t, conn.Flush()) // the complaint comes before the answer to this
			err := conn.LastError()
			return err == nil || !strings.Contains(err.Error(), kind+` to "`+subject+`"`)
		}
		for subject, roles := range sends {
			require.Equal(t, strings.Contains(roles, role), allowed("Publish", subject, func() error { return conn.Publish(subject, nil) }), "%s sends to %s", role, subject)
		}
		for subject, roles := range hears {
			require.Equal(t, strings.Contains(roles, role), allowed("Subscription", subject, func() error {
				_, err := conn.SubscribeSync(subject)
				return err
			}), "%s listens to %s", role, subject)
		}
	}
}
