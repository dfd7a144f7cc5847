package ordersync

import "fmt"

// What must hold in every world of several sides, and when nothing is under way any more. What one observation
// must not do is in model_test.go.

func (o *graphOpen) check() string {
	if o.wrong != "" {
		return o.wrong
	}
	m := o.m
	for e, x := range m.ends {
		if !o.is(e) {
			continue
		}
		k := o.link(e)
		if k.State.Settled() && o.restores() == 0 && !m.forgets() && !o.had(e) {
			return fmt.Sprintf("%c calls %s settled, and %c never had it", 'A'+x.from, headText(o.held(x.from).Head), 'A'+x.to)
		}
		if k.Due && !o.hinted(e) && !m.broker && o.restores() == 0 && !o.behind(e) {
			return fmt.Sprintf("%c is due without a hint towards %c", 'A'+x.from, 'A'+x.to)
		}
	}
	if m.restarts > 0 && !m.forgets() && o.restores() == 0 && !m.merges && !m.common {
		for e, x := range m.ends {
			if wrong := firstOf(misjudged(o.holds(e), o.holds(x.rev), m.limits), needless(o.holds(e))); wrong != "" {
				return wrong
			}
		}
	}
	if o.quiet() {
		return firstOf(o.disagree(), o.lost())
	}
	return ""
}

// had reports whether the peer's version contains that of a side.
func (o *graphOpen) had(e int) bool {
	x := o.m.ends[e]
	rev := o.m.ends[x.rev]
	key := [3]uint32{o.s[x.from].holds, o.s[x.to].holds, o.s[x.to].links[rev.nr]}
	has, known := o.m.hadBy[key]
	if !known {
		has = within(o.held(x.from).Version, o.holds(x.rev).towards(o.m.limits).Version)
		o.m.hadBy[key] = has
	}
	return has
}

// contains reports whether the version of a side contains that of another.
func (o *graphOpen) contains(s, r int) bool {
	key := [2]uint32{o.s[s].holds, o.s[r].holds}
	has, known := o.m.contained[key]
	if !known {
		has = within(o.held(r).Version, o.held(s).Version)
		o.m.contained[key] = has
	}
	return has
}

// quiet reports whether nothing is under way any more, and what had to be reconciled was.
func (o *graphOpen) quiet() bool {
	if o.wire != (wire{}) {
		return false
	}
	for s := range o.m.graph.sides {
		if o.s[s].hints != 0 || o.s[s].behind != 0 {
			return false
		}
	}
	for e := range o.m.ends {
		if o.is(e) && o.link(e).Due {
			return false
		}
	}
	return true
}

// disagree says which edge of a quiet world is neither settled on the same nor the same case at both ends.
func (o *graphOpen) disagree() string {
	for e, x := range o.m.ends {
		if e > x.rev || !o.is(e) {
			continue
		}
		a, b := o.holds(e), o.holds(x.rev)
		equal := a.Version.Compare(b.Version) == Equal && a.content == b.content && a.Deleted == b.Deleted
		conflict := a.State.InConflict() && b.State.InConflict()
		switch {
		case o.restores() == 0 && o.m.refuses == 0 && (a.State.inError() || b.State.inError()):
			return "quiet and in error, though nobody refuses anything"
		case a.State == None && b.State == None && !a.Known() && !b.Known():
		case a.State.Settled() && b.State.Settled() && equal:
		case conflict && knows(a, b) && knows(b, a) && (keeps(a, b) || keeps(b, a)):
			if equal {
				return fmt.Sprintf("quiet, but %c and %c have the same, and both a case of it", 'A'+x.from, 'A'+x.to)
			}
		// After a restore a case may be about what is nowhere else any more, and may be shown at one end: see
		// the model of two sides.
		case o.restores() > 0 && (a.State.InConflict() || b.State.InConflict()):
		case o.m.forgets() && (a.State.InConflict() || b.State.InConflict()):
		default:
			return fmt.Sprintf("quiet, but %c and %c have neither the same nor the same conflict", 'A'+x.from, 'A'+x.to)
		}
	}
	return ""
}

// keeps reports whether a side keeps the version that the other has now.
func keeps(h, other holding) bool {
	return h.Theirs != nil && h.Theirs.Version.Compare(other.Version) == Equal && (h.kept == other.content || h.kept == "")
}

func knows(h, other holding) bool { return keeps(h, other) || within(other.Version, h.Version) }

// lost says that a content is at no side any more, though no author had seen and replaced it.
func (o *graphOpen) lost() string {
	if o.restores() > 0 {
		return ""
	}
	var all, seen writes
	for s := range o.m.graph.sides {
		all |= (writes(1)<<o.s[s].written - 1) << (writesMax * s)
		seen |= o.held(s).seen
	}
	if !seen.has(all) {
		return "quiet, but something that people wrote is gone"
	}
	return ""
}

// apart counts the versions that stand against each other: no other side's version contains them.
func (o *graphOpen) apart() (n int) {
	for s := range o.m.graph.sides {
		top := true
		for r := range o.m.graph.sides {
			if o.contains(r, s) && (!o.contains(s, r) || r < s) {
				top = false
			}
		}
		if top {
			n++
		}
	}
	return n
}
