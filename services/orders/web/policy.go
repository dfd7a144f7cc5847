package web

import (
	"net/http"

	"github.com/orderbridge/orderbridge/contracts"
)

// policyTried is how many collisions a preview looks at.
const policyTried = "200"

// policyPage is what is settled without a person, and what another policy would settle.
type policyPage struct {
	Now     contracts.ConflictPolicy
	Trial   contracts.PolicyTrial
	Preview *contracts.PolicyPreview
	Problem *contracts.Problem
}

func (p *Pages) policy(w http.ResponseWriter, r *http.Request) {
	p.showPolicy(w, r, http.StatusOK, &policyPage{})
}

// tryPolicy shows what another policy would settle. Nothing is changed by it.
func (p *Pages) tryPolicy(w http.ResponseWriter, r *http.Request) {
	v, ok := p.form(w, r)
	if !ok {
		return
	}
	body := &policyPage{Trial: contracts.PolicyTrial{Policy: v.Get("policy"), Rules: v.Get("rules")}}
	a, err := p.call(r, http.MethodPost, "/admin/api/conflict-policy/preview?limit="+policyTried, body.Trial)
	if err == nil {
		body.Preview = &contracts.PolicyPreview{}
		err = decode(a, body.Preview)
	}
	if err != nil {
		problem := problemOf(err)
		body.Preview, body.Problem = nil, &problem
		p.showPolicy(w, r, problem.Status, body)
		return
	}
	p.showPolicy(w, r, http.StatusOK, body)
}

func (p *Pages) showPolicy(w http.ResponseWriter, r *http.Request, status int, body *policyPage) {
	var err error
	if body.Now, err = read[contracts.ConflictPolicy](p, r, "/admin/api/conflict-policy"); err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	if body.Trial.Policy == "" {
		body.Trial = contracts.PolicyTrial{Policy: body.Now.Policy, Rules: body.Now.Rules}
	}
	p.show(w, r, status, "policy", "collisions", "Automatic resolution", body)
}

// Policies are those to choose from.
func (*policyPage) Policies() []option {
	return []option{{"manual", "for every collision"}, {"merge", "only where both changed the same field"}}
}

// rulePolicy says what a rule does with a field that both sides changed.
func rulePolicy(rule contracts.FieldRule) string {
	switch rule.Policy {
	case "ours-always":
		return "our value is kept"
	case "theirs-always":
		return "the value of " + rule.Side + " is used"
	case "max":
		return "the larger value is used"
	}
	return "a person decides"
}
