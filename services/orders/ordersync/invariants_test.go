package ordersync

import "fmt"

// wrong tells what must not be in any world.
func (m *model) wrong(w world) string {
	o := m.open(w)
	for s := range 2 {
		h, peer := o.holds(s), o.holds(1-s)
		if h.State.Settled() && o.restores() == 0 && !peer.seen.has(h.seen&^h.joined) {
			return fmt.Sprintf("%c calls %s settled, and the peer never had it", "AB"[s], h.Head.text())
		}
		if h.Due && !o.s[s].hint && !m.brokerLoss && o.restores() == 0 {
			return fmt.Sprintf("%c is due without a hint", "AB"[s])
		}
	}
	if o.isQuiet() && !o.s[0].behind {
		return o.quiet()
	}
	return ""
}

// isQuiet tells that nothing is under way any more.
func (o *open) isQuiet() bool {
	return !o.s[0].hint && !o.s[1].hint && o.mail == (mail{}) && !o.holds(0).Due && !o.holds(1).Due
}

// quiet tells what is wrong when nothing is under way any more.
func (o *open) quiet() string {
	a, b := o.holds(0), o.holds(1)
	switch {
	case a.State == None && b.State == None:
		return ""
	case a.State.Settled() && b.State.Settled():
		if a.Version.Compare(b.Version) == Equal && a.content == b.content && a.Deleted == b.Deleted {
			return o.lost()
		}
	case a.State.InConflict() && b.State.InConflict():
		if o.knows(0) && o.knows(1) && (o.keeps(0) || o.keeps(1)) {
			return o.lost()
		}
	}
	return "quiet, but not the same"
}

// knows tells that a side keeps the other side's present version, or contains it.
func (o *open) knows(s int) bool {
	return o.keeps(s) || within(o.holds(1-s).Version, o.holds(s).Version)
}

// keeps tells that a side keeps the other side's present version. After the other side was restored
// that may be the one that it lost: it contains the present one.
func (o *open) keeps(s int) bool {
	h, peer := o.holds(s), o.holds(1-s)
	if h.Theirs == nil {
		return false
	}
	c := h.Theirs.Version.Compare(peer.Version)
	return c == Equal && h.kept == peer.content || c == Newer && o.s[1-s].restored > 0
}

// lost tells of contents that are on neither side any more, though no author replaced them.
func (o *open) lost() string {
	for s := range 2 {
		all := (writes(1)<<o.s[s].written - 1) << (16 * s)
		if o.restores() == 0 && !(o.holds(0).seen | o.holds(1).seen).has(all) {
			return "quiet, but something that people wrote is gone"
		}
	}
	return ""
}
