package merge

import (
	"maps"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// Side is one of the two versions.
type Side uint8

// The sides; Nobody where no version is chosen.
const (
	Nobody Side = iota
	Ours
	Theirs
)

// Change tells who changed a field since the base.
type Change uint8

// The changes. Without a base nobody can tell, and what differs counts as changed by both.
const (
	ByOurs Change = iota + 1
	ByTheirs
	ByBoth     // in different ways
	ByBothSame // to the same
)

var changeNames = [...]string{"", "ours", "theirs", "both", "same"}

// String is the name on the wire.
func (c Change) String() string { return changeNames[c] }

// Field is a field that was changed.
type Field struct {
	Pointer   string // as parts names it
	Change    Change
	Contested bool // both changed it, and not to the same
	// Rule is what decides a contested field, or would; Pick is whose value the merged order has. Where a
	// person has to decide that is ours, and Pick is Nobody.
	Rule Rule
	Pick Side
	// Where the field stands in each version, as a JSON pointer; nil where it is not there.
	Base, Ours, Theirs *string
}

var sideNames = [...]string{"", "ours", "theirs"}

// String is the name on the wire; empty for nobody.
func (s Side) String() string { return sideNames[s] }

// Result is what became of a merge.
type Result struct {
	Order  *contracts.Order // completed; fields that a person has to decide are as in ours
	Fields []Field          // by pointer
	// Settled tells that the policy lets the merged order stand without a person. That it is valid is
	// for the caller to see.
	Settled bool
}

// Orders merges two versions of an order. The base is the last version that both have in common, nil
// when that is not known: then everything that differs is contested, and nothing is settled. Ours and
// theirs are the sides that alone wrote the two since the base; empty where several did.
func Orders(base, our, their *contracts.Order, p Policy, ours, theirs string) Result {
	m := comparing(base, our, their)
	m.policy, m.sides = p, [2]string{ours, theirs}
	r := Result{Settled: m.based}
	for _, pointer := range slices.Sorted(maps.Keys(m.fields)) {
		f := m.fields[pointer]
		m.decide(f)
		r.Settled = r.Settled && m.settles(f)
		r.Fields = append(r.Fields, *f)
	}
	r.Order = m.result()
	return r
}

// Choose returns ours with the values of theirs for the fields whose side is Theirs. Fields are named as Orders
// names them; the names of others have no effect.
func Choose(base, our, their *contracts.Order, sides map[string]Side) *contracts.Order {
	m := comparing(base, our, their)
	for pointer, f := range m.fields {
		f.Pick = sides[pointer]
	}
	return m.result()
}

// comparing returns a merger that knows which fields were changed by whom.
func comparing(base, our, their *contracts.Order) *merger {
	m := &merger{
		base: takeApart(base), ours: takeApart(our), theirs: takeApart(their), based: base != nil,
		fields: map[string]*Field{},
	}
	m.elements()
	m.single()
	m.wholes()
	m.order()
	return m
}

type merger struct {
	base, ours, theirs parts
	based              bool
	policy             Policy
	sides              [2]string
	fields             map[string]*Field
}

// compare notes how a field was changed; equality of the three values is all that matters.
func (m *merger) compare(pointer string, same, ourChange, theirChange bool) {
	f := &Field{Pointer: pointer, Base: place(m.base, pointer), Ours: place(m.ours, pointer), Theirs: place(m.theirs, pointer)}
	switch {
	case same && !(m.based && ourChange):
		return
	case same:
		f.Change = ByBothSame
	case !m.based || ourChange && theirChange:
		f.Change, f.Contested = ByBoth, true
	case ourChange:
		f.Change = ByOurs
	default:
		f.Change = ByTheirs
	}
	m.fields[pointer] = f
}

func place(p parts, pointer string) *string {
	if at, ok := p.places[pointer]; ok {
		return &at
	}
	return nil
}

// elements compares which lines, parcels and refunds there are. One that only one of the versions has is a
// field as a whole: it was added there; or it was removed by the other, which is contested where the
// one that has it changed it.
func (m *merger) elements() {
	for list := range lists {
		for _, e := range union(m.base.lists[list], m.ours.lists[list], m.theirs.lists[list]) {
			before, our, their := m.base.has(e), m.ours.has(e), m.theirs.has(e)
			switch {
			case our && their:
			case !our && !their:
				m.compare(e, true, true, true)
			case our:
				m.compare(e, false, !before || !sameBelow(m.base, m.ours, e), before)
			default:
				m.compare(e, false, before, !before || !sameBelow(m.base, m.theirs, e))
			}
		}
	}
}

// single compares the fields that stand alone, and those of lines, parcels and refunds that both have.
func (m *merger) single() {
	for _, pointer := range union(keys(m.base.leaves), keys(m.ours.leaves), keys(m.theirs.leaves)) {
		if above, _ := cut(pointer); m.fields[above] != nil {
			continue // of an element that is a field as a whole
		}
		before, our, their := m.base.leaves[pointer], m.ours.leaves[pointer], m.theirs.leaves[pointer]
		m.compare(pointer, our == their, our != before, their != before)
	}
}

// wholes are objects whose fields mean something only together: half of each side's address is the
// address of nobody, and the amount of the one side with the goods of the other is no refund. Where both sides
// worked on one, all that differs is contested.
var wholes = []string{"/billingAddress/", "/shippingAddress/"}

func (m *merger) wholes() {
	all := slices.Clone(wholes)
	for _, refund := range m.ours.lists["/refunds"] {
		all = append(all, refund+"/")
	}
	for _, whole := range all {
		var differ []*Field
		var our, their bool
		for pointer, f := range m.fields {
			if strings.HasPrefix(pointer, whole) && f.Change != ByBothSame {
				differ = append(differ, f)
				our, their = our || f.Change != ByTheirs, their || f.Change != ByOurs
			}
		}
		for _, f := range differ {
			if our && their {
				f.Change, f.Contested = ByBoth, true
			}
		}
	}
}

// decide applies the policy to a field.
func (m *merger) decide(f *Field) {
	f.Rule, _ = m.policy.Rules.of(f.Pointer)
	switch {
	case f.Change == ByBothSame:
	case f.Change == ByOurs:
		f.Pick = Ours
	case f.Change == ByTheirs:
		f.Pick = Theirs
	case !m.based: // a rule is for what was changed, and nobody knows that
	case m.sides[0] == m.sides[1] && f.Rule.Decide == BySide: // nobody knows who wrote what
	case f.Rule.Decide == BySide && f.Rule.Side == m.sides[0]:
		f.Pick = Ours
	case f.Rule.Decide == BySide && f.Rule.Side == m.sides[1]:
		f.Pick = Theirs
	case f.Rule.Decide == ByMax && larger(m.ours.leaves[f.Pointer], m.theirs.leaves[f.Pointer]):
		f.Pick = Ours
	case f.Rule.Decide == ByMax:
		f.Pick = Theirs
	}
}

// settles tells that a field calls for no person.
func (m *merger) settles(f *Field) bool {
	switch {
	case f.Change == ByBothSame:
		return true
	case !m.policy.Merge && f.Rule.Decide == ByPerson:
		return false
	default:
		return f.Pick != Nobody
	}
}

// result is ours with what is picked of theirs.
func (m *merger) result() *contracts.Order {
	merged := parts{leaves: maps.Clone(m.ours.leaves), lists: map[string][]string{}}
	put := func(pointer string) {
		if v, ok := m.theirs.leaves[pointer]; ok {
			merged.leaves[pointer] = v
		} else {
			delete(merged.leaves, pointer)
		}
	}
	for pointer, f := range m.fields {
		if f.Pick != Theirs {
			continue
		}
		put(pointer)
		if _, isList := lists[pointer]; isList {
			continue // only the order of its elements
		}
		for _, leaf := range slices.Concat(m.ours.under[pointer], m.theirs.under[pointer]) {
			put(leaf)
		}
	}
	for list := range lists {
		merged.lists[list] = m.sequence(list)
	}
	o := merged.putTogether()
	o.Complete()
	return o
}

func (p parts) has(element string) bool { _, ok := p.places[element]; return ok }

func sameBelow(x, y parts, element string) bool {
	for _, leaf := range slices.Concat(x.under[element], y.under[element]) {
		if x.leaves[leaf] != y.leaves[leaf] {
			return false
		}
	}
	return true
}

func keys(m map[string]any) []string { return slices.Collect(maps.Keys(m)) }

// union holds what is in any of the lists, once.
func union(all ...[]string) []string {
	list := slices.Concat(all...)
	slices.Sort(list)
	return slices.Compact(list)
}
