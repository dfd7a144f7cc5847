//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestCheckerNotices changes databases behind the services' backs, so that something acknowledged is lost, and
// demands that the verification of every other test here notices it.
func TestCheckerNotices(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := startDemo(t)
	l := newLoad(t, d.pair)
	l.heat(t)
	l.begin()
	l.flow(t, 60)
	l.end()
	l.verify(t)
	require.Empty(t, judge(t, func(t testing.TB) { l.verify(t) }), "nothing is wrong yet")

	var id, token string
	for _, candidate := range slices.Sorted(maps.Keys(l.ledger.records)) {
		if r := l.ledger.records[candidate]; !r.shared && !r.deleted && len(r.tokens) > 1 {
			id, token = candidate, r.tokens[0]
		}
	}
	require.NotEmpty(t, id)
	hot, hotToken := l.keptHotEdit(t)
	const forget = `WITH altered AS (INSERT INTO contents SELECT nextval('log_seq'), replace(c.body::text, '%s', 'nothing')::json
		FROM orders o JOIN contents c ON c.seq = o.content WHERE o.id = $1 RETURNING seq)
		UPDATE orders SET content = altered.seq FROM altered WHERE id = $1`
	for _, c := range []struct {
		name, id, says string
		sides          []*side
		statements     []string
	}{
		{"an edit, on both sides", id, "tokens of", []*side{d.a, d.b}, []string{fmt.Sprintf(forget, token)}},
		{"an edit, on one side", id, "contents differ", []*side{d.b}, []string{fmt.Sprintf(forget, token)}},
		{"an edit of a hot order, on both sides", hot, "an acknowledged edit is lost", []*side{d.a, d.b}, []string{fmt.Sprintf(forget, hotToken)}},
		{"an order, on both sides", id, "is lost", []*side{d.a, d.b}, []string{"DELETE FROM orders WHERE id = $1", "DELETE FROM links WHERE order_id = $1"}},
		{"an order, on one side", id, "missing on a", []*side{d.a}, []string{"DELETE FROM orders WHERE id = $1", "DELETE FROM links WHERE order_id = $1"}},
		{"a write, from the history", id, "tells of", []*side{d.a, d.b}, []string{"DELETE FROM log WHERE seq = (SELECT min(seq) FROM log WHERE order_id = $1 AND wrote)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.sides {
				putBack := d.tamper(t, s, c.id, c.statements)
				defer putBack()
			}
			l.ledger.records[c.id].touched = true
			said := judge(t, func(t testing.TB) { l.verify(t) })
			require.Contains(t, said, c.says)
			require.Contains(t, said, c.id)
		})
	}
	for _, r := range l.ledger.records {
		r.touched = true
	}
	require.Empty(t, judge(t, func(t testing.TB) { l.verify(t) }), "all is back")
}

// keptHotEdit is an acknowledged edit of a hot order that is still there, and that nobody may have taken out.
func (l *load) keptHotEdit(t testing.TB) (id, token string) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(l.hot.edits)) {
		v, _, err := l.both.a.get(t.Context(), id)
		if err != nil {
			continue // deleted
		}
		for _, e := range l.hot.edits[id] {
			dropped := slices.ContainsFunc(l.hot.drops[id], func(d hotDrop) bool { return contains(d.seen, e.version) })
			if !dropped && holds(&v.Order, e.token) {
				return id, e.token
			}
		}
	}
	require.FailNow(t, "no edit of a hot order is left")
	return "", ""
}

// tables that hold something about one order, and the column of its id.
var tables = map[string]string{"orders": "id", "links": "order_id", "log": "order_id"}

// tamper runs statements about an order on a side's database, and returns how to undo them.
func (d *demo) tamper(t *testing.T, s *side, id string, statements []string) (putBack func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.databaseURL(t, s))
	require.NoError(t, err)
	saved := map[string]string{}
	for table, column := range tables {
		var rows string
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT json_agg(r)::text FROM %s r WHERE %s = $1`, table, column), id).Scan(&rows))
		saved[table] = rows
	}
	for _, statement := range statements {
		done, err := conn.Exec(t.Context(), statement, id)
		require.NoError(t, err, statement)
		require.EqualValues(t, 1, done.RowsAffected(), statement)
	}
	return func() {
		defer conn.Close(t.Context())
		for table, column := range tables {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`DELETE FROM %s WHERE %s = $1`, table, column), id)
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO %s SELECT * FROM json_populate_recordset(NULL::%[1]s, $1)`, table), saved[table])
			require.NoError(t, err)
		}
	}
}

// spy is a test that only remembers that it failed.
type spy struct {
	testing.TB
	said string
}

func (s *spy) Helper()                      {}
func (s *spy) Log(...any)                   {}
func (s *spy) Logf(string, ...any)          {}
func (s *spy) FailNow()                     { runtime.Goexit() }
func (s *spy) Errorf(f string, args ...any) { s.said += fmt.Sprintf(f, args...) }

// judge runs a verification and returns what it found wrong.
func judge(t testing.TB, verify func(testing.TB)) string {
	s := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		verify(s)
	}()
	<-done
	return s.said
}
