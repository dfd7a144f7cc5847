//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// backlog is how many orders wait for the peer while a broker is damaged.
const backlog = 20

// TestBroker damages what the brokers hold. The databases know what is unsynced, so it arrives all the
// same.
func TestBroker(t *testing.T) {
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 5))
	t.Run("the figures are JetStream's", func(t *testing.T) { brokerFigures(t, d, r) })
	t.Run("store wiped while the service is down", func(t *testing.T) { storeWiped(t, d, r) })
	t.Run("hints damaged while the service is down", func(t *testing.T) { hintDamaged(t, d, r) })
	t.Run("stream recreated empty, service restarted", func(t *testing.T) { streamEmptied(t, d, r) })
	t.Run("stream gone, nobody does anything", func(t *testing.T) { streamGone(t, d, r) })
	d.requireEqual(t, nil)
	d.requireHealthy(t, 0)
}

// createPending makes a backlog on a side that does not tell its peer.
func createPending(t *testing.T, d *demo, s *side, r *rand.Rand) (ids []string) {
	t.Helper()
	require.NoError(t, s.setPaused(t.Context(), d.peerOf(s), true))
	for range backlog {
		o := newOrder(r)
		_, _, err := s.createAt(t.Context(), o)
		require.NoError(t, err)
		ids = append(ids, o.ID)
	}
	eventually(t, restPatience, "the hints of "+s.name+" are in the stream", func() bool {
		status, err := s.status(t.Context())
		return err == nil && status.Outbox == 0 && status.Broker.Stream.Messages == backlog
	})
	return ids
}

func mustStream(t testing.TB, s *side) jetstream.Stream {
	t.Helper()
	stream, err := openBroker(t, s).Stream(t.Context(), contracts.HintStream)
	require.NoError(t, err)
	return stream
}

// brokerFigures compares what a status says with what JetStream itself and the nats CLI do.
func brokerFigures(t *testing.T, d *demo, r *rand.Rand) {
	createPending(t, d, d.a, r)
	status, err := d.a.status(t.Context())
	require.NoError(t, err)
	info, err := mustStream(t, d.a).Info(t.Context())
	require.NoError(t, err)
	shown := status.Broker.Stream
	require.Equal(t, info.Config.Name, shown.Name)
	require.EqualValues(t, backlog, shown.Messages)
	require.EqualValues(t, info.State.Msgs, shown.Messages)
	require.EqualValues(t, info.State.Bytes, shown.Bytes)
	require.EqualValues(t, info.State.FirstSeq, shown.FirstSeq)
	require.EqualValues(t, info.State.LastSeq, shown.LastSeq)
	require.Len(t, status.Peers, 1)
	peer := status.Peers[0]
	require.True(t, peer.Paused)
	require.EqualValues(t, backlog, peer.Pending)
	require.EqualValues(t, backlog, peer.States["NEW"])
	require.EqualValues(t, backlog, peer.Consumer.Pending)
	require.Zero(t, peer.Consumer.AckPending)
	require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
	d.awaitRest(t)
}

// storeWiped removes the broker's files between two lives of the service.
func storeWiped(t *testing.T, d *demo, r *rand.Rand) {
	createPending(t, d, d.a, r)
	d.signal(t, syscall.SIGSTOP) // the demo must not start the service again before the store is gone
	service := d.pidOf(t, "A_SERVICE_PID")
	require.NoError(t, syscall.Kill(service, syscall.SIGKILL))
	require.NoError(t, os.RemoveAll(filepath.Join(d.dir, "demo", "a", "nats", "jetstream")))
	d.signal(t, syscall.SIGCONT)
	eventually(t, startPatience, "the service is started again", func() bool { return d.pidOf(t, "A_SERVICE_PID") != service })
	d.awaitReady(t)
	requirePausedStill(t, d.a)
	require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
	d.awaitRest(t)
}

// hintDamaged flips a bit of each message in the store. The broker counts them, and cannot read them.
func hintDamaged(t *testing.T, d *demo, r *rand.Rand) {
	createPending(t, d, d.a, r)
	d.whileDown(t, "A_SERVICE_PID", func() {
		blocks, err := filepath.Glob(filepath.Join(d.dir, "demo", "a", "nats", "jetstream", "*", "streams", "*", "msgs", "*.blk"))
		require.NoError(t, err)
		require.NotEmpty(t, blocks)
		for _, block := range blocks {
			data, err := os.ReadFile(block)
			require.NoError(t, err)
			damaged := bytes.ReplaceAll(data, []byte(`"peer":`), []byte(`"pear":`))
			require.NotEqual(t, data, damaged, "there are hints in it")
			require.NoError(t, os.WriteFile(block, damaged, 0o600))
		}
	})
	requirePausedStill(t, d.a)
	require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
	eventually(t, 3*time.Minute, "every order has arrived", func() bool {
		_, moving := d.look(t.Context())
		return moving == ""
	})
	d.awaitRest(t)
}

// requirePausedStill asks that a pause outlives the broker's store and the service.
func requirePausedStill(t *testing.T, s *side) {
	t.Helper()
	eventually(t, restPatience, "the broker is back", func() bool {
		status, err := s.status(t.Context())
		return err == nil && len(status.Peers) == 1 && status.Peers[0].Consumer != nil
	})
	status, err := s.status(t.Context())
	require.NoError(t, err)
	require.True(t, status.Peers[0].Paused, "a pause ends when a person ends it")
}

// emptyStream replaces a side's stream by an empty one, behind the service's back.
func emptyStream(t *testing.T, s *side) {
	t.Helper()
	config := mustStream(t, s).CachedInfo().Config
	js := openBrokerToHarm(t, s)
	require.NoError(t, js.DeleteStream(t.Context(), config.Name))
	eventually(t, restPatience, "the stream is there again", func() bool {
		_, err := js.CreateStream(t.Context(), config)
		return err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) // the service was faster
	})
}

// streamEmptied: a service that starts finds out at once.
func streamEmptied(t *testing.T, d *demo, r *rand.Rand) {
	createPending(t, d, d.a, r)
	emptyStream(t, d.a)
	d.end(t, syscall.SIGTERM, "A_SERVICE_PID")
	requirePausedStill(t, d.a)
	require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
	d.awaitRest(t)
}

// streamGone deletes one side's stream and purges the other's. The services find out by themselves.
func streamGone(t *testing.T, d *demo, r *rand.Rand) {
	createPending(t, d, d.a, r)
	createPending(t, d, d.b, r)
	require.NoError(t, openBrokerToHarm(t, d.a).DeleteStream(t.Context(), contracts.HintStream))
	emptyStream(t, d.b)
	_, _, err := d.a.createAt(t.Context(), newOrder(r))
	require.NoError(t, err, "local work goes on without a broker")
	for _, s := range d.sides() {
		eventually(t, restPatience, s.name+" has a consumer to resume", func() bool { return s.setPaused(t.Context(), d.peerOf(s), false) == nil })
	}
	eventually(t, 100*time.Second, "the orders are on both sides", func() bool {
		_, moving := d.look(t.Context())
		return moving == ""
	})
	d.awaitRest(t)
}
