package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// pageOf is the page of the case that a request is about.
func pageOf(r *http.Request) string {
	return "/admin/collisions/" + url.PathEscape(chi.URLParam(r, "id")) + "?peer=" + url.QueryEscape(r.URL.Query().Get("peer"))
}

// settledOrProposed sends the browser on after a resolution, by what the API said.
func settledOrProposed(w http.ResponseWriter, r *http.Request, a *reply) {
	if a.status == http.StatusAccepted {
		done(w, r, pageOf(r), "proposed")
		return
	}
	done(w, r, "/admin/orders/"+url.PathEscape(chi.URLParam(r, "id")), "settled")
}

// offer works out what a proposal comes to. A void one is only told of.
func (c *casePage) offer(r *http.Request) error {
	if c.Proposal == nil || c.Proposal.Void {
		return nil
	}
	c.Own = c.Proposal.By == httpapi.CallerOf(r.Context()).Actor
	o := &outcome{Take: c.Proposal.Take, Order: c.Proposal.Order}
	if !c.takes(o) {
		o.Text = "The chosen fields become a new version on every side."
	}
	c.Offered = o
	if o.Order == nil {
		o.Text = "The order is deleted on every side."
		return nil
	}
	o.show()
	if c.Ours.Order == nil {
		return nil
	}
	var err error
	o.Changes, err = differences(c.Ours.Order, o.Order)
	return err
}

// decideProposal approves or rejects what is proposed, as it was shown.
func (p *Pages) decideProposal(verb string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		values, ok := p.form(w, r)
		if !ok {
			return
		}
		a, err := p.call(r, http.MethodPost, casePath(r, verb), contracts.ProposalDecision{Proposal: values.Get("proposal")})
		switch {
		case err != nil:
			problem := problemOf(err)
			if problem.Status == http.StatusPreconditionFailed {
				problem.Title = "Nothing was changed"
			}
			p.fail(w, r, "collisions", &refusal{Problem: problem})
		case verb == "/reject":
			done(w, r, pageOf(r), "rejected")
		default:
			settledOrProposed(w, r, a)
		}
	}
}
