package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func (s *side) claim(begin bool) *contracts.Reconciliation {
	s.t.Helper()
	got := s.do("bridge", "POST", "/orders/reconciliations", contracts.ReconciliationClaim{Peer: s.cfg.others()[0].name, Runner: "r1", Begin: begin})
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
	require.Eventually(t, func() bool { due = s.claim(false); return due != nil }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "schedule", due.Cause)
	s.progress(due.ID, "r1", "failed", nil)
	var metrics string
	require.Eventually(t, func() bool {
		metrics = string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body)
		return strings.Contains(metrics, `orderbridge_proved_equal_age_seconds{peer="b"}`)
	}, time.Minute, 50*time.Millisecond)
	require.Contains(t, metrics, `orderbridge_link_held{peer="b"} 0`)
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
	require.Eventually(t, func() bool { return s.claim(false) != nil }, time.Minute, 50*time.Millisecond)
}

// TestAProofAheadOfTimeIsReplaced by the next one.
func TestAProofAheadOfTimeIsReplaced(t *testing.T) {
	s := startSide(t)
	s.progress(s.claim(true).ID, "r1", "done", equalReport(3))
	execute(t, s.cfg.DatabaseURL, `UPDATE peers SET proved_at = now() + interval '1 hour'`)
	s.progress(s.claim(true).ID, "r1", "done", equalReport(4))
	require.EqualValues(t, 4, s.peerStatus().Proof.Orders)
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
	require.Nil(t, s.peerStatus().Brake.OffUntil, "the plan passes the brake, and nothing else")
	job = s.claim(false)
	require.Equal(t, []string{out}, job.Except)
	require.Equal(t, "done", s.progress(job.ID, "r1", "done", report).State)
	require.Equal(t, "done", s.progress(job.ID, "r1", "done", report).State, "an end may be told twice")
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
