package postgres

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// editing writes a content.
func editing(body string) orders.Decide {
	return func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		st := loaded[0]
		l := st.Link("b")
		l.State, l.Due, l.Since = ordersync.Upd, true, at
		head := ordersync.Head{Version: st.Head.Version.With(ordersync.Dot{Key: "a.x", N: drawn.Numbers[0]}), Fingerprint: "fp1:x"}
		return []orders.Change{{
			ID: st.ID, Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at, Links: []orders.Link{l},
			Content: &orders.Content{Body: []byte(body), OrderNumber: "N", Status: "pending", Words: "Ada"},
			Log:     []orders.LogRow{{Seq: drawn.Numbers[0], OrderID: st.ID, At: at, Event: orders.EventEdited, Peer: "b", Was: l.State, Becomes: l.State, Head: head, Wrote: true}},
			Hints:   []orders.Hint{{OrderID: st.ID, Peer: "b", Version: head.Version.String(), State: l.State, At: at}},
		}}, nil
	}
}

func requestOf(id uuid.UUID) orders.ChangeRequest {
	return orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1, Bodies: true, Edit: true}
}

func newOrders(t *testing.T, s *Store, n int) []uuid.UUID {
	t.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
		require.NoError(t, write(t, s, ids[i], "a.x:1", `{"v":1}`, nil))
	}
	return ids
}

func bodyOf(t *testing.T, s *Store, id uuid.UUID) string {
	t.Helper()
	found, err := s.Load(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	return string(found[0].Body)
}

// together saves edits that arrive at the same time, as Change does, and returns their errors.
func together(t *testing.T, s *Store, ids []uuid.UUID, decide ...orders.Decide) (errs []error) {
	t.Helper()
	list := make([]*edit, len(ids))
	for i, id := range ids {
		list[i] = &edit{request: requestOf(id), decide: decide[i], err: errAlone}
	}
	s.saveEdits(t.Context(), list)
	for i, e := range list {
		if errors.Is(e.err, errAlone) {
			require.Empty(t, e.hints)
			e.hints, e.err = s.Change(t.Context(), requestOf(ids[i]), decide[i])
		}
		if e.err == nil {
			require.Len(t, e.hints, 1)
			require.Equal(t, ids[i], e.hints[0].OrderID)
			require.NotZero(t, e.hints[0].OutboxID)
		}
		errs = append(errs, e.err)
	}
	return errs
}

// transactionOf is the transaction that wrote the row of an order.
func transactionOf(t *testing.T, s *Store, id uuid.UUID) (xmin string) {
	t.Helper()
	require.NoError(t, s.pool.QueryRow(t.Context(), "SELECT xmin::text FROM orders WHERE id = $1", id).Scan(&xmin))
	return xmin
}

func TestEditsShareATransaction(t *testing.T) {
	s := open(t, 1)
	ids := newOrders(t, s, 3)
	bodies := []string{`{"v":2}`, `{"v":3}`, `{"v":4}`}
	require.Equal(t, []error{nil, nil, nil}, together(t, s, ids, editing(bodies[0]), editing(bodies[1]), editing(bodies[2])))
	for i, id := range ids {
		require.Equal(t, bodies[i], bodyOf(t, s, id))
		require.Equal(t, transactionOf(t, s, ids[0]), transactionOf(t, s, id))
	}
}

// TestARefusedEditSpoilsNoOther: it gets its reason, and its order stays as it is.
func TestARefusedEditSpoilsNoOther(t *testing.T) {
	s := open(t, 1)
	ids := newOrders(t, s, 3)
	stale := orders.Errorf(orders.Stale, "the order has changed")
	refuse := func([]*orders.Stored, orders.Drawn) ([]orders.Change, error) { return nil, stale }
	require.Equal(t, []error{nil, stale, nil}, together(t, s, ids, editing(`{"v":2}`), refuse, editing(`{"v":2}`)))
	require.Equal(t, `{"v":1}`, bodyOf(t, s, ids[1]))
	require.Equal(t, transactionOf(t, s, ids[0]), transactionOf(t, s, ids[2]))
}

// TestAnEditThatCannotBeSavedSpoilsNoOther: the transaction fails, and each of them is tried alone.
func TestAnEditThatCannotBeSavedSpoilsNoOther(t *testing.T) {
	s := open(t, 1)
	ids := newOrders(t, s, 3)
	errs := together(t, s, ids, editing(`{"v":2}`), editing(`no JSON`), editing(`{"v":2}`))
	require.NoError(t, errs[0])
	require.Equal(t, orders.Invalid, orders.KindOf(errs[1]))
	require.NoError(t, errs[2])
	for i, want := range []string{`{"v":2}`, `{"v":1}`, `{"v":2}`} {
		require.Equal(t, want, bodyOf(t, s, ids[i]))
	}
}

// TestAPanicSpoilsNoOtherEdit: it happens to whoever saves the edits of others, and leaves nothing of them behind.
func TestAPanicSpoilsNoOtherEdit(t *testing.T) {
	s := open(t, 1)
	ids := newOrders(t, s, 3)
	panics := func([]*orders.Stored, orders.Drawn) ([]orders.Change, error) { panic("impossible") }
	require.PanicsWithValue(t, "impossible", func() { together(t, s, ids, editing(`{"v":2}`), editing(`{"v":2}`), panics) })
	for _, id := range ids {
		require.Equal(t, `{"v":1}`, bodyOf(t, s, id))
	}
	require.Equal(t, []error{nil}, together(t, s, ids[:1], editing(`{"v":2}`)))
}

// TestLockedOrdersHoldNoOtherEditUp: their edits wait alone, and go on when the locks are gone.
func TestLockedOrdersHoldNoOtherEditUp(t *testing.T) {
	s := open(t, 5)
	free, locked := newOrders(t, s, 1)[0], newOrders(t, s, len(s.edits.groups))
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), "SELECT FROM orders WHERE id = ANY($1) FOR UPDATE", locked)
	require.NoError(t, err)
	waiting := make(chan error, len(locked))
	for _, id := range locked {
		go func() {
			_, err := s.Change(t.Context(), requestOf(id), editing(`{"v":3}`))
			waiting <- err
		}()
	}
	var statements []string
	require.Eventually(t, func() bool {
		statements, err = oneColumn[string](s.pool.Query(t.Context(), "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
		return err == nil && len(statements) == len(locked)
	}, time.Minute, 5*time.Millisecond)
	for _, sql := range statements {
		require.Equal(t, lockOrders, sql)
	}
	_, err = s.Change(t.Context(), requestOf(free), editing(`{"v":2}`))
	require.NoError(t, err)
	require.Empty(t, waiting)
	require.NoError(t, tx.Commit(t.Context()))
	for range locked {
		require.NoError(t, <-waiting)
	}
	for _, id := range locked {
		require.Equal(t, `{"v":3}`, bodyOf(t, s, id))
	}
}

// TestManyEditsOfFewOrders: none is lost, and each goes on from the one before it.
func TestManyEditsOfFewOrders(t *testing.T) {
	const writers, each = 16, 10
	s := open(t, 4)
	ids := newOrders(t, s, 3)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := s.Change(t.Context(), requestOf(ids[(w+i)%len(ids)]), func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
					if len(loaded) != 1 || len(drawn.Numbers) != 1 || loaded[0].Body == nil || drawn.Numbers[0] <= loaded[0].Seq {
						return nil, errors.New("was given what is not its own, or an order with a later number")
					}
					return editing(`{"v":2}`)(loaded, drawn)
				})
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	var rows, hints int
	require.NoError(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM log WHERE event = 2 AND order_id = ANY($1)", ids).Scan(&rows))
	require.NoError(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM outbox WHERE order_id = ANY($1)", ids).Scan(&hints))
	require.Equal(t, writers*each+len(ids), rows)
	require.Equal(t, writers*each+len(ids), hints)
}

func TestAnEditOfAnUnknownOrderIsDecided(t *testing.T) {
	s := open(t, 1)
	_, err := s.Change(t.Context(), requestOf(uuid.New()), func(loaded []*orders.Stored, _ orders.Drawn) ([]orders.Change, error) {
		require.False(t, loaded[0].Known())
		return nil, orders.Errorf(orders.NotFound, "there is no such order")
	})
	require.Equal(t, orders.NotFound, orders.KindOf(err))
}
