package postgres

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
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
		"all":             {orders.Query{}, []string{"orders_pkey"}},
		"next page":       {orders.Query{Before: uuid.New()}, []string{"orders_pkey"}},
		"status":          {orders.Query{Status: "pending"}, []string{"orders_status"}},
		"in collision":    {orders.Query{State: ordersync.Collision}, []string{"links_open", "orders_pkey"}},
		"in step":         {orders.Query{State: ordersync.OK}, []string{"orders_pkey", "links_pkey"}},
		"number or words": {orders.Query{Search: "ada"}, []string{"orders_number", "orders_words", "orders_pkey"}},
		"by a person":     {orders.Query{ChangedBy: "user:anna"}, []string{"log_people", "orders_pkey"}},
		"after a time":    {orders.Query{ChangedFrom: time.Now()}, []string{"log_people"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.q.Limit = 51
			text, args, err := s.list(t.Context(), c.q)
			require.NoError(t, err)
			var raw []byte
			require.NoError(t, s.pool.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+text, args...).Scan(&raw))
			require.True(t, json.Valid(raw))
			for _, index := range c.index {
				require.Contains(t, string(raw), `"`+index+`"`)
			}
			require.NotContains(t, string(raw), `"Seq Scan"`)
			if !slices.Contains(c.index, "orders_status") {
				require.NotContains(t, string(raw), "orders_status")
			}
			// Of few orders a next page may be sorted; the first ANALYZE of a table that grows ends that.
			if c.q.Search == "" && c.q.State != ordersync.Collision && c.q.Before == uuid.Nil {
				require.NotContains(t, string(raw), `"Sort"`)
			}
		})
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
	require.Eventually(t, func() bool { return heapOnly() == 1 }, 20*time.Second, 50*time.Millisecond)
}
