package orders

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBatchesSideBySideShareTheBrake: none finds room that another one has taken, and what is not kept is
// given back.
func TestBatchesSideBySideShareTheBrake(t *testing.T) {
	limit, err := ParseLimit("3")
	require.NoError(t, err)
	clock := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	trips := 0
	b := NewBrake(limit, Limit{}, time.Minute, func() time.Time { return clock }, func(string, BrakeState) { trips++ })
	passes := func(batch *braked, n int) {
		t.Helper()
		for range n {
			require.Empty(t, batch.stops(true))
		}
	}
	one, other := b.begin("b"), b.begin("b")
	passes(one, 2)
	passes(other, 1)
	require.Equal(t, "brake: more than 3 deletions of b within 1m0s", other.stops(true))
	other.drop()
	require.Zero(t, trips, "it was not kept")
	other = b.begin("b")
	passes(other, 1)
	other.keep()
	other.drop()
	one.keep()
	require.NotEmpty(t, b.begin("b").stops(true))

	clock = clock.Add(2 * time.Minute)
	one = b.begin("b")
	passes(one, 3)
	clock = clock.Add(2 * time.Minute)
	other = b.begin("b")
	passes(other, 2)
	one.drop() // of a window that is over
	passes(other, 1)
	require.NotEmpty(t, other.stops(true))
	other.keep()
	require.Equal(t, 1, trips)

	b.Set("b", BrakeState{}, b.Turn()) // a person resets it
	passes(b.begin("b"), 3)
}
