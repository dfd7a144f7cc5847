package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestABrokerThatTakesNothingIsReported: connected is not enough. The stream that was sealed is recreated, and
// the hint gets through.
func TestABrokerThatTakesNothingIsReported(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	s.awaitConsumer()
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword), nats.CustomInboxPrefix(contracts.ServiceInbox))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.Sealed = true
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	s.create(newOrder(t, "x"))

	ready := func() bool {
		var got struct{ Database, Broker bool }
		s.want(http.StatusOK, "", "GET", "/readyz", nil).into(t, &got)
		require.True(t, got.Database)
		return got.Broker
	}
	var st contracts.Status
	require.Eventually(t, func() bool {
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return !ready() && strings.HasPrefix(st.Broker.Error, "hints are not taken")
	}, time.Minute, 10*time.Millisecond)
	require.True(t, st.Broker.Connected)
	require.Contains(t, strings.Join(st.Peers[0].Alarms, "\n"), "broker: hints are not taken")
	require.Eventually(t, func() bool {
		var st contracts.Status // what is left out must not look like what was
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return ready() && st.Outbox == 0 && st.Broker.Error == "" && st.Broker.Stream.Messages == 1
	}, time.Minute, 20*time.Millisecond)
}
