package admin

import (
	"errors"
	"net/http"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

func (a *Admin) policy(w http.ResponseWriter, r *http.Request) {
	if err := httpapi.NewQuery(r).Err(); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, a.policyView(a.service.Policy())))
}

// policyView shows a policy as this side sees it.
func (a *Admin) policyView(p merge.Policy) contracts.ConflictPolicy {
	out := contracts.ConflictPolicy{Policy: p.Name(), Rules: p.Rules.String(), Fields: []contracts.FieldRule{}}
	for _, r := range p.Rules {
		out.Fields = append(out.Fields, contracts.FieldRule{Pattern: r.Pattern, Policy: r.Seen(a.service.Name()), Side: r.Side})
	}
	return out
}

// previewPolicy tells what another policy would make of collisions.
func (a *Admin) previewPolicy(w http.ResponseWriter, r *http.Request) {
	q := httpapi.NewQuery(r)
	limit := q.Limit()
	if err := q.Err(); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	var trial contracts.PolicyTrial
	if err := httpapi.ReadJSON(r, &trial); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	p, nameErr, rulesErr := merge.ParsePolicy(trial.Policy, trial.Rules, append(a.names(), a.service.Name())...)
	if errors.Join(nameErr, rulesErr) != nil {
		httpapi.Fail(w, r, a.log, notAPolicy(nameErr, rulesErr))
		return
	}
	cases, err := a.service.TryPolicy(r.Context(), p, limit)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out := contracts.PolicyPreview{Policy: a.policyView(p), Looked: len(cases), Cases: []contracts.PreviewedCase{}}
	for _, c := range cases {
		out.Cases = append(out.Cases, contracts.PreviewedCase{
			ID: c.ID.String(), Peer: c.Peer, At: c.At.UTC(), Open: c.Open, Contested: c.Contested, Settles: c.Settles, Differs: c.Differs,
		})
		if c.Settles {
			out.Settled++
		}
		if c.Differs {
			out.Differ++
		}
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func notAPolicy(nameErr, rulesErr error) error {
	e := &orders.Error{Kind: orders.Invalid, Message: "the policy is not valid"}
	if nameErr != nil {
		e.Fields = append(e.Fields, contracts.FieldError{Pointer: "/policy", Detail: nameErr.Error()})
	}
	if rulesErr != nil {
		e.Fields = append(e.Fields, contracts.FieldError{Pointer: "/rules", Detail: rulesErr.Error()})
	}
	return e
}
