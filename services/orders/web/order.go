package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// orderPage is one order: its content, how it stands towards each peer, and what happened to it.
type orderPage struct {
	contracts.OrderView
	Version   string // as an ETag
	Deleted   bool
	Standings []standing
	Story     []step
	Differs   *contracts.Collision
	There     *contracts.SystemOrder // in the system behind this side
	All       contracts.Status
}

func (o *orderPage) status() *contracts.Status { return &o.All }

func (p *Pages) order(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	at := url.PathEscape(id)
	tl, err := read[contracts.Timeline](p, r, "/admin/api/orders/"+at+"/timeline")
	if err != nil {
		p.fail(w, r, "orders", err)
		return
	}
	out := &orderPage{}
	if out.All, err = read[contracts.Status](p, r, "/admin/api/status"); err != nil {
		p.fail(w, r, "orders", err)
		return
	}
	a, err := p.call(r, http.MethodGet, "/orders/"+at, nil)
	switch problem := problemOf(err); {
	case err == nil:
		if err := decode(a, &out.OrderView); err != nil {
			p.fail(w, r, "orders", err)
			return
		}
		out.Version = a.header.Get("ETag")
	case problem.Status == http.StatusGone, problem.Status == http.StatusNotFound: // deleted, or refused: there is only its story
		out.Deleted, out.ID = true, id
	default:
		p.fail(w, r, "orders", err)
		return
	}
	out.Story = storyOf(&tl, &out.Sync)
	for _, l := range out.Sync.Links {
		out.Standings = append(out.Standings, standingOf(id, l, &out.All, p.now()))
		if l.State == "COLLISION" {
			if c, err := read[contracts.Collision](p, r, "/admin/api/collisions/"+at+"?peer="+url.QueryEscape(l.Peer)); err == nil {
				out.Differs = &c
			}
		}
	}
	if out.All.System != nil {
		there, err := read[contracts.SystemOrder](p, r, "/admin/api/system/orders/"+at)
		if err == nil {
			out.There = &there
		} else if problemOf(err).Status != http.StatusNotFound {
			p.fail(w, r, "orders", err)
			return
		}
	}
	title := "Order " + out.OrderNumber
	if out.Deleted {
		title = "Order"
	}
	p.show(w, r, http.StatusOK, "order", "orders", title, out)
}
