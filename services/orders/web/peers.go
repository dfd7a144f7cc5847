package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

type peersPage struct {
	contracts.Status
	Peers []peerView
	Left  []contracts.LeftPeer
}

func (o *peersPage) status() *contracts.Status { return &o.Status }

// peerView is the link to a peer, for those who keep it going.
type peerView struct {
	contracts.PeerStatus
	URL     string
	Head    said
	Bridges []bridgeView
	Past    []reconciliation // newest first
	Open    *reconciliation  // the one that is under way
}

type bridgeView struct {
	contracts.BridgeReport
	said
	Next  string       // when it tries again
	Calls []failedView // that went wrong, newest first
}

func (p *Pages) peers(w http.ResponseWriter, r *http.Request) {
	s, err := read[contracts.Status](p, r, "/admin/api/status")
	if err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	list, err := read[contracts.PeerList](p, r, "/admin/api/peers")
	if err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	out := &peersPage{Status: s, Left: list.Left}
	for _, one := range s.Peers {
		v := peerView{PeerStatus: one, Head: headline(&one, &s.Broker, p.now())}
		for _, peer := range list.Peers {
			if peer.Peer == one.Peer {
				v.URL = peer.URL
			}
		}
		calls, err := read[contracts.FailedCallList](p, r, "/admin/api/peers/"+url.PathEscape(one.Peer)+"/failed-calls")
		if err != nil {
			p.fail(w, r, "peers", err)
			return
		}
		for _, b := range one.Bridges {
			v.Bridges = append(v.Bridges, bridgeOf(b, calls.Bridges, p.now()))
		}
		past, err := read[contracts.ReconciliationList](p, r, "/admin/api/reconciliations?limit=10&peer="+url.QueryEscape(one.Peer))
		if err != nil {
			p.fail(w, r, "peers", err)
			return
		}
		for _, one := range past.Reconciliations {
			v.Past = append(v.Past, reconciliationOf(one))
			if last := &v.Past[len(v.Past)-1]; last.Open && v.Open == nil {
				v.Open = last
			}
		}
		out.Peers = append(out.Peers, v)
	}
	p.show(w, r, http.StatusOK, "peers", "peers", "Peers", out)
}

func bridgeOf(b contracts.BridgeReport, failed []contracts.BridgeFailures, now time.Time) bridgeView {
	v := bridgeView{BridgeReport: b, said: said{"good", "Running"}}
	for _, f := range failed {
		if f.Instance == b.Instance {
			for _, c := range f.Calls {
				v.Calls = append(v.Calls, failedOf(c, b.Peer))
			}
		}
	}
	switch {
	case b.State == "silent":
		v.said = said{"bad", "Silent: last report " + ago(b.At, now)}
	case b.State == "unauthorized":
		v.said = said{"bad", "Unauthorized: " + b.Peer + " refuses our token"}
	case b.Circuit != "closed" || b.State == "waiting":
		v.said = said{"wait", "Waiting: " + reason(b.LastError)}
		if b.RetryAt.After(now) {
			v.Next = "in " + duration(b.RetryAt.Sub(now).Round(time.Second))
		}
	}
	return v
}

// forgetPeer removes what is stored of a peer that has left the settings.
func (p *Pages) forgetPeer(w http.ResponseWriter, r *http.Request) {
	p.switchPeer(w, r, "forget", "forgotten")
}

// pausePeer and resumePeer stop and start sending to a peer.
func (p *Pages) pausePeer(w http.ResponseWriter, r *http.Request) {
	p.switchPeer(w, r, "pause", "paused")
}

func (p *Pages) resumePeer(w http.ResponseWriter, r *http.Request) {
	p.switchPeer(w, r, "resume", "resumed")
}

func (p *Pages) switchPeer(w http.ResponseWriter, r *http.Request, verb, did string) {
	if _, err := p.call(r, http.MethodPost, "/admin/api/peers/"+url.PathEscape(chi.URLParam(r, "peer"))+"/"+verb, nil); err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	done(w, r, "/admin/peers", did)
}
