package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

// tree is an order as JSON has it, without what is derived, to be read by pointers.
func tree(o *contracts.Order) (any, error) {
	if o == nil {
		return nil, nil
	}
	bare := *o
	bare.Totals, bare.Lines = nil, slices.Clone(o.Lines)
	for i := range bare.Lines {
		bare.Lines[i].TotalMinor = nil
	}
	b, err := json.Marshal(bare)
	if err != nil {
		return nil, fmt.Errorf("write an order: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // amounts must stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read an order: %w", err)
	}
	return v, nil
}

// at returns what stands at a place of a tree; nil where there is none.
func at(tree any, place *string) any {
	if place == nil {
		return nil
	}
	return contracts.ValueAt(tree, *place)
}

// last is the name of the field that a pointer leads to.
func last(pointer string) string {
	tokens := contracts.PointerTokens(pointer)
	if len(tokens) == 0 {
		return ""
	}
	return tokens[len(tokens)-1]
}

// nameOf names a field in words; a line goes by the name of its product in one of the orders.
func nameOf(pointer string, of ...*contracts.Order) string {
	if pointer == "/lines" {
		return "Order of the lines"
	}
	name := words(pointerWords(pointer))
	if parts := contracts.PointerTokens(pointer); len(parts) > 1 && parts[0] == "lines" {
		for _, o := range of {
			for i := range o.Lines {
				if o.Lines[i].LineID == parts[1] {
					return name + " “" + o.Lines[i].Name + "”"
				}
			}
		}
	}
	return name
}

// chosen is the order that a choice by field comes to: picks has ours or theirs by the pointers of fields.
func (c *casePage) chosen(picks map[string]string) *contracts.Order {
	sides := map[string]merge.Side{}
	for pointer, pick := range picks {
		if pick == merge.Theirs.String() {
			sides[pointer] = merge.Theirs
		}
	}
	var base *contracts.Order
	if c.Base != nil {
		base = c.Base.Order
	}
	return merge.Choose(base, c.Ours.Order, c.Theirs.Order, sides)
}
