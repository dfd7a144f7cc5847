package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
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
		t.row("settles", "the present policy would settle it without a person")
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
		t.row(mark, pointer, sides.Base.at(f.Base), sides.Ours.at(f.Ours), sides.Theirs.at(f.Theirs), f.ChangedBy, merged)
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
	var at any
	if d.Decode(&at) != nil {
		return "(cannot be read)"
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(*pointer, "/"), "/") {
		if *pointer == "" {
			break
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch within := at.(type) {
		case map[string]any:
			at = within[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(within) {
				return "-"
			}
			at = within[i]
		default:
			return "-"
		}
	}
	switch value := at.(type) {
	case nil:
		return "-"
	case string:
		return shortened(value, valueMost)
	}
	text, err := encode(at)
	if err != nil {
		return "-"
	}
	return shortened(string(text), valueMost)
}
