package command

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// several sets peers and their tokens in place of those of one.
func several(peers, tokens string, change ...func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Peer, c.PeerURL, c.PeerToken, c.Peers, c.PeerTokens = "", "", "", peers, tokens
		for _, one := range change {
			one(c)
		}
	}
}

// twoPeers are b, whose role in tests is peer, and c, whose role is peer-c.
func twoPeers(c *Config) {
	several("b=http://127.0.0.1:1 c=http://127.0.0.1:2", "b="+secret("peer")+"\nc="+secret("peer-c"))(c)
}

// startBetween runs side a with the peers b and c, which both have greeted it.
func startBetween(t *testing.T, change ...func(*Config)) *side {
	t.Helper()
	s := startSide(t, append([]func(*Config){twoPeers}, change...)...)
	s.sendAs(http.StatusOK, "c")
	return s
}

// sendAs sends entries as a peer, or greets where there are none, and returns the answer.
func (s *side) sendAs(status int, peer string, entries ...contracts.Entry) *answer {
	s.t.Helper()
	batch := contracts.Batch{Side: peer, Entries: entries}
	if entries == nil {
		batch.Entries, batch.Seen = []contracts.Entry{}, map[string]int64{}
	}
	return s.want(status, roleOf(peer), "PUT", "/orders/transactions", batch)
}

// answers stores what a peer answered, as the own bridge does.
func (s *side) answers(status int, peer string, entries ...contracts.Entry) *answer {
	s.t.Helper()
	return s.want(status, "bridge", "PUT", "/orders/transactions", contracts.Batch{Side: peer, Entries: entries})
}

func roleOf(peer string) string {
	if peer == "b" {
		return "peer"
	}
	return "peer-" + peer
}

func c(n int64) contracts.Version { return contracts.Version{"c.m40d": n} }

func TestPeerTokenSpeaksForOneSide(t *testing.T) {
	s := startBetween(t)
	o := newOrder(t, "of b")
	e := entry(t, o.ID, "NEW", b(1), &o)

	p := s.want(http.StatusForbidden, "peer-c", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{e}}).problem(t)
	require.Equal(t, "the token is that of c, which cannot speak for another side", p.Detail)
	s.want(http.StatusForbidden, "peer-c", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{}, Seen: map[string]int64{}}).problem(t)
	proof := contracts.Proof{Side: "b", Peer: "a", At: now(), Hash: "00000000000000000000000000000000"}
	s.want(http.StatusForbidden, "peer-c", "POST", "/orders/proofs", proof).problem(t)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)

	s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{e}})
	require.Equal(t, "peer:b", s.timeline(o.ID)[0].Actor)
}

func TestBatchIsReadByItsSender(t *testing.T) {
	s := startBetween(t)
	o := newOrder(t, "of b")
	a := s.want(http.StatusAccepted, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, o.ID, "NEW", b(1), &o)}}, "Prefer", "respond-async")
	at := a.header.Get("Location")
	s.want(http.StatusOK, "peer", "GET", at, nil)
	s.want(http.StatusNotFound, "peer-c", "GET", at, nil).problem(t)
	s.want(http.StatusNotFound, "bridge", "GET", at, nil).problem(t)
}

func TestStatesAreTowardsWhoAsks(t *testing.T) {
	s := startBetween(t)
	o := newOrder(t, "of b")
	s.sendAs(http.StatusOK, "b", entry(t, o.ID, "NEW", b(1), &o))

	state := func(role, path string) string {
		t.Helper()
		var page contracts.EntryPage
		s.want(http.StatusOK, role, "GET", path, nil).into(t, &page)
		require.Len(t, page.Entries, 1)
		return page.Entries[0].State
	}
	for _, path := range []string{"/orders/transactions", "/orders/entries"} {
		require.Equal(t, "OK", state("peer", path))
		require.Equal(t, "NEW", state("peer-c", path), "c does not have it")
		require.Equal(t, "OK", state("bridge", path+"?peer=b"))
		require.Equal(t, "NEW", state("bridge", path+"?peer=c"))
		s.want(http.StatusBadRequest, "bridge", "GET", path, nil).problem(t)
		s.want(http.StatusBadRequest, "bridge", "GET", path+"?peer=d", nil).problem(t)
		s.want(http.StatusBadRequest, "peer", "GET", path+"?peer=c", nil).problem(t)
	}
}

// collidesWith brings an order that all have into a collision with a peer, by an edit on both sides.
func (s *side) collidesWith(peer string, o contracts.Order, v contracts.Version) {
	s.t.Helper()
	o.CustomerNote = "of " + peer
	s.sendAs(http.StatusConflict, peer, entry(s.t, o.ID, "UPD", v, &o))
}

// shared is an order of a that b and c have, and its version.
func (s *side) shared(note string) (contracts.Order, contracts.Version) {
	s.t.Helper()
	o := newOrder(s.t, note)
	v := s.create(o).Sync.Version
	for _, peer := range []string{"b", "c"} {
		e := entry(s.t, o.ID, "OK", v, &o)
		e.Order, e.AnswerTo = nil, v
		s.answers(http.StatusOK, peer, e)
	}
	return o, v
}

// edited changes a shared order here.
func (s *side) edited(o contracts.Order, note string) contracts.Order {
	s.t.Helper()
	o.CustomerNote = note
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	return o
}

// TestTwoCasesOfOneOrderAreTwoPages, in each list.
func TestTwoCasesOfOneOrderAreTwoPages(t *testing.T) {
	s := startBetween(t)
	o, v := s.shared("x")
	s.edited(o, "of a")
	s.collidesWith("b", o, and(v, b(1)))
	s.collidesWith("c", o, and(v, c(1)))
	for _, path := range []string{"/admin/api/collisions", "/admin/api/orders"} {
		var peers []string
		for next := path + "?limit=1"; next != ""; {
			var page contracts.AdminOrderPage
			s.want(http.StatusOK, "admin", "GET", next, nil).into(t, &page)
			require.Len(t, page.Orders, 1)
			peers, next = append(peers, page.Orders[0].Peer), page.Next
		}
		require.Equal(t, []string{"b", "c"}, peers)
	}
	var page contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions?cursor="+o.ID, nil).into(t, &page)
	require.Empty(t, page.Orders, "an id alone stands for the whole order")
	s.want(http.StatusBadRequest, "admin", "GET", "/admin/api/collisions?cursor=x", nil).problem(t)

	var r contracts.CollisionSettlementResult
	s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/settle", contracts.CollisionSettlement{Take: "ours", After: o.ID + ":b", DryRun: true}).into(t, &r)
	require.Len(t, r.Cases, 1)
	require.Equal(t, "c", r.Cases[0].Peer)
	require.EqualValues(t, 2, r.Open)
}

// restartWith stops the side and starts it with other settings.
func (s *side) restartWith(change func(*Config)) {
	s.t.Helper()
	s.stop()
	change(s.cfg)
	require.NoError(s.t, s.cfg.Validate())
	s.start()
}

func onlyB(c *Config) { several("b=http://127.0.0.1:1", "b="+secret("peer"))(c) }

// TestPeerThatHasLeft: no row of it breaks anything, an alarm names it, and forgetting it removes them.
func TestPeerThatHasLeft(t *testing.T) {
	s := startBetween(t)
	o, v := s.shared("with a case")
	kept, _ := s.shared("settled")
	s.edited(o, "of a")
	s.collidesWith("b", o, and(v, b(1)))
	s.collidesWith("c", o, and(v, c(1)))
	s.want(http.StatusConflict, "admin", "POST", "/admin/api/peers/c/forget", nil).problem(t)
	require.Empty(t, s.left())

	s.restartWith(onlyB)
	require.Equal(t, []string{"c"}, s.left())
	require.Contains(t, strings.Join(s.peerStatus().Alarms, "\n"), "c is not among the peers of the settings any more")
	page, err := url.PathUnescape(string(s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions", nil).body))
	require.NoError(t, err)
	require.NotContains(t, page, "\"c\"")
	for _, call := range []string{"/resolve", ""} {
		method, body := "GET", any(nil)
		if call != "" {
			method, body = "POST", contracts.Resolution{Take: "theirs"}
		}
		s.want(http.StatusBadRequest, "admin", method, "/admin/api/collisions/"+o.ID+call+"?peer=c", body).problem(t)
	}
	r := s.settle(contracts.CollisionSettlement{Take: "ours"})
	require.EqualValues(t, 1, r.Open)
	require.Equal(t, 1, r.Settled)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/conflict-policy/preview", contracts.PolicyTrial{Policy: "merge"})

	s.age()
	require.Positive(t, s.cleanUp().LogRows, "links to c keep nothing from being removed")

	s.want(http.StatusForbidden, "client", "POST", "/admin/api/peers/c/forget", nil).problem(t)
	s.want(http.StatusNoContent, "admin", "POST", "/admin/api/peers/c/forget", nil)
	require.Empty(t, s.left())
	require.Zero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM links WHERE peer = 'c'"))
	require.NotZero(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM links WHERE peer = 'b'"))
	s.contentsAreWhole()
	s.want(http.StatusNotFound, "admin", "POST", "/admin/api/peers/c/forget", nil).problem(t)
	require.NotContains(t, strings.Join(s.peerStatus().Alarms, "\n"), "settings")
	var audit contracts.AuditPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/audit", nil).into(t, &audit)
	require.Equal(t, "peer.forgotten", audit.Events[0].Action)
	require.Equal(t, "peer:c", audit.Events[0].Subject)
	s.get(kept.ID)
}

// left are the peers that have left the settings.
func (s *side) left() (peers []string) {
	s.t.Helper()
	var list contracts.PeerList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/peers", nil).into(s.t, &list)
	for _, p := range list.Left {
		peers = append(peers, p.Peer)
	}
	return peers
}

// TestPeerThatComesBack, forgotten or not, is new: what was agreed with it is not taken for the present version.
func TestPeerThatComesBack(t *testing.T) {
	for name, forget := range map[string]bool{"forgotten": true, "not forgotten": false} {
		t.Run(name, func(t *testing.T) {
			s := startBetween(t)
			changed, v := s.shared("changed meanwhile")
			s.restartWith(onlyB)
			if forget {
				s.want(http.StatusNoContent, "admin", "POST", "/admin/api/peers/c/forget", nil)
			}
			s.edited(changed, "of a")
			made := newOrder(t, "made meanwhile")
			s.create(made)

			s.restartWith(twoPeers)
			s.sendAs(http.StatusOK, "c")
			require.Empty(t, s.left())
			var list contracts.EntryPage
			s.want(http.StatusOK, "peer-c", "GET", "/orders/entries", nil).into(t, &list)
			require.Len(t, list.Entries, 2)
			for _, e := range list.Entries {
				require.NotEqual(t, "OK", e.State, "c does not have it")
			}
			s.collidesWith("c", changed, and(v, c(1)))
		})
	}
}

// TestBrakeIsTheSides: what the peers delete together counts.
func TestBrakeIsTheSides(t *testing.T) {
	s := startBetween(t, func(c *Config) { c.BrakeDeletions = "10" })
	gone := 0
	for i := range 16 {
		o, v := s.shared("x")
		peer, next := "b", b(int64(i+1))
		if i%2 == 1 {
			peer, next = "c", c(int64(i+1))
		}
		s.sendAs(http.StatusOK, peer, entry(t, o.ID, "DEL", and(v, next), nil))
		if s.do("client", "GET", "/orders/"+o.ID, nil).status == http.StatusGone {
			gone++
		}
	}
	require.Equal(t, 10, gone)
	for _, p := range s.status().Peers {
		require.True(t, p.Brake.Deletions, p.Peer)
	}
	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/c/brake", contracts.BrakeSetting{})
	for _, p := range s.status().Peers {
		require.False(t, p.Brake.Deletions, p.Peer)
	}
}

func (s *side) status() (st contracts.Status) {
	s.t.Helper()
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(s.t, &st)
	return st
}

func (s *side) heldPeers() (held []string) {
	s.t.Helper()
	for _, p := range s.status().Peers {
		if p.Held != nil {
			held = append(held, p.Peer)
		}
	}
	return held
}

// TestRestoreHoldsAllLinks, whichever peer shows it, until one plan is confirmed.
func TestRestoreHoldsAllLinks(t *testing.T) {
	s := startBetween(t)
	s.awaitConsumer()
	kept := s.create(newOrder(t, "kept"))
	lost := s.create(newOrder(t, "lost"))
	s.greet("peer", http.StatusOK, newest(lost.Sync.Version))
	s.stop()
	s.putBack(kept.Sync.Version)
	s.start()
	s.sendAs(http.StatusOK, "c")
	require.Empty(t, s.heldPeers())
	s.greetOnce("peer", newest(lost.Sync.Version))
	require.Equal(t, []string{"b", "c"}, s.heldPeers())
	o := newOrder(t, "of c")
	s.sendAs(http.StatusServiceUnavailable, "c", entry(t, o.ID, "NEW", c(1), &o)).problem(t)

	claim := func(peer string) *contracts.Reconciliation {
		t.Helper()
		a := s.do("bridge", "POST", "/orders/reconciliations", contracts.ReconciliationClaim{Peer: peer, Runner: "r-" + peer})
		if a.status == http.StatusNoContent {
			return nil
		}
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		var r contracts.Reconciliation
		a.into(t, &r)
		return &r
	}
	report := func(peer, state string, r *contracts.Reconciliation, done bool) {
		t.Helper()
		rep := equalReport(2)
		rep.Peer, rep.CarriedOut = peer, done
		s.want(http.StatusOK, "bridge", "PUT", "/orders/reconciliations/"+r.ID, contracts.ReconciliationProgress{Runner: "r-" + peer, State: state, Report: rep})
	}
	ofB, ofC := claim("b"), claim("c")
	require.Nil(t, ofB.DecidedAt)
	report("b", "held", ofB, false)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/reconciliations/"+ofB.ID+"/confirm", contracts.ReconciliationConfirmation{})
	report("c", "held", ofC, false) // its plan comes after that
	ofC = claim("c")
	require.NotNil(t, ofC, "one decision is enough")
	require.Equal(t, "admin:token", ofC.DecidedBy)
	report("c", "running", ofC, true)
	require.Equal(t, []string{"b"}, s.heldPeers())
	ofB = claim("b")
	report("b", "running", ofB, true)
	require.Empty(t, s.heldPeers())
	s.greetOnce("peer", newest(lost.Sync.Version))
	s.want(http.StatusOK, "peer-c", "PUT", "/orders/transactions", contracts.Batch{Side: "c", Entries: []contracts.Entry{}, Seen: newest(lost.Sync.Version)})
	require.Empty(t, s.heldPeers(), "it is written off")
}

// TestARefusedEntrySpeaksForItsPeerAlone: b cannot have a report numbers to c that only a refused entry has.
func TestARefusedEntrySpeaksForItsPeerAlone(t *testing.T) {
	s := startBetween(t)
	seen := func(peer string) map[string]int64 {
		t.Helper()
		var out contracts.Batch
		s.sendAs(http.StatusOK, peer).into(t, &out)
		return out.Seen
	}
	bad := newOrder(t, "refused")
	bad.CustomerNote = strings.Repeat("x", 1<<16)
	var told contracts.Batch
	s.sendAs(http.StatusOK, "b", entry(t, bad.ID, "NEW", and(b(7), c(99)), &bad)).into(t, &told)
	require.NotNil(t, told.Entries[0].Refused)
	require.Empty(t, seen("c"))
	require.Equal(t, map[string]int64(b(7)), seen("b"))

	good := newOrder(t, "taken")
	s.sendAs(http.StatusOK, "b", entry(t, good.ID, "NEW", and(b(8), c(5)), &good))
	require.Equal(t, map[string]int64(c(5)), seen("c"))
}
