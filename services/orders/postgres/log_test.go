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
