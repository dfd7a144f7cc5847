package postgres

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// TestAnUnmovedOrderChangesWithARefusedOne: the links of an order that is not here are locked and read again, and the
// theirsOf is the content that is kept of the other side's version.
func theirsOf(t *testing.T, s *Store, id uuid.UUID) string {
	t.Helper()
	found, err := s.Load(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	return string(found[0].Link("b").TheirsBody)
}

// TestWhatIsKeptOfARefusedOrderIsMovedWithItsChange: there is no order to lock, only the link.
func TestWhatIsKeptOfARefusedOrderIsMovedWithItsChange(t *testing.T) {
	s := openBefore(t)
	refused := uuid.New()
	_, err := s.pool.Exec(t.Context(), linkBefore, refused, 7, `{"theirs":2}`)
	require.NoError(t, err)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, keepTheirs(t, s, refused, func(l *orders.Link) { l.Since = at }))
	require.Equal(t, `{"theirs":2}`, theirsOf(t, s, refused))
	moveAll(t, s)
	require.Equal(t, `{"theirs":2}`, theirsOf(t, s, refused))
}

// TestChangesOfARefusedOrderQueueUp: the later one goes on from what the earlier one has kept of the other side's version.
func TestChangesOfARefusedOrderQueueUp(t *testing.T) {
	s := open(t, 4)
	refused := uuid.New()
	keep := func(n string) func(*orders.Link) {
		return func(l *orders.Link) {
			theirs := ordersync.Head{Version: vector(t, "b.y:"+n), Fingerprint: "fp1:" + n}
			l.State, l.Since, l.Theirs, l.TheirsBody, l.TheirsUpdatedAt = ordersync.Error, at, &theirs, []byte(`{"theirs":`+n+`}`), at
		}
	}
	require.NoError(t, keepTheirs(t, s, refused, keep("1")))
	var later error
	var wg sync.WaitGroup
	require.NoError(t, keepTheirs(t, s, refused, func(l *orders.Link) {
		keep("2")(l)
		wg.Go(func() { later = keepTheirs(t, s, refused, func(l *orders.Link) { l.Reason = "tried again" }) })
		awaitBlocked(t, s)
	}))
	wg.Wait()
	require.NoError(t, later)
	require.Equal(t, `{"theirs":2}`, theirsOf(t, s, refused))
}

// awaitBlocked waits until a statement waits for a lock.
func awaitBlocked(t *testing.T, s *Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		var blocked bool
		err := s.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&blocked)
		return err == nil && blocked
	}, time.Minute, 5*time.Millisecond)
}
