package bridge

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestTheClerksGreetingClosesACircuit whose wait is over, where no order waits and so nobody else tries.
func TestTheClerksGreetingClosesACircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
		breaking(p.remote, "", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
		held := ended(overloaded, "held")
		held.retryAfter = time.Minute
		p.circuit.leave(false, held)

		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { (&clerk{pipe: p.pipe, paused: p.paused}).run(ctx) })
		time.Sleep(2 * time.Minute)
		require.Equal(t, circuitOpen, p.circuit.state().name, "no greeting gets through")
		p.remote.set(func() { p.remote.instead = nil })
		time.Sleep(2 * claimEvery)
		require.Equal(t, circuitClosed, p.circuit.state().name)

		p.circuit.leave(false, held)
		time.Sleep(time.Minute - time.Second)
		require.Equal(t, circuitOpen, p.circuit.state().name, "not before the wait is over")
		stop()
		running.Wait()
	})
}
