package outbox

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

func TestStoreIsLocked(t *testing.T) {
	o := options(t)
	open(t, o)
	o.Embedded.Addr = freeAddr(t)
	_, err := Open(o, zaptest.NewLogger(t))
	require.ErrorContains(t, err, "used by another process")
}

func TestBusyPortIsAnError(t *testing.T) {
	o := options(t)
	l, err := net.Listen("tcp", o.Embedded.Addr)
	require.NoError(t, err)
	defer l.Close()
	_, err = Open(o, zaptest.NewLogger(t))
	require.Error(t, err)
}

func TestBrokerNeedsThePassword(t *testing.T) {
	o := options(t)
	open(t, o)
	_, err := nats.Connect("nats://" + o.Embedded.Addr)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo("orders", "guess"))
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

// TestExternalBrokerMayComeLater: a service starts while its broker is away, and catches up.
func TestExternalBrokerMayComeLater(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	server := options(t)
	external := Options{Side: "a", Peers: []string{"b"}, URL: "nats://orders:secret@" + server.Embedded.Addr}
	b := open(t, external)
	require.False(t, b.Connected())
	relay := NewRelay(b, store, log)
	run(t, relay)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- NewKeeper(b, store, relay, store.noteLoss, log).Run(ctx) }()
	relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now().Add(-time.Hour))})
	status, _ := b.Status(ctx)
	require.Equal(t, "not connected", status.Error)
	require.Error(t, b.Pause(ctx, "b"))
	open(t, server)
	require.Eventually(t, func() bool { return store.left() == 0 }, time.Minute, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestBridgesAreShownWhileTheyReport(t *testing.T) {
	m, start := newMonitor(), time.Unix(1000, 0)
	say := func(instance, peer string, at time.Time) {
		data, err := json.Marshal(contracts.BridgeReport{Instance: instance, Peer: peer, State: "running", Circuit: "closed"})
		require.NoError(t, err)
		m.report(data, at)
	}
	say("one", "b", start)
	say("two", "b", start.Add(8*time.Second))
	say("other", "c", start.Add(8*time.Second))
	m.report([]byte("no report"), start)
	require.Len(t, m.of("b", start.Add(9*time.Second)), 2)
	left := m.of("b", start.Add(11*time.Second))
	require.Len(t, left, 1)
	require.Equal(t, "two", left[0].Instance)
	require.Equal(t, "running", left[0].State)
	left = m.of("b", start.Add(8*time.Second+silentAfter+1))
	require.Equal(t, "silent", left[0].State, "what it reported last may not be true any more")
	require.Len(t, m.of("b", start.Add(time.Minute)), 1, "nobody reports in its place")
	require.Empty(t, m.of("b", start.Add(8*time.Second+forgetAfter+1)))
}

// TestOnlyWhatCanBeShownIsRememberedOfFailedCalls: whoever has access to the broker may send a report.
func TestOnlyWhatCanBeShownIsRememberedOfFailedCalls(t *testing.T) {
	m, now := newMonitor(), time.Unix(1000, 0).UTC()
	good := contracts.FailedCall{
		At: now, Since: now, Count: 1, Call: "tell", Target: "remote", Method: "PUT", Path: "/orders/transactions", RequestID: "one-1", Reason: "status 502", Verdict: "retry",
	}
	say := func(calls ...contracts.FailedCall) []contracts.FailedCall {
		data, err := json.Marshal(contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed", Failed: calls})
		require.NoError(t, err)
		m.report(data, now)
		return m.of("b", now)[0].Failed
	}
	for name, spoil := range map[string]func(*contracts.FailedCall){
		"a call that is none":    func(c *contracts.FailedCall) { c.Call = "launch" },
		"a verdict that is none": func(c *contracts.FailedCall) { c.Verdict = "" },
		"no order":               func(c *contracts.FailedCall) { c.Orders = []string{"../peers"} },
		"control characters":     func(c *contracts.FailedCall) { c.Said = "\x1b[2J" },
		"too long":               func(c *contracts.FailedCall) { c.Said = strings.Repeat("x", contracts.FailedSaidMax+1) },
		"no time":                func(c *contracts.FailedCall) { c.Since = time.Time{} },
	} {
		bad := good
		spoil(&bad)
		require.Equal(t, []contracts.FailedCall{good}, say(bad, good), name)
	}
	require.Len(t, say(slices.Repeat([]contracts.FailedCall{good}, 50)...), contracts.FailedCallsMax)
	say(slices.Repeat([]contracts.FailedCall{good}, 1000)...) // longer than is listened to
	require.Len(t, m.of("b", now)[0].Failed, contracts.FailedCallsMax)
}
