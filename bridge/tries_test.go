package bridge

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// faltering answers the first requests to each address in a way of its own, twice.
func faltering(h http.Handler, answer func(http.ResponseWriter)) http.Handler {
	var mu sync.Mutex
	times := map[string]int{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		times[r.Method+r.URL.Path]++
		n := times[r.Method+r.URL.Path]
		mu.Unlock()
		if n <= 2 {
			answer(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// passingFaults are answers that a request may get once, and not the next time.
var passingFaults = map[string]func(http.ResponseWriter){
	"408":                   rejected(http.StatusRequestTimeout),
	"302":                   rejected(http.StatusFound),
	"HTML 200":              rejected(http.StatusOK),
	"HTML 404":              rejected(http.StatusNotFound),
	"HTML 403":              rejected(http.StatusForbidden),
	"502":                   rejected(http.StatusBadGateway),
	"JSON of another shape": jsonBody(http.StatusOK, `{"error":"busy"}`),
	"an own 503":            func(w http.ResponseWriter) { refuse(w, http.StatusServiceUnavailable, "Starting", "") },
}

// TestAFaultThatPassesEndsNoReconciliation, at whichever of its requests.
func TestAFaultThatPassesEndsNoReconciliation(t *testing.T) {
	for name, answer := range passingFaults {
		for _, strategy := range []string{strategyLog, strategyRanges} {
			t.Run(name+" by "+strategy, func(t *testing.T) {
				t.Parallel()
				a, b := keeperOf("a", 20), keeperOf("b", 20)
				a.change(a.ids[3], contracts.Version{"a.x": 4, "a.y": 1})
				r := reconcilerOf(t, a, b, strategy)
				r.remote.origin = serve(t, faltering(b, answer)).URL
				r.books[1].origin = r.remote.origin
				require.NoError(t, r.run(t.Context()))
				require.True(t, r.Report().Equal)
			})
		}
	}
}

// TestWhatAServiceRefusesIsNotAskedForAgain: its own word does not change.
func TestWhatAServiceRefusesIsNotAskedForAgain(t *testing.T) {
	b := keeperOf("b", 20)
	r := reconcilerOf(t, keeperOf("a", 20), b, strategyRanges)
	asked := 0
	r.remote.origin = serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		refuse(w, http.StatusForbidden, "Not allowed", "")
	})).URL
	require.ErrorContains(t, r.run(t.Context()), "Not allowed")
	require.Equal(t, 1, asked)
}
