package postgres

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

// TestTheLogEndsBelowANumberThatWasOnlyDrawn: a change that has its numbers and has written nothing yet
// holds the end of the log back already.
func TestTheLogEndsBelowANumberThatWasOnlyDrawn(t *testing.T) {
	s := open(t, 4)
	first := uuid.New()
	require.NoError(t, write(t, s, first, "a.x:1", `{}`, nil))
	page, err := s.Log(t.Context(), orders.LogQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Orders, 1)

	drawn, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{uuid.New()}, Numbers: 1},
			func([]*orders.Stored, orders.Drawn) ([]orders.Change, error) {
				close(drawn)
				<-goOn
				return nil, nil
			})
		done <- err
	}()
	<-drawn
	finish := sync.OnceValue(func() error { // also where the test fails: the pool waits for the change
		close(goOn)
		return <-done
	})
	t.Cleanup(func() { _ = finish() })
	require.NoError(t, write(t, s, uuid.New(), "a.x:2", `{}`, nil))
	held, err := s.Log(t.Context(), orders.LogQuery{After: page.Cursor, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, held.Orders)
	require.Equal(t, page.Cursor, held.Cursor)
	require.NoError(t, finish())
	after, err := s.Log(t.Context(), orders.LogQuery{After: held.Cursor, Limit: 10})
	require.NoError(t, err)
	require.Len(t, after.Orders, 1)
}

// TestTheLogEndsBelowAnOpenNumberWhateverEndsBefore: the transaction with the lowest id ends first, and
// had drawn the higher number. No snapshot tells of the open one then.
func TestTheLogEndsBelowAnOpenNumberWhateverEndsBefore(t *testing.T) {
	s := open(t, 6)
	early, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = early.Exec(t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(t, err)

	drawn, goOn, done := make(chan int64, 1), make(chan struct{}), make(chan error)
	go func() {
		_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{uuid.New()}, Numbers: 1},
			func(_ []*orders.Stored, d orders.Drawn) ([]orders.Change, error) {
				drawn <- d.Numbers[0]
				<-goOn
				return nil, nil
			})
		done <- err
	}()
	held := <-drawn
	finish := sync.OnceValue(func() error {
		close(goOn)
		return <-done
	})
	t.Cleanup(func() { _ = finish() })
	var later int64
	require.NoError(t, early.QueryRow(t.Context(), "SELECT nextval('log_seq')").Scan(&later))
	require.Greater(t, later, held)
	require.NoError(t, early.Commit(t.Context()))

	for range 3 {
		complete, err := s.end.await(t.Context(), s, later)
		require.NoError(t, err)
		require.Less(t, complete, held)
	}
	require.NoError(t, finish())
	complete, err := s.end.await(t.Context(), s, later)
	require.NoError(t, err)
	require.GreaterOrEqual(t, complete, later)
}
