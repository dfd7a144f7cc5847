package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
}

// caseField is one field in the three versions.
type caseField struct {
	contracts.DifferField
	Name                string
	InBase, Here, There string
	Chosen              string // ours, theirs, or nothing yet
}

// Field is the name of the field's choice in the form.
func (f caseField) Field() string { return "pick " + f.Pointer }

// outcome is what a choice comes to, to be looked at before it is done.
type outcome struct {
	Take    string            // ours, theirs or fields
	Picks   map[string]string // by the names in the form
	Order   *contracts.Order  // nil: the order is deleted
	Shown   *contracts.Order  // the same with what is derived, once it is valid
	Faults  []contracts.FieldError
	Text    string
	Changes []change // what it changes here and there
}

type change struct{ Name, Here, There, Then string }

func (p *Pages) oneCase(w http.ResponseWriter, r *http.Request) {
	c, ok := p.loadCase(w, r)
	if !ok {
		return
	}
	c.choose(nil)
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
	base := map[string]any{}
	if c.Base != nil && c.Base.Order != nil {
		if base, err = tree(c.Base.Order); err != nil {
			return err
		}
	}
	show := func(v any, place *string, name string) string {
		if place == nil {
			return ""
		}
		return valueWords(at(v, *place), name, c.Ours.Order.Currency)
	}
	for _, f := range c.Differs {
		_, last := split(f.Pointer)
		c.Fields = append(c.Fields, caseField{
			DifferField: f, Name: c.nameOf(f.Pointer), InBase: show(base, f.Base, last), Here: show(ours, f.Ours, last), There: show(theirs, f.Theirs, last),
		})
	}
	return nil
}

// nameOf names a field; a line goes by the name of its product.
func (c *casePage) nameOf(pointer string) string {
	name := pointerWords(pointer)
	if parts := strings.Split(pointer, "/"); len(parts) > 2 && parts[1] == "lines" {
		for _, o := range []*contracts.Order{c.Ours.Order, c.Theirs.Order} {
			for i := range o.Lines {
				if o.Lines[i].LineID == parts[2] {
					return words(name) + " “" + o.Lines[i].Name + "”"
				}
			}
		}
	}
	if pointer == "/lines" {
		return "Order of the lines"
	}
	return words(name)
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

// decide turns a form into what the API is asked for, and what comes of it. It is nil while a contested
// field is open.
func (c *casePage) decide(v url.Values) (*contracts.Resolution, *outcome, error) {
	c.choose(v)
	o := &outcome{Take: v.Get("take"), Picks: map[string]string{}}
	switch o.Take {
	case "ours":
		o.Order, o.Text = c.Ours.Order, "The version of this side stays, and "+c.Peer+" takes it over."
	case "theirs":
		o.Order, o.Text = c.Theirs.Order, "The version of "+c.Peer+" is taken over here."
	default:
		o.Take, o.Text = "fields", "What you chose becomes a new version on both sides."
		if c.Whole {
			c.Missing = true
			return nil, nil, nil
		}
		for _, f := range c.Fields {
			if f.Chosen == "" {
				c.Missing = true
				return nil, nil, nil
			}
			o.Picks[f.Field()] = f.Chosen
		}
		taken := func(pointer string) bool { return o.Picks["pick "+pointer] == "theirs" }
		made, err := choose(c.Ours.Order, c.Theirs.Order, c.Differs, taken)
		if err != nil {
			return nil, nil, err
		}
		o.Order = made
	}
	if o.Order == nil {
		o.Text = "The order is deleted on both sides."
	} else {
		o.show()
	}
	for _, f := range c.Fields {
		then := f.Here
		if o.Take == "theirs" || o.Take == "fields" && f.Chosen == "theirs" {
			then = f.There
		}
		o.Changes = append(o.Changes, change{f.Name, f.Here, f.There, then})
	}
	if o.Take == "fields" {
		return &contracts.Resolution{Order: o.Order}, o, nil
	}
	return &contracts.Resolution{Take: o.Take}, o, nil
}

// show makes what a person sees of the outcome: with its totals, or with what is wrong with it.
func (o *outcome) show() {
	o.Order.Totals = nil
	shown := *o.Order
	shown.Lines = slices.Clone(o.Order.Lines)
	for i := range shown.Lines {
		o.Order.Lines[i].TotalMinor, shown.Lines[i].TotalMinor = nil, nil
	}
	o.Shown = &shown
	if o.Faults = shown.Validate(); o.Faults == nil {
		shown.Complete()
	}
}

// Hidden are the choices to be sent along, in order.
func (o *outcome) Hidden() []option {
	var out []option
	for _, name := range slices.Sorted(maps.Keys(o.Picks)) {
		out = append(out, option{name, o.Picks[name]})
	}
	return out
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
	_, o, err := c.decide(values)
	switch {
	case err != nil:
		p.fail(w, r, "collisions", err)
		return
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
	res, _, err := c.decide(values)
	if err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	status := http.StatusUnprocessableEntity
	if res != nil {
		// With the version that the person saw, not the present one.
		_, err = p.call(r, http.MethodPost, casePath(r, "/resolve"), res, "If-Match", seen(values))
		if err == nil {
			done(w, r, "/admin/orders/"+url.PathEscape(c.ID), "settled")
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

// caseForm shows the outcome of a case as a form, to be changed before it is taken.
func (p *Pages) caseForm(w http.ResponseWriter, r *http.Request, c *casePage, o *outcome) {
	if o.Order == nil {
		o.Order = c.Ours.Order
	}
	if o.Order == nil {
		o.Order = c.Theirs.Order
	}
	f := outcomeForm(r, c.ID)
	f.Title, f.Version = "Outcome for "+c.Number, c.Version
	f.fill(sheetOf(o.Order), nil, nil, 1)
	p.show(w, r, http.StatusOK, "form", "collisions", f.Title, f)
}

func outcomeForm(r *http.Request, id string) *orderForm {
	at := "/admin/collisions/" + url.PathEscape(id)
	query := "?peer=" + url.QueryEscape(r.URL.Query().Get("peer"))
	return &orderForm{Action: at + "/order" + query, Cancel: at + query, Save: "Settle it like this"}
}

// settleWith settles a case with an order that a person wrote.
func (p *Pages) settleWith(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	id := chi.URLParam(r, "id")
	f, s := outcomeForm(r, id), readSheet(values)
	f.Version, f.Title = values.Get("version"), "Outcome for "+s.fields["/orderNumber"]
	if values.Has("more") {
		p.again(w, r, http.StatusOK, f, s, nil, nil)
		return
	}
	o, faults := s.order(p.now())
	if faults != nil {
		p.again(w, r, http.StatusUnprocessableEntity, f, s, unreadable(faults), nil)
		return
	}
	_, err := p.call(r, http.MethodPost, casePath(r, "/resolve"), contracts.Resolution{Order: o}, "If-Match", seen(values))
	if err == nil {
		done(w, r, "/admin/orders/"+url.PathEscape(id), "settled")
		return
	}
	problem := problemOf(err)
	for i := range problem.Errors {
		problem.Errors[i].Pointer = strings.TrimPrefix(problem.Errors[i].Pointer, "/order")
	}
	if problem.Status == http.StatusPreconditionFailed {
		problem.Title, problem.Detail = "The case has moved", "one of the sides went on working on it. What you wrote is kept below; look at the case again before you settle it"
		if a, err := p.call(r, http.MethodGet, casePath(r, ""), nil); err == nil {
			f.Version = a.header.Get("ETag")
		}
	}
	p.again(w, r, problem.Status, f, s, &problem, nil)
}

// valueWords says a value of an order as a person reads it.
func valueWords(v any, name, currency string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case json.Number:
		n, err := v.Int64()
		switch {
		case err != nil:
			return v.String()
		case strings.HasSuffix(name, "Minor"):
			return money(n, currency)
		case name == "taxRatePpm":
			return percent(n) + "\u00a0%"
		}
		return number(n)
	case string:
		switch name {
		case "status", "paymentStatus", "fulfillmentStatus", "cancelReason":
			return words(v)
		case "placedAt", "cancelledAt":
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return t.Format("2 Jan 2006, 15:04:05") + " UTC"
			}
		}
		return v
	case map[string]any:
		if v["sku"] != nil {
			price := valueWords(v["unitPriceMinor"], "unitPriceMinor", currency)
			return fmt.Sprintf("%s × %s, %s", valueWords(v["quantity"], "quantity", currency), v["name"], price)
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, valueWords(v[k], k, currency))
		}
		return strings.Join(parts, ", ")
	case []any:
		var parts []string
		for i, one := range v {
			if m, ok := one.(map[string]any); ok && m["name"] != nil {
				parts = append(parts, strconv.Itoa(i+1)+". "+fmt.Sprint(m["name"]))
				continue
			}
			parts = append(parts, valueWords(one, "", currency))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}
