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

// epoch is the key that the side's process stamps its versions with.
func (s *side) epoch() string {
	s.t.Helper()
	var st contracts.Status
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(s.t, &st)
	return st.Epoch
}

const farAhead = contracts.VersionNumberMax

// TestInventedNumbersHoldNothing: neither a handshake nor an answer to one, nor an entry.
func TestInventedNumbersHoldNothing(t *testing.T) {
	s := startSide(t)
	mine := s.create(newOrder(t, "mine"))
	s.greet("peer", http.StatusOK, newest(mine.Sync.Version))
	present := s.epoch()
	s.put(http.StatusOK, entry(t, mine.ID, "OK", mine.Sync.Version, &mine.Order))
	s.put(http.StatusOK, entry(t, mine.ID, "OK", mine.Sync.Version, &mine.Order)) // draws a number and needs none
	unused := int64(count(t, s.cfg.DatabaseURL, "SELECT last_value FROM log_seq"))
	require.Greater(t, unused, mine.Sync.Version[present])
	for name, seen := range map[string]map[string]int64{
		"a name of nobody":                {"a.neverissued": 7},
		"a name that looks like ours":     {"a.abcdefghijklmnop": 7},
		"the name, another code":          {present[:12] + "aaaaaa": 7},
		"more than the process gave out":  {present: farAhead},
		"drawn and not used":              {present: unused},
		"and beside what is true as well": {present: mine.Sync.Version[present], "a.evil": 1},
	} {
		for _, role := range []string{"peer", "bridge"} {
			s.greetOnce(role, seen)
			require.Nil(t, s.peerStatus().Held, "%s, %s", name, role)
		}
	}
	for name, claim := range map[string]contracts.Version{
		"a name of nobody":               {"a.evil": 1},
		"more than the process gave out": {present: farAhead},
		"beside much that is true":       and(mine.Sync.Version, b(3), contracts.Version{"a.evil": 1}),
	} {
		o := newOrder(t, "claims")
		got := s.put(http.StatusOK, entry(t, o.ID, "NEW", and(b(3), claim), &o))
		require.Equal(t, "ERROR", got[0].State, name)
		require.Contains(t, got[0].Refused.Reason, "a number of this side that was never given out: a.", name)
		s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
		require.Nil(t, s.peerStatus().Held, name)
	}
	require.Empty(t, s.greet("peer", http.StatusOK, map[string]int64{}), "what is refused for its claims was not seen")
	require.Contains(t, string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body), "orderbridge_invented_numbers_total{peer=\"b\"} 1")
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM reconciliations WHERE cause = 'restored'"))
}

// TestAnOwnOrderKeepsItsVersion whatever an entry claims on top of it.
func TestAnOwnOrderKeepsItsVersion(t *testing.T) {
	s := startSide(t)
	mine := s.create(newOrder(t, "mine"))
	s.put(http.StatusOK, entry(t, mine.ID, "OK", mine.Sync.Version, &mine.Order))
	o := mine.Order
	o.CustomerNote = "theirs"
	s.put(http.StatusOK, entry(t, mine.ID, "UPD", and(mine.Sync.Version, b(3), contracts.Version{"a.evil": 1}), &o))
	require.Equal(t, mine.Sync.Version, s.get(mine.ID).Sync.Version)
	require.Equal(t, "mine", s.get(mine.ID).CustomerNote)

	alike := s.create(newOrder(t, "alike"))
	s.put(http.StatusOK, entry(t, alike.ID, "NEW", and(b(3), contracts.Version{"a.evil": 1}), &alike.Order))
	require.Equal(t, alike.Sync.Version, s.get(alike.ID).Sync.Version, "nor with the same content")
}

// TestALostEpochHoldsOnce, and what a peer claims of it meanwhile is not written.
func TestALostEpochHoldsOnce(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	lost := s.lose(t)
	s.greetOnce("peer", lost)
	require.NotNil(t, s.peerStatus().Held)
	const row = `SELECT (xmin::text || length(evidence) || (SELECT count(*) FROM written_off))::bigint FROM peers`
	before := count(t, s.cfg.DatabaseURL, row)
	for i := range 50 {
		for key, n := range lost {
			s.greetOnce("peer", map[string]int64{key: n + int64(i), fmt.Sprint("a.made", i): 3})
		}
	}
	require.Equal(t, before, count(t, s.cfg.DatabaseURL, row), "one row for a state, and not for each claim")

	s.confirmPlan(t, "done")
	require.Nil(t, s.peerStatus().Held)
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM written_off"))
	for key := range lost {
		s.greetOnce("peer", map[string]int64{key: farAhead})
		o := newOrder(t, "of the lost epoch")
		s.put(http.StatusOK, entry(t, o.ID, "NEW", and(b(3), contracts.Version{key: farAhead}), &o))
	}
	require.Nil(t, s.peerStatus().Held, "it is over")
}

// confirmPlan has an operator confirm the plan of a held link, and its runner end so.
func (s *side) confirmPlan(t *testing.T, state string) {
	t.Helper()
	plan := s.claim(false)
	require.Equal(t, "restored", plan.Cause)
	s.progress(plan.ID, "r1", "held", equalReport(0))
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
	job := s.claim(false)
	require.Equal(t, plan.ID, job.ID)
	s.progress(job.ID, "r1", state, equalReport(0))
}

// TestAnEntryOfALostNumberHolds before it is taken: the database was restored under a running service.
func TestAnEntryOfALostNumberHolds(t *testing.T) {
	s := startSide(t)
	kept := s.create(newOrder(t, "kept"))
	o := newOrder(t, "lost")
	lost := s.create(o)
	s.greet("peer", http.StatusOK, newest(lost.Sync.Version))
	s.putBack(kept.Sync.Version)
	o.CustomerNote = "edited by the peer"
	got := s.want(http.StatusServiceUnavailable, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, o.ID, "UPD", and(lost.Sync.Version, b(1)), &o)}})
	require.Equal(t, "/problems/held", got.problem(t).Type, "%s", got.body)
	require.NotNil(t, s.peerStatus().Held)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
}

// TestAnEmptyDatabaseInPlaceOfAFullOne holds for names that it cannot verify, until an operator has confirmed.
func TestAnEmptyDatabaseInPlaceOfAFullOne(t *testing.T) {
	s := startSide(t, func(c *Config) { c.ReconcileEvery = 0 })
	s.startUngreeted()
	execute(t, s.cfg.DatabaseURL, "UPDATE peers SET told = NULL") // the start had been greeted once
	require.Eventually(t, func() bool {
		s.greetOnce("peer", map[string]int64{"a.7kq2mz4p9w": 40})
		return s.peerStatus().Held != nil
	}, time.Minute, 100*time.Millisecond)
	s.confirmPlan(t, "done")
	require.Nil(t, s.peerStatus().Held)
	s.greetOnce("peer", map[string]int64{"a.7kq2mz4p9w": 41, "a.another": 3})
	require.Nil(t, s.peerStatus().Held)
	o := newOrder(t, "left out of the plan, and edited since")
	s.put(http.StatusOK, entry(t, o.ID, "UPD", and(b(9), contracts.Version{"a.another": 3}), &o))
	require.Equal(t, o.CustomerNote, s.get(o.ID).CustomerNote, "an order of the time before may come late")
}

// TestAHeldLinkServesThePeerOnceConfirmed: if both sides are held, each has to be served by the other.
func TestAHeldLinkServesThePeerOnceConfirmed(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	lost := s.lose(t)
	s.greetOnce("peer", lost)
	s.requireHeld(t)
	plan := s.claim(false)
	s.progress(plan.ID, "r1", "held", equalReport(0))
	s.requireHeld(t)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+plan.ID+"/confirm", contracts.ReconciliationConfirmation{})
	o := newOrder(t, "of the peer's plan")
	s.put(http.StatusOK, entry(t, o.ID, "NEW", and(lost, b(2)), &o))
	require.Equal(t, o.CustomerNote, s.get(o.ID).CustomerNote)
	require.NotNil(t, s.peerStatus().Held)
	s.want(http.StatusServiceUnavailable, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{o.ID}}).problem(t)
}

// TestAnotherProcessKnowsHowFarItHasCome: a number above that is invented, though the name verifies.
func TestAnotherProcessKnowsHowFarItHasCome(t *testing.T) {
	t.Parallel() // it waits more than it works
	first := startSide(t)
	second := startSide(t, func(c *Config) {
		c.DatabaseURL, c.NatsURL, c.NatsAddr, c.NatsStoreDir = first.cfg.DatabaseURL, "nats://"+first.cfg.NatsAddr, "", ""
		c.NatsPassword = first.cfg.NatsPassword
	})
	mine := second.create(newOrder(t, "x"))
	other := second.epoch()
	require.NotZero(t, mine.Sync.Version[other])
	require.Eventually(t, func() bool {
		return count(t, first.cfg.DatabaseURL, fmt.Sprintf("SELECT count(*) FROM live_epochs WHERE key = '%s' AND issued > 0", other)) == 1
	}, time.Minute, 50*time.Millisecond)
	forged := map[string]int64{other: farAhead}
	require.Eventually(t, func() bool {
		first.greetOnce("peer", forged)
		require.Nil(t, first.peerStatus().Held)
		return strings.Contains(string(first.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body), "orderbridge_invented_numbers_total{peer=\"b\"} 1")
	}, time.Minute, 100*time.Millisecond)
	second.stop()
	first.greetOnce("peer", forged)
	require.NotNil(t, first.peerStatus().Held, "of a process that has ended nobody knows")
}

// TestAReleasedLinkNeedsNoPlan, though another process has not heard yet that it was released.
func TestAReleasedLinkNeedsNoPlan(t *testing.T) {
	t.Parallel() // it waits more than it works
	first := startSide(t, func(c *Config) { c.ReconcileEvery = 0 })
	second := startSide(t, func(c *Config) {
		c.DatabaseURL, c.NatsURL, c.NatsAddr, c.NatsStoreDir = first.cfg.DatabaseURL, "nats://"+first.cfg.NatsAddr, "", ""
		c.NatsPassword, c.ReconcileEvery = first.cfg.NatsPassword, 0
	})
	first.awaitConsumer()
	execute(t, first.cfg.DatabaseURL, "UPDATE peers SET told = NULL")
	require.Eventually(t, func() bool {
		first.greetOnce("peer", map[string]int64{"a.7kq2mz4p9w": 40})
		return first.peerStatus().Held != nil && second.peerStatus().Held != nil
	}, time.Minute, 100*time.Millisecond)
	first.confirmPlan(t, "done")
	require.Nil(t, second.claim(false))
}
