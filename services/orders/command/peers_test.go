package command

import (
	"net/http"
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
