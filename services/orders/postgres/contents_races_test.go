package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// TestAnUnmovedOrderChangesWithARefusedOne: the links of an order that is not here are locked and read again, and the
// content of another order of the same change is moved all the same.
func TestAnUnmovedOrderChangesWithARefusedOne(t *testing.T) {
	s := openBefore(t)
	known, refused := uuid.New(), uuid.New()
	require.NoError(t, s.changeBefore(t.Context(), known, version(1), body(1)))
	_, err := s.pool.Exec(t.Context(), linkBefore, refused, 7, nil)
	require.NoError(t, err)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)

	head := ordersync.Head{Version: vector(t, version(2)), Fingerprint: "fp1:x"}
	_, err = s.Change(t.Context(), orders.ChangeRequest{IDs: []uuid.UUID{refused, known}, Numbers: 1}, func(_ []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		return []orders.Change{{
			ID: known, Write: true, Head: head, Seq: drawn.Numbers[0], UpdatedAt: at,
			Content: &orders.Content{Body: []byte(body(2)), OrderNumber: "N", Status: "pending"},
			Log:     []orders.LogRow{{Seq: drawn.Numbers[0], OrderID: known, At: at, Event: orders.EventEdited, Head: head, Wrote: true}},
		}}, nil
	})
	require.NoError(t, err)
	moveAll(t, s)
	checkHistory(t, s, known, []string{body(1), body(2)})
}

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

// TestContentsAreMovedOnce, though two readers move those of an order that is not here, but a link of which is.
func TestContentsAreMovedOnce(t *testing.T) {
	s := openBefore(t)
	refused := uuid.New()
	_, err := s.pool.Exec(t.Context(), linkBefore, refused, 7, nil)
	require.NoError(t, err)
	var row int64
	require.NoError(t, s.pool.QueryRow(t.Context(), dropBefore, refused, `{"theirs":1}`).Scan(&row))
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	read := func() {
		_, dropped, err := s.KeptContents(t.Context(), refused, row)
		if err != nil || string(dropped) != `{"theirs":1}` {
			t.Errorf("kept %q, %v", dropped, err)
		}
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), moveContents, rawIDs([]uuid.UUID{refused}))
		wg.Go(read)
		awaitBlocked(t, s)
		return err
	}))
	wg.Wait()
	moveAll(t, s)
	read()
}

// TestContentsOfOrdersWithManyLinksAreMoved: an order has a link for each peer that this side ever had.
func TestContentsOfOrdersWithManyLinksAreMoved(t *testing.T) {
	s := openBefore(t)
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, body, words)
		SELECT lpad(to_hex(n), 32, '0')::uuid, n, false, now(), 'a.x:1', 'fp1:x', 'N', 'pending', '{}', '' FROM generate_series(1, 30) n WHERE n % 5 <> 0`)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `SELECT setval('log_seq', 100)`)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint, theirs_deleted, theirs_body)
		SELECT lpad(to_hex(n), 32, '0')::uuid, peer, 7, false, now(), '', 'b.y:1', 'fp1:x', false, '{}' FROM generate_series(1, 30) n, unnest(ARRAY['b', 'c', 'd']) peer`)
	require.NoError(t, err)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	moveAll(t, s)
}

// TestMigrationOfContentsMeetsAReader that has read the log and goes on to the orders, which the migration has locked.
func TestMigrationOfContentsMeetsAReader(t *testing.T) {
	s := openBefore(t)
	require.NoError(t, s.changeBefore(t.Context(), uuid.New(), version(1), body(1)))
	var migrated error
	var wg sync.WaitGroup
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT count(*) FROM log`); err != nil {
			return err
		}
		wg.Go(func() { _, migrated = s.Migrate(t.Context()) })
		awaitBlocked(t, s)
		_, err := tx.Exec(t.Context(), `SELECT count(*) FROM orders`)
		return err
	}))
	wg.Wait()
	require.NoError(t, migrated)
}

// TestOrdersAreIndexedWhileTheirContentsAreMoved: none is indexed without its content.
func TestOrdersAreIndexedWhileTheirContentsAreMoved(t *testing.T) {
	s := openBefore(t)
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, body, words)
		SELECT lpad(to_hex(n), 32, '0')::uuid, n, false, now(), 'a.x:1', 'fp1:x', 'N', 'pending', '{"customer":{"name":"Ada"}}', '' FROM generate_series(1, 500) n`)
	require.NoError(t, err)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	ids, err := oneColumn[uuid.UUID](s.pool.Query(t.Context(), `SELECT id FROM orders ORDER BY id`))
	require.NoError(t, err)
	for i, id := range ids {
		var moved error
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Duration(i%50) * 20 * time.Microsecond) // to meet every moment of the other
			moved = s.moveFirst(t.Context(), id)
		})
		_, err := s.Index(t.Context(), 1)
		wg.Wait()
		require.NoError(t, errors.Join(err, moved))
	}
	for n := 1; n > 0; {
		n, err = s.Index(t.Context(), len(ids))
		require.NoError(t, err)
	}
	var without int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM orders WHERE NOT words @@ 'ada'::tsquery`).Scan(&without))
	require.Zero(t, without, "orders indexed without their words")
}

// TestCleanUpMeetsChanges: history is removed while orders change. No change misses the content that it goes on from,
// nothing refers to a content that is gone, and none stays that nothing refers to.
func TestCleanUpMeetsChanges(t *testing.T) {
	const writers, each, changes = 3, 3, 150
	s := open(t, 6)
	var ended sync.WaitGroup
	for range writers {
		ended.Go(func() {
			ids := make([]uuid.UUID, each)
			for i := range ids {
				ids[i] = uuid.New()
			}
			for n := range changes {
				if err := changeOld(t.Context(), s, ids[n%each], n); err != nil {
					t.Errorf("change %d: %v", n, err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		ended.Wait()
		close(done)
	}()
	var removed int64
	for cleaning := true; cleaning; {
		select {
		case <-done:
			cleaning = false
		default:
		}
		did, err := s.CleanUp(t.Context(), Cleanup{Retention: time.Hour, Peers: []string{"b"}})
		require.NoError(t, err)
		removed += did.Contents
	}
	require.Positive(t, removed)
	var gone, idle int
	require.NoError(t, s.pool.QueryRow(t.Context(), `WITH refers AS (SELECT content AS n FROM orders UNION SELECT theirs FROM links
		UNION SELECT unnest(ARRAY[content, replaced, dropped]) FROM log)
		SELECT (SELECT count(*) FROM refers WHERE n IS NOT NULL AND n NOT IN (SELECT seq FROM contents)), (SELECT count(*) FROM contents WHERE seq NOT IN (SELECT n FROM refers WHERE n IS NOT NULL))`).
		Scan(&gone, &idle))
	require.Zero(t, gone, "contents that are gone are referred to")
	require.Zero(t, idle, "contents are left that nothing refers to")
}

// changeOld makes the next change of an order, as if long ago: it is settled, pending, or in a collision in turn.
func changeOld(ctx context.Context, s *Store, id uuid.UUID, n int) error {
	_, err := s.Change(ctx, orders.ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 1, Bodies: true}, func(loaded []*orders.Stored, drawn orders.Drawn) ([]orders.Change, error) {
		st, seq := loaded[0], drawn.Numbers[0]
		v, err := ordersync.ParseVector(version(n + 1))
		if err != nil || st.Known() && st.Body == nil {
			return nil, errors.Join(err, fmt.Errorf("its content is gone"))
		}
		head := ordersync.Head{Version: v, Fingerprint: "fp1:x"}
		l := st.Link("b")
		row := orders.LogRow{Seq: seq, OrderID: id, At: at, Event: orders.EventEdited, Peer: "b", Was: l.State, Head: head, Wrote: true, DropsTheirs: l.Theirs != nil}
		c := orders.Change{ID: id, New: !st.Known(), Write: true, Head: head, Seq: seq, UpdatedAt: at}
		l.State, l.Theirs, l.TheirsBody, l.Since = []ordersync.State{ordersync.OK, ordersync.Upd, ordersync.Collision}[n/3%3], nil, nil, at
		if l.State == ordersync.Collision {
			l.Theirs, l.TheirsBody = &ordersync.Head{Version: v, Fingerprint: "fp1:t"}, []byte(body(-n))
			row.Wrote, c.Write = false, false
		} else {
			c.Content = &orders.Content{Body: []byte(body(n)), OrderNumber: "N", Status: "pending"}
		}
		row.Becomes = l.State
		c.Links, c.Log = []orders.Link{l}, []orders.LogRow{row}
		return []orders.Change{c}, nil
	})
	return err
}
