package ordersync

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Vector is a version vector: for each side and epoch the number of that side's log at which the
// newest content seen of it was written. The zero value is the version of nothing. A Vector is never
// changed in place.
//
// Its heads are the elements whose authors, taken together, had seen all the others. Whoever has the heads
// of a version has the whole of it, so comparing looks for them alone. A vector that does not name its
// heads may have any of its elements as one, so all of them count.
type Vector struct {
	dots  []Dot    // sorted by key, each number above 0
	heads []string // keys, sorted; nil counts every element
}

// Dot is one element of a Vector, and the stamp of one written content: a side and epoch, as in
// "a.7kq2mz", and a number. No dot is ever given to two contents.
type Dot struct {
	Key string
	N   int64
}

// Relation is how a version stands to another.
type Relation uint8

// The four relations.
const (
	Equal      Relation = iota
	Newer               // has all of the other, and more
	Older               // the other has all of it, and more
	Concurrent          // each has something that the other lacks
)

// NewVector makes a vector of dots; a number below 1 or a repeated key is refused.
func NewVector(dots ...Dot) (Vector, error) {
	d := slices.Clone(dots)
	slices.SortFunc(d, func(x, y Dot) int { return strings.Compare(x.Key, y.Key) })
	for i, x := range d {
		if x.N < 1 || x.Key == "" {
			return Vector{}, fmt.Errorf("version: %q has number %d", x.Key, x.N)
		}
		if i > 0 && d[i-1].Key == x.Key {
			return Vector{}, fmt.Errorf("version: %q is there twice", x.Key)
		}
	}
	return Vector{dots: d}, nil
}

// WithHeads names the heads of a vector by their keys. To name all is to name none.
func (v Vector) WithHeads(keys ...string) (Vector, error) {
	keys = slices.Sorted(slices.Values(keys))
	for i, key := range keys {
		if v.number(key) == 0 || i > 0 && keys[i-1] == key {
			return Vector{}, fmt.Errorf("version: %q is not one of its heads", key)
		}
	}
	v.heads = nil
	if len(keys) < len(v.dots) && len(keys) > 0 {
		v.heads = keys
	}
	return v, nil
}

// Heads lists the keys of the heads where they are named, and nil where every element counts.
func (v Vector) Heads() []string { return v.heads }

// ParseVector reads what String wrote.
func ParseVector(s string) (Vector, error) {
	if s == "" {
		return Vector{}, nil
	}
	var dots []Dot
	var heads []string
	for part := range strings.SplitSeq(s, ",") {
		key, num, ok := strings.Cut(part, ":")
		num, head := strings.CutSuffix(num, headMark)
		n, err := strconv.ParseInt(num, 10, 64)
		if !ok || err != nil {
			return Vector{}, fmt.Errorf("version: %q is no side.epoch:number", part)
		}
		dots = append(dots, Dot{key, n})
		if head {
			heads = append(heads, key)
		}
	}
	v, err := NewVector(dots...)
	if err != nil {
		return Vector{}, err
	}
	return v.WithHeads(heads...)
}

// headMark stands behind an element that is named as a head. An earlier release, which would compare such
// a vector wrongly, cannot read it.
const headMark = "!"

// String is the canonical text, "a.7kq2mz:1042,b.x81mqq:77"; equal vectors have equal texts. Named heads
// are marked, "a.7kq2mz:1042!".
func (v Vector) String() string {
	b := make([]byte, 0, 24*len(v.dots))
	for i, d := range v.dots {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d.Key...)
		b = append(b, ':')
		b = strconv.AppendInt(b, d.N, 10)
		if v.heads != nil && v.isHead(d.Key) {
			b = append(b, headMark...)
		}
	}
	return string(b)
}

// Dots lists the elements in the order of their keys. The caller must not change them.
func (v Vector) Dots() []Dot { return v.dots }

// IsZero tells the version of nothing.
func (v Vector) IsZero() bool { return len(v.dots) == 0 }

// number is that of a key's element, or 0.
func (v Vector) number(key string) int64 {
	if i, ok := slices.BinarySearchFunc(v.dots, key, func(d Dot, key string) int { return strings.Compare(d.Key, key) }); ok {
		return v.dots[i].N
	}
	return 0
}

func (v Vector) lists(d Dot) bool { return v.number(d.Key) >= d.N }

func (v Vector) isHead(key string) bool {
	if v.heads == nil {
		return true
	}
	_, ok := slices.BinarySearch(v.heads, key)
	return ok
}

// With adds one written content, which is the head of what comes out if heads are named.
func (v Vector) With(d Dot) Vector {
	named := v.heads != nil
	v = Vector{dots: join(v.dots, []Dot{d})}
	if named && len(v.dots) > 1 {
		v.heads = []string{d.Key}
	}
	return v
}

// Without leaves elements out that nobody may have written.
func (v Vector) Without(elements []Dot) Vector {
	out := Vector{dots: slices.DeleteFunc(slices.Clone(v.dots), func(d Dot) bool { return slices.Contains(elements, d) })}
	heads := slices.DeleteFunc(slices.Clone(v.heads), func(key string) bool { return out.number(key) == 0 })
	if 0 < len(heads) && len(heads) < len(out.dots) {
		out.heads = heads
	}
	return out
}

// Join holds what either has. Its heads are those of both, without those that the other one has seen.
func (v Vector) Join(w Vector) Vector {
	out := Vector{dots: join(v.dots, w.dots)}
	if v.heads == nil && w.heads == nil {
		return out
	}
	var heads []string
	for _, d := range out.dots {
		ours, theirs := v.number(d.Key) == d.N, w.number(d.Key) == d.N
		if ours && theirs && v.isHead(d.Key) && w.isHead(d.Key) ||
			ours && !theirs && v.isHead(d.Key) || theirs && !ours && w.isHead(d.Key) {
			heads = append(heads, d.Key)
		}
	}
	if 0 < len(heads) && len(heads) < len(out.dots) {
		out.heads = heads
	}
	return out
}

func join(a, b []Dot) []Dot {
	out := make([]Dot, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Key, b[0].Key); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, Dot{a[0].Key, max(a[0].N, b[0].N)}), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Meet holds what both have. Where there was such a version, it is the newest one that the authors of
// both had seen.
func (v Vector) Meet(w Vector) Vector {
	var out []Dot
	a, b := v.dots, w.dots
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Key, b[0].Key); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			out, a, b = append(out, Dot{a[0].Key, min(a[0].N, b[0].N)}), a[1:], b[1:]
		}
	}
	return Vector{dots: out}
}

// Base finds the version that the authors of both had seen last, among those that the order is known to have
// had. It is their Meet, as far as that is still listed. There is none where one of the two may have seen an
// element that only the other still lists: what is found then might be too old.
func Base(v, w Vector, known []Vector) (Vector, bool) { return base(v, w, known, keepEach) }

func base(v, w Vector, known []Vector, keep int) (Vector, bool) {
	if v.hides(w, keep) || w.hides(v, keep) {
		return Vector{}, false
	}
	meet := v.Meet(w)
	i := slices.IndexFunc(known, func(base Vector) bool {
		return !meet.IsZero() && v.contains(base) && w.contains(base) && !slices.ContainsFunc(meet.dots, func(d Dot) bool { return !base.lists(d) })
	})
	if i < 0 {
		return Vector{}, false
	}
	return known[i], true
}

// Compare tells how v stands to w.
func (v Vector) Compare(w Vector) Relation {
	switch ours, theirs := v.contains(w), w.contains(v); {
	case ours && theirs:
		return Equal
	case ours:
		return Newer
	case theirs:
		return Older
	default:
		return Concurrent
	}
}

// contains reports whether v lists each head of w. Then its author had seen all of w: an element is only
// ever listed by who has seen it, and who has seen a head has seen all below it. What is left out of v can
// make it miss a head, so that v counts as concurrent, and never the other way round.
func (v Vector) contains(w Vector) bool {
	a := v.dots
	for _, d := range w.dots {
		for len(a) > 0 && a[0].Key < d.Key {
			a = a[1:]
		}
		if w.isHead(d.Key) && (len(a) == 0 || a[0].Key != d.Key || a[0].N < d.N) {
			return false
		}
	}
	return true
}

// hasCommonHistory tells that both were written by people who had seen some earlier version of the
// same order: one side and epoch is in both.
func (v Vector) hasCommonHistory(w Vector) bool {
	a, b := v.dots, w.dots
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Key, b[0].Key); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			return true
		}
	}
	return false
}
