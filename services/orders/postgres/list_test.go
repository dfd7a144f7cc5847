package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// TestListGoesByIndexes looks at the plans of lists, as they are made once for a table of any size: each
// goes by an index that fits, and the newest orders come without sorting all there are.
func TestListGoesByIndexes(t *testing.T) {
	s := open(t, 1)
	for name, c := range map[string]struct {
		q     orders.Query
		index []string
	}{
		"all":             {orders.Query{}, []string{"orders_placed"}},
		"next page":       {orders.Query{After: orders.Place{At: time.Now(), ID: uuid.New()}}, []string{"orders_placed"}},
		"status":          {orders.Query{Status: "pending"}, []string{"orders_placed_status"}},
		"in collision":    {orders.Query{State: ordersync.Collision}, []string{"links_open", "orders_pkey"}},
		"in step":         {orders.Query{State: ordersync.OK}, []string{"orders_placed", "links_pkey"}},
		"number or words": {orders.Query{Search: "ada"}, []string{"orders_number", "orders_words", "orders_pkey"}},
		"by a person":     {orders.Query{ChangedBy: "user:anna"}, []string{"log_people", "orders_pkey"}},
		"by change":       {orders.Query{Changed: true}, []string{"log_pkey", "orders_pkey"}},
		"deleted":         {orders.Query{Deleted: true}, []string{"orders_placed_deleted"}},
		"after a time":    {orders.Query{ChangedFrom: time.Now()}, []string{"log_changes", "orders_pkey"}},
		"number":          {orders.Query{OrderNumber: "A-1"}, []string{"orders_number"}},
		"ref":             {orders.Query{ExternalRef: "cart"}, []string{"orders_words"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.q.Limit = 51
			var args arguments
			var text string
			switch {
			case c.q.ByChange():
				var err error
				text, args, err = s.byChange(t.Context(), c.q)
				require.NoError(t, err)
			case c.q.Search != "":
				text, args = indexed(c.q)
			default:
				text = listed(&args, c.q)
			}
			var raw []byte
			require.NoError(t, s.pool.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+text, args...).Scan(&raw))
			require.True(t, json.Valid(raw))
			for _, index := range c.index {
				require.Contains(t, string(raw), `"`+index+`"`)
			}
			require.NotContains(t, string(raw), `"Seq Scan"`)
			if !slices.Contains(c.index, "orders_placed_status") {
				require.NotContains(t, string(raw), "orders_placed_status")
			}
			// Of few orders a next page may be sorted, and few changes; the first ANALYZE of a table that grows ends that.
			if c.q.Search+c.q.OrderNumber+c.q.ExternalRef == "" && c.q.State != ordersync.Collision && c.q.After.ID == uuid.Nil && !c.q.ByTime() {
				require.NotContains(t, string(raw), `"Sort"`)
			}
		})
	}
}

// TestSearchNearAndFar: what many orders have comes newest first, and none is left out; what few have is
// found however far back it is. Both go by indexes.
func TestSearchNearAndFar(t *testing.T) {
	s := open(t, 1)
	const many = nearMax + 100
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, words)
		SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, i, false, now(), '', '', 'N-' || i, 'pending',
		to_tsvector('simple', CASE WHEN i IN (3, 5) THEN 'Zacharias' ELSE 'Ada' END)
		FROM generate_series(1, $1::int) i`, many)
	require.NoError(t, err)
	find := func(q orders.Query) (numbers []int64) {
		t.Helper()
		found, left, err := s.List(t.Context(), q)
		require.NoError(t, err)
		require.Nil(t, left)
		for _, st := range found {
			numbers = append(numbers, st.Seq)
		}
		return numbers
	}
	id := func(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012d", n)) }
	before := func(n int) orders.Place { return orders.Place{At: unplaced, ID: id(n)} }
	require.Equal(t, []int64{many, many - 1, many - 2}, find(orders.Query{Search: "ada", Limit: 3}))
	require.Equal(t, []int64{9, 8, 7}, find(orders.Query{Search: "ada", After: before(10), Limit: 3}))
	require.Equal(t, []int64{6, 4, 2, 1}, find(orders.Query{Search: "ada", After: before(7), Limit: 50}))
	require.Equal(t, []int64{5, 3}, find(orders.Query{Search: "zach", Limit: 50}))
	require.Equal(t, []int64{5}, find(orders.Query{Search: "zach", Limit: 1}))
	require.Equal(t, []int64{7}, find(orders.Query{Search: id(7).String(), Limit: 50}))
	require.Equal(t, []int64{3}, find(orders.Query{Search: "n-3", After: before(30), Limit: 50}))

	for name, q := range map[string]orders.Query{"all": {}, "status of few": {Status: "pending"}, "deleted": {Deleted: true}, "in collision": {State: ordersync.Collision}} {
		q.Search, q.Limit = "ada", 51
		text, args := nearby(listing{Query: q}, nearMax)
		var plan []byte
		require.NoError(t, s.pool.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+text, args...).Scan(&plan))
		require.NotContains(t, string(plan), `"Seq Scan"`, name)
		require.NotContains(t, string(plan), "orders_words", name)
	}
}

// pages reads a list to its end as a client does, and tells how many orders each page has.
func pages(t *testing.T, s *Store, q orders.Query) (all []int64, sizes []int) {
	t.Helper()
	for {
		found, left, err := s.List(t.Context(), q)
		require.NoError(t, err)
		for _, st := range found {
			all = append(all, st.Seq)
			q.After = orders.Place{At: st.PlacedAt, ID: st.ID, Seq: st.Seq}
		}
		sizes = append(sizes, len(found))
		switch {
		case left != nil:
			require.Less(t, len(found), q.Limit)
			q.After = *left
		case len(found) < q.Limit:
			return all, sizes
		}
	}
}

// TestSearchIsWholeAtAnyDensity: what many orders have, but few of the newest, comes newest first and
// without a gap, whatever it is filtered by; a page that has looked at enough says where to go on.
func TestSearchIsWholeAtAnyDensity(t *testing.T) {
	s := open(t, 1)
	const old, between, all = searchMax + 1, searchMax + 1 + farMax, searchMax + 1 + farMax + nearMax + 100
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, words)
		SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, i, false, now(), '', '', 'N-' || i, CASE WHEN i = $1 - 1 THEN 'shipped' ELSE 'pending' END,
		to_tsvector('simple', CASE WHEN i <= $1 OR i % 1000 = 0 THEN 'Ada' WHEN i % 50 = 0 THEN 'Few' ELSE 'Zacharias' END)
		FROM generate_series(1, $2::int) i`, old, all)
	require.NoError(t, err)
	var want, few []int64
	for i := int64(all); i > 0; i-- {
		switch {
		case i <= old || i%1000 == 0:
			want = append(want, i)
		case i%50 == 0:
			few = append(few, i)
		}
	}
	got, sizes := pages(t, s, orders.Query{Search: "ada", Limit: 100})
	require.Equal(t, want, got)
	require.Less(t, sizes[0], 100, "a page ends where it has looked at enough")
	got, _ = pages(t, s, orders.Query{Search: "ada", Status: "shipped", Limit: 50})
	require.Equal(t, []int64{old - 1}, got)
	got, sizes = pages(t, s, orders.Query{Search: "few", Limit: 50})
	require.Equal(t, few, got)
	require.Equal(t, 50, sizes[0], "the indexes find the rest")
	var ones []int64
	for i := int64(all); i > 0; i-- {
		if strings.HasPrefix(strconv.FormatInt(i, 10), "1") {
			ones = append(ones, i)
		}
	}
	got, _ = pages(t, s, orders.Query{Search: "n-1", Limit: 1000})
	require.Equal(t, ones, got, "too many numbers for the indexes")
	text, args := indexed(orders.Query{Search: "n-1", Limit: 50})
	var plan []byte
	require.NoError(t, s.pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+text, args...).Scan(&plan))
	require.Regexp(t, `"Index Name": "orders_words"[^}]*"Actual Loops": 0`, string(plan), "words are not looked up then")
}

// TestListByPeopleGoesOn: where as many changes were looked at as a page may, and too few are still the
// newest of their order, the next page goes on after them.
func TestListByPeopleGoesOn(t *testing.T) {
	s := open(t, 1)
	_, err := s.pool.Exec(t.Context(), `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status)
		SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, CASE WHEN i <= 10 THEN i ELSE 100000 + i END, false, now(), '', '', 'N-' || i, 'pending'
		FROM generate_series(1, $1::int) i`, changedMax+20)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `INSERT INTO log (seq, order_id, at, event, version, fingerprint, deleted, wrote, actor, request_id, peer, received, was, becomes, rule, reason)
		SELECT i, ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, now() + i * interval '1 s', 2, '', '', false, true, 'user:anna', '', '', 0, 0, 0, 0, '' FROM generate_series(1, $1::int) i`, changedMax+20)
	require.NoError(t, err)
	got, sizes := pages(t, s, orders.Query{ChangedBy: "user:anna", Limit: 4})
	require.Equal(t, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, got)
	require.Equal(t, []int{0, 4, 4, 2}, sizes)
}

// TestNoSettledOrderIsHalfDeleted: what both sides have is not deleted, and what both have deleted is, so
// nothing is looked for that would be neither.
func TestNoSettledOrderIsHalfDeleted(t *testing.T) {
	s := open(t, 1)
	s.Close()
	for _, q := range []orders.Query{{State: ordersync.OK, Deleted: true, Limit: 1}, {State: ordersync.DelSynced, Limit: 1}} {
		found, left, err := s.List(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, found)
		require.Nil(t, left)
	}
}

// TestEditsLeaveSearchAlone: an edit that changes nothing that is searched for writes into no index of
// the orders (it is heap-only).
func TestEditsLeaveSearchAlone(t *testing.T) {
	s := open(t, 1)
	id := uuid.New()
	require.NoError(t, write(t, s, id, "a.x:1", `{"customer":{"name":"Ada"}}`, nil))
	heapOnly := func() (n int64) {
		t.Helper()
		require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT pg_stat_get_xact_tuples_hot_updated('orders'::regclass) + pg_stat_get_tuples_hot_updated('orders'::regclass)`).Scan(&n))
		return n
	}
	require.Zero(t, heapOnly())
	require.NoError(t, write(t, s, id, "a.x:2", `{"customer":{"name":"Ada"},"customerNote":"edited"}`, nil))
	require.Eventually(t, func() bool { return heapOnly() == 1 }, time.Minute, 50*time.Millisecond)
}

// TestLinksGoByIndexes: few open links are found by their own index wherever they are, and of all links
// a page is read from where it begins.
func TestLinksGoByIndexes(t *testing.T) {
	s := open(t, 1)
	_, err := s.pool.Exec(t.Context(), `INSERT INTO links (order_id, peer, state, due, since, agreed)
		SELECT gen_random_uuid(), 'b', CASE WHEN i % 100 = 0 THEN 6 WHEN i % 100 = 1 THEN 7 ELSE 3 END, false, now(), '' FROM generate_series(1, 20000) i`)
	require.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), "VACUUM ANALYZE links")
	require.NoError(t, err)
	all := ordersync.States[:ordersync.ErrorSynced]
	for name, c := range map[string]struct {
		states []ordersync.State
		after  orders.CaseKey
		index  string
	}{
		"collisions":                     {[]ordersync.State{ordersync.Collision}, orders.CaseKey{}, "links_open"},
		"errors of a peer, from a place": {[]ordersync.State{ordersync.Error, ordersync.ErrorSynced}, orders.CaseKey{ID: uuid.New(), Peer: "b"}, "links_open"},
		"all":                            {all, orders.CaseKey{}, "links_pkey"},
		"all, from a place":              {all, orders.CaseKey{ID: uuid.New(), Peer: "b"}, "Index Cond: (order_id >="},
	} {
		text, args := linksIn(c.states, []string{"b"}, c.after, 2)
		rows, err := s.pool.Query(t.Context(), "EXPLAIN "+text, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		require.Contains(t, plan, c.index, "%s\n%s", name, plan)
		require.NotContains(t, plan, "Seq Scan", "%s\n%s", name, plan)
		if c.index != "links_open" {
			require.NotContains(t, plan, "Sort", "%s\n%s", name, plan)
		}
	}
}
