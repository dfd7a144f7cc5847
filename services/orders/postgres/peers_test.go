package postgres

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// between gives a test a store of a side with peers.
func between(t *testing.T, conns int, peers ...string) *Store {
	t.Helper()
	s := open(t, conns)
	_, err := s.SetPeers(t.Context(), peers)
	require.NoError(t, err)
	return s
}

// TestWhatOnePlanLeavesOutTheOthersLeaveOut, or the link to another peer would bring it back.
func TestWhatOnePlanLeavesOutTheOthersLeaveOut(t *testing.T) {
	s := between(t, 2, "b", "c", "d")
	ctx := t.Context()
	was, out := uuid.NewString(), uuid.NewString()
	require.NoError(t, s.LeaveOut(ctx, "c", []string{was}))
	require.NoError(t, s.Hold(ctx, []string{"b", "c"}, contracts.Hold{At: at, Reason: "a test"}, nil, 10))
	open, err := s.Open(ctx, "b")
	require.NoError(t, err)
	ofB, err := s.ChangeReconciliation(ctx, uuid.MustParse(open.ID), func(r *contracts.Reconciliation) error {
		r.State, r.DecidedBy, r.DecidedAt, r.Except = "confirmed", "admin:ada", new(at), []string{out}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, s.ConfirmOthers(ctx, ofB))

	ofC, err := s.Open(ctx, "c")
	require.NoError(t, err)
	require.NotNil(t, ofC.DecidedAt)
	require.Equal(t, []string{out}, ofC.Except)
	rows, err := s.PeerRows(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{was, out}, rows[1].LeftOut)
	require.Empty(t, rows[2].LeftOut, "the link to d is not held")
}
