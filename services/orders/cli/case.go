package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/visible"
)

// printCollision prints a case field by field.
func printCollision(cmd *cobra.Command, c *seen) error {
	var sides struct{ Base, Ours, Theirs version }
	if err := json.Unmarshal(c.body, &sides); err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	t := newTable(cmd.OutOrStdout())
	t.row("order", c.ID)
	t.row("with", c.Peer)
	t.row("since", clock(c.Since))
	t.row("tag", opaque(c.tag))
	if c.Settles {
		t.row("settles", "the policy in force would resolve it without a person")
	}
	if c.Proposal != nil {
		t.row("proposed", proposalText(c.Proposal))
	}
	if err := t.end(); err != nil {
		return err
	}
	t = newTable(cmd.OutOrStdout(), "", "FIELD", "BASE", "OURS", "THEIRS", "CHANGED BY", "MERGED")
	for _, f := range c.Differs {
		mark, merged := "", f.Pick
		if f.Contested {
			mark = "!"
		}
		if merged == "" {
			merged = "-"
		}
		pointer := f.Pointer
		if pointer == "" {
			pointer = "(the order)"
		}
		values := shown(sides.Base.at(f.Base), sides.Ours.at(f.Ours), sides.Theirs.at(f.Theirs))
		t.row(mark, pointer, values[0], values[1], values[2], f.ChangedBy, merged)
	}
	return t.end()
}

// version is one version of an order in a case, as it came.
type version struct {
	Deleted bool            `json:"deleted"`
	Order   json.RawMessage `json:"order"`
}

// valueMost is how much of a value is shown.
const valueMost = 40

// leadMost is how much is shown before the place where long values differ.
const leadMost = 10

// at finds the value at a pointer (RFC 6901), for people.
func (v version) at(pointer *string) string {
	switch {
	case v.Deleted:
		return "(deleted)"
	case pointer == nil || v.Order == nil:
		return "-"
	}
	d := json.NewDecoder(bytes.NewReader(v.Order))
	d.UseNumber()
	var document any
	if d.Decode(&document) != nil {
		return "(cannot be read)"
	}
	switch value := contracts.ValueAt(document, *pointer).(type) {
	case nil:
		return "-"
	case string:
		return value
	default:
		text, err := encode(value)
		if err != nil {
			return "-"
		}
		return string(text)
	}
}

// shown makes values short, so that those that differ look different: long ones that begin alike are shown from
// a little before they differ.
func shown(values ...string) []string {
	out := visible.Apart(values...)
	var long [][]rune
	for _, v := range out {
		if r := []rune(v); len(r) > valueMost {
			long = append(long, r)
		}
	}
	same := sameStart(long)
	for i, v := range out {
		if r := []rune(v); len(r) > valueMost && same > valueMost/2 {
			v = "…" + string(r[same-leadMost:])
		}
		out[i] = shortened(v, valueMost)
	}
	return out
}

// sameStart counts the characters with which texts begin alike; 0 if they are the same.
func sameStart(texts [][]rune) int {
	if len(texts) < 2 {
		return 0
	}
	for i, r := range texts[0] {
		for _, t := range texts[1:] {
			if i == len(t) || t[i] != r {
				return i
			}
		}
	}
	if slices.ContainsFunc(texts, func(t []rune) bool { return len(t) > len(texts[0]) }) {
		return len(texts[0])
	}
	return 0
}
