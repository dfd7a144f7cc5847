package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// pendingOn adds an order to a side that it has still to tell the other one.
func (k *keeper) pendingOn(n int) string {
	id := orderID(n)
	k.change(id, contracts.Version{k.side + ".y": 1})
	e := k.entries[id]
	e.State = "NEW"
	k.entries[id] = e
	return id
}

// TestWhatIsPendingIsNoDifference, however slow the machine is: nothing carries the two orders before the
// comparison has ended. Where delivery is paused nothing will.
func TestWhatIsPendingIsNoDifference(t *testing.T) {
	for _, strategy := range []string{strategyLog, strategyRanges} {
		t.Run(strategy, func(t *testing.T) {
			a, b := keeperOf("a", 30), keeperOf("b", 30)
			a.pendingOn(1)
			b.pendingOn(2)
			look := reconcilerOf(t, a, b, strategy)
			look.dryRun, look.delivered = true, true
			require.NoError(t, look.run(t.Context()))
			rep := look.Report()
			require.Empty(t, rep.Found, "no false difference")
			require.Empty(t, rep.Plan)
			require.Equal(t, 2, rep.Moving)
			require.False(t, rep.Equal)
			require.Zero(t, rep.Sent)

			paused := reconcilerOf(t, a, b, strategy)
			paused.dryRun = true
			require.NoError(t, paused.run(t.Context()))
			require.Equal(t, map[string]int{onlyHere: 1, onlyThere: 1}, paused.Report().Found)

			r := reconcilerOf(t, a, b, strategy)
			r.delivered = true
			require.NoError(t, r.run(t.Context()))
			rep = r.Report()
			require.Empty(t, rep.Found)
			require.Equal(t, 2, rep.Sent, "perhaps there is no bridge")
			require.True(t, rep.Equal)
		})
	}
}

// TestWhatBecomesADifferenceIsFound: an order that was pending at the first look and is settled later, but not the
// same on both sides, is a difference.
func TestWhatBecomesADifferenceIsFound(t *testing.T) {
	a, b := keeperOf("a", 30), keeperOf("b", 30)
	id := a.pendingOn(1)
	r := reconcilerOf(t, a, b, strategyRanges)
	r.delivered = true
	_, err := r.pass(t.Context())
	require.NoError(t, err)
	require.Empty(t, r.Report().Found)
	e := a.entries[id]
	e.State = "OK" // the peer acknowledged it, and lost it
	a.entries[id] = e
	_, err = r.pass(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{onlyHere: 1}, r.Report().Found)
}
