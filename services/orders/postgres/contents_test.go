package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// openBefore gives a test a database of its own as the version before migration 0028 left it.
func openBefore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), pgtest.Open(t), 8)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	p, err := s.provider()
	require.NoError(t, err)
	_, err = p.UpTo(t.Context(), 27)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	return s
}

// The statements of the version before: a change copied what it replaced into the log.
const (
	logBefore = `INSERT INTO log (seq, order_id, at, event, peer, received, was, becomes, rule, version, fingerprint, deleted, wrote, actor, request_id, reason, replaced)
	SELECT $2, $1, $5, 2, 'b', 0, 0, 2, 0, $3, 'fp1:x', $4, true, '', '', '', CASE WHEN NOT $4 THEN (SELECT body FROM orders WHERE id = $1) END`
	orderBefore = `INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, body, words)
	VALUES ($1, $2, $4, now(), $3, 'fp1:x', 'N', 'pending', $5, '') ON CONFLICT (id) DO UPDATE SET seq = $2, version = $3, deleted = $4, body = COALESCE($5, orders.body)`
	dropBefore = `INSERT INTO log (seq, order_id, at, event, peer, received, was, becomes, rule, version, fingerprint, deleted, wrote, actor, request_id, reason, dropped)
	VALUES (nextval('log_seq'), $1, now(), 4, 'b', 2, 6, 6, 0, '', '', false, false, '', '', '', $2) RETURNING seq`
	linkBefore = `INSERT INTO links (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint, theirs_deleted, theirs_body)
	VALUES ($1, 'b', $2, false, now(), '', 'b.y:2', 'fp1:t', false, $3)`
)

// changeBefore is a change as the version before made it; an empty body is a deletion.
func (s *Store) changeBefore(ctx context.Context, id uuid.UUID, version, body string) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	var seq int64
	var content *string
	if body != "" {
		content = &body
	}
	if _, err := tx.Exec(ctx, `SELECT FROM orders WHERE id = $1 FOR UPDATE`, id); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT nextval('log_seq')`).Scan(&seq); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, logBefore, id, seq, version, content == nil, at); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, orderBefore, id, seq, version, content == nil, content); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func body(n int) string { return fmt.Sprintf(`{"v":%d}`, n) }

func version(n int) string { return fmt.Sprintf("a.x:%d", n) }

// checkHistory demands that every content of an order can be read; those that are empty are deletions.
func checkHistory(t *testing.T, s *Store, id uuid.UUID, bodies []string) {
	t.Helper()
	rows, err := s.Timeline(t.Context(), id)
	require.NoError(t, err)
	var wrote []orders.LogRow
	for _, r := range rows {
		if r.Wrote {
			wrote = append(wrote, r)
		}
	}
	require.Len(t, wrote, len(bodies))
	last := ""
	for i, want := range bodies {
		found, err := s.ContentAt(t.Context(), id, vector(t, version(i+1)))
		require.NoError(t, err)
		require.Equal(t, want, string(found.Body), "version %d", i+1)
		require.Equal(t, want == "", found.Head.Deleted)
		replaced, _, err := s.KeptContents(t.Context(), id, wrote[i].Seq)
		require.NoError(t, err)
		require.Equal(t, last, string(replaced), "replaced by version %d", i+1)
		require.Equal(t, last != "", wrote[i].Kept)
		if want != "" {
			last = want
		}
	}
	found, err := s.Load(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Equal(t, version(len(bodies)), found[0].Head.Version.String())
	require.Equal(t, last, string(found[0].Body), "a deleted order keeps its last content")
}

// TestContentsOfAnEarlierVersion: what orders, deletions, conflicts and refused orders had is read as before, whether
// it is read or changed before or after it was moved.
func TestContentsOfAnEarlierVersion(t *testing.T) {
	histories := map[string][]string{
		"edited":  {body(1), body(2), body(3)},
		"deleted": {body(1), body(2), ""},
		"revived": {body(1), "", body(3), body(4), ""},
		"once":    {body(1)},
	}
	for name, first := range map[string]func(*testing.T, *Store, uuid.UUID){
		"moved":   func(t *testing.T, s *Store, _ uuid.UUID) { moveAll(t, s) },
		"read":    func(*testing.T, *Store, uuid.UUID) {},
		"changed": func(t *testing.T, s *Store, id uuid.UUID) { require.NoError(t, write(t, s, id, "a.x:9", body(9), nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openBefore(t)
			ids := map[string]uuid.UUID{"once": uuid.Nil} // which earlier releases took
			for name, bodies := range histories {
				if name != "once" {
					ids[name] = uuid.New()
				}
				for i, b := range bodies {
					require.NoError(t, s.changeBefore(t.Context(), ids[name], version(i+1), b))
				}
			}
			conflict, refused, gone := uuid.New(), uuid.New(), uuid.New()
			var rows [2]int64
			for i, id := range []uuid.UUID{conflict, refused} {
				if id == conflict {
					require.NoError(t, s.changeBefore(t.Context(), id, version(1), body(1)))
				}
				_, err := s.pool.Exec(t.Context(), linkBefore, id, 6+i, `{"theirs":2}`)
				require.NoError(t, err)
				require.NoError(t, s.pool.QueryRow(t.Context(), dropBefore, id, `{"theirs":1}`).Scan(&rows[i]))
			}
			require.NoError(t, s.changeBefore(t.Context(), gone, version(1), ""))
			_, err := s.Migrate(t.Context())
			require.NoError(t, err)
			done, err := s.CleanUp(t.Context(), Cleanup{Retention: time.Hour})
			require.NoError(t, err)
			require.Equal(t, Cleaned{Idle: true}, done, "not before all are moved")

			theirs := func(id uuid.UUID) string {
				found, err := s.Load(t.Context(), []uuid.UUID{id})
				require.NoError(t, err)
				return string(found[0].Link("b").TheirsBody)
			}
			for _, id := range []uuid.UUID{conflict, refused} {
				require.Equal(t, `{"theirs":2}`, theirs(id))
			}
			for name, bodies := range histories {
				found, err := s.Load(t.Context(), []uuid.UUID{ids[name]})
				require.NoError(t, err)
				require.NotEmpty(t, found[0].Body)
				first(t, s, ids[name])
				if found, err = s.Load(t.Context(), []uuid.UUID{ids[name]}); found[0].Head.Version.String() == "a.x:9" {
					replaced, err := s.ContentAt(t.Context(), ids[name], vector(t, version(len(bodies))))
					require.NoError(t, err)
					require.Equal(t, bodies[len(bodies)-1], string(replaced.Body))
					kept, _, err := s.KeptContents(t.Context(), ids[name], found[0].Seq)
					require.NoError(t, err)
					require.NotEmpty(t, kept)
					continue
				}
				require.NoError(t, err)
				checkHistory(t, s, ids[name], bodies)
			}
			for i, id := range []uuid.UUID{conflict, refused} {
				_, dropped, err := s.KeptContents(t.Context(), id, rows[i])
				require.NoError(t, err)
				require.Equal(t, `{"theirs":1}`, string(dropped))
				require.NoError(t, keepTheirs(t, s, id, func(l *orders.Link) { l.Since = at })) // what is kept stays
				require.Equal(t, `{"theirs":2}`, theirs(id))
			}
			moveAll(t, s)
			for _, id := range []uuid.UUID{conflict, refused} {
				require.Equal(t, `{"theirs":2}`, theirs(id))
			}
			ended, err := s.EndedCases(t.Context(), 10)
			require.NoError(t, err)
			require.Empty(t, ended)
			found, err := s.Load(t.Context(), []uuid.UUID{gone})
			require.NoError(t, err)
			require.True(t, found[0].Head.Deleted)
			require.Nil(t, found[0].Body)
		})
	}
}

// moveAll moves all contents in small steps.
func moveAll(t *testing.T, s *Store) {
	t.Helper()
	for {
		n, err := s.MoveContents(t.Context(), 3)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	var left int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM orders WHERE content = -1 OR old_body IS NOT NULL)
		+ (SELECT count(*) FROM links WHERE old_theirs_body IS NOT NULL) + (SELECT count(*) FROM log WHERE num_nonnulls(old_replaced, old_dropped) > 0)
		+ (SELECT count(*) FROM contents_to_move)`).Scan(&left))
	require.Zero(t, left)
}

// TestMigrationOfContentsUnderLoad: clients of a service of the version before edit until the schema is another one.
// Then their edits fail, and clients of this version go on, while the contents are moved. No edit is lost, and
// every content that an order had can be read.
func TestMigrationOfContentsUnderLoad(t *testing.T) {
	const writers, each, further = 4, 5, 8
	s := openBefore(t)
	histories := make([]map[uuid.UUID][]string, writers)
	var busy, ended sync.WaitGroup
	busy.Add(writers)
	for w := range writers {
		mine := map[uuid.UUID][]string{}
		histories[w] = mine
		ids := make([]uuid.UUID, each)
		for i := range ids {
			ids[i] = uuid.New()
		}
		ended.Go(func() {
			for n := 0; ; n++ {
				id := ids[n%each]
				if n == each*3 {
					busy.Done()
				}
				err := s.changeBefore(t.Context(), id, version(len(mine[id])+1), body(n))
				if err != nil {
					if sqlState(err) != "42703" { // no such column
						t.Errorf("an edit of the version before failed: %v", err)
					}
					break
				}
				mine[id] = append(mine[id], body(n))
			}
			for n := range each * further {
				id := ids[n%each]
				if err := write(t, s, id, version(len(mine[id])+1), body(1000+n), nil); err != nil {
					t.Errorf("edit: %v", err)
					return
				}
				mine[id] = append(mine[id], body(1000+n))
			}
		})
	}
	busy.Wait()
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	ended.Go(func() {
		for {
			n, err := s.MoveContents(t.Context(), 3)
			if err != nil {
				t.Errorf("move: %v", err)
			}
			if n == 0 {
				return
			}
		}
	})
	ended.Wait()
	moveAll(t, s)
	for _, mine := range histories {
		for id, bodies := range mine {
			checkHistory(t, s, id, bodies)
		}
	}
}

// TestUpdatesOfOrdersLeaveIndexesAlone: an edit that changes nothing that orders are listed or found by finds room for the
// new row in its page, also when all orders of a page change at once.
func TestUpdatesOfOrdersLeaveIndexesAlone(t *testing.T) {
	s := open(t, 1)
	ids := make([]uuid.UUID, 500)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for round := range 2 {
		_, err := s.Change(t.Context(), orders.ChangeRequest{IDs: ids, Numbers: len(ids)}, func(list []*orders.Stored, drawn orders.Drawn) (changes []orders.Change, err error) {
			for i, st := range list {
				changes = append(changes, orders.Change{
					ID: st.ID, New: round == 0, Write: true, Head: ordersync.Head{Version: vector(t, version(round+1)), Fingerprint: "fp1:x"},
					Seq: drawn.Numbers[i], UpdatedAt: at, Content: &orders.Content{Body: []byte(body(round)), OrderNumber: "N", Status: "pending", Words: "ada"},
				})
			}
			return changes, nil
		})
		require.NoError(t, err)
	}
	var updated, hot int
	_, err := s.pool.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
	require.NoError(t, err)
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'orders'`).Scan(&updated, &hot))
	require.Equal(t, len(ids), updated)
	require.Greater(t, hot, len(ids)*9/10)
}
