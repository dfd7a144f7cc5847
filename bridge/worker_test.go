package bridge

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// stock hands out hints, at most so many at once, or its error.
type stock struct {
	mu      sync.Mutex
	hints   []*hintOf
	err     error
	fetches int
}

func (s *stock) fetch(ctx context.Context, most int) ([]message, error) {
	s.mu.Lock()
	s.fetches++
	n := min(most, len(s.hints))
	some, err := s.hints[:n], s.err
	s.hints = s.hints[n:]
	s.mu.Unlock()
	if n == 0 && err == nil {
		_ = sleep(ctx, fetchWait, nil)
	}
	return messages(some), err
}

func (s *stock) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func TestNothingIsFetchedWhileTheCircuitIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
		all := hints(100)
		p.edit(all, 1)
		breaking(p.remote, "", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) })
		p.circuit.leave(false, ended(unauthorized, "before they started"))
		from := &stock{hints: all}
		stop, cancel := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range 2 {
			workers.Go(func() { fetchAndSettle(stop, t.Context(), from, p.pipe, 10) })
		}
		time.Sleep(barredProbing - time.Second)
		require.Zero(t, from.count())
		time.Sleep(time.Hour)
		require.LessOrEqual(t, from.count(), 2, "no worker takes more than it has in hand")
		require.Len(t, from.hints, 100-10*from.count())
		p.remote.set(func() { p.remote.instead = nil })
		time.Sleep(time.Minute)
		require.Equal(t, map[string]int{"ack": 100}, tally(all))
		p.requireEqual(t)
		cancel()
		workers.Wait()
	})
}

func TestAWorkerWithoutABrokerTriesNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		from := &stock{err: errors.New("no broker")}
		stop, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		fetchAndSettle(stop, t.Context(), from, p.pipe, 10)
		require.InDelta(t, 1800, from.count(), 10, "every two seconds after a few faster ones")
	})
}
