//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// openBroker connects to a side's JetStream as the nats CLI does: to look.
func openBroker(t testing.TB, s *side) jetstream.JetStream {
	t.Helper()
	return connect(t, s.access.Load().nats)
}

// openBrokerToHarm connects as the service, which may delete the stream.
func openBrokerToHarm(t testing.TB, s *side) jetstream.JetStream {
	t.Helper()
	return connect(t, s.access.Load().natsService, nats.CustomInboxPrefix(contracts.ServiceInbox))
}

func connect(t testing.TB, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, options...)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

// shortenAckWait makes hints of a bridge that stands still come to another one soon. The service puts
// the consumer back to its own settings within seconds.
func shortenAckWait(t testing.TB, s, peer *side, wait time.Duration) {
	t.Helper()
	stream, err := openBrokerToHarm(t, s).Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	consumer, err := stream.Consumer(t.Context(), contracts.HintConsumer(peer.name))
	require.NoError(t, err)
	config := consumer.CachedInfo().Config
	config.AckWait = wait
	_, err = stream.UpdateConsumer(t.Context(), config)
	require.NoError(t, err)
}
