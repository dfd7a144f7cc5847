package outbox

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/contracts"
)

// notTaken is a hint that JetStream did not take.
type notTaken struct{ why error }

func (notTaken) Ok() <-chan *jetstream.PubAck { return nil }
func (notTaken) Msg() *nats.Msg               { return nil }
func (n notTaken) Err() <-chan error {
	out := make(chan error, 1)
	out <- n.why
	return out
}

// external opens a broker of another process, as far as it knows.
func external(t *testing.T) *Broker {
	t.Helper()
	o := options(t)
	open(t, o)
	b := open(t, Options{Side: "a", Peers: []string{"b"}, URL: "nats://orders:secret@" + o.Embedded.Addr})
	require.Eventually(t, b.Connected, soon, time.Millisecond)
	return b
}

// TestTheStreamIsKeptWhileOthersUseUpTheRoom: only they can make room, and what a deleted stream held could not be
// published again. A write that failed is remembered by the server, so that is repaired, less and less often.
func TestTheStreamIsKeptWhileOthersUseUpTheRoom(t *testing.T) {
	full := func(code jetstream.ErrorCode) error {
		return &jetstream.APIError{Code: 503, ErrorCode: code, Description: "no room"}
	}
	for name, c := range map[string]struct {
		publish, check error
		least, most    int // how often the stream is recreated in two hours
	}{
		"account full":           {publish: full(codeAccountFull)},
		"server full":            {publish: full(codeServerFull)},
		"storage full":           {publish: full(codeStorageFull)},
		"no room for the stream": {check: full(codeStorageFull)},
		"check fails":            {check: &jetstream.APIError{Code: 500, ErrorCode: codeStreamInvalid}, least: 50, most: 70},
		"write failed":           {publish: full(10077), least: 8, most: 14},
		"no answer":              {publish: jetstream.ErrAsyncPublishTimeout, least: 8, most: 14},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := newRows(), zap.NewNop()
			b := external(t)
			relay := NewRelay(b, store, log)
			keeper := NewKeeper(b, store, relay, store.noteLoss, log)
			require.NoError(t, keeper.check(t.Context()))
			trouble := ""
			if c.publish != nil {
				require.Empty(t, relay.wait(t.Context(), []sent{{1, notTaken{c.publish}}}))
			} else {
				trouble = c.check.Error()
			}
			recreated, now := 0, time.Now()
			for range 2 * time.Hour / lookEvery {
				require.NoError(t, keeper.repair(t.Context(), now, trouble, c.check))
				require.False(t, b.Working())
				now = now.Add(lookEvery)
				if _, err := b.js.Stream(t.Context(), contracts.HintStream); errors.Is(err, jetstream.ErrStreamNotFound) {
					recreated++
					require.NoError(t, keeper.check(t.Context()))
				}
			}
			require.GreaterOrEqual(t, recreated, c.least)
			require.LessOrEqual(t, recreated, c.most)
		})
	}
}

// TestABridgeThatDoesNotFetchIsNoFaultOfTheBroker: new consumers are tried, but stream and store stay.
func TestABridgeThatDoesNotFetchIsNoFaultOfTheBroker(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	id := uuid.New()
	store.due = []uuid.UUID{id}
	server, consumers, last := b.embedded.server.Load(), map[time.Time]bool{}, ""
	now := time.Now()
	for range 10 * time.Minute / lookEvery {
		report, err := json.Marshal(contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed"})
		require.NoError(t, err)
		b.monitor.report(report, time.Now())
		store.rows = newRows().rows // the relay has published it
		trouble, err := keeper.look(t.Context(), now)
		require.NoError(t, err)
		require.NoError(t, keeper.repair(t.Context(), now, trouble, nil))
		require.NoError(t, keeper.check(t.Context()))
		if trouble != "" {
			last = trouble
			require.Contains(t, b.faults.all(), "no bridge to b fetches hints")
		}
		c, err := b.js.Consumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b"))
		require.NoError(t, err)
		consumers[c.CachedInfo().Created] = true
		now = now.Add(lookEvery)
	}
	require.NotEmpty(t, last)
	require.Len(t, consumers, 2, "recreated once")
	require.Same(t, server, b.embedded.server.Load())
	require.Zero(t, store.lossCount(), "the stream is the same")
}

// TestARightThatIsMissingIsNamedOnce: a broker whose configuration is of a version before answers some requests of
// the service not at all.
func TestARightThatIsMissingIsNamedOnce(t *testing.T) {
	o := options(t)
	at := open(t, o)
	config := at.embedded.options.Clone()
	for _, u := range config.Users {
		if u.Username != "orders" {
			continue
		}
		allowed := []string{}
		for _, right := range u.Permissions.Publish.Allow {
			if right != readHintRight && right != "$JS.API.STREAM.DELETE."+contracts.HintStream && right != "$JS.API.CONSUMER.DELETE."+contracts.HintStream+".*" {
				allowed = append(allowed, right)
			}
		}
		u.Permissions = &server.Permissions{Publish: &server.SubjectPermission{Allow: allowed}, Subscribe: u.Permissions.Subscribe}
	}
	require.NoError(t, at.embedded.server.Load().ReloadOptions(config))
	core, logs := observer.New(zap.WarnLevel)
	log, store := zap.New(core), newRows()
	b, err := Open(Options{Side: "a", Peers: []string{"b"}, URL: "nats://orders:secret@" + o.Embedded.Addr}, log)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.Eventually(t, b.Connected, soon, time.Millisecond)
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	_, err = keeper.unreadable(t.Context(), "b", []uuid.UUID{uuid.New()})
	require.Error(t, err)
	now := time.Now()
	for range 3 {
		now = now.Add(repairMax)
		require.NoError(t, keeper.repair(t.Context(), now, "nothing is delivered", nil))
	}
	rights := []string{}
	for _, line := range logs.All() {
		require.Equal(t, "broker denies a right that the service needs, add it to the broker's configuration", line.Message)
		rights = append(rights, line.ContextMap()["right"].(string))
	}
	require.ElementsMatch(t, []string{
		"$JS.API.STREAM.DELETE." + contracts.HintStream, "$JS.API.CONSUMER.DELETE." + contracts.HintStream + ".*", readHintRight,
	}, rights)
}

// TestAnOutageOfTheBrokerIsLoggedOnce: at its start and at its end, however often hints are tried meanwhile.
func TestAnOutageOfTheBrokerIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	store, o := newRows(), options(t)
	b, err := Open(Options{Side: "a", Peers: []string{"b"}, URL: "nats://orders:secret@" + o.Embedded.Addr}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(b.Close)
	relay := NewRelay(b, store, zap.New(core))
	for range 5 {
		hints, _ := store.PendingHints(t.Context(), 0, relayBatch)
		hints = append(hints, store.add(uuid.New(), time.Now()))
		_, failed := relay.publish(hints)
		require.True(t, failed)
	}
	require.Equal(t, 1, logs.Len(), logs.All())
	open(t, o)
	require.Eventually(t, b.Connected, soon, time.Millisecond)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, zap.NewNop()).check(t.Context()))
	hints, err := store.PendingHints(t.Context(), 0, relayBatch)
	require.NoError(t, err)
	batch, failed := relay.publish(hints)
	require.False(t, failed)
	require.Len(t, relay.wait(t.Context(), batch), 5)
	require.Equal(t, 2, logs.Len(), logs.All())
	require.Equal(t, map[string]any{"failed_attempts": int64(15)}, logs.All()[1].ContextMap())
}
