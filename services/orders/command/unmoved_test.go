package command

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// putSeen sends entries as side b, which has read a's log up to a cursor.
func (s *side) putSeen(cursor string, entries ...contracts.Entry) *answer {
	s.t.Helper()
	return s.do("peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: entries}, "If-Match", `"`+cursor+`"`)
}

// moved are the orders that a refusal names.
func moved(t *testing.T, a *answer) (ids []string) {
	t.Helper()
	require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
	p := a.problem(t)
	require.Equal(t, "/problems/log-moved", p.Type)
	for _, e := range p.Moved {
		ids = append(ids, e.ItemID)
	}
	return ids
}

func TestNothingIsAppliedWhereTheLogHasMoved(t *testing.T) {
	s := startSide(t)
	read, edited := s.create(newOrder(t, "read")), s.create(newOrder(t, "edited after it was read"))
	_, entries, cursor := s.logAfter("0")
	change := func(id, note string, n int64) contracts.Entry {
		o := entries[id].ItemID
		c := s.get(o).Order
		c.CustomerNote = note
		return entry(t, id, "UPD", and(entries[id].Version, b(n)), &c)
	}
	batch := []contracts.Entry{change(read.ID, "theirs", 1), change(edited.ID, "theirs", 2)}
	fresh := newOrder(t, "theirs")
	batch = append(batch, entry(t, fresh.ID, "NEW", b(3), &fresh))

	ours := edited.Order
	ours.CustomerNote = "ours"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+ours.ID, ours, "If-Match", "*")
	a := s.putSeen(cursor, batch...)
	require.Equal(t, []string{edited.ID}, moved(t, a))
	now := s.get(edited.ID)
	require.Equal(t, now.Sync.Version, a.problem(t).Moved[0].Version)
	require.Equal(t, "NEW", a.problem(t).Moved[0].State)
	require.Equal(t, "read", s.get(read.ID).CustomerNote, "nothing was applied, not even to those that had not moved")
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+fresh.ID, nil)
	require.Equal(t, "ours", now.CustomerNote)

	// Read on from the cursor, as the refusal says, and start again: what collides now is known to, and taken.
	ids, entries, cursor := s.logAfter(cursor)
	require.Equal(t, []string{edited.ID}, ids)
	require.Equal(t, now.Sync.Version, entries[edited.ID].Version)
	a = s.putSeen(cursor, batch...)
	require.Equal(t, http.StatusConflict, a.status)
	var out contracts.Batch
	a.into(t, &out)
	require.Equal(t, []string{"OK", "COLLISION", "OK"}, []string{out.Entries[0].State, out.Entries[1].State, out.Entries[2].State})
	require.Equal(t, "theirs", s.get(read.ID).CustomerNote)
	require.Equal(t, "theirs", s.get(fresh.ID).CustomerNote)

	// What the peer itself has changed here is a move as any other: its cursor is from before.
	require.ElementsMatch(t, []string{read.ID, fresh.ID}, moved(t, s.putSeen(cursor, batch[0], batch[2])))
	// The log's beginning: none of the orders may be here.
	require.Equal(t, []string{fresh.ID}, moved(t, s.putSeen("0", batch[2])))
	another := newOrder(t, "not here")
	require.Equal(t, http.StatusOK, s.putSeen("0", entry(t, another.ID, "NEW", b(4), &another)).status)
}

func TestACursorSeenIsHeldToTheLog(t *testing.T) {
	s := startSide(t)
	s.create(newOrder(t, "x"))
	_, _, old := s.logAfter("0")
	s.create(newOrder(t, "y"))
	_, _, end := s.logAfter("0")
	o := newOrder(t, "theirs")
	e := entry(t, o.ID, "NEW", b(1), &o)
	for _, tag := range []string{end, `"*"`, "*", `""`, `"7"`, `"` + end + `", "0"`} {
		p := s.want(http.StatusBadRequest, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{e}}, "If-Match", tag).problem(t)
		require.Contains(t, p.Detail, "If-Match")
	}
	// A proxy that compresses answers weakens the tags in them.
	s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{}}, "If-Match", `W/"`+end+`"`)
	execute(t, s.cfg.DatabaseURL, "DELETE FROM log WHERE seq = (SELECT min(seq) FROM log)") // as a clean-up does
	a := s.putSeen(old, e)
	require.Equal(t, http.StatusGone, a.status)
	require.Equal(t, "/problems/cursor-lost", a.problem(t).Type)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)

	// All or nothing: an entry that cannot be read spoils the batch.
	body := `{"side":"b","entries":[` + sent(t, e) + `,{"itemId":"no uuid"}]}`
	p := s.want(http.StatusUnprocessableEntity, "peer", "PUT", "/orders/transactions", body, "If-Match", `"`+end+`"`).problem(t)
	require.Contains(t, pointers(p), "/entries/1/itemId")
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
	require.Equal(t, http.StatusOK, s.putSeen(end, e).status)
}

// TestAnOpenChangeIsWaitedForAndFound: an edit and a creation that have drawn their numbers and not
// committed hold the batch up, and are found once they have.
func TestAnOpenChangeIsWaitedForAndFound(t *testing.T) {
	s := startSide(t)
	o, fresh := newOrder(t, "first"), newOrder(t, "made on both sides")
	created := s.create(o)
	_, _, cursor := s.logAfter("0")
	theirs := o
	theirs.CustomerNote = "theirs"
	for name, c := range map[string]struct {
		hold  string // holds the local change open after it has locked or made its order
		local func() *answer
		entry contracts.Entry
	}{
		"edit": {
			`SELECT FROM links WHERE order_id = '` + o.ID + `' FOR UPDATE`,
			func() *answer {
				ours := o
				ours.CustomerNote = "ours"
				return s.do("client", "PUT", "/orders/"+o.ID, ours, "If-Match", "*")
			},
			entry(t, o.ID, "UPD", and(created.Sync.Version, b(1)), &theirs),
		},
		"creation": {
			`INSERT INTO links (order_id, peer, state, due, since, agreed) VALUES ('` + fresh.ID + `', 'b', 1, true, now(), '')`,
			func() *answer { return s.do("client", "POST", "/orders", fresh) },
			entry(t, fresh.ID, "NEW", b(2), &fresh),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &side{t: t, cfg: s.cfg}
			ctx := context.Background()
			conn, err := pgx.Connect(ctx, s.cfg.DatabaseURL)
			require.NoError(t, err)
			defer conn.Close(ctx)
			holder, err := conn.Begin(ctx)
			require.NoError(t, err)
			_, err = holder.Exec(ctx, c.hold)
			require.NoError(t, err)
			waiting := func(n int) func() bool {
				return func() bool {
					return count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == n
				}
			}
			local, remote := make(chan *answer, 1), make(chan *answer, 1)
			go func() { local <- c.local() }()
			require.Eventually(t, waiting(1), time.Minute, 5*time.Millisecond, "the local change is open")
			go func() { remote <- s.putSeen(cursor, c.entry) }()
			require.Eventually(t, waiting(2), time.Minute, 5*time.Millisecond, "the batch waits for it")
			require.NoError(t, holder.Rollback(ctx))
			require.Equal(t, 2, (<-local).status/100)
			require.Equal(t, []string{c.entry.ItemID}, moved(t, <-remote))
		})
	}
	require.Equal(t, "ours", s.get(o.ID).CustomerNote)
}
