package bridge

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// meet holds requests up until so many are under way, and reports whether they came.
func meet(t *testing.T, n int) func() {
	t.Helper()
	all, waiting := make(chan struct{}), atomic.Int64{}
	return func() {
		if waiting.Add(1) == int64(n) {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(time.Minute):
			t.Error("the other request is made only after this one")
		}
	}
}

// TestBothSidesAreAskedAtOnce what all their orders come to, which is the most that a comparison of equal sides takes.
func TestBothSidesAreAskedAtOnce(t *testing.T) {
	arrive := meet(t, 2)
	asked := func(h http.Handler) *client {
		return testClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrive()
			h.ServeHTTP(w, r)
		})).URL)
	}
	c := &comparison{
		here: asked(holderOf("a", 300)), there: asked(holderOf("b", 300)), sideHere: "a", sideThere: "b", requestID: "r", logMost: -1, step: func() {},
	}
	require.NoError(t, c.run(t.Context(), nil))
	require.True(t, c.same)
	require.EqualValues(t, 300, c.compared)
}

// TestChunksAreToldAtOnce: a first copy does not wait for one chunk after the other.
func TestChunksAreToldAtOnce(t *testing.T) {
	a, b := keeperOf("a", 4*compareLeaf), keeperOf("b", 0)
	arrive := meet(t, 2)
	var held atomic.Int64
	r := reconcilerOf(t, a, b, strategyRanges)
	r.remote.origin = serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPut && held.Add(1) <= 2 {
			arrive()
		}
		b.ServeHTTP(w, q)
	})).URL
	require.NoError(t, r.run(t.Context()))
	require.True(t, r.Report().Equal)
	require.Equal(t, 4*compareLeaf, r.Report().Sent)
}

// TestACopyThatIsBrokenOffGoesOn with what is left, and sends nothing again that came through.
func TestACopyThatIsBrokenOffGoesOn(t *testing.T) {
	const n = 12 * compareLeaf
	a, b := keeperOf("a", n), keeperOf("b", 0)
	ctx, stop := context.WithCancel(t.Context())
	var puts atomic.Int64
	r := reconcilerOf(t, a, b, strategyRanges)
	r.remote.origin = serve(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPut && puts.Add(1) > 3 {
			stop()
			return
		}
		b.ServeHTTP(w, q)
	})).URL
	require.Error(t, r.run(ctx))
	b.mu.Lock()
	came := len(b.entries)
	b.mu.Unlock()
	require.Positive(t, came)
	require.Less(t, came, n)
	require.LessOrEqual(t, puts.Load(), int64(3+repairsAtOnce), "no chunk is begun after one has failed")

	again := reconcilerOf(t, a, b, strategyRanges)
	require.NoError(t, again.run(t.Context()))
	rep := again.Report()
	require.True(t, rep.Equal)
	require.Equal(t, n-came, rep.Sent)
}

// TestAnOrderThatMovesWithinACopy is told again as it is now, and nothing of it is lost.
func TestAnOrderThatMovesWithinACopy(t *testing.T) {
	a, b := keeperOf("a", 3*compareLeaf), keeperOf("b", 0)
	id := a.ids[2*compareLeaf]
	newest := contracts.Version{"a.x": 2*compareLeaf + 1, "a.y": 1}
	var once sync.Once
	b.before = func(_ *keeper, q *http.Request) {
		if q.Method == http.MethodPut {
			once.Do(func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.change(id, newest)
			})
		}
	}
	r := reconcilerOf(t, a, b, strategyRanges)
	require.NoError(t, r.run(t.Context()))
	require.True(t, r.Report().Equal)
	require.Equal(t, newest, b.entries[id].Version)
}
