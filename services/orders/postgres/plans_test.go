package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/outbox"
)

const (
	manyDue     = 100_000 // orders, each due towards b
	manyWaiting = 10_000  // hints of them in the outbox
)

// regular are the statements that a loop, a page or a metric runs again and again, and how many rows each may
// read at the most.
var regular = []struct {
	name string
	most int64
	do   func(ctx context.Context, s *Store) error
}{
	{"relay: read the outbox", 5_000, func(ctx context.Context, s *Store) error {
		_, err := s.PendingHints(ctx, 0, 1000)
		return err
	}},
	{"relay: clear the outbox", 20_000, func(ctx context.Context, s *Store) error {
		hints, err := s.PendingHints(ctx, 0, 4000)
		if err != nil {
			return err
		}
		ids := make([]int64, len(hints))
		for i, h := range hints {
			ids[i] = h.OutboxID
		}
		return undone(ctx, s, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, deleteHints, ids)
			return err
		})
	}},
	{"keeper: a page of due links", 4 * manyWaiting, func(ctx context.Context, s *Store) error {
		_, err := s.DueOrders(ctx, "b", time.Now(), outbox.DueLink{}, 1000)
		return err
	}},
	{"keeper: a later page of due links", 4 * manyWaiting, func(ctx context.Context, s *Store) error {
		oldest, err := s.OldestDue(ctx, "b", 1000)
		if err != nil || len(oldest) == 0 { // before there are any
			return err
		}
		_, err = s.DueOrders(ctx, "b", time.Now(), oldest[len(oldest)-1], 1000)
		return err
	}},
	{"keeper: oldest due links", 4 * manyWaiting, func(ctx context.Context, s *Store) error {
		_, err := s.OldestDue(ctx, "b", 1000)
		return err
	}},
	{"keeper: hint again", 20_000, func(ctx context.Context, s *Store) error {
		due, err := s.OldestDue(ctx, "b", 1000)
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(due))
		for i, l := range due {
			ids[i] = l.OrderID
		}
		return undone(ctx, s, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, hintAgain, "b", rawIDs(ids))
			return err
		})
	}},
	{"keeper: forget keys", 1_000, func(ctx context.Context, s *Store) error { return s.ForgetKeys(ctx, time.Hour) }},
	{"change of 256 orders", 10_000, func(ctx context.Context, s *Store) error {
		ids, err := someOrders(ctx, s, 256)
		if err != nil {
			return err
		}
		return changeAll(ctx, s, ids)
	}},
	{"a batch is read", 5_000, func(ctx context.Context, s *Store) error {
		ids, err := someOrders(ctx, s, 256)
		if err != nil {
			return err
		}
		_, err = s.Load(ctx, ids)
		return err
	}},
	{"status and metrics", 4*manyDue + 2*manyWaiting, func(ctx context.Context, s *Store) error {
		_, err := s.Counts(ctx)
		return err
	}},
	{"events: look for changes", 2*manyDue + manyWaiting, func(ctx context.Context, s *Store) error {
		_, err := s.Mark(ctx)
		return err
	}},
	{"list of pending orders", 3 * manyDue, func(ctx context.Context, s *Store) error {
		_, err := s.Links(ctx, []ordersync.State{ordersync.New, ordersync.Upd}, []string{"b"}, orders.CaseKey{}, 50)
		return err
	}},
	{"list of errors", 1_000, func(ctx context.Context, s *Store) error {
		_, err := s.Links(ctx, []ordersync.State{ordersync.Error, ordersync.ErrorSynced}, []string{"b"}, orders.CaseKey{}, 50)
		return err
	}},
	{"list of errors for a reason", 1_000, func(ctx context.Context, s *Store) error {
		_, err := s.InError(ctx, "b", "why", 50)
		return err
	}},
	{"list of collisions", 1_000, func(ctx context.Context, s *Store) error {
		_, _, err := s.OpenCases(ctx, orders.CaseFilter{Peers: []string{"b"}}, 50)
		return err
	}},
	{"list of orders", 5_000, func(ctx context.Context, s *Store) error {
		_, _, err := s.List(ctx, orders.Query{Limit: 50})
		return err
	}},
	{"log of the other side", 5_000, func(ctx context.Context, s *Store) error {
		_, err := s.Log(ctx, orders.LogQuery{Limit: 256})
		return err
	}},
	{"history: what came", 2 * manyDue, func(ctx context.Context, s *Store) error {
		_, _, err := s.ReceivedSince(ctx, 0)
		return err
	}},
	{"upgrade: contents to move", 2_000, func(ctx context.Context, s *Store) error {
		_, err := oneColumn[uuid.UUID](s.pool.Query(ctx, listToMove, uuid.Nil, 256))
		return err
	}},
	{"upgrade: contents of 256 orders", 30_000, func(ctx context.Context, s *Store) error {
		ids, err := someOrders(ctx, s, 256)
		if err != nil {
			return err
		}
		return undone(ctx, s, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE orders SET content = -1 WHERE id = ANY($1)`, rawIDs(ids)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, moveContents, rawIDs(ids))
			return err
		})
	}},
	{"clean-up", 3 * manyDue, func(ctx context.Context, s *Store) error {
		_, err := s.CleanUp(ctx, Cleanup{Retention: time.Hour, Peers: []string{"b"}})
		return err
	}},
}

var errUndone = errors.New("rolled back on purpose")

// undone does something in a transaction that is rolled back.
func undone(ctx context.Context, s *Store, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return errors.Join(do(tx), errUndone) })
	if err.Error() == errUndone.Error() {
		return nil
	}
	return err
}

func someOrders(ctx context.Context, s *Store, n int) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, "SELECT id FROM orders ORDER BY id LIMIT $1", n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// changeAll writes a change of each order, which stays due.
func changeAll(ctx context.Context, s *Store, ids []uuid.UUID) error {
	_, err := s.Change(ctx, orders.ChangeRequest{IDs: ids, Numbers: len(ids)}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		var out []orders.Change
		for i, st := range loaded {
			l := st.Link("b")
			head := st.Head
			out = append(out, orders.Change{
				ID: st.ID, Write: true, Head: head, Seq: drawn.Numbers[i], UpdatedAt: at, Links: []orders.Link{l},
				Content: &orders.Content{Body: []byte(`{}`), OrderNumber: "N", Status: "pending", Words: "Ada"},
				Log:     []orders.LogRow{{Seq: drawn.Numbers[i], OrderID: st.ID, At: at, Event: orders.EventEdited, Peer: "b", Was: l.State, Becomes: l.State, Head: head, Wrote: true}},
				Hints:   []orders.Hint{{OrderID: st.ID, Peer: "b", Version: head.Version.String(), State: l.State, At: at}},
			})
		}
		return out, nil
	})
	return err
}

// fill makes copies of the one order that there is, with links in a state and hints of some in the outbox.
// Whatever a copy does not name it has from its model, so no column needs to be known here.
const fill = `
INSERT INTO log SELECT r.* FROM (SELECT t FROM log t LIMIT 1) x (m), generate_series(1, %[1]d) i,
	json_populate_record(x.m, json_build_object('seq', 1000 + i, 'order_id', md5(i::text)::uuid)) r;
INSERT INTO orders SELECT r.* FROM (SELECT t FROM orders t LIMIT 1) x (m), generate_series(1, %[1]d) i,
	json_populate_record(x.m, json_build_object('seq', 1000 + i, 'id', md5(i::text)::uuid, 'order_number', 'N' || i, 'placed_at', now() - i * interval '1 second')) r;
INSERT INTO links SELECT r.* FROM (SELECT t FROM links t LIMIT 1) x (m), generate_series(1, %[1]d) i,
	json_populate_record(x.m, json_build_object('order_id', md5(i::text)::uuid, 'since', now() - i * interval '1 second', 'state', %[3]d)) r;
INSERT INTO outbox (order_id, peer, version, state, at) SELECT md5(i::text)::uuid, 'b', '', 2, now() FROM generate_series(1, %[2]d) i;
SELECT setval('log_seq', 1001 + %[1]d)`

// TestPlansHoldWithStaleStatistics: a statement that was planned while the tables were empty, or that the planner
// takes for empty, reads no more rows when they are full than it has to. Nothing may multiply one table by another.
func TestPlansHoldWithStaleStatistics(t *testing.T) {
	s := open(t, 1)
	ctx := t.Context()
	for _, table := range []string{"orders", "links", "log", "outbox"} {
		mustExec(t, s, "ALTER TABLE "+table+" SET (autovacuum_enabled = off)")
	}
	require.NoError(t, write(t, s, uuid.New(), "a.x:1", `{"v":1}`, nil))
	for _, r := range regular { // plans them, on the only connection
		require.NoError(t, r.do(ctx, s), r.name)
	}
	mustExec(t, s, fmt.Sprintf(fill, manyDue, manyWaiting, ordersync.Upd))
	t.Run("planned while empty", func(t *testing.T) { compareRowsRead(t, s) })
	s.pool.Reset()
	t.Run("planned without statistics", func(t *testing.T) { compareRowsRead(t, s) })
	mustExec(t, s, "ANALYZE")
	t.Run("planned with statistics", func(t *testing.T) { compareRowsRead(t, s) })
}

// TestManySettledOrdersAreNotCounted: what a status, a metric or the brake asks for reads no more where there are
// more orders, and is about right as soon as the database has looked at its tables.
func TestManySettledOrdersAreNotCounted(t *testing.T) {
	const settled, deleted = 90_000, 30_000
	s := open(t, 1)
	ctx := t.Context()
	_, err := s.SetPeers(ctx, []string{"b"})
	require.NoError(t, err)
	require.NoError(t, write(t, s, uuid.New(), "a.x:1", `{"v":1}`, nil))
	few, err := s.Counts(ctx)
	require.NoError(t, err)
	require.False(t, few.Estimated)
	require.EqualValues(t, 1, few.Orders)
	for _, table := range []string{"orders", "links"} {
		mustExec(t, s, "ALTER TABLE "+table+" SET (autovacuum_enabled = off)")
	}
	mustExec(t, s, fmt.Sprintf(fill, settled, 0, ordersync.OK))
	counts := func() (c orders.Counts) {
		t.Helper()
		before := rowsRead(t, s)
		c, err := s.Counts(ctx)
		require.NoError(t, err)
		brake, err := s.CountOrders(ctx)
		require.NoError(t, err)
		require.Equal(t, c.Orders, brake)
		require.LessOrEqual(t, rowsRead(t, s)-before, int64(1_000))
		require.True(t, c.Estimated)
		require.EqualValues(t, 1, c.States["b"][ordersync.Upd], "what is open is counted")
		return c
	}
	require.Positive(t, counts().Orders, "never looked at, and taken for many all the same")
	mustExec(t, s, fmt.Sprintf("UPDATE orders SET deleted = true WHERE seq BETWEEN 1001 AND %[1]d; UPDATE links SET state = 5 WHERE order_id IN (SELECT id FROM orders WHERE deleted)", 1000+deleted))
	mustExec(t, s, "ANALYZE")
	c := counts()
	require.InEpsilon(t, settled-deleted, c.Orders, 0.2)
	require.InEpsilon(t, settled-deleted, c.States["b"][ordersync.OK], 0.2)
	require.InEpsilon(t, deleted, c.States["b"][ordersync.DelSynced], 0.2)
}

func compareRowsRead(t *testing.T, s *Store) {
	mustExec(t, s, "SET statement_timeout = '20s'")
	for _, r := range regular {
		t.Run(r.name, func(t *testing.T) {
			before := rowsRead(t, s)
			started := time.Now()
			require.NoError(t, r.do(t.Context(), s))
			read := rowsRead(t, s) - before
			t.Logf("%d rows in %v", read, time.Since(started))
			require.LessOrEqual(t, read, r.most)
		})
	}
}

// rowsRead is how many rows of tables and entries of indexes were read in this database.
func rowsRead(t *testing.T, s *Store) (n int64) {
	t.Helper()
	mustExec(t, s, "SELECT pg_stat_force_next_flush()")
	mustExec(t, s, "SELECT pg_stat_clear_snapshot()")
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)`).Scan(&n))
	return n
}

func mustExec(t *testing.T, s *Store, sql string) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
}
