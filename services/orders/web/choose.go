package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// tree is an order as JSON has it, to be read and put together by pointers.
func tree(o *contracts.Order) (map[string]any, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write an order: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // amounts must stay exact
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read an order: %w", err)
	}
	delete(v, "totals") // derived
	lines, _ := v["lines"].([]any)
	for _, l := range lines {
		delete(l.(map[string]any), "totalMinor")
	}
	return v, nil
}

// at finds what stands at a JSON pointer; nil where there is nothing.
func at(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = unescape.Replace(part)
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// choose puts an order together: ours, with the fields of theirs that a person took.
func choose(ours, theirs *contracts.Order, fields []contracts.DifferField, taken func(pointer string) bool) (*contracts.Order, error) {
	out, err := tree(ours)
	if err != nil {
		return nil, err
	}
	from, err := tree(theirs)
	if err != nil {
		return nil, err
	}
	var gone []string // places in ours, in lists
	var reorder []string
	for _, f := range fields {
		switch {
		case !taken(f.Pointer):
		case identity[f.Pointer[1:]] != nil:
			reorder = append(reorder, f.Pointer[1:])
		case f.Theirs == nil && f.Ours != nil:
			gone = append(gone, *f.Ours)
		case f.Theirs != nil && f.Ours != nil:
			set(out, *f.Ours, at(from, *f.Theirs))
		case f.Theirs != nil:
			add(out, f.Pointer, at(from, *f.Theirs))
		}
	}
	slices.SortFunc(gone, func(x, y string) int { return index(y) - index(x) }) // from the end, so that places stay
	for _, pointer := range gone {
		remove(out, pointer)
	}
	for _, list := range reorder {
		orderAs(out, from, list)
	}
	dropEmpty(out)
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write an order: %w", err)
	}
	var o contracts.Order
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("put an order together: %w", err)
	}
	return &o, nil
}

// index is the last part of a pointer as an index; 0 for a name.
func index(pointer string) int {
	i, _ := strconv.Atoi(pointer[strings.LastIndexByte(pointer, '/')+1:])
	return i
}

func split(pointer string) (above, last string) {
	i := strings.LastIndexByte(pointer, '/')
	return pointer[:i], unescape.Replace(pointer[i+1:])
}

func set(v map[string]any, pointer string, to any) {
	above, last := split(pointer)
	switch in := at(v, above).(type) {
	case map[string]any:
		in[last] = to
	case []any:
		in[index(pointer)] = to
	}
}

// add puts what ours does not have to where its name says; lines and refunds go by their id.
func add(v map[string]any, pointer string, what any) {
	parts := strings.Split(pointer[1:], "/")
	list, _ := v[parts[0]].([]any)
	switch {
	case len(parts) == 2 && (parts[0] == "lines" || parts[0] == "tags" || parts[0] == "tracking" || parts[0] == "refunds"):
		v[parts[0]] = append(list, what)
	case parts[0] == "lines" || parts[0] == "tracking" || parts[0] == "refunds":
		for _, one := range list {
			if m, ok := one.(map[string]any); ok && (m["lineId"] == parts[1] || m["id"] == parts[1] || fmt.Sprint(m["carrier"], " ", m["number"]) == unescape.Replace(parts[1])) {
				m[parts[2]] = what
			}
		}
	case len(parts) == 2:
		in, ok := v[parts[0]].(map[string]any)
		if !ok {
			in = map[string]any{}
			v[parts[0]] = in
		}
		in[unescape.Replace(parts[1])] = what
	default:
		v[parts[0]] = what
	}
}

func remove(v map[string]any, pointer string) {
	above, last := split(pointer)
	switch in := at(v, above).(type) {
	case map[string]any:
		delete(in, last)
	case []any:
		if i := index(pointer); i < len(in) {
			set(v, above, slices.Delete(in, i, i+1))
		}
	}
}

// identity names what identifies an element of each list.
var identity = map[string][]string{"lines": {"lineId"}, "refunds": {"id"}, "tracking": {"carrier", "number"}}

// orderAs puts the elements of a list into the order of another tree's; those that it does not have keep their
// places.
func orderAs(v, like map[string]any, list string) {
	key := func(element any) string {
		var parts []string
		for _, name := range identity[list] {
			parts = append(parts, fmt.Sprint(element.(map[string]any)[name]))
		}
		return strings.Join(parts, "\n") // which none of them has
	}
	rank := map[string]int{}
	for i, x := range asList(like[list]) {
		rank[key(x)] = i
	}
	var places []int
	var both []any
	in := asList(v[list])
	for i, x := range in {
		if _, known := rank[key(x)]; known {
			places, both = append(places, i), append(both, x)
		}
	}
	slices.SortFunc(both, func(x, y any) int { return rank[key(x)] - rank[key(y)] })
	for i, place := range places {
		in[place] = both[i]
	}
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

// dropEmpty leaves out what every field or element was taken away from.
func dropEmpty(v map[string]any) {
	for _, name := range []string{"billingAddress", "shippingAddress", "metadata"} {
		if in, ok := v[name].(map[string]any); ok && len(in) == 0 {
			delete(v, name)
		}
	}
	for _, name := range []string{"tags", "tracking", "refunds"} {
		if in, ok := v[name].([]any); ok && len(in) == 0 {
			delete(v, name)
		}
	}
}
