package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"github.com/orderbridge/orderbridge/contracts"
)

// collisionsPage is the list of open cases.
type collisionsPage struct {
	Rows    []contracts.AdminOrder
	Next    string
	Take    string
	All     bool                                 // the cases were found by a filter, not chosen one by one
	Further []option                             // the form's fields to look at those that come after them
	Preview *contracts.CollisionSettlementResult // what settling many would come to
	Result  *contracts.CollisionSettlementResult // what it came to
}

// shownMax is how many cases a preview shows one by one.
const shownMax = 20

// settled is one case of many, in words.
type settled struct {
	contracts.SettledCase
	Text string
}

// Case is the name of a case in the form.
func (s settled) Case() string { return s.ID + " " + s.Peer }

// Stays tells that the case is neither settled nor proposed to be.
func (s settled) Stays() bool { return !s.Settled && !s.Proposed }

// Number is what the order is called.
func (s settled) Number() string { return cmp.Or(s.OrderNumber, s.ID) }

// Seen are the cases of a preview that are shown.
func (b *collisionsPage) Seen() []settled {
	return b.inWords(b.Preview.Cases[:min(len(b.Preview.Cases), shownMax)])
}

// Rest are those that are only counted.
func (b *collisionsPage) Rest() []settled {
	return b.inWords(b.Preview.Cases[min(len(b.Preview.Cases), shownMax):])
}

// LeftOver are the cases that were not settled.
func (b *collisionsPage) LeftOver() (out []settled) {
	for _, one := range b.inWords(b.Result.Cases) {
		if one.Stays() {
			out = append(out, one)
		}
	}
	return out
}

func (b *collisionsPage) inWords(cases []contracts.SettledCase) []settled {
	out := make([]settled, len(cases))
	for i, c := range cases {
		out[i] = settled{c, settlementWords(b.Take, &cases[i])}
	}
	return out
}

func (p *Pages) collisions(w http.ResponseWriter, r *http.Request) {
	body, err := p.listCases(r)
	if err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	p.show(w, r, http.StatusOK, "collisions", "collisions", "Collisions", body)
}

func (p *Pages) listCases(r *http.Request) (*collisionsPage, error) {
	ask := url.Values{"limit": {"50"}}
	if c := r.URL.Query().Get("cursor"); c != "" {
		ask.Set("cursor", c)
	}
	page, err := read[contracts.AdminOrderPage](p, r, "/admin/api/collisions?"+ask.Encode())
	if err != nil {
		return nil, err
	}
	out := &collisionsPage{Rows: page.Orders}
	if page.Next != "" {
		next, _ := url.Parse(page.Next) // the API made it
		out.Next = "/admin/collisions?cursor=" + url.QueryEscape(next.Query().Get("cursor"))
	}
	return out, nil
}

// settleMany settles many cases one way: first it shows what that comes to, then it is done with the
// versions that were shown. A case that moved meanwhile stays.
func (p *Pages) settleMany(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	take := values.Get("take")
	if !slices.Contains(contracts.Takes, take) {
		take = "merged"
	}
	step, s := values.Get("step"), contracts.CollisionSettlement{Take: take}
	s.DryRun = step != "apply"
	if step == "all" {
		narrow(&s, values)
	} else {
		s.Cases = chosenCases(values)
	}
	var result *contracts.CollisionSettlementResult
	if step == "all" || len(s.Cases) > 0 {
		a, err := p.call(r, http.MethodPost, "/admin/api/collisions/settle", s)
		if err == nil {
			err = decode(a, &result)
		}
		if err != nil {
			p.fail(w, r, "collisions", err)
			return
		}
	}
	body, err := p.listCases(r)
	if err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	body.Take, body.All = take, step == "all"
	if body.All && result.Next != "" {
		body.Further = []option{{"after", result.Next}, {"take", take}, {"step", "all"}}
		for _, name := range []string{"number", "peer", "older"} {
			body.Further = append(body.Further, option{name, values.Get(name)})
		}
	}
	if s.DryRun {
		body.Preview = result
	} else {
		body.Result = result
	}
	p.show(w, r, http.StatusOK, "collisions", "collisions", "Collisions", body)
}

// chosenCases are the cases that a form names, with the versions that were shown; at the first step none
// were.
func chosenCases(v url.Values) []contracts.ChosenCase {
	out := []contracts.ChosenCase{}
	for _, name := range v["case"][:min(len(v["case"]), contracts.CasesMax)] {
		id, peer := cutCase(name)
		version := v.Get("version " + name)
		if version == "" && v.Get("step") == "apply" {
			version = "unknown" // who has seen nothing settles nothing
		}
		out = append(out, contracts.ChosenCase{ID: id, Peer: peer, Version: version})
	}
	return out
}

// cutCase reads the name of a case in the form: the id of the order and the peer.
func cutCase(name string) (id, peer string) {
	if len(name) > 36 && name[36] == ' ' {
		return name[:36], name[37:]
	}
	return name, ""
}

// settlementWords says what becomes of one case of many.
func settlementWords(take string, c *contracts.SettledCase) string {
	fields := count(int64(c.Differs), "field")
	switch {
	case len(c.Contested) > 0:
		return "Both changed " + pointerWords(c.Contested[0]) + ": resolve it individually"
	case !c.Settled && !c.Proposed:
		return c.Reason
	case take == "ours" && c.Deleted:
		return "The order is deleted"
	case take == "ours":
		return "Our version is kept, " + fields + " as here"
	case c.Deleted:
		return "The order is deleted, as at " + c.Peer
	case take == "theirs":
		return "The version of " + c.Peer + " is used, " + fields + " as there"
	}
	return "The changes of both sides are merged, " + fields
}
