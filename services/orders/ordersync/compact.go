package ordersync

import (
	"cmp"
	"slices"
	"strings"
)

// How many elements of one side a version may have. Each start of a process that writes an order adds one.
const (
	headsFrom = 16  // from so many of the writer's own on, a write names its head
	keepOwn   = 32  // older ones of the writer's own go, once they are history for every peer
	sideMax   = 250 // the limit of the wire: older ones of any side go, history or not
)

// Writer is what a write has to know of its side to leave history out of the version.
type Writer struct {
	Sides []string // this side and its peers; elements of others are left out
	Links []Link   // towards every peer

	limits limits
}

type limits struct{ headsFrom, keepOwn, sideMax int }

// write puts a stamp on a version that its author has seen; present is the order's before it. The stamp is the one head of what comes out, so
// whatever else is left out, a peer that has the stamp has all of it, and no comparison can find more in the
// version than its author had seen. What is lost by leaving an element out is that older versions that have
// it as a head are not recognised any more: they compare as concurrent, a collision that needs not be.
//
// So an element goes when it is history for every peer: the version that the peer acknowledged lists it,
// names its heads, and has others. What the peer has now is that version or was written on top of it, so
// it names its heads too, and the element is none of them. The newest ones stay for letters that are late.
func (w Writer) write(v Vector, present Vector, stamp Dot) Vector {
	lim := w.limits
	if lim == (limits{}) {
		lim = limits{headsFrom, keepOwn, sideMax}
	}
	lim.sideMax = cmp.Or(lim.sideMax, sideMax)
	v = v.With(stamp)
	own, before := sideOf(stamp.Key), len(v.dots)
	v.dots = slices.DeleteFunc(v.dots, func(d Dot) bool { // With made them anew
		return w.Sides != nil && sideOf(d.Key) != own && !slices.Contains(w.Sides, sideOf(d.Key))
	})
	list := elementsOf(v, own)
	named := v.heads != nil || len(list) > lim.headsFrom
	for _, d := range list[:max(0, len(list)-lim.keepOwn)] {
		if d.Key != stamp.Key && w.isHistory(d, present) {
			v.leaveOut(d)
		}
	}
	for _, s := range sidesOf(v) {
		// What a peer is known to have goes last.
		for _, also := range []bool{false, true} {
			list := elementsOf(v, s)
			excess := len(list) - lim.sideMax
			for _, d := range list {
				if excess > 0 && d.Key != stamp.Key && (also || !w.isWanted(d, present)) {
					v.leaveOut(d)
					excess--
				}
			}
		}
	}
	v.heads = nil
	if len(v.dots) > 1 && (named || len(v.dots) < before) {
		v.heads = []string{stamp.Key}
	}
	return v
}

// elementsOf lists the elements of a side, oldest first.
func elementsOf(v Vector, side string) []Dot {
	var list []Dot
	for _, d := range v.dots {
		if sideOf(d.Key) == side {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(x, y Dot) int { return cmp.Compare(x.N, y.N) })
	return list
}

func sidesOf(v Vector) []string {
	var sides []string
	for _, d := range v.dots {
		if s := sideOf(d.Key); !slices.Contains(sides, s) {
			sides = append(sides, s)
		}
	}
	return sides
}

// leaveOut works on elements that are v's own already.
func (v *Vector) leaveOut(d Dot) {
	v.dots = slices.DeleteFunc(v.dots, func(x Dot) bool { return x.Key == d.Key })
}

// isWanted reports whether an element is a head of what a peer is known to have.
func (w Writer) isWanted(d Dot, present Vector) bool {
	return slices.ContainsFunc(w.Links, func(l Link) bool {
		return l.agreedOn(present).hasHead(d) || l.Theirs != nil && l.Theirs.Version.hasHead(d)
	})
}

// isHistory reports whether every peer has acknowledged a version that lists the element and has other heads.
func (w Writer) isHistory(d Dot, present Vector) bool {
	for _, l := range w.Links {
		if !l.agreedOn(present).lists(d) {
			return false
		}
	}
	return !w.isWanted(d, present)
}

// agreedOn is the version that the peer acknowledged last: the present one where the link is settled.
func (l Link) agreedOn(present Vector) Vector {
	if l.State.Settled() {
		return present
	}
	return l.Agreed
}

// full reports whether a side has as many elements as it may, so that others may have had to go.
func (v Vector) full(sideMax int) bool {
	if len(v.dots) < sideMax {
		return false
	}
	return slices.ContainsFunc(sidesOf(v), func(s string) bool { return len(elementsOf(v, s)) >= sideMax })
}

// sideOf is the side of a key.
func sideOf(key string) string {
	s, _, _ := strings.Cut(key, ".")
	return s
}
