package outbox

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

func TestRelayPublishesAndClears(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	left := store.add(uuid.New(), time.Now().Add(-time.Hour)) // by a process that died
	run(t, relay)
	fresh := store.add(uuid.New(), time.Now())
	relay.Offer([]orders.Hint{fresh})
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Equal(t, map[string]uint64{contracts.HintSubject("b", left.OrderID.String()): 1, contracts.HintSubject("b", fresh.OrderID.String()): 1}, subjects(t, b))

	stream, err := b.js.Stream(context.Background(), contracts.HintStream)
	require.NoError(t, err)
	msg, err := stream.GetLastMsgForSubject(context.Background(), contracts.HintSubject("b", fresh.OrderID.String()))
	require.NoError(t, err)
	var h contracts.Hint
	require.NoError(t, json.Unmarshal(msg.Data, &h))
	require.Nil(t, h.Validate())
	require.Equal(t, fresh.OrderID.String(), h.ID)
}

func TestNewestHintReplacesTheOlder(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	run(t, relay)
	id := uuid.New()
	for range 20 {
		relay.Offer([]orders.Hint{store.add(id, time.Now())})
	}
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Len(t, subjects(t, b), 1)
}

// TestRowsStayUntilTaken: without a stream, and over a restart of the relay, nothing leaves the outbox.
func TestRowsStayUntilTaken(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	stop := run(t, relay)
	for range 5 {
		relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now().Add(-time.Hour))})
	}
	require.Eventually(t, func() bool { return len(relay.offers) == 0 }, soon, time.Millisecond)
	stop()
	require.Equal(t, 5, store.left(), "there is no stream to take them")
	relay = NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(context.Background()))
	run(t, relay)
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
	require.Len(t, subjects(t, b), 5)
}

// TestKeeperMends: whatever happens to the stream, each due order has its hint again.
func TestKeeperMends(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, b *Broker){
		"purged": func(t *testing.T, b *Broker) {
			s, err := allMighty(t, b).Stream(context.Background(), contracts.HintStream)
			require.NoError(t, err)
			require.NoError(t, s.Purge(context.Background()))
		},
		"deleted": func(t *testing.T, b *Broker) {
			require.NoError(t, b.js.DeleteStream(context.Background(), contracts.HintStream))
		},
		"consumer deleted": func(t *testing.T, b *Broker) {
			require.NoError(t, b.js.DeleteConsumer(context.Background(), contracts.HintStream, contracts.HintConsumer("b")))
		},
		"one hint removed": func(t *testing.T, b *Broker) {
			s, err := allMighty(t, b).Stream(context.Background(), contracts.HintStream)
			require.NoError(t, err)
			require.NoError(t, s.DeleteMsg(context.Background(), 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, log := newRows(), zaptest.NewLogger(t)
			b := open(t, options(t))
			relay := NewRelay(b, store, log)
			keeper := NewKeeper(b, store, relay, store.noteLoss, log)
			require.NoError(t, keeper.check(context.Background()))
			run(t, relay)
			for range 3 {
				h := store.add(uuid.New(), time.Now())
				store.due = append(store.due, h.OrderID)
				relay.Offer([]orders.Hint{h})
			}
			require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
			harm(t, b)
			require.NoError(t, keeper.check(context.Background()))
			require.Eventually(t, func() bool { return store.left() == 0 && len(subjects(t, b)) == 3 }, soon, time.Millisecond)
			_, consumers := b.Status(context.Background())
			require.EqualValues(t, 3, consumers["b"].Pending)
			// A healthy stream is left alone.
			before := relay.Published()
			require.NoError(t, keeper.check(context.Background()))
			require.Equal(t, before, relay.Published())
			require.Zero(t, store.left())
		})
	}
}

// TestLostPauseComesBack: a person's pause does not end with the broker's store.
func TestLostPauseComesBack(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	require.NoError(t, keeper.check(t.Context()))
	store.paused = true
	require.NoError(t, b.Pause(t.Context(), "b"))
	require.NoError(t, b.js.DeleteStream(t.Context(), contracts.HintStream))
	require.NoError(t, keeper.check(t.Context()))
	_, consumers := b.Status(t.Context())
	require.NotNil(t, consumers["b"].PausedUntil)

	store.paused = false // and ends as a person wants, though the broker could not be told
	require.NoError(t, keeper.check(t.Context()))
	require.Eventually(t, func() bool {
		_, consumers := b.Status(t.Context())
		return consumers["b"].PausedUntil == nil
	}, soon, time.Millisecond)
	store.paused = true
	require.NoError(t, keeper.check(t.Context()))
	_, consumers = b.Status(t.Context())
	require.NotNil(t, consumers["b"].PausedUntil)
}

// TestLastHintsGoOutAtAStop: what was offered before the stop is published by it.
func TestLastHintsGoOutAtAStop(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	for range 50 {
		relay.Offer([]orders.Hint{store.add(uuid.New(), time.Now())})
	}
	cancel()
	require.NoError(t, relay.Run(ctx))
	require.Zero(t, store.left())
	require.Len(t, subjects(t, b), 50)
}

// TestTimesAheadAreNotWaitedFor: a row of a clock that ran ahead goes out at once.
func TestTimesAheadAreNotWaitedFor(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	relay := NewRelay(b, store, log)
	require.NoError(t, NewKeeper(b, store, relay, store.noteLoss, log).check(t.Context()))
	store.add(uuid.New(), time.Now().Add(time.Hour))
	run(t, relay)
	require.Eventually(t, func() bool { return store.left() == 0 }, soon, time.Millisecond)
}

// TestALostBrokerIsNoticed: a stream that is made anew, and one that went back, are told of once.
func TestALostBrokerIsNoticed(t *testing.T) {
	store, log := newRows(), zaptest.NewLogger(t)
	b := open(t, options(t))
	keeper := NewKeeper(b, store, NewRelay(b, store, log), store.noteLoss, log)
	ctx := context.Background()
	for range 2 {
		require.NoError(t, keeper.check(ctx))
		_, err := b.js.Publish(ctx, contracts.HintSubject("b", uuid.NewString()), []byte("{}"))
		require.NoError(t, err)
	}
	require.NoError(t, keeper.check(ctx))
	require.Zero(t, store.losses, "it only went on")
	require.EqualValues(t, 2, store.mark.LastSeq)

	require.NoError(t, b.js.DeleteStream(ctx, contracts.HintStream))
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 1, store.losses)
	require.Contains(t, store.lost, "another one")
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 1, store.losses, "told once")

	relay := keeper.relay
	relay.noteSeq(500) // as an older copy of the same stream looks
	keeper.raiseMark(ctx)
	require.EqualValues(t, 500, store.mark.LastSeq)
	require.NoError(t, keeper.check(ctx))
	require.Equal(t, 2, store.losses)
	require.Contains(t, store.lost, "from message 500 to 0")
	keeper.raiseMark(ctx)
	require.Zero(t, store.mark.LastSeq, "what the lost one had come to is forgotten")

	// Another process of the side has noticed it and kept what there is now.
	relay.noteSeq(900)
	for range 2 {
		require.NoError(t, keeper.check(ctx))
		keeper.raiseMark(ctx)
	}
	require.Equal(t, 2, store.losses)
	require.Zero(t, store.mark.LastSeq)
}
