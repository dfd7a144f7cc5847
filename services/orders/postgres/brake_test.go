package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

// TestAResetWaitsItsTurn: it takes the rows in the order in which the batches take them.
func TestAResetWaitsItsTurn(t *testing.T) {
	s := between(t, 4, "c")
	ctx := t.Context()
	_, err := s.SetPeers(ctx, []string{"b", "c"}) // b comes after c in the table
	require.NoError(t, err)
	batch, err := s.pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = batch.Rollback(ctx) }()
	take := func(peer string) {
		t.Helper()
		_, err := batch.Exec(ctx, "SELECT FROM peers WHERE peer = $1 FOR UPDATE", peer)
		require.NoError(t, err)
	}
	take("b")
	reset := make(chan error, 1)
	go func() { reset <- s.SetBrake(ctx, orders.BrakeState{}) }()
	require.Eventually(t, func() bool {
		return count(t, s, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
	}, time.Minute, 10*time.Millisecond)
	take("c")
	require.NoError(t, batch.Commit(ctx))
	require.NoError(t, <-reset)
}

// TestTheBrakeIsThatOfThePeersOfTheSettings, and not of those that have left.
func TestTheBrakeIsThatOfThePeersOfTheSettings(t *testing.T) {
	s := between(t, 2, "b")
	ctx := t.Context()
	require.NoError(t, s.SetBrake(ctx, orders.BrakeState{Deletions: true}))
	_, err := s.SetPeers(ctx, []string{"c"})
	require.NoError(t, err)
	conn, err := s.pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	require.NoError(t, brakeLock(ctx, conn.Conn())("c", func(was orders.BrakeState, _ time.Time) orders.BrakeState {
		require.False(t, was.Deletions)
		return was
	}))
}
