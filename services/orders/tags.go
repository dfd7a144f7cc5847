package orders

import "slices"

// Tags are what a client has seen, as its If-Match names it: any of several entity tags, or "*" for whatever is
// there now. Nil is no condition.
type Tags []string

// Match reports whether one of the tags is one of the names that something has.
func (t Tags) Match(names ...string) bool {
	return slices.ContainsFunc(t, func(tag string) bool { return tag == "*" || slices.Contains(names, tag) })
}
