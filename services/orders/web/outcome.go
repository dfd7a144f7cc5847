package web

import (
	"maps"
	"net/url"
	"slices"

	"github.com/orderbridge/orderbridge/contracts"
)

// outcome is what a choice comes to, to be looked at before it is done.
type outcome struct {
	Take    string            // ours, theirs or fields
	Picks   map[string]string // whose value, by the pointers of fields
	Order   *contracts.Order  // nil: the order is deleted
	Shown   *contracts.Order  // the same with what is derived, once it is valid
	Faults  []contracts.FieldError
	Text    string
	Changes []change // what it changes here and there
}

type change struct{ Name, Here, There, Then string }

// decide turns a form into what the API is asked for, and what comes of it. It is nil while a contested
// field is open.
func (c *casePage) decide(v url.Values) (*contracts.Resolution, *outcome) {
	c.choose(v)
	o := &outcome{Take: v.Get("take"), Picks: map[string]string{}}
	if !c.takes(o) {
		o.Take, o.Text = "fields", "Your choices become a new version on every side."
		if c.Whole {
			c.Missing = true
			return nil, nil
		}
		for _, f := range c.Fields {
			if f.Chosen == "" {
				c.Missing = true
				return nil, nil
			}
			o.Picks[f.Pointer] = f.Chosen
		}
		o.Order = c.chosen(o.Picks)
	}
	if o.Order == nil {
		o.Text = "The order is deleted on every side."
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
		return &contracts.Resolution{Picks: o.Picks}, o
	}
	return &contracts.Resolution{Take: o.Take}, o
}

// takes fills in what an outcome is that takes the version of one side; it reports false for another one.
func (c *casePage) takes(o *outcome) bool {
	switch o.Take {
	case "ours":
		o.Order, o.Text = c.Ours.Order, "Our version is kept, and "+c.Peer+" receives it."
	case "theirs":
		o.Order, o.Text = c.Theirs.Order, "The version of "+c.Peer+" replaces ours."
	default:
		return false
	}
	return true
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
	for _, pointer := range slices.Sorted(maps.Keys(o.Picks)) {
		out = append(out, option{pickName(pointer), o.Picks[pointer]})
	}
	return out
}
