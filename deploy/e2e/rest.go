//go:build linux

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// restPatience is how long both sides may take to come to rest once nothing is broken any more. A busy machine and
// the longest pauses between attempts are within it.
const (
	restPatience = 4 * time.Minute
	worthTelling = 2 * time.Second
)

// unrest says what still moves on a side; nothing when it is at rest. Collisions and errors may be
// there, they wait for a person.
func unrest(s contracts.Status) string {
	var moving []string
	add := func(what string, n int64) {
		if n != 0 {
			moving = append(moving, fmt.Sprintf("%s %d", what, n))
		}
	}
	if s.Broker.Stream == nil {
		return "no stream: " + s.Broker.Error
	}
	add("outbox", s.Outbox)
	add("stream", s.Broker.Stream.Messages)
	for _, p := range s.Peers {
		add("pending", p.Pending)
		for _, state := range []string{"NEW", "UPD", "DEL"} {
			add(state, p.States[state])
		}
		if p.Consumer == nil {
			return "no consumer: " + s.Broker.Error
		}
		add("unprocessed", p.Consumer.Pending)
		add("outstanding", p.Consumer.AckPending)
	}
	return strings.Join(moving, ", ")
}

// figures are what must not change any more when both sides are at rest.
type figures struct{ hintsA, hintsB, ordersA, ordersB int64 }

// look asks both sides, and says what moves.
func (both *pair) look(ctx context.Context) (figures, string) {
	var moving []string
	var status [2]contracts.Status
	for i, s := range both.sides() {
		var err error
		if status[i], err = s.status(ctx); err != nil {
			return figures{}, s.name + ": " + err.Error()
		}
		if u := unrest(status[i]); u != "" {
			moving = append(moving, s.name+": "+u)
		}
	}
	if moving != nil {
		return figures{}, strings.Join(moving, "; ")
	}
	a, b := status[0], status[1]
	return figures{a.Broker.Stream.LastSeq, b.Broker.Stream.LastSeq, a.Orders, b.Orders}, ""
}

// awaitRest waits until nothing moves on either side, twice in a row with the same figures. Where it
// takes a while it says what was last to move.
func (both *pair) awaitRest(t testing.TB) {
	t.Helper()
	start := time.Now()
	var last *figures
	moving, lastMoving := "not asked yet", ""
	for time.Since(start) < restPatience {
		var now figures
		now, moving = both.look(t.Context())
		if moving == "" {
			if last != nil && *last == now {
				if took := time.Since(start); took > worthTelling {
					t.Logf("%s  at rest after %s; last were %s", clock(), took.Round(pollEvery), lastMoving)
				}
				return
			}
			last = &now
		} else {
			last, lastMoving = nil, moving
		}
		time.Sleep(4 * pollEvery)
	}
	both.tellUnrest(t)
	require.FailNow(t, "no rest after "+restPatience.String(), moving)
}

// requireRestFor watches a system at rest for a while: nothing may move by itself.
func (both *pair) requireRestFor(t testing.TB, watch time.Duration) {
	t.Helper()
	both.awaitRest(t)
	first, _ := both.look(t.Context())
	for end := time.Now().Add(watch); time.Now().Before(end); time.Sleep(4 * pollEvery) {
		now, moving := both.look(t.Context())
		require.Empty(t, moving)
		require.Equal(t, first, now)
	}
}

// requireHealthy asks that no order is in a state that nobody caused.
func (both *pair) requireHealthy(t testing.TB, collisions int) {
	t.Helper()
	for _, s := range both.sides() {
		status, err := s.status(t.Context())
		require.NoError(t, err)
		for _, p := range status.Peers {
			require.Zero(t, p.States["ERROR"]+p.States["ERROR_SYNCED"], "errors of %s: %s", s.name, encode(status))
			require.EqualValues(t, collisions, p.States["COLLISION"], "collisions of %s: %s", s.name, encode(status))
		}
	}
}
