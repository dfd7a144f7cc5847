package peering

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// TestAClaimIsForgottenOnceDecided: a later one waits for a report of its own.
func TestAClaimIsForgottenOnceDecided(t *testing.T) {
	d := &Desk{claimed: map[string]time.Time{}}
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	live := map[string]LiveEpoch{"a.x": {}}
	require.Equal(t, now, d.firstClaim("a.x", now))
	d.forgetClaims(live, now.Add(liveFor))
	require.Equal(t, now, d.firstClaim("a.x", now.Add(liveFor)), "it may wait for a report yet")
	later := now.Add(liveFor + time.Second)
	d.forgetClaims(live, later)
	require.Equal(t, later, d.firstClaim("a.x", later))
	d.forgetClaims(nil, later)
	require.Empty(t, d.claimed, "of a process that has ended")
}

// busy is a store in which a reconciliation is open.
type busy struct {
	Store
	open bool
}

func (b *busy) Add(context.Context, *contracts.Reconciliation) error {
	if b.open {
		return orders.Errorf(orders.Conflict, "one is open")
	}
	b.open = true
	return nil
}

func (b *busy) Open(context.Context, string) (*contracts.Reconciliation, error) { return nil, nil }

func (*busy) SetTold(context.Context, string, *Told) error { return nil }

// TestAPeerThatKnowsLessIsLoggedOnce, and not with each greeting while a comparison is open.
func TestAPeerThatKnowsLessIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	store := &busy{open: true}
	d := New(Options{Side: "a", Peers: []string{"b"}, Epoch: orders.NewEpoch("a", []byte("key")), Every: time.Hour, Now: func() time.Time { return now }},
		store, nil, nil, nil, zap.New(core))
	d.rows["b"] = PeerRow{Told: restarted(map[string]int64{"a.x": 9}, now)}
	greet := func(n int) {
		for range n {
			now = now.Add(time.Second)
			require.NoError(t, d.compareIfLess(t.Context(), "b", map[string]int64{"a.x": 5}))
		}
	}
	greet(10)
	require.Zero(t, logs.Len(), "nothing was begun")
	store.open = false
	greet(10)
	require.Equal(t, 1, logs.Len())
}
