package orders

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// Differ lists the fields in which the two versions of a case differ, by JSON pointer into the order;
// lines, parcels and tags are named by what identifies them. A field is contested when both sides
// changed it since the base, or when there is no base to tell.
func (c *Case) Differ() ([]contracts.DifferField, error) {
	ours, err := flatten(c.Ours.Body)
	if err != nil {
		return nil, fmt.Errorf("our version of %s: %w", c.ID, err)
	}
	theirs, err := flatten(c.Theirs.Body)
	if err != nil {
		return nil, fmt.Errorf("their version of %s: %w", c.ID, err)
	}
	var base map[string]string
	if c.Base != nil {
		if base, err = flatten(c.Base.Body); err != nil {
			return nil, fmt.Errorf("agreed version of %s: %w", c.ID, err)
		}
	}
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	out := []contracts.DifferField{}
	for _, pointer := range slices.Sorted(maps.Keys(all)) {
		if ours[pointer] == theirs[pointer] {
			continue
		}
		contested := base == nil || ours[pointer] != base[pointer] && theirs[pointer] != base[pointer]
		out = append(out, contracts.DifferField{Pointer: pointer, Contested: contested})
	}
	return out, nil
}

// keyOf says what identifies the elements of a list; the elements of other lists are their own keys.
var keyOf = map[string][]string{"/lines": {"lineId"}, "/tracking": {"carrier", "number"}}

// flatten turns a content into its leaves by pointer. What is derived is left out.
func flatten(body []byte) (map[string]string, error) {
	out := map[string]string{}
	if body == nil {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // amounts must stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	flattenInto(out, "", v)
	return out, nil
}

func flattenInto(out map[string]string, pointer string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if pointer == "" && k == "totals" || k == "totalMinor" && strings.HasPrefix(pointer, "/lines/") {
				continue
			}
			flattenInto(out, pointer+"/"+escape(k), x)
		}
	case []any:
		for _, x := range v {
			flattenInto(out, pointer+"/"+escape(elementKey(pointer, x)), x)
		}
	default:
		out[pointer] = fmt.Sprint(v)
	}
}

func elementKey(list string, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, k := range keyOf[list] {
		parts = append(parts, fmt.Sprint(m[k]))
	}
	return strings.Join(parts, " ")
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escape(s string) string { return pointerEscapes.Replace(s) }
