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
type Vector struct {
	dots []Dot // sorted by key, each number above 0
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
	return Vector{d}, nil
}

// ParseVector reads what String wrote.
func ParseVector(s string) (Vector, error) {
	if s == "" {
		return Vector{}, nil
	}
	var dots []Dot
	for part := range strings.SplitSeq(s, ",") {
		key, num, ok := strings.Cut(part, ":")
		n, err := strconv.ParseInt(num, 10, 64)
		if !ok || err != nil {
			return Vector{}, fmt.Errorf("version: %q is no side.epoch:number", part)
		}
		dots = append(dots, Dot{key, n})
	}
	return NewVector(dots...)
}

// String is the canonical text, "a.7kq2mz:1042,b.x81mqq:77"; equal vectors have equal texts.
func (v Vector) String() string {
	b := make([]byte, 0, 24*len(v.dots))
	for i, d := range v.dots {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d.Key...)
		b = append(b, ':')
		b = strconv.AppendInt(b, d.N, 10)
	}
	return string(b)
}

// Dots lists the elements in the order of their keys. The caller must not change them.
func (v Vector) Dots() []Dot { return v.dots }

// IsZero tells the version of nothing.
func (v Vector) IsZero() bool { return len(v.dots) == 0 }

// With adds one written content.
func (v Vector) With(d Dot) Vector { return v.Join(Vector{[]Dot{d}}) }

// Join holds what either has.
func (v Vector) Join(w Vector) Vector {
	out := make([]Dot, 0, len(v.dots)+len(w.dots))
	a, b := v.dots, w.dots
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
	out = append(append(out, a...), b...)
	return Vector{out}
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
	return Vector{out}
}

// Compare tells how v stands to w.
func (v Vector) Compare(w Vector) Relation {
	var more, less bool
	a, b := v.dots, w.dots
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Key, b[0].Key); {
		case c < 0:
			more, a = true, a[1:]
		case c > 0:
			less, b = true, b[1:]
		default:
			more = more || a[0].N > b[0].N
			less = less || a[0].N < b[0].N
			a, b = a[1:], b[1:]
		}
	}
	more, less = more || len(a) > 0, less || len(b) > 0
	switch {
	case more && less:
		return Concurrent
	case more:
		return Newer
	case less:
		return Older
	default:
		return Equal
	}
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
