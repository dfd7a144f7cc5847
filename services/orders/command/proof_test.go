package command

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// proofNow is what the peer's bridge tells when it finds both sides equal at this moment.
func (s *side) proofNow() contracts.Proof {
	s.t.Helper()
	var list contracts.RangeList
	require.NoError(s.t, strictjson.Decode(s.want(http.StatusOK, "peer", "GET", "/orders/fingerprints?parts=1", nil).body, &list))
	all := list.Ranges[0]
	return contracts.Proof{Side: "b", Peer: "a", At: time.Now().UTC().Truncate(time.Microsecond), Orders: all.Count, Hash: all.Hash, Position: 6, PeerPosition: list.Position}
}

// TestAProofOfThePeerIsKept, told the other way round.
func TestAProofOfThePeerIsKept(t *testing.T) {
	s := startSide(t)
	s.create(newOrder(t, "x"))
	good := s.proofNow()
	s.want(http.StatusNoContent, "peer", "POST", "/orders/proofs", good)
	p := s.peerStatus().Proof
	require.Equal(t, &contracts.Proof{Side: "a", Peer: "b", At: good.At, Orders: 1, Hash: good.Hash, Position: good.PeerPosition, PeerPosition: 6}, p)
	ahead := good
	ahead.At = time.Now().Add(time.Hour)
	s.want(http.StatusNoContent, "peer", "POST", "/orders/proofs", ahead)
	require.Less(t, time.Until(s.peerStatus().Proof.At), time.Minute, "a clock that is ahead is not believed")
	for _, bad := range []func(*contracts.Proof){
		func(p *contracts.Proof) { p.Peer = "c" }, func(p *contracts.Proof) { p.Hash = "x" },
		func(p *contracts.Proof) { p.Orders = -1 }, func(p *contracts.Proof) { p.At = time.Time{} },
	} {
		p := good
		bad(&p)
		s.want(http.StatusUnprocessableEntity, "peer", "POST", "/orders/proofs", p).problem(t)
	}
	other := good
	other.Side = "c"
	s.want(http.StatusForbidden, "peer", "POST", "/orders/proofs", other).problem(t)
	s.want(http.StatusForbidden, "bridge", "POST", "/orders/proofs", good).problem(t)
}

// TestAForgedProofIsRefused, and suppresses no comparison.
func TestAForgedProofIsRefused(t *testing.T) {
	s := startSide(t)
	s.create(newOrder(t, "x"))
	good := s.proofNow()
	for name, forge := range map[string]func(*contracts.Proof){
		"all made up": func(p *contracts.Proof) {
			p.Orders, p.Hash, p.PeerPosition = 999_999, strings.Repeat("deadbeef", 4), 1<<63-1
		},
		"another number":     func(p *contracts.Proof) { p.Orders++ },
		"another hash":       func(p *contracts.Proof) { p.Hash = strings.Repeat("deadbeef", 4) },
		"a position ahead":   func(p *contracts.Proof) { p.PeerPosition++ },
		"an older position":  func(p *contracts.Proof) { p.PeerPosition-- },
		"nothing is nothing": func(p *contracts.Proof) { p.Orders, p.Hash, p.PeerPosition = 0, strings.Repeat("1", 32), 0 },
	} {
		p := good
		forge(&p)
		require.Equal(t, http.StatusConflict, s.want(http.StatusConflict, "peer", "POST", "/orders/proofs", p).problem(t).Status, name)
		require.Nil(t, s.peerStatus().Proof, name)
	}
}

// TestAProofIsVerifiedAsOfItsPosition: what has been made, edited and deleted since does not count, and the
// proof is no newer than that.
func TestAProofIsVerifiedAsOfItsPosition(t *testing.T) {
	s := startSide(t)
	kept, edited, deleted := s.create(newOrder(t, "kept")), s.create(newOrder(t, "edited")), s.create(newOrder(t, "deleted"))
	then := s.proofNow()
	require.EqualValues(t, 3, then.Orders)
	o, before := edited.Order, time.Now()
	for _, note := range []string{"once", "twice"} {
		o.CustomerNote = note
		s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	}
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+deleted.ID, nil, "If-Match", "*")
	s.create(newOrder(t, "new"))
	require.NotEqual(t, then.Hash, s.proofNow().Hash)
	then.At = time.Now().UTC()
	s.want(http.StatusNoContent, "peer", "POST", "/orders/proofs", then)
	p := s.peerStatus().Proof
	require.Equal(t, then.Hash, p.Hash)
	require.True(t, p.At.After(before) && p.At.Before(then.At), "it was true until the first edit")
	later := then
	later.PeerPosition += 2
	s.want(http.StatusConflict, "peer", "POST", "/orders/proofs", later).problem(t)
	require.NotEmpty(t, kept.ID)
}
