package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// parts is an order taken apart. Fields are named by JSON pointers into the order, but for what stands
// in lists: a line or a refund is named by its id, a parcel by its carrier and number, a tag by itself.
type parts struct {
	leaves map[string]any      // texts, numbers, flags, and lists that are one value
	lists  map[string][]string // for each list of lists the pointers of its elements, in their order
	under  map[string][]string // the leaves right below each pointer
	places map[string]string   // of leaves and elements, the JSON pointer that really leads there
}

// lists are the lists of an order whose elements are objects, and what identifies an element.
// A list of objects that is not named here is one value.
var lists = map[string][]string{"/lines": {"lineId"}, "/tracking": {"carrier", "number"}, "/refunds": {"id"}}

// whole is a list that is one value, as JSON.
type whole string

// MarshalJSON implements json.Marshaler.
func (w whole) MarshalJSON() ([]byte, error) { return []byte(w), nil }

const tags = "/tags"

// takeApart leaves out what is derived. No order is nothing.
func takeApart(o *contracts.Order) parts {
	p := parts{map[string]any{}, map[string][]string{}, map[string][]string{}, map[string]string{}}
	if o == nil {
		return p
	}
	bare := *o
	bare.Totals = nil
	bare.Lines = make([]contracts.Line, len(o.Lines))
	for i, l := range o.Lines {
		l.TotalMinor = nil
		bare.Lines[i] = l
	}
	bare.PlacedAt, bare.CancelledAt = o.PlacedAt.UTC(), o.CancelledAt.UTC()
	p.walk("", "", tree(bare))
	return p
}

// tree is an order as JSON says it.
func tree(o contracts.Order) any {
	data, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("merge: an order cannot be written: %v", err)) // it has only years that JSON can say
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // amounts must stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		panic(fmt.Sprintf("merge: an order cannot be read again: %v", err))
	}
	return v
}

func (p *parts) walk(pointer, place string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			p.walk(pointer+"/"+contracts.PointerToken(k), place+"/"+contracts.PointerToken(k), x)
		}
	case []any:
		if pointer != tags && lists[pointer] == nil {
			p.leaf(pointer, place, asWhole(v))
			return
		}
		for i, x := range v {
			element, at := pointer+"/"+contracts.PointerToken(keyOf(pointer, x)), place+"/"+strconv.Itoa(i)
			if _, twice := p.places[element]; twice {
				continue // breaks a rule of orders; the first one counts
			}
			if pointer != tags {
				p.lists[pointer] = append(p.lists[pointer], element)
				p.places[element] = at
			}
			p.walk(element, at, x)
		}
	default:
		p.leaf(pointer, place, v)
	}
}

func (p *parts) leaf(pointer, place string, v any) {
	p.leaves[pointer], p.places[pointer] = v, place
	above, _ := cut(pointer)
	p.under[above] = append(p.under[above], pointer)
}

func asWhole(v []any) whole {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("merge: %v", err)) // only values that were read from JSON are in it
	}
	return whole(data)
}

func keyOf(list string, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v)
	}
	key := make([]string, len(lists[list]))
	for i, name := range lists[list] {
		key[i] = fmt.Sprint(m[name])
	}
	return strings.Join(key, " ")
}

// putTogether is the way back.
func (p parts) putTogether() *contracts.Order {
	root := map[string]any{}
	elements := map[string]map[string]any{}
	for list, pointers := range p.lists {
		if len(pointers) == 0 {
			continue // an order that has none names none
		}
		all := make([]any, len(pointers))
		for i, element := range pointers {
			elements[element] = map[string]any{}
			all[i] = elements[element]
		}
		root[list[1:]] = all
	}
	var set []any
	for pointer, v := range p.leaves {
		above, name := cut(pointer)
		switch {
		case above == tags:
			set = append(set, v)
		case elements[above] != nil:
			elements[above][name] = v
		case above == "":
			root[name] = v
		default:
			inner, _ := root[above[1:]].(map[string]any)
			if inner == nil {
				inner = map[string]any{}
				root[above[1:]] = inner
			}
			inner[name] = v
		}
	}
	if set != nil {
		root[tags[1:]] = set
	}
	data, err := json.Marshal(root)
	if err != nil {
		panic(fmt.Sprintf("merge: %v", err)) // only values that were read from JSON are in it
	}
	var o contracts.Order
	if err := json.Unmarshal(data, &o); err != nil {
		panic(fmt.Sprintf("merge: parts that make no order: %v", err))
	}
	return &o
}

// cut takes the last name off a pointer.
func cut(pointer string) (above, name string) {
	i := strings.LastIndexByte(pointer, '/')
	return pointer[:i], contracts.PointerTokens(pointer[i:])[0]
}
