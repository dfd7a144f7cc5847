package merge

import (
	"slices"
	"strings"
)

// The order of lines, parcels and refunds is a field of its own, with the list's pointer. It is about the
// elements that both versions have.

func (m *merger) order() {
	for list := range lists {
		before := m.base.lists[list]
		our := among(m.ours.lists[list], m.theirs.lists[list])
		their := among(m.theirs.lists[list], m.ours.lists[list])
		same := slices.Equal(our, their)
		if same && !m.based {
			continue
		}
		m.compare(list, same, !slices.Equal(among(our, before), among(before, our)), !slices.Equal(among(their, before), among(before, their)))
		f := m.fields[list]
		switch {
		case f == nil:
		case same:
			delete(m.fields, list) // who moved a line as the other one did is of no interest
		case f.Change == ByTheirs && slices.Equal(among(their, before), among(before, their)):
			// The base has not all of them: both added the same ones, and put them into another order.
			f.Change, f.Contested = ByBoth, true
		}
	}
}

// among keeps the elements that another list has, too.
func among(list, other []string) []string {
	var out []string
	for _, e := range list {
		if slices.Contains(other, e) {
			out = append(out, e)
		}
	}
	return out
}

// sequence puts the elements of the merged list in order: those that both versions have, and after
// each what a version has behind it that the other one does not have.
func (m *merger) sequence(list string) []string {
	from := m.ours.lists[list]
	other := m.theirs.lists[list]
	if f := m.fields[list]; f != nil && f.Pick == Theirs {
		from, other = other, from
	}
	behind := map[string][][]string{} // by the element before, "" at the start
	for _, version := range [2][]string{m.ours.lists[list], m.theirs.lists[list]} {
		last, run := "", []string(nil)
		end := func() {
			if run != nil {
				behind[last] = append(behind[last], run)
				run = nil
			}
		}
		for _, e := range version {
			switch {
			case slices.Contains(from, e) && slices.Contains(other, e):
				end()
				last = e
			case m.stays(e):
				run = append(run, e)
			}
		}
		end()
	}
	var out []string
	add := func(e string) {
		runs := behind[e]
		slices.SortFunc(runs, func(x, y []string) int { return strings.Compare(x[0], y[0]) }) // as on the other side
		out = append(out, slices.Concat(runs...)...)
	}
	add("")
	for _, e := range from {
		if slices.Contains(other, e) {
			out = append(out, e)
			add(e)
		}
	}
	return out
}

// stays tells that an element which one version has is in the merged order.
func (m *merger) stays(e string) bool {
	f := m.fields[e]
	switch f.Pick {
	case Ours:
		return m.ours.has(e)
	case Theirs:
		return m.theirs.has(e)
	default:
		return m.ours.has(e) // a person decides
	}
}
