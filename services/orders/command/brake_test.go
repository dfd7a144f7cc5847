package command

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// given has the peer create orders on this side.
func (s *side) given(n int) (ids []string) {
	s.t.Helper()
	for i := range n {
		o := newOrder(s.t, fmt.Sprint("given ", i))
		s.put(http.StatusOK, entry(s.t, o.ID, "NEW", b(int64(i+1)), &o))
		ids = append(ids, o.ID)
	}
	return ids
}

// deleteAtPeer has the peer tell that it has deleted orders, in one batch, and says which are deleted here.
func (s *side) deleteAtPeer(ids []string, from int64) (deleted []string) {
	s.t.Helper()
	var batch []contracts.Entry
	for i, id := range ids {
		batch = append(batch, entry(s.t, id, "DEL", b(from+int64(i)), nil))
	}
	for _, e := range s.put(http.StatusOK, batch...) {
		if e.Deleted {
			deleted = append(deleted, e.ItemID)
		}
	}
	return deleted
}

func (s *side) inError() (ids []string, reason string) {
	s.t.Helper()
	var page contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/errors?limit=500", nil).into(s.t, &page)
	for _, o := range page.Orders {
		ids, reason = append(ids, o.ID), o.Reason
		require.True(s.t, o.RefusedHere)
	}
	return ids, reason
}

// TestTheBrakeHoldsMassDeletions: what is above the limit is held as a set, with the rest alive, and let
// through or dropped by a person.
func TestTheBrakeHoldsMassDeletions(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "3" })
	ids := s.given(10)
	require.Len(t, s.deleteAtPeer(ids[:2], 100), 2)
	require.False(t, s.peerStatus().Brake.Deletions)
	require.Len(t, s.deleteAtPeer(ids[2:8], 102), 1, "three in all")
	st := s.peerStatus()
	require.True(t, st.Brake.Deletions)
	require.Contains(t, strings.Join(st.Alarms, "\n"), "brake: ")
	held, reason := s.inError()
	require.ElementsMatch(t, ids[3:8], held)
	require.Equal(t, "brake: more than 3 deletions of b within 10m0s", reason)
	anna := s.person("anna", access.Operator)
	for _, page := range []string{"/admin/errors", "/admin/errors/" + held[0] + "?peer=b"} {
		shown := string(anna.do("GET", page, "").body)
		require.Regexp(t, "Release( selected)?</button>", shown)
		require.Contains(t, shown, "Keep our version</button>")
		require.NotContains(t, shown, "/edit\"", "that would make a collision of it")
	}
	for _, id := range held {
		s.want(http.StatusOK, "client", "GET", "/orders/"+id, nil)
	}
	require.Empty(t, s.deleteAtPeer(ids[3:4], 103), "a repeat is held as well")

	// An edit of the peer's is no deletion, and goes through.
	edited := newOrder(t, "edited over there")
	edited.ID = ids[9]
	s.put(http.StatusOK, entry(t, ids[9], "UPD", b(150), &edited))

	s.stop()
	s.start()
	require.Empty(t, s.deleteAtPeer(ids[8:9], 200), "it stays tripped over a restart")

	// In part, by ids: one is let through, one is dropped.
	settle := func(c contracts.ErrorSettlement) contracts.ErrorSettlementResult {
		var r contracts.ErrorSettlementResult
		s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", c).into(t, &r)
		return r
	}
	require.Equal(t, 1, settle(contracts.ErrorSettlement{Peer: "b", IDs: ids[3:4], Take: "theirs"}).Settled)
	s.want(http.StatusGone, "client", "GET", "/orders/"+ids[3], nil)
	require.Equal(t, 1, settle(contracts.ErrorSettlement{Peer: "b", IDs: ids[4:5], Take: "ours"}).Settled)
	s.want(http.StatusOK, "client", "GET", "/orders/"+ids[4], nil)
	failed := settle(contracts.ErrorSettlement{Peer: "b", IDs: ids[:1], Take: "theirs"})
	require.Zero(t, failed.Settled)
	require.Equal(t, ids[0], failed.Failed[0].ID)
	// The rest as a whole.
	done := settle(contracts.ErrorSettlement{Peer: "b", Reason: reason, Take: "ours"})
	require.Equal(t, 4, done.Settled)
	require.Empty(t, done.Failed)
	held, _ = s.inError()
	require.Empty(t, held)

	// Reset, it counts anew; off, it holds nothing.
	s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/peers/b/brake", contracts.BrakeSetting{OffSeconds: 1e6}).problem(t)
	s.want(http.StatusNotFound, "admin", "POST", "/admin/api/peers/c/brake", contracts.BrakeSetting{}).problem(t)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/b/brake", contracts.BrakeSetting{OffSeconds: 60})
	more := s.given(6)
	require.Len(t, s.deleteAtPeer(more, 300), 6)
	require.NotNil(t, s.peerStatus().Brake.OffUntil)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/b/brake", contracts.BrakeSetting{})
	more = s.given(6)
	require.Len(t, s.deleteAtPeer(more, 400), 3)
}

// TestReplicasShareTheBrake, and a restart does not reset its count.
func TestReplicasShareTheBrake(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "5" })
	other := startSide(t, func(c *Config) {
		c.DatabaseURL, c.BrakeDeletions = s.cfg.DatabaseURL, "5"
		c.NatsURL = "nats://orders:" + s.cfg.NatsPassword + "@" + s.cfg.NatsAddr
	})
	ids := s.given(12)
	require.Len(t, s.deleteAtPeer(ids[:2], 100), 2)
	require.Len(t, other.deleteAtPeer(ids[2:4], 102), 2)
	s.stop()
	s.start()
	require.Len(t, s.deleteAtPeer(ids[4:6], 104), 1, "five in all")
	require.Empty(t, other.deleteAtPeer(ids[6:8], 106))
	require.True(t, s.peerStatus().Brake.Deletions)
	require.Eventually(t, func() bool { return other.peerStatus().Brake.Deletions }, time.Minute, 50*time.Millisecond)
	s.stop()
	s.start()
	require.Empty(t, s.deleteAtPeer(ids[8:], 108), "nor is a tripped one reset")
}

// TestBatchesSideBySideShareTheBrake: none finds room that another one is taking.
func TestBatchesSideBySideShareTheBrake(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "10" })
	ids := s.given(40)
	var wg sync.WaitGroup
	var deleted atomic.Int64
	for i := range 20 {
		wg.Go(func() { deleted.Add(int64(len(s.deleteAtPeer(ids[2*i:2*i+2], int64(100+2*i))))) })
	}
	wg.Wait()
	require.EqualValues(t, 10, deleted.Load())
}

// TestBatchesSideBySideShareAPlan: of orders that it only counts, none is let through twice.
func TestBatchesSideBySideShareAPlan(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "0" })
	ids := s.given(40)
	job := s.claim(true)
	report := equalReport(40)
	report.Equal, report.Effects = false, map[string]int{"deletesHere": 10}
	s.progress(job.ID, "r1", "held", report)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/confirm", contracts.ReconciliationConfirmation{})
	var wg sync.WaitGroup
	var deleted atomic.Int64
	for i := range 20 {
		wg.Go(func() { deleted.Add(int64(len(s.deleteAtPeer(ids[2*i:2*i+2], int64(100+2*i))))) })
	}
	wg.Wait()
	require.EqualValues(t, 10, deleted.Load())
}

// TestAConfirmedPlanPassesTheBrake, and nothing else that the peer deletes meanwhile; nor when it is over.
func TestAConfirmedPlanPassesTheBrake(t *testing.T) {
	for _, end := range []string{"done", "dropped"} {
		t.Run(end, func(t *testing.T) {
			s := startSide(t, func(c *Config) { c.BrakeDeletions = "0" })
			ids := s.given(6)
			job := s.claim(true)
			report := equalReport(6)
			report.Equal, report.Effects = false, map[string]int{"deletesHere": 3}
			for _, id := range ids[:3] {
				report.Plan = append(report.Plan, contracts.PlannedOrder{ID: id, Kind: "newerThere", Effect: "deletesHere"})
			}
			require.Equal(t, "held", s.progress(job.ID, "r1", "held", report).State)
			require.Empty(t, s.deleteAtPeer(ids[:1], 100), "nobody has confirmed it")
			s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", contracts.ErrorSettlement{Peer: "b", IDs: ids[:1], Take: "ours"})
			s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/confirm", contracts.ReconciliationConfirmation{Except: ids[2:3]})
			require.Empty(t, s.deleteAtPeer(ids[3:4], 103), "not in the plan")
			// What the runner finds while it carries the plan out is not what was confirmed.
			require.Equal(t, job.ID, s.claim(false).ID)
			report.Effects["deletesHere"] = 4
			report.Plan = append(report.Plan, contracts.PlannedOrder{ID: ids[4], Kind: "newerThere", Effect: "deletesHere"})
			s.progress(job.ID, "r1", "running", report)
			require.Empty(t, s.deleteAtPeer(ids[4:5], 104))
			require.Empty(t, s.deleteAtPeer(ids[2:3], 105), "the operator left it out")
			require.Equal(t, ids[1:2], s.deleteAtPeer(ids[1:2], 106))
			if end == "done" {
				require.Equal(t, "done", s.progress(job.ID, "r1", "done", report).State)
			} else {
				s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+job.ID+"/drop", nil)
			}
			// Brought back and deleted again: the plan is over.
			again := newOrder(t, "back")
			again.ID = ids[1]
			s.put(http.StatusOK, entry(t, ids[1], "UPD", b(200), &again))
			require.Equal(t, "back", s.get(ids[1]).CustomerNote)
			require.Empty(t, s.deleteAtPeer(ids[1:2], 201))
		})
	}
}

// TestTheBrakeCountsWhatIsKept, and not what the database refused.
func TestTheBrakeCountsWhatIsKept(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "3" })
	ids := s.given(4)
	execute(t, s.cfg.DatabaseURL, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse()`)
	lost := contracts.Batch{Side: "b"}
	for i, id := range ids[:3] {
		lost.Entries = append(lost.Entries, entry(t, id, "DEL", b(int64(100+i)), nil))
	}
	s.want(http.StatusInternalServerError, "peer", "PUT", "/orders/transactions", lost)
	execute(t, s.cfg.DatabaseURL, "DROP TRIGGER refuse ON orders")
	require.Len(t, s.deleteAtPeer(ids, 100), 3)
	require.True(t, s.peerStatus().Brake.Deletions)
}

// TestDroppingAnErrorLeavesACollision that came of it meanwhile: nobody has seen the peer's newer version.
func TestDroppingAnErrorLeavesACollision(t *testing.T) {
	st := &stage{side: startSide(t), o: newOrder(t, "first")}
	st.id = st.o.ID
	before["ERROR"](st)
	agreed := st.version()
	st.edit("ours, edited meanwhile")
	st.want(http.StatusConflict, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{
		entry(t, st.id, "UPD", and(agreed, b(77)), st.theirs("theirs, newer")),
	}})
	require.Equal(t, "COLLISION", st.state(st.id))
	var r contracts.ErrorSettlementResult
	st.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", contracts.ErrorSettlement{Peer: "b", IDs: []string{st.id}, Take: "ours"}).into(t, &r)
	require.Zero(t, r.Settled)
	require.Equal(t, "it is no error any more, but a collision", r.Failed[0].Reason)
	require.Equal(t, "COLLISION", st.state(st.id))
}

// TestTheBrakeHoldsMassReplacements the same way; what is new here replaces nothing.
func TestTheBrakeHoldsMassReplacements(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeReplacements = "2" })
	ids := s.given(5)
	for i, id := range ids {
		o := newOrder(t, "replaced")
		o.ID = id
		s.put(http.StatusOK, entry(t, id, "UPD", b(int64(50+i)), &o))
	}
	held, reason := s.inError()
	require.Len(t, held, 3)
	require.Contains(t, reason, "replacements")
	require.True(t, s.peerStatus().Brake.Replacements)
	require.Len(t, s.deleteAtPeer(ids[:1], 90), 1, "deletions have a limit of their own")
	for _, bad := range []contracts.ErrorSettlement{
		{Peer: "c", IDs: ids, Take: "ours"},
		{Peer: "b", IDs: ids, Take: "both"},
		{Peer: "b", Take: "ours"},
		{Peer: "b", IDs: ids, Reason: reason, Take: "ours"},
		{Peer: "b", IDs: []string{"x"}, Take: "ours"},
	} {
		s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/errors/settle", bad).problem(t)
	}
}

// TestAShareNeedsMoreThanAFew: of a small side even a share allows some.
func TestAShareNeedsMoreThanAFew(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions, c.BrakeWindow = "10%", time.Hour })
	ids := s.given(25)
	require.Len(t, s.deleteAtPeer(ids, 100), 20)
}

// TestSettlingErrorsTellsWhatWasDoneBeforeItFailed: the rest has failed, with the reason.
func TestSettlingErrorsTellsWhatWasDoneBeforeItFailed(t *testing.T) {
	s := startSide(t, func(c *Config) { c.BrakeDeletions = "1" })
	s.deleteAtPeer(s.given(4), 100)
	held, reason := s.inError()
	require.Len(t, held, 3)
	slices.Sort(held)
	s.failing(held[1])
	var done contracts.ErrorSettlementResult
	ask := contracts.ErrorSettlement{Peer: "b", Reason: reason, Take: "ours"}
	s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/settle", ask).into(t, &done)
	require.Equal(t, contracts.ErrorSettlementResult{Settled: 1, Failed: []contracts.SettlementFailure{
		{ID: held[1], Reason: "it stopped here, look at it again: see the log of this side for the request id"},
		{ID: held[2], Reason: "not tried: it stopped at another one"},
	}}, done)
	s.want(http.StatusInternalServerError, "admin", "POST", "/admin/api/errors/settle", ask).problem(t)
}
