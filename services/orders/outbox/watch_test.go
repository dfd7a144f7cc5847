package outbox

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// looks follows one link over some looks: how far the consumer has delivered at each.
func looks(w *watch, due []DueLink, lastSeq uint64, delivered func(look int) uint64, n int) (again int, stuck bool) {
	now := time.Unix(1000, 0)
	for i := range n {
		w.follow(now, due, lastSeq, activity{delivered: delivered(i)})
		ids := w.overdue(now, delivered(i), nil)
		w.repeated(now, ids)
		again += len(ids)
		stuck = w.stuck(now, false) > 0
		now = now.Add(lookEvery)
	}
	return again, stuck
}

func TestABacklogThatMovesIsLeftAlone(t *testing.T) {
	w := &watch{links: map[uuid.UUID]*watched{}}
	due := []DueLink{{OrderID: uuid.New()}}
	again, stuck := looks(w, due, 1_000_000, func(i int) uint64 { return uint64(1000 * i) }, 500)
	require.Zero(t, again)
	require.False(t, stuck)
}

// TestHintsAreRepeatedLessAndLess: what is delivered and stays pending all the same is somebody else's matter.
func TestHintsAreRepeatedLessAndLess(t *testing.T) {
	w := &watch{links: map[uuid.UUID]*watched{}}
	due := []DueLink{{OrderID: uuid.New()}}
	const hour = int(time.Hour / lookEvery)
	again, stuck := looks(w, due, 5, func(i int) uint64 { return uint64(5 + i) }, hour)
	require.InDelta(t, 11, again, 2)
	require.False(t, stuck, "others are delivered")
}

func TestAConsumerThatDeliversNothingIsStuck(t *testing.T) {
	w := &watch{links: map[uuid.UUID]*watched{}}
	due := []DueLink{{OrderID: uuid.New()}}
	again, stuck := looks(w, due, 5, func(int) uint64 { return 0 }, 6)
	require.Equal(t, 1, again)
	require.True(t, stuck)
	require.Zero(t, w.stuck(time.Unix(1000, 0).Add(6*lookEvery), true), "a bridge that has hints in hand may be slow")
}

func TestAnotherChangeIsWaitedForAnew(t *testing.T) {
	w := &watch{links: map[uuid.UUID]*watched{}}
	id, now := uuid.New(), time.Unix(1000, 0)
	for i := range 20 {
		w.follow(now, []DueLink{{OrderID: id, Since: now}}, uint64(i), activity{})
		require.Empty(t, w.overdue(now, uint64(i), nil))
		now = now.Add(lookEvery)
	}
}

// TestAHintThatDidNotGoOutShowsNothing: a broker is not at fault when the database, or the reading of a hint, was.
func TestAHintThatDidNotGoOutShowsNothing(t *testing.T) {
	w := &watch{links: map[uuid.UUID]*watched{}}
	due, now := []DueLink{{OrderID: uuid.New()}}, time.Unix(1000, 0)
	for i := range 20 {
		w.follow(now, due, 5, activity{})
		require.Equal(t, i >= 3, len(w.overdue(now, 0, nil)) > 0, i) // and is not repeated
		require.Zero(t, w.stuck(now, false))
		now = now.Add(lookEvery)
	}
}
