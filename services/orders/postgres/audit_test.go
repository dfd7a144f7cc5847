package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestTheAuditGoesByItsIndexes: whatever is asked for is read in its order, none of it is sorted, and what
// nobody asks for is not looked at.
func TestTheAuditGoesByItsIndexes(t *testing.T) {
	s := open(t, 2)
	for name, q := range map[string]access.AuditQuery{
		"all":    {},
		"actor":  {Actor: "user:anna"},
		"action": {Action: "order.resolved"},
		"after":  {After: access.AuditMark{At: at, ID: 7}},
		"span":   {From: at, To: at.Add(time.Hour)},
	} {
		for _, table := range []struct {
			query func(access.AuditQuery) (string, []any)
			index string
		}{{logAudit, "log_people"}, {otherAudit, "audit_at"}} {
			q.Limit = 50
			lines := explainSorted(t, s, table.query, q)
			plan := strings.Join(lines, "\n")
			require.Contains(t, plan, "Index Scan Backward using "+table.index, "%s\n%s", name, plan)
			require.NotContains(t, plan, "Sort", "%s\n%s", name, plan)
		}
	}
}

// TestTheAuditOfAnOrderGoesByTheOrder: its own rows are read, and not those of everybody's changes.
func TestTheAuditOfAnOrderGoesByTheOrder(t *testing.T) {
	s, q := open(t, 2), access.AuditQuery{Order: uuid.New(), Limit: 50}
	plan := strings.Join(explainSorted(t, s, logAudit, q), "\n")
	require.Contains(t, plan, "log_order")
	require.NotContains(t, plan, "log_people")
	plan = strings.Join(explainSorted(t, s, otherAudit, q), "\n")
	require.Contains(t, plan, "Index Scan Backward using audit_orders", plan)
}

// explainSorted is a query's plan as Audit has it made.
func explainSorted(t *testing.T, s *Store, query func(access.AuditQuery) (string, []any), q access.AuditQuery) []string {
	t.Helper()
	text, args := query(q)
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SET LOCAL enable_sort = off")
	require.NoError(t, err)
	rows, err := tx.Query(t.Context(), "EXPLAIN "+text, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	return lines
}

// TestOneMomentInTheAudit: rows of both tables that are of one moment are told once each, in the same
// order on pages of every size.
func TestOneMomentInTheAudit(t *testing.T) {
	s := open(t, 2)
	var want []string
	for range 3 {
		require.NoError(t, s.Record(t.Context(), access.Event{At: at, Actor: "user:anna", Action: "logout"}))
		id := uuid.Must(uuid.NewV7())
		require.NoError(t, write(t, s, id, "a.x:1", `{}`, nil))
	}
	_, err := s.pool.Exec(t.Context(), "UPDATE log SET actor = 'user:anna', event = $1, at = $2", int16(orders.EventEdited), at)
	require.NoError(t, err)
	all, err := s.Audit(t.Context(), access.AuditQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, all, 6)
	for i, e := range all {
		require.Equal(t, i < 3, e.Mark.Audit)
		want = append(want, e.Mark.String())
	}
	for size := 1; size <= 6; size++ {
		var got []string
		q := access.AuditQuery{Limit: size}
		for {
			page, err := s.Audit(t.Context(), q)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.Mark.String())
			}
			q.After = page[len(page)-1].Mark
		}
		require.Equal(t, want, got, "pages of %d", size)
	}
}
