package command

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// greet tells the side what its peer has seen of it, and returns what it has seen of the peer.
func (s *side) greet(role string, status int, seen map[string]int64) map[string]int64 {
	s.t.Helper()
	got := s.want(status, role, "PUT", "/orders/transactions", contracts.Batch{Side: s.cfg.others()[0].name, Entries: []contracts.Entry{}, Seen: seen})
	if status != http.StatusOK {
		return nil
	}
	var b contracts.Batch
	got.into(s.t, &b)
	return b.Seen
}

// startUngreeted starts the side anew, and the peer does not greet it.
func (s *side) startUngreeted() {
	s.stop()
	s.stranger = true
	s.start()
}

func (s *side) peerStatus() contracts.PeerStatus {
	s.t.Helper()
	var st contracts.Status
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(s.t, &st)
	return st.Peers[0]
}

// newest is the highest number of this side in an order's version.
func newest(v contracts.Version) map[string]int64 {
	out := map[string]int64{}
	for key, n := range v {
		if strings.HasPrefix(key, "a.") {
			out[key] = n
		}
	}
	return out
}

// TestEachSideTellsWhatItHasSeen, after a restart too.
func TestEachSideTellsWhatItHasSeen(t *testing.T) {
	s := startSide(t)
	require.Empty(t, s.greet("peer", http.StatusOK, map[string]int64{}))
	for i := range 3 {
		o := newOrder(t, fmt.Sprint("x", i))
		s.put(http.StatusOK, entry(t, o.ID, "NEW", contracts.Version{"b.one": int64(5 - i)}, &o))
	}
	o := newOrder(t, "y")
	s.put(http.StatusOK, entry(t, o.ID, "NEW", contracts.Version{"b.two": 2}, &o))
	want := map[string]int64{"b.one": 5, "b.two": 2}
	require.Equal(t, want, s.greet("peer", http.StatusOK, map[string]int64{}))
	var l contracts.LookupResult
	s.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{}}).into(t, &l)
	require.Equal(t, want, l.Seen)
	s.stop()
	s.start()
	require.Equal(t, want, s.greet("peer", http.StatusOK, map[string]int64{}))
}

// TestNoOrdersBeforeTheGreeting: what the peer sends, and what it is to be sent, waits until it has told
// what it has seen, after each start.
func TestNoOrdersBeforeTheGreeting(t *testing.T) {
	s := startSide(t)
	s.startUngreeted()
	o := newOrder(t, "early")
	early := contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, o.ID, "NEW", b(1), &o)}}
	for _, refused := range []*answer{
		s.want(http.StatusServiceUnavailable, "peer", "PUT", "/orders/transactions", early),
		s.want(http.StatusServiceUnavailable, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{o.ID}}),
	} {
		require.Equal(t, "1", refused.header.Get("Retry-After"))
		require.Equal(t, "/problems/unavailable", refused.problem(t).Type)
		require.Equal(t, "a has started and waits for b to tell what it has seen of it", refused.problem(t).Detail)
	}
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
	s.greet("peer", http.StatusOK, map[string]int64{})
	s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", early)
	s.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{o.ID}})
}

// TestADatabasePutBackIsNoticed by what the peer has seen, through either bridge: the link is held until a
// person has confirmed a plan.
func TestADatabasePutBackIsNoticed(t *testing.T) {
	for _, role := range []string{"peer", "bridge"} {
		t.Run(role, func(t *testing.T) {
			s := startSide(t)
			s.awaitConsumer()
			kept, o := s.create(newOrder(t, "kept")), newOrder(t, "lost")
			lost := s.create(o)
			s.greet("peer", http.StatusOK, newest(lost.Sync.Version))
			s.stop()
			s.putBack(kept.Sync.Version)
			s.start()
			s.awaitConsumer()
			s.greet("peer", http.StatusOK, newest(kept.Sync.Version))
			require.Nil(t, s.peerStatus().Held, "what it has is no cause")

			s.greetOnce(role, newest(lost.Sync.Version))
			held := s.peerStatus()
			require.NotNil(t, held.Held)
			for key, n := range newest(lost.Sync.Version) {
				require.Contains(t, held.Held.Reason, fmt.Sprintf("%s:%d", key, n))
			}
			require.Contains(t, strings.Join(held.Alarms, "\n"), "held: b knows more of a")
			require.Eventually(t, func() bool { return s.peerStatus().Paused }, time.Minute, 10*time.Millisecond)
			s.requireHeld(t)

			// The plan is made at once, and waits.
			plan := s.claim(false)
			require.Equal(t, "restored", plan.Cause)
			require.Nil(t, plan.DecidedAt)
			require.Nil(t, s.claim(false), "one runner at a time")
			s.progress(plan.ID, "r1", "held", &contracts.ReconcileReport{Side: "a", Peer: "b", Phase: "ended", Strategy: "ranges", Found: map[string]int{"onlyThere": 1}, Effects: map[string]int{"createsHere": 1}, Passes: 1})
			s.startUngreeted() // and survives a restart
			s.awaitConsumer()
			s.requireHeld(t)
			require.Nil(t, s.claim(false), "nobody has confirmed")

			s.want(http.StatusForbidden, "bridge", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
			s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", `{"except":["x"]}`).problem(t)
			s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{Except: []string{kept.ID}})
			s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
			job := s.claim(false)
			require.Equal(t, plan.ID, job.ID)
			require.NotNil(t, job.DecidedAt)
			require.Equal(t, "admin:token", job.DecidedBy)
			require.Equal(t, []string{kept.ID}, job.Except)
			require.Nil(t, job.Brake, "a person has let it through")
			going := equalReport(2)
			going.Equal, going.Phase, going.Passes = false, "repairing", 3
			s.progress(job.ID, "r1", "running", going)
			require.NotNil(t, s.peerStatus().Held, "not all is told yet")
			going.CarriedOut = true
			s.progress(job.ID, "r1", "running", going)
			require.Nil(t, s.peerStatus().Held, "what was confirmed is done")
			require.Nil(t, s.peerStatus().Proof)
			s.progress(job.ID, "r1", "done", equalReport(2))

			require.Eventually(t, func() bool { p := s.peerStatus(); return p.Held == nil && !p.Paused }, time.Minute, 10*time.Millisecond)
			require.EqualValues(t, 2, s.peerStatus().Proof.Orders)
			s.greetOnce(role, newest(lost.Sync.Version))
			require.Nil(t, s.peerStatus().Held, "it is written off")
			again := s.lose(t)
			s.greetOnce(role, again)
			require.NotNil(t, s.peerStatus().Held, "and nothing else is")
		})
	}
}

// lose has a process of the side give out a number that the database has lost when the next one runs.
func (s *side) lose(t *testing.T) map[string]int64 {
	t.Helper()
	kept := s.create(newOrder(t, "kept"))
	lost := s.create(newOrder(t, "lost"))
	s.stop()
	s.putBack(kept.Sync.Version)
	s.start()
	return newest(lost.Sync.Version)
}

// TestADatabasePutBackUnderARunningServiceIsNoticed, before anything is written there again.
func TestADatabasePutBackUnderARunningServiceIsNoticed(t *testing.T) {
	s := startSide(t)
	kept := s.create(newOrder(t, "kept"))
	lost := s.create(newOrder(t, "lost"))
	s.greet("peer", http.StatusOK, newest(lost.Sync.Version))
	require.Nil(t, s.peerStatus().Held)
	before := s.epoch()
	s.putBack(kept.Sync.Version)
	s.greetOnce("peer", newest(lost.Sync.Version))
	require.NotNil(t, s.peerStatus().Held)
	require.NotEqual(t, before, s.epoch(), "nothing goes on under a lost epoch")
}

// greetOnce greets as a role, whatever the answer.
func (s *side) greetOnce(role string, seen map[string]int64) {
	s.t.Helper()
	headers := []string{}
	if role == "bridge" {
		headers = append(headers, "Prefer", "return=minimal")
	}
	s.do(role, "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{}, Seen: seen}, headers...)
}

func (s *side) requireHeld(t *testing.T) {
	t.Helper()
	o := newOrder(t, "of the peer")
	got := s.want(http.StatusServiceUnavailable, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, o.ID, "NEW", b(1), &o)}})
	require.Equal(t, "/problems/held", got.problem(t).Type)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	s.want(http.StatusServiceUnavailable, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{o.ID}}).problem(t)
	s.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{o.ID}, All: true})
	s.want(http.StatusOK, "peer", "GET", "/orders/fingerprints", nil)
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/peers/b/resume", nil).problem(t)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
	mine := s.create(newOrder(t, "local work goes on"))
	require.NotEmpty(t, mine.ID)
}

// putBack takes everything out of the database that came after a version, as a backup of then would not
// have it.
func (s *side) putBack(to contracts.Version) {
	s.t.Helper()
	var seq int64
	for _, n := range newest(to) {
		seq = n
	}
	execute(s.t, s.cfg.DatabaseURL, fmt.Sprintf(`DELETE FROM links USING orders o WHERE o.id = order_id AND o.seq > %[1]d; DELETE FROM outbox;
		DELETE FROM orders WHERE seq > %[1]d; DELETE FROM log WHERE seq > %[1]d; DELETE FROM contents WHERE seq > %[1]d; SELECT setval('log_seq', %[1]d)`, seq))
}

// TestWhatWasSeenStaysWithinBounds, however many epochs a peer makes up.
func TestWhatWasSeenStaysWithinBounds(t *testing.T) {
	s := startSide(t)
	for i := range 5 {
		made := contracts.Version{}
		for j := range 240 {
			made[fmt.Sprintf("b.e%dx%d", i, j)] = 1
		}
		o := newOrder(t, fmt.Sprint("x", i))
		s.put(http.StatusOK, entry(t, o.ID, "NEW", made, &o))
	}
	o := newOrder(t, "last")
	s.put(http.StatusOK, entry(t, o.ID, "NEW", contracts.Version{"b.last": 7}, &o))
	const kept = "SELECT count(*) FROM sightings"
	require.Eventually(t, func() bool {
		return count(t, s.cfg.DatabaseURL, kept+" WHERE key = 'b.last'") == 1 && count(t, s.cfg.DatabaseURL, kept) == contracts.VersionKeysMax
	}, time.Minute, 50*time.Millisecond)
	require.Len(t, s.greet("peer", http.StatusOK, map[string]int64{}), contracts.SeenMax)
}

// TestAPeerThatKnowsLessIsCompared: its database was put back, and has lost what this side had told.
func TestAPeerThatKnowsLessIsCompared(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.ReconcileEvery = time.Hour })
	older, newer := s.create(newOrder(t, "older")), s.create(newOrder(t, "newer"))
	s.greet("peer", http.StatusOK, newest(older.Sync.Version))
	first := s.claim(false)
	s.progress(first.ID, "r1", "done", equalReport(2))
	s.greet("peer", http.StatusOK, newest(newer.Sync.Version))
	require.Nil(t, s.claim(false))
	s.greet("peer", http.StatusOK, newest(older.Sync.Version))
	require.Nil(t, s.claim(false), "one replica of the peer may be behind another")
	var job *contracts.Reconciliation
	require.Eventually(t, func() bool {
		s.greet("peer", http.StatusOK, newest(older.Sync.Version))
		job = s.claim(false)
		return job != nil
	}, time.Minute, 100*time.Millisecond)
	require.Equal(t, "schedule", job.Cause)
}
