package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// casePage is one collision side by side.
type casePage struct {
	contracts.Collision
	Version string // of the case, as If-Match
	Number  string
	Fields  []caseField
	Whole   bool // there is nothing to choose by field: one of the two is deleted, or cannot be compared
	Moved   bool // the case moved since the person looked at it
	Missing bool // a contested field was left open
	Problem *contracts.Problem
	Outcome *outcome
	Offered *outcome // what is proposed comes to
	Own     bool     // by this person
}

// caseField is one field in the three versions.
type caseField struct {
	contracts.DifferField
	Name                string
	InBase, Here, There string
	Chosen              string // ours, theirs, or nothing yet
}

// Field is the name of the field's choice in the form.
func (f caseField) Field() string { return pickName(f.Pointer) }

func pickName(pointer string) string { return "pick " + pointer }

func (p *Pages) oneCase(w http.ResponseWriter, r *http.Request) {
	c, ok := p.loadCase(w, r)
	if !ok {
		return
	}
	c.choose(nil)
	if err := c.offer(r); err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	p.show(w, r, http.StatusOK, "case", "collisions", "Collision of "+c.Number, c)
}

// casePath is the address of a case's order below a prefix, with its peer.
func casePath(r *http.Request, verb string) string {
	return "/admin/api/collisions/" + url.PathEscape(chi.URLParam(r, "id")) + verb + "?peer=" + url.QueryEscape(r.URL.Query().Get("peer"))
}

// loadCase reads a case. When it has answered, ok is false.
func (p *Pages) loadCase(w http.ResponseWriter, r *http.Request) (c *casePage, ok bool) {
	path := casePath(r, "")
	if r.URL.Query().Get("peer") == "" {
		path = strings.TrimSuffix(path, "?peer=")
	}
	a, err := p.call(r, http.MethodGet, path, nil)
	c = &casePage{}
	if err == nil {
		err = json.Unmarshal(a.body, &c.Collision)
	}
	if problem := problemOf(err); err != nil && problem.Status == http.StatusNotFound {
		p.show(w, r, http.StatusNotFound, "settled", "collisions", "No collision", chi.URLParam(r, "id"))
		return nil, false
	}
	if err == nil {
		c.Version = a.header.Get("ETag")
		err = c.lay()
	}
	if err != nil {
		p.fail(w, r, "collisions", err)
		return nil, false
	}
	return c, true
}

// lay lays the fields of a case out.
func (c *casePage) lay() error {
	c.Number = c.ID
	for _, v := range []*contracts.Order{c.Theirs.Order, c.Ours.Order} {
		if v != nil && v.OrderNumber != "" {
			c.Number = v.OrderNumber
		}
	}
	if c.Ours.Order == nil || c.Theirs.Order == nil || slices.ContainsFunc(c.Differs, func(f contracts.DifferField) bool { return f.Pointer == "" }) {
		c.Whole = true
		return nil
	}
	ours, err := tree(c.Ours.Order)
	if err != nil {
		return err
	}
	theirs, err := tree(c.Theirs.Order)
	if err != nil {
		return err
	}
	var base any
	if c.Base != nil {
		if base, err = tree(c.Base.Order); err != nil {
			return err
		}
	}
	for _, f := range c.Differs {
		texts := apart(last(f.Pointer), c.Ours.Order.Currency, at(base, f.Base), at(ours, f.Ours), at(theirs, f.Theirs))
		c.Fields = append(c.Fields, caseField{DifferField: f, Name: nameOf(f.Pointer, c.Theirs.Order, c.Ours.Order), InBase: texts[0], Here: texts[1], There: texts[2]})
	}
	return nil
}

// choose marks what is chosen: what the form says, or else what nobody contests.
func (c *casePage) choose(v url.Values) {
	for i := range c.Fields {
		f := &c.Fields[i]
		f.Chosen = f.Pick
		if f.Chosen == "" && !f.Contested && f.ChangedBy != "both" {
			f.Chosen = f.ChangedBy
		}
		if said := v.Get(f.Field()); said == "ours" || said == "theirs" {
			f.Chosen = said
		}
	}
}

func (p *Pages) previewCase(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	c, ok := p.loadCase(w, r)
	if !ok {
		return
	}
	_, o := c.decide(values)
	switch {
	case values.Get("version") != c.Version:
		c.Moved = true
	case o != nil && values.Get("step") == "edit":
		p.caseForm(w, r, c, o)
		return
	case o != nil:
		c.Outcome = o
		p.show(w, r, http.StatusOK, "preview", "collisions", "Outcome for "+c.Number, c)
		return
	}
	status := http.StatusUnprocessableEntity
	if c.Moved {
		status = http.StatusPreconditionFailed
	}
	p.show(w, r, status, "case", "collisions", "Collision of "+c.Number, c)
}

func (p *Pages) settleCase(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	c, ok := p.loadCase(w, r)
	if !ok {
		return
	}
	res, _ := c.decide(values)
	status := http.StatusUnprocessableEntity
	if res != nil {
		// With the version that the person saw, not the present one.
		a, err := p.call(r, http.MethodPost, casePath(r, "/resolve"), res, "If-Match", seen(values))
		if err == nil {
			settledOrProposed(w, r, a)
			return
		}
		problem := problemOf(err)
		status = problem.Status
		if c.Moved = status == http.StatusPreconditionFailed; !c.Moved {
			c.Problem = &problem
		}
	}
	p.show(w, r, status, "case", "collisions", "Collision of "+c.Number, c)
}

// seen is the version that a form was made from; a form without one settles nothing.
func seen(v url.Values) string {
	if tag := v.Get("version"); tag != "" {
		return tag
	}
	return `"unknown"`
}
