package bridge

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestAFirstCopyListsAndSendsEachOrderOnce: nothing else is needed, and the own service has no use for answers that say
// what it said.
func TestAFirstCopyListsAndSendsEachOrderOnce(t *testing.T) {
	const n = 5000
	a, b := keeperOf("a", n), keeperOf("b", 0)
	listed, stored := map[string]int{}, 0
	a.before = func(_ *keeper, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /orders/entries":
			listed[r.URL.RawQuery]++
		case "PUT /orders/transactions":
			stored++
		}
	}
	r := reconcilerOf(t, a, b, strategyRanges)
	require.NoError(t, r.run(t.Context()))
	rep := r.Report()
	require.True(t, rep.Equal)
	require.Equal(t, n, rep.Sent)
	require.Equal(t, 2, rep.Passes)
	require.NotEmpty(t, listed)
	for query, times := range listed {
		require.Equal(t, 1, times, query)
	}
	require.Zero(t, stored)
	require.Len(t, b.log, n, "each was taken once")
}

// TestAnAnswerWithNewsIsStored: the peer has more of an order than it was sent.
func TestAnAnswerWithNewsIsStored(t *testing.T) {
	a, b := keeperOf("a", 10), keeperOf("b", 10)
	b.change(a.ids[3], contracts.Version{"a.x": 4, "b.y": 9})
	r := reconcilerOf(t, a, b, strategyRanges)
	require.NoError(t, r.run(t.Context()))
	require.True(t, r.Report().Equal)
	require.Equal(t, contracts.Version{"a.x": 4, "b.y": 9}, a.entries[a.ids[3]].Version)
}

// TestAnOrderThatMovesWhileItIsListedIsNoDifference: one differs, so their range is listed; another one is edited here
// before the list is read, and reaches the peer after it.
func TestAnOrderThatMovesWhileItIsListedIsNoDifference(t *testing.T) {
	a, b := keeperOf("a", 640), keeperOf("b", 639)
	edited, version := a.ids[638], contracts.Version{"a.x": 639, "a.y": 1}
	var lists atomic.Int32
	a.before = func(k *keeper, r *http.Request) {
		if r.URL.Path == "/orders/entries" && lists.Add(1) == 1 {
			k.change(edited, version)
		}
	}
	carried := false
	b.before = func(k *keeper, r *http.Request) {
		if r.URL.Path == "/orders/fingerprints" && lists.Load() > 0 && !carried {
			carried = true
			k.change(edited, version)
		}
	}
	r := reconcilerOf(t, a, b, strategyRanges)
	r.dryRun = true
	require.NoError(t, r.run(t.Context()))
	rep := r.Report()
	require.True(t, carried)
	require.Equal(t, map[string]int{onlyHere: 1}, rep.Found)
	require.Equal(t, 1, rep.Moving)
}
