package command

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// cleanUp removes what is older than 90 days, as the service does about every hour.
func (s *side) cleanUp() postgres.Cleaned {
	s.t.Helper()
	store, err := postgres.Open(s.t.Context(), s.cfg.DatabaseURL, 2)
	require.NoError(s.t, err)
	defer store.Close()
	done, err := store.CleanUp(s.t.Context(), postgres.Cleanup{Retention: 90 * 24 * time.Hour, Peers: []string{s.cfg.others()[0].name}})
	require.NoError(s.t, err)
	return done
}

// age makes all that has happened until now 100 days older.
func (s *side) age() {
	execute(s.t, s.cfg.DatabaseURL, "UPDATE log SET at = at - interval '100 days'")
}

// holding counts the contents with a note that are anywhere in the database.
func (s *side) holding(note string) int {
	return count(s.t, s.cfg.DatabaseURL, `SELECT count(*) FROM contents WHERE body::text LIKE '%`+note+`%'`)
}

// contentsAreWhole demands that each content that something refers to is there, and no other.
func (s *side) contentsAreWhole() {
	s.t.Helper()
	const refers = `WITH refers AS (SELECT content AS n FROM orders UNION SELECT theirs FROM links UNION SELECT unnest(ARRAY[content, replaced, dropped]) FROM log) `
	require.Zero(s.t, count(s.t, s.cfg.DatabaseURL, refers+"SELECT count(*) FROM refers WHERE n IS NOT NULL AND n NOT IN (SELECT seq FROM contents)"), "contents that are gone")
	require.Zero(s.t, count(s.t, s.cfg.DatabaseURL, refers+"SELECT count(*) FROM contents WHERE seq NOT IN (SELECT n FROM refers WHERE n IS NOT NULL)"), "contents that nothing refers to")
}

func TestCleanUpRemovesOldHistoryOfWhatIsSettled(t *testing.T) {
	s := startSide(t)
	stageOf := func(note string) *stage {
		st := &stage{side: s, o: newOrder(t, note)}
		st.id = st.o.ID
		s.create(st.o)
		return st
	}
	settled, pending, deleted, marked := stageOf("settled one"), stageOf("pending one"), stageOf("deleted one"), stageOf("marked one")
	var cursors []string
	for _, st := range []*stage{settled, pending, deleted, marked} {
		st.ack()
		st.edit(st.o.CustomerNote + " edited")
		_, _, cursor := s.logAfter("0")
		cursors = append(cursors, cursor)
		if st != pending {
			st.ack()
		}
	}
	settled.edit("settled now")
	settled.ack()
	deleted.remove()
	deleted.put(http.StatusOK, entry(t, deleted.id, "DEL_SYNCED", deleted.version(), nil))
	marked.remove()
	collided := collide(t, s)
	_, _, end := s.logAfter("0")
	require.Equal(t, postgres.Cleaned{}, s.cleanUp(), "nothing is old")

	s.age()
	young := stageOf("young one")
	young.ack()
	young.edit("young and edited")
	young.ack()
	highest := count(t, s.cfg.DatabaseURL, "SELECT max(seq) FROM log WHERE order_id IN ('"+settled.id+"', '"+deleted.id+"') AND seq NOT IN (SELECT seq FROM orders)")
	all, before, _ := s.logAfter("0")
	done := s.cleanUp()
	require.Equal(t, postgres.Cleaned{LogRows: 4, Contents: 4, Tombstones: 1}, done, "two rows of each, what the settled one was before, and all contents of the deleted one")
	require.Equal(t, postgres.Cleaned{}, s.cleanUp(), "once is enough")
	ids, after, _ := s.logAfter("0")
	require.Equal(t, all, ids, "the log still tells of every order")
	require.Equal(t, before, after)
	store, err := postgres.Open(t.Context(), s.cfg.DatabaseURL, 2)
	require.NoError(t, err)
	defer store.Close()
	upTo, err := store.CleanedUpTo(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, highest, upTo)

	require.Len(t, s.timeline(settled.id), 2, "the newest change and its acknowledgement")
	require.Len(t, s.timeline(young.id), 4)
	require.Zero(t, s.holding("settled one"))
	require.Zero(t, s.holding("deleted one"))
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM orders WHERE words IS NULL"), "nor what it was looked for by")
	require.NotZero(t, s.holding("pending one"), "the base of what may yet collide")
	require.NotZero(t, s.holding("marked one"), "the peer does not have the deletion yet")
	c, _ := collided.collision()
	require.NotNil(t, c.Base)
	require.NotNil(t, c.Base.Order)
	first := s.timeline(pending.id)[0].Version
	pending.put(http.StatusConflict, entry(t, pending.id, "UPD", and(first, b(77)), pending.theirs("theirs")))
	c, _ = pending.collision()
	require.Equal(t, "pending one", c.Base.Order.CustomerNote)

	// What is edited after the clean-up has its base, too.
	agreed := settled.version()
	settled.edit("settled and edited again")
	settled.put(http.StatusConflict, entry(t, settled.id, "UPD", and(agreed, b(78)), settled.theirs("theirs")))
	c, _ = settled.collision()
	require.Equal(t, "settled now", c.Base.Order.CustomerNote)

	// A place that was removed is refused, one that was not is not.
	for i, status := range []int{http.StatusGone, http.StatusOK, http.StatusGone, http.StatusOK} {
		a := s.want(status, "peer", "GET", "/orders/transactions?after="+cursors[i], nil)
		if status == http.StatusGone {
			require.Equal(t, "/problems/cursor-lost", a.problem(t).Type)
			require.Equal(t, status, s.putSeen(cursors[i], fresh(t, 1)...).status)
		}
	}
	s.logPage("/orders/transactions?after=" + end)
	// A deletion without content is listed, and stays what it is.
	var page contracts.OrderPage
	s.want(http.StatusOK, "client", "GET", "/orders?deleted=true", nil).into(t, &page)
	require.Len(t, page.Orders, 2)
	s.want(http.StatusGone, "client", "GET", "/orders/"+deleted.id, nil)
	s.want(http.StatusGone, "client", "PUT", "/orders/"+deleted.id, deleted.o, "If-Match", "*")
	s.want(http.StatusConflict, "client", "POST", "/orders", deleted.o)
	s.contentsAreWhole()
}

// TestACleanUpIsNoRestore: a number that the peer has seen and whose row was removed is no sign of a
// database that was put back; one that was never there is.
func TestACleanUpIsNoRestore(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	seen := newest(st.version())
	st.edit("second")
	st.ack()
	s.age()
	require.EqualValues(t, 1, s.cleanUp().LogRows)
	s.stop()
	s.start() // so that it has to look
	s.greet("peer", http.StatusOK, seen)
	require.Nil(t, s.peerStatus().Held)
	for key := range seen {
		seen[key] += 100
	}
	s.greet("peer", http.StatusServiceUnavailable, seen)
	require.NotNil(t, s.peerStatus().Held)
}

// TestCleanUpWaitsForNobody, and nobody for it: what is being worked on is left to the next time.
func TestCleanUpWaitsForNobody(t *testing.T) {
	s := startSide(t)
	var deleted []*stage
	for range 3 {
		st := &stage{side: s, o: newOrder(t, "deleted one")}
		st.id = st.o.ID
		before["DEL_SYNCED"](st)
		deleted = append(deleted, st)
	}
	s.age()
	release := hold(t, s, deleted[1].id)
	require.EqualValues(t, 2, s.cleanUp().Tombstones)
	release()
	require.Eventually(t, func() bool { return s.cleanUp().Tombstones == 1 }, time.Minute, 10*time.Millisecond)
	require.Zero(t, s.holding("deleted one"))

	conn, err := pgx.Connect(t.Context(), s.cfg.DatabaseURL)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", 0x6f726465727364)
	require.NoError(t, err)
	st := &stage{side: s, o: newOrder(t, "deleted one")}
	st.id = st.o.ID
	before["DEL_SYNCED"](st)
	s.age()
	require.Equal(t, postgres.Cleaned{Idle: true}, s.cleanUp(), "another one is at it")
	require.NoError(t, tx.Rollback(t.Context()))
	require.EqualValues(t, 1, s.cleanUp().Tombstones)
}

func TestTheServiceCleansUp(t *testing.T) {
	s := startSide(t, func(c *Config) { c.Retention = 90 * 24 * time.Hour })
	st := &stage{side: s, o: newOrder(t, "deleted one")}
	st.id = st.o.ID
	before["DEL_SYNCED"](st)
	s.age()
	metrics := string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body)
	require.Contains(t, metrics, `orderbridge_cleanup_removed_total{what="tombstones"} 0`)
	require.Contains(t, metrics, "orderbridge_cleanup_last_timestamp_seconds 0")

	// Another replica, that looks more often.
	store, err := postgres.Open(t.Context(), s.cfg.DatabaseURL, 2)
	require.NoError(t, err)
	defer store.Close()
	registry := prometheus.NewRegistry()
	c := newCleaner(s.cfg, store, registry, zaptest.NewLogger(t))
	c.every = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	require.Eventually(t, func() bool { return s.holding("deleted one") == 0 }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return !strings.Contains(exposed(registry), "orderbridge_cleanup_last_timestamp_seconds 0\n")
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, exposed(registry), `orderbridge_cleanup_removed_total{what="tombstones"} 1`)
	require.Contains(t, exposed(registry), `orderbridge_cleanup_removed_total{what="log"} 1`)
	_, first, err := store.LastCleanUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.clean(t.Context()))
	_, again, err := store.LastCleanUp(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, again, "one an hour is enough, whichever replica does it")
	cancel()
	require.NoError(t, <-ended)
}

// exposed is what Prometheus would see.
func exposed(registry *prometheus.Registry) string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestCleanUpCommand(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "deleted one")}
	st.id = st.o.ID
	before["DEL_SYNCED"](st)
	s.age()
	t.Setenv("ORDERS_DATABASE_URL", s.cfg.DatabaseURL)
	t.Setenv("ORDERS_PEER", "b")
	for retention, want := range map[string]string{"0": "everything is kept", "5m": "must be 1h0m0s or more"} {
		t.Setenv("ORDERS_RETENTION", retention)
		_, err := run(t, s, "admin", CleanUp)
		require.ErrorContains(t, err, want)
	}
	t.Setenv("ORDERS_RETENTION", "2400h")
	out, err := run(t, s, "admin", CleanUp)
	require.NoError(t, err)
	require.Equal(t, "removed 1 rows of the log, 1 contents, and all but the deletion of 1 deleted orders\n", out)
	require.Zero(t, s.holding("deleted one"))
}

// compare tells a side how orders stand at another one, whether it needs to be told or not, as a
// reconciliation does, and passes the answers on.
func compare(from, to *side, ids ...string) []contracts.Entry {
	from.t.Helper()
	var told contracts.LookupResult
	from.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: to.cfg.Side, IDs: ids, All: true}).into(from.t, &told)
	answers := tell(from, to, told.Entries)
	heard(from, answers)
	return answers
}

// saved keeps the rows of a side's database, and gives back how to bring it to them again.
func (s *side) saved() (restore func()) {
	s.t.Helper()
	const tables = "orders, links, log, contents"
	execute(s.t, s.cfg.DatabaseURL, `CREATE SCHEMA saved; CREATE TABLE saved.orders AS TABLE orders;
		CREATE TABLE saved.links AS TABLE links;
		CREATE TABLE saved.log AS TABLE log; CREATE TABLE saved.contents AS TABLE contents; CREATE TABLE saved.seq AS SELECT last_value FROM log_seq`)
	return func() {
		s.t.Helper()
		s.stop()
		execute(s.t, s.cfg.DatabaseURL, `TRUNCATE `+tables+`, outbox; INSERT INTO orders SELECT * FROM saved.orders;
			INSERT INTO links SELECT * FROM saved.links; INSERT INTO log SELECT * FROM saved.log; INSERT INTO contents SELECT * FROM saved.contents; SELECT setval('log_seq', last_value) FROM saved.seq`)
		s.start()
	}
}

// TestNothingDeletedComesBack: a deletion is told on after its content was removed, to a peer that was
// put back to before it and shows the order alive; what was edited there meanwhile collides.
func TestNothingDeletedComesBack(t *testing.T) {
	for name, deletedOn := range map[string]func(a, b *side) *side{
		"deleted here":  func(a, _ *side) *side { return a },
		"deleted there": func(_, b *side) *side { return b },
	} {
		t.Run(name, func(t *testing.T) {
			p := startPair(t, "manual", "manual", "")
			a, b := p.a, p.b
			where := deletedOn(a, b)
			other := map[*side]*side{a: b, b: a}[where]
			untouched, edited, kept := a.create(newOrder(t, "deleted one")), a.create(newOrder(t, "deleted one")), a.create(newOrder(t, "kept"))
			compare(a, b, untouched.ID, edited.ID, kept.ID)
			require.Equal(t, "OK", b.get(untouched.ID).Sync.Links[0].State)
			restore := b.saved()
			lost := map[string]int64{}
			for _, id := range []string{untouched.ID, edited.ID} {
				where.want(http.StatusNoContent, "client", "DELETE", "/orders/"+id, nil, "If-Match", "*")
				for key, n := range compare(where, other, id)[0].Version {
					if strings.HasPrefix(key, "b.") {
						lost[key] = max(lost[key], n)
					}
				}
				require.Equal(t, "DEL_SYNCED", a.state(id))
			}
			whole := a.ranges("?parts=1")
			a.age()
			require.EqualValues(t, 2, a.cleanUp().Tombstones)
			require.Zero(t, a.holding("deleted one"))
			require.Equal(t, whole, a.ranges("?parts=1"), "a deletion counts the same without its content")
			var there contracts.RangeList
			b.want(http.StatusOK, "peer", "GET", "/orders/fingerprints?parts=1", nil).into(t, &there)
			require.Equal(t, whole, there.Ranges, "whichever side has cleaned up")

			restore()
			require.Equal(t, "deleted one", b.get(untouched.ID).CustomerNote, "it is as before")
			if where == b { // it has lost numbers of its own, and an operator confirms the plan
				b.do("peer", "PUT", "/orders/transactions", contracts.Batch{Side: "a", Entries: []contracts.Entry{}, Seen: lost})
				require.NotNil(t, b.peerStatus().Held)
				plan := b.claim(false)
				require.Equal(t, "restored", plan.Cause)
				b.progress(plan.ID, "r1", "held", equalReport(0))
				b.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
			}
			o := b.get(edited.ID).Order
			o.CustomerNote = "edited after the restore"
			b.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")

			answers := compare(b, a, untouched.ID, edited.ID, kept.ID)
			require.Equal(t, []string{"DEL_SYNCED", "COLLISION", "OK"}, []string{answers[0].State, answers[1].State, answers[2].State})
			a.want(http.StatusGone, "client", "GET", "/orders/"+untouched.ID, nil)
			b.want(http.StatusGone, "client", "GET", "/orders/"+untouched.ID, nil)
			a.want(http.StatusGone, "client", "GET", "/orders/"+edited.ID, nil)
			require.Equal(t, "edited after the restore", b.get(edited.ID).CustomerNote, "nothing is lost before a person says so")
			for _, s := range []*side{a, b} {
				require.Equal(t, "COLLISION", s.state(edited.ID))
			}

			// A person decides, on the side that has no content of its own.
			a.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/"+edited.ID+"/resolve", contracts.Resolution{Take: "ours"})
			compare(a, b, edited.ID)
			b.want(http.StatusGone, "client", "GET", "/orders/"+edited.ID, nil)
			require.Equal(t, "DEL_SYNCED", a.state(edited.ID))
			b.want(http.StatusOK, "peer", "GET", "/orders/fingerprints?parts=1", nil).into(t, &there)
			require.Equal(t, a.ranges("?parts=1"), there.Ranges)
		})
	}
}
