package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// compiler turns a file into a Mapping and collects every fault that it finds on the way.
type compiler struct {
	*source
	faults []error
}

func (c *compiler) fail(keys []string, format string, args ...any) {
	c.faults = append(c.faults, c.fault(keys, format, args...))
}

// expression compiles an optional jq expression.
func (c *compiler) expression(keys []string, text string) *Expression {
	if text == "" {
		return nil
	}
	e, err := Compile(text)
	if err != nil {
		c.fail(keys, "%s", err)
	}
	return e
}

func (c *compiler) place(keys []string, path string, in *entry) *place {
	p, err := newPlace(path, in)
	if err != nil {
		c.fail(keys, "%s", err)
	}
	return p
}

func (c *compiler) mapping(f *file) *Mapping {
	m := &Mapping{name: f.Name, rest: f.REST, lists: f.Lists}
	if f.Name == "" {
		c.fail([]string{"name"}, "is required")
	}
	if len(f.Reference.Path) > 1 || len(f.Reference.Path) == 0 && f.Reference.Entry == nil {
		c.fail([]string{"reference"}, "needs a path or an entry: where the system keeps the id of an order of ours")
	} else {
		m.reference = c.place([]string{"reference"}, first(f.Reference.Path), f.Reference.Entry)
	}
	c.fields(m, f)
	c.lines(m, f.Lines)
	for name, text := range f.Totals {
		keys := []string{"totals", name}
		if !slices.Contains([]string{"subtotalMinor", "discountMinor", "shippingMinor", "taxMinor", "totalMinor"}, name) {
			c.fail(keys, "an order has no such total")
			continue
		}
		m.totals = append(m.totals, total{name: name, theirs: c.expression(keys, text)})
	}
	slices.SortFunc(m.totals, func(a, b total) int { return strings.Compare(a.name, b.name) })
	if f.Totals["totalMinor"] == "" {
		c.fail([]string{"totals"}, "needs totalMinor, so that no order is read with another amount than the system has")
	}
	for path, l := range f.Lists {
		if l == nil || l.Key == "" {
			c.fail([]string{"lists", path}, "needs the key by which its elements are merged")
			continue
		}
		l.New, _ = jsonValue(l.New).(map[string]any)
	}
	m.create = c.constants([]string{"create"}, f.Create)
	if f.Delete != nil {
		if len(f.Delete.Set) == 0 && f.Delete.Action == "" {
			c.fail([]string{"delete"}, "needs set or action; leave it out to refuse deletions")
		}
		m.deletion = &step{set: c.constants([]string{"delete", "set"}, f.Delete.Set), action: f.Delete.Action}
	}
	m.deleted = c.expression([]string{"deleted"}, f.Deleted)
	if f.REST != nil {
		f.REST.check(c)
	}
	return m
}

func first(t texts) string {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

// fields compiles every field of an order. One that a profile leaves out would be lost, so each must be there.
func (c *compiler) fields(m *Mapping, f *file) {
	all := maps.Clone(orderFields)
	for _, address := range []string{"billingAddress", "shippingAddress"} {
		group := f.Fields[address]
		if group == nil {
			group = &field{}
		}
		if !group.Here {
			delete(all, address)
			for _, member := range addressFields {
				all[address+"."+member] = kindText
			}
			m.addresses = append(m.addresses, addressRule{name: address, skip: c.choice([]string{"fields", address, "unfit"}, group.Unfit, "error", "skip")})
		}
	}
	for name := range f.Fields {
		_, known := all[name]
		if !known && name != "billingAddress" && name != "shippingAddress" {
			c.fail([]string{"fields", name}, "an order has no such field, or it is here as a whole")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		spec := f.Fields[name]
		if spec == nil {
			c.fail([]string{"fields"}, "%s is missing; write {here: true} when the system has no place for it", name)
			continue
		}
		m.fields = append(m.fields, c.rule([]string{"fields", name}, name, all[name], spec))
	}
	// The currency is needed to read amounts. The statuses come next: what they set decides what others read.
	rank := map[string]int{"currency": -5, "status": -4, "paymentStatus": -3, "fulfillmentStatus": -2}
	slices.SortStableFunc(m.fields, func(a, b *rule) int { return rank[a.name] - rank[b.name] })
}

func (c *compiler) lines(m *Mapping, spec *linesSpec) {
	if spec == nil {
		c.fail([]string{"lines"}, "is required")
		return
	}
	l := &lineRules{id: spec.ID, path: c.place([]string{"lines", "path"}, spec.Path, nil)}
	if spec.ID == "" {
		c.fail([]string{"lines"}, "needs id, the member with the system's id of a line")
	}
	if spec.Reference != nil {
		l.reference = c.place([]string{"lines", "reference"}, first(spec.Reference.Path), spec.Reference.Entry)
	}
	l.merged = m.lists[spec.Path]
	l.remove, _ = jsonValue(spec.Remove).(map[string]any)
	l.writable = c.writable([]string{"lines", "write"}, spec.Write)
	l.keep = c.choice([]string{"lines", "fixed"}, spec.Fixed, "error", "keep")
	for name := range spec.Fields {
		if _, ok := lineFields[name]; !ok {
			c.fail([]string{"lines", "fields", name}, "a line has no such field")
		}
	}
	l.rules = map[string]*rule{}
	for _, name := range lineOrder {
		keys := []string{"lines", "fields", name}
		if spec.Fields[name] == nil {
			c.fail(keys, "is missing; write {here: true} when the system has no place for it")
			continue
		}
		l.rules[name] = c.rule(keys, name, lineFields[name], spec.Fields[name])
	}
	m.lines = l
}

// rule compiles one field.
func (c *compiler) rule(keys []string, name string, k kind, spec *field) *rule {
	r := &rule{name: name, kind: k, here: spec.Here}
	c.origin(keys, spec, r)
	r.otherwise = c.expression(append(keys, "otherwise"), spec.Otherwise)
	r.first = c.expression(append(keys, "first"), spec.First)
	r.plus = c.expression(append(keys, "plus"), spec.Plus)
	if spec.First != "" && !spec.Here || spec.Otherwise != "" && spec.Here {
		c.fail(keys, "first is for a field that is here, otherwise for one that is not")
	}
	if !spec.Here || spec.First != "" {
		var err error
		if r.codecName, r.codec, err = newCodec(k, spec); err != nil {
			c.fail(keys, "%s", err)
		}
	}
	if r.codecName == codecName && len(r.places) != 2 {
		c.fail(keys, "the codec name has a list of two paths")
	}
	if spec.Plus != "" && (r.codecName != codecMoney || spec.Here) {
		c.fail(keys, "plus is for the codec money of a field that is not here")
	}
	if spec.Remainder != "" && r.codecName != codecGross {
		c.fail(keys, "remainder is for the codec gross")
	}
	r.spread = c.choice(append(keys, "remainder"), spec.Remainder, "error", "discount")
	r.writable = c.writable(append(keys, "write"), spec.Write)
	r.keep = c.choice(append(keys, "fixed"), spec.Fixed, "error", "keep")
	r.skip = c.choice(append(keys, "unfit"), spec.Unfit, "error", "skip")
	if _, enum := r.codec.(enumCodec); spec.Values != nil && !enum {
		c.fail(keys, "values are for the codec enum")
	}
	if k == kindState {
		c.states(keys, name, r)
	}
	c.transitions(keys, spec, r)
	return r
}

// origin compiles where a field comes from: one of path, entry, read and here.
func (c *compiler) origin(keys []string, spec *field, r *rule) {
	n := 0
	for _, is := range []bool{len(spec.Path) > 0, spec.Entry != nil, spec.Read != "", spec.Here} {
		if is {
			n++
		}
	}
	if n != 1 {
		c.fail(keys, "needs one of path, entry, read and here")
	}
	if r.kind == kindHere && !spec.Here {
		c.fail(keys, "can only be here")
	}
	for _, path := range spec.Path {
		r.places = append(r.places, c.place(append(keys, "path"), path, nil))
	}
	if spec.Entry != nil {
		r.places = append(r.places, c.place(append(keys, "entry"), "", spec.Entry))
	}
	r.read = c.expression(append(keys, "read"), spec.Read)
}

// states holds the values of a status to those that orders have. A status is only written by transitions.
func (c *compiler) states(keys []string, name string, r *rule) {
	enum, ok := r.codec.(enumCodec)
	if !ok {
		return
	}
	for theirs, ours := range enum.ours {
		for _, word := range ours {
			if !slices.Contains(states(name), word) {
				c.fail(append(keys, "values", theirs), "%s is not a value of %s", quote(word), name)
			}
		}
	}
}

func states(name string) (all []string) {
	switch name {
	case "status":
		for _, s := range contracts.OrderStatuses {
			all = append(all, string(s))
		}
	case "paymentStatus":
		for _, s := range contracts.PaymentStatuses {
			all = append(all, string(s))
		}
	case "fulfillmentStatus":
		for _, s := range contracts.FulfillmentStatuses {
			all = append(all, string(s))
		}
	}
	return all
}

func (c *compiler) transitions(keys []string, spec *field, r *rule) {
	enum, _ := r.codec.(enumCodec)
	if len(spec.Transitions) > 0 && enum.ours == nil {
		c.fail(append(keys, "transitions"), "are for the codec enum")
		return
	}
	for i, t := range spec.Transitions {
		at := append(keys, "transitions")
		s := step{from: t.From, to: t.To, action: t.Action, set: c.constants(at, t.Set), then: c.constants(at, t.Then), moves: t.Moves}
		if len(t.From) == 0 || len(t.To) == 0 || len(t.Set) == 0 && t.Action == "" {
			c.fail(at, "number %d needs from, to, and set or action", i+1)
		}
		for _, name := range t.Moves {
			if _, ok := orderFields[name]; !ok {
				c.fail(at, "number %d moves %s, which is no field of an order", i+1, quote(name))
			}
		}
		for _, theirs := range t.From {
			if _, ok := enum.ours[theirs]; !ok && theirs != stepNew {
				c.fail(at, "number %d comes from %s, which is not in values", i+1, quote(theirs))
			}
		}
		for _, word := range t.To {
			if !slices.ContainsFunc(slices.Collect(maps.Values(enum.ours)), func(list []string) bool { return slices.Contains(list, word) }) {
				c.fail(at, "number %d leads to %s, which is not in values", i+1, quote(word))
			}
		}
		r.transitions = append(r.transitions, s)
	}
	if r.kind == kindState && !r.here || r.read != nil {
		r.writable = writable{} // but by transitions
	}
}

func (c *compiler) constants(keys []string, list []assignment) (all []constant) {
	for _, a := range list {
		if len(a.Path) > 1 || len(a.Path) == 0 && a.Entry == nil {
			c.fail(keys, "a value is set at a path or an entry")
			continue
		}
		all = append(all, constant{place: c.place(keys, first(a.Path), a.Entry), value: jsonValue(a.Value)})
	}
	return all
}

// jsonValue turns a YAML value into what documents are made of.
func jsonValue(v any) any {
	switch v := v.(type) {
	case int:
		return json.Number(fmt.Sprint(v))
	case map[string]any:
		object := make(map[string]any, len(v))
		for k, inner := range v {
			object[k] = jsonValue(inner)
		}
		return object
	case []any:
		array := make([]any, len(v))
		for i, inner := range v {
			array[i] = jsonValue(inner)
		}
		return array
	}
	return v
}

func (c *compiler) writable(keys []string, when texts) writable {
	if len(when) == 0 {
		return writable{always: true}
	}
	if len(when) == 1 {
		switch when[0] {
		case "always":
			return writable{always: true}
		case "never":
			return writable{}
		case "create":
			return writable{create: true}
		}
	}
	w := writable{create: slices.Contains(when, "create")}
	for _, word := range when {
		if word == "create" {
			continue
		}
		if !slices.Contains(states("status"), word) {
			c.fail(keys, "%s is neither always, create or never nor a status of ours", quote(word))
		}
		w.statuses = append(w.statuses, word)
	}
	return w
}

// choice reads a key of two values and reports whether it is the second; the first is the default.
func (c *compiler) choice(keys []string, given, usual, other string) bool {
	if given != "" && given != usual && given != other {
		c.fail(keys, "is %s or %s", usual, other)
	}
	return given == other
}

// err joins the faults in the order of their lines.
func (c *compiler) err() error {
	slices.SortStableFunc(c.faults, func(a, b error) int {
		var x, y *Fault
		if !errors.As(a, &x) || !errors.As(b, &y) {
			return 0
		}
		return x.Line - y.Line
	})
	return errors.Join(c.faults...)
}
