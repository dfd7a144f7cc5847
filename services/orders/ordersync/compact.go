package ordersync

import (
	"cmp"
	"slices"
	"strings"
)

// How many elements of one side a version keeps. Each start of a process that writes an order adds one.
const (
	headsFrom = 16 // from so many of the writer's own on, a write names its head
	keepEach  = 32 // the older ones of each side go, but for heads
)

// Writer is what a write has to know of its side to leave elements out of the version.
type Writer struct {
	Sides []string // those whose elements a version may have; those of others are left out

	limits limits
}

// limits are those of a version; the zero value is those above.
type limits struct{ headsFrom, keepEach int }

func (l limits) keep() int { return cmp.Or(l.keepEach, keepEach) }

// write puts a stamp on a version that its author has seen. The stamp is the one head of what comes out, so
// whatever else is left out, a peer that has the stamp has all of it, and no comparison can find more in the
// version than its author had seen.
func (w Writer) write(v Vector, stamp Dot) Vector {
	lim := w.limits
	if lim == (limits{}) {
		lim = limits{headsFrom, keepEach}
	}
	v = v.With(stamp)
	own, before := sideOf(stamp.Key), len(v.dots)
	v.dots = slices.DeleteFunc(v.dots, func(d Dot) bool { // With made them anew
		return w.Sides != nil && sideOf(d.Key) != own && !slices.Contains(w.Sides, sideOf(d.Key))
	})
	named := v.heads != nil || len(v.dots) < before || len(elementsOf(v, own)) > lim.headsFrom
	for _, s := range sidesOf(v) { // that a side wrote too much without naming heads
		named = named || len(elementsOf(v, s)) > lim.keep()
	}
	v.heads = nil
	if len(v.dots) > 1 && named {
		v.heads = []string{stamp.Key}
	}
	return v.trimmed(lim.keep())
}

// trimmed leaves out of each side what is older than its newest elements, but for heads. A version comes out the
// same on every side that trims it, however much it listed before. What is lost is that versions which have a
// left out element as a head are not recognised any more: they compare as concurrent. A peer is told the
// elements that it needs in spite of that: see Towards.
func (v Vector) trimmed(keep int) Vector {
	if len(v.dots) <= keep || v.heads == nil {
		return v
	}
	out := Vector{dots: slices.Clone(v.dots), heads: v.heads}
	for _, s := range sidesOf(v) {
		list := elementsOf(v, s)
		for _, d := range list[:max(0, len(list)-keep)] {
			if !v.isHead(d.Key) {
				out.dots = slices.DeleteFunc(out.dots, func(x Dot) bool { return x.Key == d.Key })
			}
		}
	}
	if len(out.heads) == len(out.dots) {
		out.heads = nil
	}
	return out
}

// listing adds the heads of an older version that v has seen and does not list any more. They are no heads of v.
func (v Vector) listing(older Vector, keep int) Vector {
	var missing []Dot
	for _, d := range older.dots {
		if older.isHead(d.Key) && v.number(d.Key) == 0 && len(elementsOf(v, sideOf(d.Key))) >= keep {
			missing = append(missing, d)
		}
	}
	if missing == nil {
		return v
	}
	out := Vector{dots: join(v.dots, missing), heads: v.heads}
	if out.heads == nil {
		for _, d := range v.dots {
			out.heads = append(out.heads, d.Key)
		}
	}
	return out
}

// hides reports whether v may have seen an element that w lists and v does not any more.
func (v Vector) hides(w Vector, keep int) bool {
	for _, d := range w.dots {
		if v.lists(d) {
			continue
		}
		if list := elementsOf(v, sideOf(d.Key)); len(list) >= keep && d.N < list[len(list)-keep].N {
			return true
		}
	}
	return false
}

// elementsOf lists the elements of a side, oldest first.
func elementsOf(v Vector, side string) []Dot {
	var list []Dot
	for _, d := range v.dots {
		if sideOf(d.Key) == side {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(x, y Dot) int { return cmp.Or(cmp.Compare(x.N, y.N), strings.Compare(x.Key, y.Key)) })
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

// sideOf is the side of a key.
func sideOf(key string) string {
	s, _, _ := strings.Cut(key, ".")
	return s
}
