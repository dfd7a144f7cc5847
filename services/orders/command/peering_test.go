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
	got := s.want(status, role, "PUT", "/orders/transactions", contracts.Batch{Side: s.cfg.Peer, Entries: []contracts.Entry{}, Seen: seen})
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

func (s *side) claim(begin bool) *contracts.Reconciliation {
	s.t.Helper()
	got := s.do("bridge", "POST", "/orders/reconciliations", contracts.ReconciliationClaim{Peer: "b", Runner: "r1", Begin: begin})
	if got.status == http.StatusNoContent {
		return nil
	}
	require.Equal(s.t, http.StatusOK, got.status, "%s", got.body)
	var r contracts.Reconciliation
	got.into(s.t, &r)
	return &r
}

func (s *side) progress(id, runner, state string, report *contracts.ReconcileReport) contracts.Reconciliation {
	s.t.Helper()
	var r contracts.Reconciliation
	s.want(http.StatusOK, "bridge", "PUT", "/orders/reconciliations/"+id,
		contracts.ReconciliationProgress{Runner: runner, State: state, Report: report}).into(s.t, &r)
	return r
}

func equalReport(n int64) *contracts.ReconcileReport {
	return &contracts.ReconcileReport{
		Side: "a", Peer: "b", Phase: "ended", Strategy: "ranges", Equal: true, Orders: n, OrdersThere: n, Hash: strings.Repeat("0", 32),
		Found: map[string]int{}, Effects: map[string]int{}, Passes: 1, Position: 7, PositionThere: 8,
	}
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
		s.put(http.StatusOK, entry(t, o.ID, "NEW", contracts.Version{"b.one": int64(5 - i), "c.other": 9}, &o))
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
			require.Eventually(t, func() bool { return s.peerStatus().Paused }, 5*time.Second, 10*time.Millisecond)
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

			require.Eventually(t, func() bool { p := s.peerStatus(); return p.Held == nil && !p.Paused }, 5*time.Second, 10*time.Millisecond)
			require.EqualValues(t, 2, s.peerStatus().Proof.Orders)
			s.greetOnce(role, newest(lost.Sync.Version))
			require.Nil(t, s.peerStatus().Held, "it is written off")
			s.greetOnce(role, map[string]int64{"a.never": 3})
			require.NotNil(t, s.peerStatus().Held, "and nothing else is")
		})
	}
}

// TestADatabasePutBackUnderARunningServiceIsNoticed, before anything is written there again.
func TestADatabasePutBackUnderARunningServiceIsNoticed(t *testing.T) {
	s := startSide(t)
	kept := s.create(newOrder(t, "kept"))
	lost := s.create(newOrder(t, "lost"))
	s.greet("peer", http.StatusOK, newest(lost.Sync.Version))
	require.Nil(t, s.peerStatus().Held)
	s.putBack(kept.Sync.Version)
	s.greetOnce("peer", newest(lost.Sync.Version))
	require.NotNil(t, s.peerStatus().Held)
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
		DELETE FROM orders WHERE seq > %[1]d; DELETE FROM log WHERE seq > %[1]d; SELECT setval('log_seq', %[1]d)`, seq))
}

// TestReconciliationsAreHandedOut: one at a time, to whoever asks, and on to the next when a runner is gone.
func TestReconciliationsAreHandedOut(t *testing.T) {
	s := startSide(t)
	require.Nil(t, s.claim(false), "nothing is asked for, and there is no schedule")
	s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "c"}).problem(t)
	got := s.want(http.StatusAccepted, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "b"})
	var asked contracts.Reconciliation
	got.into(t, &asked)
	require.Equal(t, "/admin/api/reconciliations/"+asked.ID, got.header.Get("Location"))
	require.Equal(t, "admin:token", asked.RequestedBy)
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "b"}).problem(t)
	s.want(http.StatusConflict, "bridge", "POST", "/orders/reconciliations", contracts.ReconciliationClaim{Peer: "b", Runner: "r1", Begin: true, DryRun: true}).problem(t)

	job := s.claim(false)
	require.Equal(t, asked.ID, job.ID)
	require.Nil(t, s.claim(false))
	s.want(http.StatusConflict, "bridge", "POST", "/orders/reconciliations", contracts.ReconciliationClaim{Peer: "b", Runner: "r2", Begin: true}).problem(t)
	report := equalReport(0)
	report.Equal, report.Compared, report.Phase = false, 40, "comparing"
	require.Equal(t, "running", s.progress(job.ID, "r1", "running", report).State)
	var seen contracts.Reconciliation
	s.want(http.StatusOK, "admin", "GET", "/admin/api/reconciliations/"+job.ID, nil).into(t, &seen)
	require.EqualValues(t, 40, seen.Report.Compared)
	require.Equal(t, "running", s.progress(job.ID, "another", "done", report).State, "not its runner")

	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/drop", nil)
	require.Equal(t, "dropped", s.progress(job.ID, "r1", "running", report).State, "the runner hears of it")
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/drop", nil).problem(t)

	own := s.claim(true)
	require.Equal(t, "command", own.Cause)
	require.Equal(t, "done", s.progress(own.ID, "r1", "done", equalReport(0)).State)
	require.EqualValues(t, 7, s.peerStatus().Proof.Position)
	var list contracts.ReconciliationList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/reconciliations?limit=1", nil).into(t, &list)
	require.Len(t, list.Reconciliations, 1)
	require.Equal(t, own.ID, list.Reconciliations[0].ID)
	next := list.Next
	list = contracts.ReconciliationList{}
	s.want(http.StatusOK, "admin", "GET", next, nil).into(t, &list)
	require.Equal(t, asked.ID, list.Reconciliations[0].ID)
	require.Empty(t, list.Next)
	for _, id := range []string{"x", "019aa5b1-03d2-7c55-8e21-9b40d7c6a114"} {
		s.want(http.StatusNotFound, "admin", "GET", "/admin/api/reconciliations/"+id, nil).problem(t)
		s.want(http.StatusNotFound, "bridge", "PUT", "/orders/reconciliations/"+id, contracts.ReconciliationProgress{Runner: "r", State: "running"}).problem(t)
	}
}

// TestTheFirstContactIsByItself, and what is due by the schedule.
func TestTheFirstContactIsByItself(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.ReconcileEvery = time.Second })
	s.startUngreeted()
	require.Nil(t, s.claim(false), "the peer may know more of us than we do")
	s.greet("peer", http.StatusOK, map[string]int64{})
	first := s.claim(false)
	require.Equal(t, "firstContact", first.Cause)
	require.NotNil(t, first.Brake)
	s.progress(first.ID, "r1", "done", equalReport(3))
	require.Nil(t, s.claim(false), "fresh")
	var due *contracts.Reconciliation
	require.Eventually(t, func() bool { due = s.claim(false); return due != nil }, 5*time.Second, 50*time.Millisecond)
	require.Equal(t, "schedule", due.Cause)
	s.progress(due.ID, "r1", "failed", nil)
	var metrics string
	require.Eventually(t, func() bool {
		metrics = string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body)
		return strings.Contains(metrics, `orderbridge_proved_equal_age_seconds{peer="b"}`)
	}, 5*time.Second, 50*time.Millisecond)
	require.Contains(t, metrics, `orderbridge_link_held{peer="b"} 0`)
}

// TestAProofOfThePeerIsKept, told the other way round.
func TestAProofOfThePeerIsKept(t *testing.T) {
	s := startSide(t)
	good := contracts.Proof{Side: "b", Peer: "a", At: time.Now().UTC().Truncate(time.Microsecond), Orders: 4, Hash: strings.Repeat("f", 32), Position: 5, PeerPosition: 6}
	s.want(http.StatusNoContent, "peer", "POST", "/orders/proofs", good)
	p := s.peerStatus().Proof
	require.Equal(t, &contracts.Proof{Side: "a", Peer: "b", At: good.At, Orders: 4, Hash: good.Hash, Position: 6, PeerPosition: 5}, p)
	ahead := good
	ahead.At = time.Now().Add(time.Hour)
	s.want(http.StatusNoContent, "peer", "POST", "/orders/proofs", ahead)
	require.Less(t, time.Until(s.peerStatus().Proof.At), time.Minute, "a clock that is ahead is not believed")
	for _, bad := range []func(*contracts.Proof){
		func(p *contracts.Proof) { p.Side = "c" }, func(p *contracts.Proof) { p.Peer = "c" }, func(p *contracts.Proof) { p.Hash = "x" },
		func(p *contracts.Proof) { p.Orders = -1 }, func(p *contracts.Proof) { p.At = time.Time{} },
	} {
		p := good
		bad(&p)
		s.want(http.StatusUnprocessableEntity, "peer", "POST", "/orders/proofs", p).problem(t)
	}
	s.want(http.StatusForbidden, "bridge", "POST", "/orders/proofs", good).problem(t)
}

// TestARunnerIsNotGone because the clock of the process that heard of it last is ahead; a reconciliation
// that waits is not written again by each bridge that asks.
func TestARunnerIsNotGone(t *testing.T) {
	s := startSide(t)
	job := s.claim(true)
	execute(t, s.cfg.DatabaseURL, `UPDATE reconciliations SET seen_at = now() + interval '5 seconds'`)
	require.Nil(t, s.claim(false))
	execute(t, s.cfg.DatabaseURL, `UPDATE reconciliations SET seen_at = now() + interval '1 hour'`)
	require.Equal(t, job.ID, s.claim(false).ID, "but not when the clock was wrong by far")
	s.progress(job.ID, "r1", "held", equalReport(0))
	const row = `SELECT xmin::text::bigint FROM reconciliations`
	before := count(t, s.cfg.DatabaseURL, row)
	require.Nil(t, s.claim(false))
	require.Equal(t, before, count(t, s.cfg.DatabaseURL, row))
}

// TestWhatAPersonTookIsNoTimeOfARun: what is left open by a reconciliation that waited for days is
// compared again by the schedule.
func TestWhatAPersonTookIsNoTimeOfARun(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.ReconcileEvery = time.Second })
	s.greet("peer", http.StatusOK, map[string]int64{})
	job := s.claim(true)
	execute(t, s.cfg.DatabaseURL, `UPDATE reconciliations SET requested_at = now() - interval '3 days'`)
	report := equalReport(0)
	report.Equal, report.Waiting = false, 1
	s.progress(job.ID, "r1", "done", report)
	require.Eventually(t, func() bool { return s.claim(false) != nil }, 5*time.Second, 50*time.Millisecond)
}

// TestAProofAheadOfTimeIsReplaced by the next one.
func TestAProofAheadOfTimeIsReplaced(t *testing.T) {
	s := startSide(t)
	s.progress(s.claim(true).ID, "r1", "done", equalReport(3))
	execute(t, s.cfg.DatabaseURL, `UPDATE peers SET proved_at = now() + interval '1 hour'`)
	s.progress(s.claim(true).ID, "r1", "done", equalReport(4))
	require.EqualValues(t, 4, s.peerStatus().Proof.Orders)
}

// TestADroppedReconciliationLeavesTheBrakeOn, though it had been confirmed.
func TestADroppedReconciliationLeavesTheBrakeOn(t *testing.T) {
	s := startSide(t)
	job := s.claim(true)
	s.progress(job.ID, "r1", "held", equalReport(0))
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/confirm", contracts.ReconciliationConfirmation{})
	require.NotNil(t, s.peerStatus().Brake.OffUntil)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/drop", nil)
	require.Nil(t, s.peerStatus().Brake.OffUntil)
}

// TestWhatWasSeenStaysWithinBounds, however many epochs a peer makes up.
func TestWhatWasSeenStaysWithinBounds(t *testing.T) {
	s := startSide(t)
	for i := range 3 {
		made := contracts.Version{}
		for j := range 400 {
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
	}, 5*time.Second, 50*time.Millisecond)
	require.Len(t, s.greet("peer", http.StatusOK, map[string]int64{}), contracts.SeenMax)
}

// TestWhatWasLeftOutStaysOut of later reconciliations, until somebody asks for all.
func TestWhatWasLeftOutStaysOut(t *testing.T) {
	s := startSide(t)
	request := func(all bool) *contracts.Reconciliation {
		s.want(http.StatusAccepted, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "b", All: all})
		return s.claim(false)
	}
	job := request(false)
	require.Empty(t, job.Except)
	report := equalReport(4)
	report.Equal, report.Found = false, map[string]int{"newerThere": 3}
	require.Equal(t, "held", s.progress(job.ID, "r1", "held", report).State)
	out := "019aa5b1-03d2-7c55-8e21-9b40d7c6a114"
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/confirm", contracts.ReconciliationConfirmation{Except: []string{out}})
	require.NotNil(t, s.peerStatus().Brake.OffUntil)
	job = s.claim(false)
	require.Equal(t, []string{out}, job.Except)
	require.Equal(t, "done", s.progress(job.ID, "r1", "done", report).State)
	require.Equal(t, "done", s.progress(job.ID, "r1", "done", report).State, "an end may be told twice")
	require.Nil(t, s.peerStatus().Brake.OffUntil, "what was let through is over")
	require.Contains(t, strings.Join(s.peerStatus().Alarms, "\n"), "1 orders are left out")

	next := request(false)
	require.Equal(t, []string{out}, next.Except)
	s.progress(next.ID, "r1", "done", report)
	all := request(true)
	require.Empty(t, all.Except)
}

// TestWhatAPersonDroppedDoesNotComeBackAtOnce by the schedule.
func TestWhatAPersonDroppedDoesNotComeBackAtOnce(t *testing.T) {
	s := startSide(t, func(c *Config) { c.ReconcileEvery = time.Hour })
	s.greet("peer", http.StatusOK, map[string]int64{})
	job := s.claim(false)
	require.Equal(t, "firstContact", job.Cause)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/drop", nil)
	require.Nil(t, s.claim(false))
	s.want(http.StatusAccepted, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "b"})
	require.NotNil(t, s.claim(false), "who asks for one gets it")
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
	}, 15*time.Second, 100*time.Millisecond)
	require.Equal(t, "schedule", job.Cause)
}
