package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// TestListsComeByTime: orders come by when they were placed, whatever their ids, or by when they were changed
// here last; pages of any size fit together, and the filters hold.
func TestListsComeByTime(t *testing.T) {
	s := open(t, 2)
	var byPlaced []uuid.UUID // newest first
	for i := range 7 {
		id := uuid.New() // of the client's own, in no order
		if i == 3 {
			id = uuid.Nil // which earlier releases took
		}
		placed := at.Add(-time.Duration(i/2) * time.Microsecond)
		status := []string{"pending", "shipped"}[i%2]
		require.NoError(t, s.add(t, id, orders.Content{OrderNumber: "N", Status: status, Body: []byte("{}"), Words: "ada", PlacedAt: placed}))
		byPlaced = append(byPlaced, id)
	}
	read := func(q orders.Query) (ids []uuid.UUID) {
		t.Helper()
		for {
			list, left, err := s.List(t.Context(), q)
			require.NoError(t, err)
			for _, st := range list {
				ids = append(ids, st.ID)
				q.After = orders.Place{At: st.PlacedAt, ID: st.ID, Seq: st.Seq}
			}
			if left != nil {
				q.After = *left
			} else if len(list) < q.Limit {
				return ids
			}
		}
	}
	// Of the same time the higher id comes first.
	want := append([]uuid.UUID(nil), byPlaced...)
	for i := 0; i+1 < len(want); i += 2 {
		if want[i].String() < want[i+1].String() {
			want[i], want[i+1] = want[i+1], want[i]
		}
	}
	var shipped []uuid.UUID
	for _, id := range want {
		for i := 1; i < len(byPlaced); i += 2 {
			if byPlaced[i] == id {
				shipped = append(shipped, id)
			}
		}
	}
	_, err := s.pool.Exec(t.Context(), `ANALYZE orders`)
	require.NoError(t, err)
	for limit := 1; limit < 9; limit++ {
		require.Equal(t, want, read(orders.Query{Limit: limit}))
		require.Equal(t, want, read(orders.Query{Limit: limit, Search: "ada"}))
		require.Equal(t, shipped, read(orders.Query{Limit: limit, Status: "shipped"}))
	}

	// The newest change of an order counts, and what does not change it does not.
	require.NoError(t, write(t, s, byPlaced[2], "a.x:2", `{}`, nil))
	require.NoError(t, write(t, s, byPlaced[0], "a.x:2", `{}`, nil))
	changed := []uuid.UUID{byPlaced[0], byPlaced[2], byPlaced[6], byPlaced[5], byPlaced[4], byPlaced[3], byPlaced[1]}
	for limit := 1; limit < 9; limit++ {
		require.Equal(t, changed, read(orders.Query{Limit: limit, Changed: true}))
		require.Equal(t, changed[2:], read(orders.Query{Limit: limit, Changed: true, Search: "ada", State: ordersync.None, Status: ""})[2:])
		require.Equal(t, changed[:2], read(orders.Query{Limit: limit, Changed: true, State: ordersync.Upd}))
		require.Len(t, read(orders.Query{Limit: limit, State: ordersync.Upd}), 2)
	}
}

// TestManyInAnOpenState: where more orders are in a state than are put in order, the list is looked through,
// a part for each page; it comes in the same order and whole.
func TestManyInAnOpenState(t *testing.T) {
	s := open(t, 1)
	const old, all = openMax + 1, openMax + nearMax + farMax + 500
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, words, placed_at)
		SELECT gen_random_uuid(), i, false, now(), '', '', 'N-' || i, 'pending', to_tsvector('simple', CASE WHEN i % 1000 = 0 THEN 'Zacharias' ELSE 'Ada' END),
		'2026-11-21'::timestamptz + i * interval '1 s' FROM generate_series(1, $1::int) i`, all)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed) SELECT id, 'b', 6, false, now(), '' FROM orders WHERE seq <= $1`, old)
	require.NoError(t, err)
	got, sizes := pages(t, s, orders.Query{State: ordersync.Collision, Limit: 1000})
	require.Len(t, got, old)
	for i := range got {
		require.EqualValues(t, old-i, got[i])
	}
	require.Less(t, sizes[0], 1000, "it looked at as much as a page may")
	got, _ = pages(t, s, orders.Query{State: ordersync.Collision, Search: "zach", Limit: 4})
	require.Equal(t, []int64{10000, 9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000}, got)
	for _, search := range []string{"", "zach"} {
		text, args := nearby(listing{Query: orders.Query{State: ordersync.Collision, Search: search, Limit: 51}, many: true}, farMax)
		rows, err := s.pool.Query(t.Context(), "EXPLAIN "+text, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, strings.Join(lines, "\n"), "orders_placed")
	}
}

// TestFewInASettledState: that few of many orders are settled does not make a page look at all of them.
func TestFewInASettledState(t *testing.T) {
	s := open(t, 1)
	const all = nearMax + farMax + 500
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, words, placed_at)
		SELECT gen_random_uuid(), i, false, now(), '', '', 'N-' || i, 'pending', to_tsvector('simple', 'Ada'),
		'2026-11-21'::timestamptz + i * interval '1 s' FROM generate_series(1, $1::int) i`, all)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed)
		SELECT id, 'b', CASE WHEN seq IN (1, 2, 12000) THEN 3 ELSE 1 END, false, now(), '' FROM orders`)
	require.NoError(t, err)
	for _, search := range []string{"", "ada"} {
		for _, limit := range []int{1, 2, 50} {
			got, sizes := pages(t, s, orders.Query{State: ordersync.OK, Search: search, Limit: limit})
			require.Equal(t, []int64{12000, 2, 1}, got)
			if limit == 50 && search == "" {
				require.Equal(t, 1, sizes[0], "it looked at as much as a page may")
			}
		}
	}
}

// TestManyHaveANumberElsewhere: a list by a number of a third system that very many orders have is whole.
func TestManyHaveANumberElsewhere(t *testing.T) {
	s := open(t, 1)
	const all = 9000 // more than an index of words finds at once
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, words, placed_at)
		SELECT gen_random_uuid(), i, false, now(), '', '', 'N-' || i, 'pending', to_tsvector('simple', 'Ada') || array_to_tsvector(ARRAY['=folded', '=ref:same']),
		'2026-11-21'::timestamptz + i * interval '1 s' FROM generate_series(1, $1::int) i`, all)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `VACUUM orders`)
	require.NoError(t, err)
	for _, search := range []string{"", "ada", "n-"} {
		got, _ := pages(t, s, orders.Query{ExternalRef: "same", Search: search, Limit: 1000})
		require.Len(t, got, all, search)
		for i := range got {
			require.EqualValues(t, all-i, got[i])
		}
	}
}
