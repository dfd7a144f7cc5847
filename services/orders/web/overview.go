package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

type overviewPage struct {
	contracts.Status
	Peers      []overviewPeer
	SystemHead said // of the system behind a connector's side
}

func (o *overviewPage) status() *contracts.Status { return &o.Status }

// overviewPeer is both directions between this side and a peer.
type overviewPeer struct {
	contracts.PeerStatus
	Head     said
	Open     int64 // orders that are not settled
	Pictures []picture
	Plots    []plot
	Heard    time.Time       // when something last came from the peer, within the last hour
	Running  *reconciliation // one that waits for a person
}

func (p *Pages) overview(w http.ResponseWriter, r *http.Request) {
	s, err := read[contracts.Status](p, r, "/admin/api/status")
	if err != nil {
		p.fail(w, r, "overview", err)
		return
	}
	past, err := read[contracts.History](p, r, "/admin/api/history")
	if err != nil {
		p.fail(w, r, "overview", err)
		return
	}
	out := &overviewPage{Status: s}
	for _, peer := range s.Peers {
		samples := samplesOf(&past, peer.Peer)
		v := overviewPeer{PeerStatus: peer, Head: headline(&peer, &s.Broker, p.now()), Plots: plots(samples, past.EverySeconds, p.now())}
		for _, one := range samples {
			if one.Received > 0 {
				v.Heard = one.At
			}
		}
		for state, n := range peer.States {
			if state != "OK" && state != "DEL_SYNCED" {
				v.Open += n
			}
		}
		if v.Running, err = p.waitingReconciliation(r, &peer); err != nil {
			p.fail(w, r, "overview", err)
			return
		}
		flow := flowOf(&s, &peer, v.Heard, p.now())
		v.Pictures = []picture{flow.wide(), flow.tall()}
		out.Peers = append(out.Peers, v)
	}
	if s.System != nil {
		out.SystemHead = systemHeadline(s.System)
	}
	p.show(w, r, http.StatusOK, "overview", "overview", "Overview", out)
}

// systemHeadline says in one sentence how this side stands towards the system behind it.
func systemHeadline(s *contracts.SystemStatus) said {
	switch {
	case s.FailingSince != nil:
		return said{"bad", s.Name + " is unreadable: " + s.Failure}
	case s.Mode != "on":
		return said{"wait", "Nothing is changed in any system: the mode is " + s.Mode + "."}
	case !s.Imported:
		return said{"busy", "The orders of " + s.Name + " are being read for the first time."}
	case s.FaultCount > 0:
		return said{"wait", count(s.FaultCount, "order") + " of " + s.Name + " are refused."}
	case len(s.UnderWay) > 0 && s.UnderWay[0].Stuck != "": // those come first
		return said{"wait", "The creation of an order in " + s.Name + " needs a person."}
	case s.UnderWayCount > 0:
		return said{"busy", count(s.UnderWayCount, "write") + " to " + s.Name + " under way."}
	case len(s.Alarms) > 0:
		return said{"wait", words(s.Alarms[0]) + "."}
	}
	return said{"good", "In step with " + s.Name + "."}
}

// doSystemOrder decides about an order whose creation in the system got no answer.
func (p *Pages) doSystemOrder(verb, did string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := "/admin/api/system/orders/" + url.PathEscape(chi.URLParam(r, "id")) + "/" + verb
		if _, err := p.call(r, http.MethodPost, path, nil); err != nil {
			p.fail(w, r, "overview", err)
			return
		}
		done(w, r, "/admin", did)
	}
}

// waitingReconciliation finds what a person has to confirm towards a peer; nil when there is nothing.
func (p *Pages) waitingReconciliation(r *http.Request, peer *contracts.PeerStatus) (*reconciliation, error) {
	past, err := read[contracts.ReconciliationList](p, r, "/admin/api/reconciliations?limit=1&peer="+url.QueryEscape(peer.Peer))
	if err != nil {
		return nil, err
	}
	for _, one := range past.Reconciliations {
		if v := reconciliationOf(one); v.Stuck {
			return &v, nil
		}
	}
	return nil, nil
}

func samplesOf(h *contracts.History, peer string) []contracts.Sample {
	for _, p := range h.Peers {
		if p.Peer == peer {
			return p.Samples
		}
	}
	return nil
}

// headline says in one sentence how this side stands towards a peer.
func headline(p *contracts.PeerStatus, b *contracts.BrokerStatus, now time.Time) said {
	where, why := stopped(p, b, now)
	bad := p.States["COLLISION"] + p.States["ERROR"] + p.States["ERROR_SYNCED"]
	switch {
	case where != flowing && p.Pending > 0:
		return said{"bad", count(p.Pending, "order") + " cannot reach " + p.Peer + ". " + why}
	case where != flowing:
		return said{"wait", "Nothing is pending for " + p.Peer + ", but nothing could be sent. " + why}
	case p.Oldest != nil && p.Oldest.Overdue:
		return said{"bad", count(p.Pending, "order") + " pending for " + p.Peer + ", one of them for too long."}
	case p.Pending > 0 && len(p.Alarms) > 0:
		return said{"wait", count(p.Pending, "order") + " on the way to " + p.Peer + ". " + words(p.Alarms[0]) + "."}
	case p.Pending > 0:
		return said{"busy", count(p.Pending, "order") + " on the way to " + p.Peer + "."}
	case bad > 0:
		return said{"wait", "All changes are at " + p.Peer + ". " + count(bad, "order") + needs(bad) + " a person."}
	}
	if len(p.Alarms) > 0 {
		return said{"wait", "All changes are at " + p.Peer + ". " + words(p.Alarms[0]) + "."}
	}
	return said{"good", "Everything is in step with " + p.Peer + "."}
}

// needs is the verb for a number of orders.
func needs(n int64) string {
	if n == 1 {
		return " needs"
	}
	return " need"
}
