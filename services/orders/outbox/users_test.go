package outbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestUsersAreThoseOfAnExternalServer: the rights stand in code and in deploy/nats/nats-server.conf. What each
// of them allows is tried in deploy.
func TestUsersAreThoseOfAnExternalServer(t *testing.T) {
	const conf = "../../../deploy/nats/nats-server.conf"
	data, err := os.ReadFile(conf)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nats-server.conf"), data, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.conf"), []byte(`SERVICE_PASSWORD: "a", BRIDGE_PASSWORD: "b", OPERATOR_PASSWORD: "c"`), 0o600))
	t.Setenv("NATS_NAME", "nats-a")
	t.Setenv("NATS_SYNC", "always")
	external, err := server.ProcessConfigFile(filepath.Join(dir, "nats-server.conf"))
	require.NoError(t, err)
	users, err := embeddedUsers(EmbeddedOptions{User: "service", Password: "a", BridgePassword: "b", OperatorPassword: "c"})
	require.NoError(t, err)
	rights := func(users []*server.User) map[string]server.Permissions {
		out := map[string]server.Permissions{}
		for _, u := range users {
			out[u.Username] = *u.Permissions
		}
		return out
	}
	want, got := rights(external.Users), rights(users)
	require.Len(t, got, len(want))
	for name, w := range want {
		require.ElementsMatch(t, w.Publish.Allow, got[name].Publish.Allow, name)
		require.ElementsMatch(t, w.Subscribe.Allow, got[name].Subscribe.Allow, name)
		require.Empty(t, w.Publish.Deny)
		require.Empty(t, w.Subscribe.Deny)
	}
}

func as(t *testing.T, o Options, user, password, inbox string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo(user, password), nats.CustomInboxPrefix(inbox),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(soon/20)) // what is not allowed is not answered
	require.NoError(t, err)
	return js
}

func TestAnOperatorLooksAndDoesNotTouch(t *testing.T) {
	o, store := options(t), newRows()
	s := serve(t, o, store)
	require.Eventually(t, func() bool { _, c := s.Status(t.Context()); return len(c) == 1 }, soon, 10*time.Millisecond)
	operator := as(t, o, OperatorUser, o.Embedded.OperatorPassword, "_INBOX")
	_, err := operator.Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	require.Error(t, operator.DeleteStream(t.Context(), contracts.HintStream))
	_, err = operator.Publish(t.Context(), contracts.HintSubject("b", "x"), nil)
	require.Error(t, err)

	bridge := as(t, o, BridgeUser, o.Embedded.BridgePassword, contracts.BridgeInbox)
	_, err = bridge.Consumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(t, err)
	require.Error(t, bridge.DeleteConsumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b")))
	_, err = operator.Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err, "it is there")
}

// TestOneUserForServiceAndBridge: settings of before there were several users go on to work.
func TestOneUserForServiceAndBridge(t *testing.T) {
	o, store := options(t), newRows()
	o.Embedded.BridgePassword, o.Embedded.OperatorPassword = "", ""
	s := serve(t, o, store)
	s.edit()
	o.Embedded.BridgePassword = o.Embedded.Password
	carryAs(t, o, o.Embedded.User, store.settle)
	require.Eventually(t, func() bool { return store.pending() == 0 }, soon, 10*time.Millisecond)
	_, err := nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo(OperatorUser, ""))
	require.ErrorIs(t, err, nats.ErrAuthorization)
}
