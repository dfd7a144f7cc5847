package outbox

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestASweepReadsEachRowOnce: page after page, without those that another process is about to publish.
func TestASweepReadsEachRowOnce(t *testing.T) {
	store := newRows()
	relay := NewRelay(&Broker{}, store, zap.NewNop())
	old := time.Now().Add(-time.Minute)
	for range 2*relayBatch + 5 {
		store.add(uuid.New(), old)
	}
	young := store.add(uuid.New(), time.Now())
	seen := map[int64]bool{}
	for pages := 1; ; pages++ {
		hints, more := relay.read(t.Context())
		for _, h := range hints {
			require.False(t, seen[h.OutboxID])
			seen[h.OutboxID] = true
		}
		if !more {
			require.Equal(t, 3, pages)
			break
		}
	}
	require.Len(t, seen, 2*relayBatch+5)
	require.False(t, seen[young.OutboxID])
	hints, more := relay.read(t.Context())
	require.True(t, more)
	require.Equal(t, int64(1), hints[0].OutboxID, "the next sweep begins at the start")
}

// TestACrowdedRelayReadsOnAsSoonAsThereIsRoom: neither all that waits is read into memory at once, nor does
// a backlog wait for the next tick.
func TestACrowdedRelayReadsOnAsSoonAsThereIsRoom(t *testing.T) {
	store := newRows()
	relay := NewRelay(&Broker{}, store, zap.NewNop())
	for range underWayMax + 2*relayBatch {
		store.add(uuid.New(), time.Now().Add(-time.Minute))
	}
	var last int64
	for {
		hints, more := relay.read(t.Context())
		if !more {
			require.Empty(t, hints)
			break
		}
		for _, h := range hints {
			relay.underWay[h.OutboxID] = struct{}{}
			last = h.OutboxID
		}
	}
	require.Equal(t, underWayMax+relayBatch, len(relay.underWay))
	require.Empty(t, relay.poll)

	relay.clear(t.Context(), []int64{1})
	require.Len(t, relay.poll, 1, "it is called when rows were removed")
	<-relay.poll
	var taken []int64
	for id := range int64(relayBatch) {
		taken = append(taken, id+2)
	}
	relay.clear(t.Context(), taken)
	hints, _ := relay.read(t.Context())
	require.Equal(t, last+1, hints[0].OutboxID, "and goes on where it stopped")
}
