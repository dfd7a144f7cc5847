package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
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

// broker counts what a peer that is forgotten still has in the store when its consumer and its hints are removed.
type broker struct {
	s        *Store
	rows     []int // of the outbox, at each call
	failing  bool
	consumer bool
}

func (b *broker) note(ctx context.Context, peer string) error {
	var n int
	err := b.s.pool.QueryRow(ctx, "SELECT count(*) FROM outbox WHERE peer = $1", peer).Scan(&n)
	b.rows = append(b.rows, n)
	return err
}

func (b *broker) DeleteConsumer(ctx context.Context, peer string) error {
	b.consumer = true
	return b.note(ctx, peer)
}

func (b *broker) PurgeHints(ctx context.Context, peer string) error {
	if b.failing {
		return errors.New("out of reach")
	}
	return b.note(ctx, peer)
}

func count(t *testing.T, s *Store, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, s.pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// TestAPeerInUseIsNotForgotten, though the process that is asked to has other settings.
func TestAPeerInUseIsNotForgotten(t *testing.T) {
	s := between(t, 2, "b", "c")
	ctx := t.Context()
	require.NoError(t, write(t, s, uuid.New(), "a.x:1", `{"v":1}`, nil))
	b := &broker{s: s}
	require.Equal(t, orders.Conflict, orders.KindOf(s.ForgetPeer(ctx, "b", b)))
	require.Equal(t, orders.NotFound, orders.KindOf(s.ForgetPeer(ctx, "d", b)))
	require.False(t, b.consumer, "the broker is left alone")
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM links WHERE peer = 'b'"))

	_, err := s.SetPeers(ctx, []string{"c"})
	require.NoError(t, err)
	b.failing = true
	require.Error(t, s.ForgetPeer(ctx, "b", b))
	b.failing = false
	require.NoError(t, s.ForgetPeer(ctx, "b", b), "what is broken off can be repeated")
	require.Equal(t, []int{1, 0, 0}, b.rows, "nothing is left to publish when the hints are removed")
	require.Zero(t, count(t, s, "SELECT count(*) FROM links WHERE peer = 'b'"))
	require.Equal(t, orders.NotFound, orders.KindOf(s.ForgetPeer(ctx, "b", b)))
}

// TestLinksWrittenAfterAForgetAreNotTrusted, as a process with the settings of before may write them.
func TestLinksWrittenAfterAForgetAreNotTrusted(t *testing.T) {
	s := between(t, 2, "b", "c")
	ctx := t.Context()
	_, err := s.SetPeers(ctx, []string{"c"})
	require.NoError(t, err)
	require.NoError(t, s.ForgetPeer(ctx, "b", &broker{s: s}))
	require.NoError(t, write(t, s, uuid.New(), "a.x:1", `{"v":1}`, nil))
	back, err := s.SetPeers(ctx, []string{"b", "c"})
	require.NoError(t, err)
	require.Empty(t, back)
	require.Zero(t, count(t, s, "SELECT count(*) FROM links WHERE peer = 'b'"))
	require.Zero(t, count(t, s, "SELECT count(*) FROM outbox WHERE peer = 'b'"))

	require.NoError(t, write(t, s, uuid.New(), "a.x:2", `{"v":2}`, nil))
	_, err = s.SetPeers(ctx, []string{"b", "c"})
	require.NoError(t, err)
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM links WHERE peer = 'b'"), "a peer that stays keeps them")
}

// TestAStartWaitsForAForget: what another process of this side takes long for will pass.
func TestAStartWaitsForAForget(t *testing.T) {
	s := between(t, 2, "b")
	ctx := t.Context()
	starting, err := s.pool.Acquire(ctx)
	require.NoError(t, err)
	require.NoError(t, s.lockingPeers(ctx, func(*pgxpool.Conn) error {
		_, err := starting.Exec(ctx, "SET lock_timeout = '10ms'")
		starting.Release()
		require.NoError(t, err)
		_, err = s.SetPeers(ctx, []string{"b"})
		require.Equal(t, orders.Unavailable, orders.KindOf(err))
		require.True(t, NotYet(err), "%v", err)
		return nil
	}))
}
