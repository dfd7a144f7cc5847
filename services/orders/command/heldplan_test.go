package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// fail reports, as the runner of a reconciliation, that it failed.
func (s *side) fail(id string) contracts.Reconciliation {
	s.t.Helper()
	var r contracts.Reconciliation
	s.want(http.StatusOK, "bridge", "PUT", "/orders/reconciliations/"+id,
		contracts.ReconciliationProgress{Runner: "r1", State: "failed", Reason: "remote: b is away", Report: equalReport(0)}).into(s.t, &r)
	return r
}

// awaitClaim waits until there is something to run.
func (s *side) awaitClaim() (r *contracts.Reconciliation) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { r = s.claim(false); return r != nil }, time.Minute, 100*time.Millisecond)
	return r
}

func (s *side) alarms() string {
	s.t.Helper()
	return strings.Join(s.peerStatus().Alarms, "\n")
}

// TestAHeldLinkAlwaysHasAPlan, whatever fails, is dropped or was left by an earlier program; and status tells
// the next step.
func TestAHeldLinkAlwaysHasAPlan(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	s.awaitConsumer()
	s.greetOnce("peer", s.lose(t))
	require.Contains(t, s.alarms(), "next step: the plan "+s.open().ID+" is being made")
	plan := s.claim(false)
	require.Equal(t, "requested", s.fail(plan.ID).State)
	require.Nil(t, s.claim(false), "not at once")
	require.Contains(t, s.alarms(), "the last attempt failed and is repeated: remote: b is away")
	again := s.awaitClaim()
	require.Equal(t, plan.ID, again.ID)
	require.Nil(t, again.DecidedAt)
	s.progress(plan.ID, "r1", "held", equalReport(0))
	require.Contains(t, s.alarms(), "`orderbridge reconciliations confirm "+plan.ID+"`")
	got := s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations", contracts.ReconciliationRequest{Peer: "b"}).problem(t)
	require.Contains(t, got.Detail, "reconciliation "+plan.ID+" with b is held already")

	got = s.want(http.StatusConflict, "admin", "POST", "/admin/api/peers/b/resume", nil).problem(t)
	require.Contains(t, got.Detail, "`orderbridge reconciliations confirm "+plan.ID+"`")

	// What an operator has confirmed stays so.
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
	s.awaitClaim()
	require.Equal(t, "confirmed", s.fail(plan.ID).State)
	require.Contains(t, s.alarms(), "the confirmed plan "+plan.ID+" is being carried out; the last attempt failed and is repeated: remote: b is away")
	s.startUngreeted()
	job := s.awaitClaim()
	require.Equal(t, plan.ID, job.ID)
	require.NotNil(t, job.DecidedAt)

	// One that is dropped is followed by another, and so is one that had failed for good.
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/drop", nil)
	next := s.awaitClaim()
	require.NotEqual(t, plan.ID, next.ID)
	require.Equal(t, "restored", next.Cause)
	require.Nil(t, next.DecidedAt, "and is confirmed on its own")
	got = s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{}).problem(t)
	require.Contains(t, got.Detail, next.ID+" is open")
	execute(t, s.cfg.DatabaseURL, "UPDATE reconciliations SET state = 'failed', finished_at = now() WHERE state = 'running'")
	last := s.awaitClaim()
	s.progress(last.ID, "r1", "held", equalReport(0))
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+last.ID+"/confirm", contracts.ReconciliationConfirmation{})
	s.awaitClaim()
	s.progress(last.ID, "r1", "done", equalReport(0))
	require.Nil(t, s.peerStatus().Held)
	require.NotContains(t, s.alarms(), "next step")
}

// open is the newest reconciliation.
func (s *side) open() contracts.Reconciliation {
	s.t.Helper()
	var list contracts.ReconciliationList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/reconciliations?limit=1", nil).into(s.t, &list)
	return list.Reconciliations[0]
}

// TestAPeerThatKnowsLessIsComparedAfterARestart of this side, before or after the peer lost it.
func TestAPeerThatKnowsLessIsComparedAfterARestart(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.ReconcileEvery = time.Hour })
	older, newer := s.create(newOrder(t, "older")), s.create(newOrder(t, "newer"))
	s.greet("peer", http.StatusOK, newest(newer.Sync.Version))
	s.progress(s.claim(false).ID, "r1", "done", equalReport(2))
	const kept = `SELECT count(*) FROM peers WHERE told -> 'settled' = told -> 'newest' AND (told -> 'newest')::text <> '{}'`
	require.Eventually(t, func() bool {
		s.greet("peer", http.StatusOK, newest(newer.Sync.Version))
		return count(t, s.cfg.DatabaseURL, strings.Replace(kept, "told ->", "told::jsonb ->", 3)) == 1
	}, time.Minute, 200*time.Millisecond)
	require.Nil(t, s.claim(false))

	s.stranger = true
	s.stop()
	s.start() // under another epoch
	mine := s.create(newOrder(t, "of the new process"))
	s.greet("peer", http.StatusOK, and(newest(older.Sync.Version), newest(mine.Sync.Version)))
	job := s.claim(false)
	require.NotNil(t, job)
	require.Equal(t, "schedule", job.Cause)
	// While one is open it is asked for again, since that one may have begun before.
	s.progress(job.ID, "r1", "done", equalReport(2))
	s.greet("peer", http.StatusOK, and(newest(older.Sync.Version), newest(mine.Sync.Version)))
	require.Nil(t, s.claim(false), "once")
}
