package ordersync

import "fmt"

// What must hold in every world, and in every world where nothing is under way any more. What one
// observation must not do is in model_test.go, beside the observation.

// wrong tells what must not be in any world.
func (m *model) wrong(w world) string {
	o := m.open(w)
	for s := range 2 {
		h, peer := o.holds(s), o.holds(1-s)
		if h.State.Settled() && o.restores() == 0 && !peer.seen.has(h.seen&^h.joined) {
			return fmt.Sprintf("%c calls %s settled, and the peer never had it", "AB"[s], headText(h.Head))
		}
		if h.Due && !o.s[s].hint && !m.brokerLoss && o.restores() == 0 {
			return fmt.Sprintf("%c is due without a hint", "AB"[s])
		}
	}
	if m.restarts > 0 && !m.forgets() && !m.merges && o.restores() == 0 {
		if wrong := firstOf(misjudged(o.holds(0), o.holds(1), m.limits), needless(o.holds(0)), needless(o.holds(1))); wrong != "" {
			return wrong
		}
	}
	if o.quiet() {
		return firstOf(o.disagree(), o.lost())
	}
	return ""
}

// misjudged says that two sides do not compare as what the authors of their contents had seen.
func misjudged(a, b holding, lim limits) string {
	v, w := a.towards(lim).Version, b.towards(lim).Version
	if v.Compare(w) == truly(a.seen, b.seen) {
		return ""
	}
	return fmt.Sprintf("{%s} and {%s} do not compare as what their authors had seen", v, w)
}

// needless says that a collision is of two versions of which one had seen the other.
func needless(h holding) string {
	if h.State == Collision && truly(h.seen, h.theirs) != Concurrent {
		return fmt.Sprintf("%s collides with %s, and one side has seen both", headText(h.Head), headText(*h.Theirs))
	}
	return ""
}

// truly is how two contents stand to each other, by what their authors had seen.
func truly(a, b writes) Relation {
	switch {
	case a == b:
		return Equal
	case a.has(b):
		return Newer
	case b.has(a):
		return Older
	}
	return Concurrent
}

// quiet tells that nothing is under way any more, and that a restore was reconciled.
func (o *open) quiet() bool {
	return o.quietWire() && !o.s[0].behind && !o.holds(0).Due && !o.holds(1).Due
}

// disagree tells why a quiet world is none that people can leave alone, or see as the same conflict
// from both sides.
func (o *open) disagree() string {
	a, b := o.holds(0), o.holds(1)
	if o.restores() == 0 && !o.m.refuses && !o.m.door && !o.m.forgets() && (a.State.inError() || b.State.inError()) {
		return "quiet and in error, though nobody refuses anything"
	}
	switch {
	case a.State == None && b.State == None:
		return ""
	case a.State.Settled() && b.State.Settled():
		// A late letter may list what its receiver has as a head, and its sender does not store any more. The next
		// exchange makes both the same.
		oneHasBoth := o.m.forgets() && (within(a.Version, b.Version) || within(b.Version, a.Version))
		if (a.Version.String() == b.Version.String() || oneHasBoth) && a.content == b.content && a.Deleted == b.Deleted {
			return ""
		}
	case o.m.door && a.State == ErrorSynced:
		// What the door turned away side b never saw, so it stays as it was; and since the bridge answered
		// for it, side a may not have its newest version. But neither thinks that all is well.
		if o.knows(0) || b.State.InConflict() {
			return ""
		}
	case a.State.InConflict() && b.State.InConflict():
		if o.knows(0) && o.knows(1) && (o.keeps(0) || o.keeps(1)) {
			return ""
		}
		// After a restore a case may be about what is nowhere else any more. The two present versions are
		// the same then, or people see both on the other side. After two restores each side may keep what
		// the other lost; whichever is settled, what is settled meets the other one's present version.
		// So may each side where elements of a version went that the other one needed.
		if o.restores() > 1 || o.m.forgets() || o.restores() == 1 && (a.Version.Compare(b.Version) == Equal && a.content == b.content || o.knows(0) || o.knows(1)) {
			return ""
		}
	case o.m.forgets() && (o.keepsOld(0) || o.keepsOld(1)):
		return ""
	case o.keepsLost(0) || o.keepsLost(1), o.refusesAgain(0) || o.refusesAgain(1):
		return ""
	}
	return "quiet, but neither the same nor the same conflict"
}

// knows tells that a side keeps the other side's present version, or contains it.
func (o *open) knows(s int) bool {
	return o.keeps(s) || within(o.holds(1-s).Version, o.holds(s).Version)
}

// keeps tells that a side keeps the other side's present version. After the other side was restored
// that may be the one that it lost, which contains the present one: late news cannot take it away,
// and the other side gets it back by a resolution.
func (o *open) keeps(s int) bool {
	h, peer := o.holds(s), o.holds(1-s)
	if h.Theirs == nil {
		return false
	}
	c := h.Theirs.Version.Compare(peer.Version)
	return c == Equal && h.kept == peer.content || c == Newer && o.s[1-s].restored > 0
}

// keepsLost tells that a side is in conflict about a version that the other side lost in a restore, and
// that the other side has nothing to set against it, or has come to this side's version. There it is over; here people still have the
// lost content before them, and give it back by a resolution or a retry.
func (o *open) keepsLost(s int) bool {
	h, peer := o.holds(s), o.holds(1-s)
	return o.s[1-s].restored > 0 && h.State.InConflict() && h.Theirs != nil && (within(peer.Version, h.Theirs.Version) || peer.Version.Compare(h.Version) == Equal) &&
		(peer.State.Settled() || peer.State == None)
}

// keepsOld reports whether a side is in conflict about a version of the other side that it had seen, and
// does not recognise any more. Both have the same by now, and a resolution ends it.
func (o *open) keepsOld(s int) bool {
	h, peer := o.holds(s), o.holds(1-s)
	return h.State.InConflict() && h.seen.has(h.theirs) && peer.State.Settled() && peer.content == h.content
}

// refusesAgain tells that a side refuses, after a restore, what it had accepted before it. The other
// side goes on calling it settled: it cannot tell this refusal from a late one of the time before, and
// late ones do come. People see the error where it is.
func (o *open) refusesAgain(s int) bool {
	h, peer := o.holds(s), o.holds(1-s)
	return o.s[s].restored > 0 && (h.State == Error || h.State == ErrorSynced) && o.keeps(s) && peer.State.Settled()
}

// lost tells of contents that are on neither side any more, though no author replaced them. After a
// restore there may be some that never left the side.
func (o *open) lost() string {
	for s := range 2 {
		all := (writes(1)<<o.s[s].written - 1) << (16 * s)
		if o.restores() == 0 && !(o.holds(0).seen | o.holds(1).seen).has(all) {
			return "quiet, but something that people wrote is gone"
		}
	}
	return ""
}
