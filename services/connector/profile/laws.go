package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// sampleID is the order of ours that a sample stands for while the laws are checked.
var sampleID = uuid.MustParse("5a3b1e62-0f0c-4a43-9c0e-6f7a51b6a9d0")

// check holds the laws to a sample: it can be read; writing what was read changes nothing; and what is written, field
// by field, is read back. It returns the errors; a *foreign.Refusal among them names the field.
func (m *Mapping) check(doc map[string]any, all []sample) (faults []error) {
	d := &foreign.Document{ID: "1", Body: doc}
	before := clone(doc)
	order, lines, err := m.Read(d, sampleID, nil, nil)
	if err != nil {
		return []error{fmt.Errorf("cannot be read: %w", err)}
	}
	edit, err := m.Write(d, order, lines)
	switch {
	case err != nil:
		faults = append(faults, fmt.Errorf("what was read cannot be written: %w", err))
	case !edit.Empty():
		faults = append(faults, fmt.Errorf("writing what was read changes %s", show(any(edit.Body))))
	}
	for _, change := range m.changesOf(order, all) {
		if _, err := m.Write(d, change.want, lines); isBroken(err) {
			faults = append(faults, fmt.Errorf("with another %s: %w", change.name, err))
		}
	}
	if _, err := m.Write(nil, order, nil); isBroken(err) {
		faults = append(faults, fmt.Errorf("as a new order: %w", err))
	}
	if !reflect.DeepEqual(before, any(doc)) {
		faults = append(faults, errors.New("reading or writing changed the document in place"))
	}
	return faults
}

func isBroken(err error) bool {
	var b *broken
	return errors.As(err, &b)
}

// change is an order that differs from a sample in one field.
type change struct {
	name string
	want *contracts.Order
}

// changesOf makes orders that differ from one in each field: by the values of other samples, and by made ones.
func (m *Mapping) changesOf(order *contracts.Order, all []sample) (changes []change) {
	others := make([]content, 0, len(all)+1)
	for _, s := range all {
		if o, _, err := m.Read(&foreign.Document{ID: "1", Body: s.doc}, sampleID, nil, nil); err == nil {
			others = append(others, contentOf(o))
		}
	}
	add := func(name string, edit func(content)) {
		c := contentOf(order)
		edit(c)
		if want, faults, err := c.order(); err == nil && len(faults) == 0 {
			changes = append(changes, change{name, want})
		}
	}
	for _, r := range m.fields {
		for _, v := range append(made(r), valuesOf(others, r.name)...) {
			if v == nil && r.otherwise != nil {
				continue // what the system has otherwise cannot be cleared
			}
			add(r.name, func(c content) { c.set(r.name, v) })
		}
	}
	for _, name := range lineOrder {
		for _, v := range made(m.lines.rules[name]) {
			add("line's "+name, func(c content) { linesOf(c)[0].set(name, v) })
		}
	}
	add("line more", func(c content) {
		list, _ := c[linesKey].([]any)
		c[linesKey] = append(list, map[string]any{
			lineIDKey: uuid.NewSHA1(sampleID, []byte("another")).String(), "sku": "ANOTHER", "name": "Another line",
			"quantity": json.Number("3"), "unitPriceMinor": json.Number("700"),
		})
	})
	if len(order.Lines) > 1 {
		add("line less", func(c content) { c[linesKey] = c[linesKey].([]any)[1:] })
	}
	return changes
}

func valuesOf(all []content, name string) (values []any) {
	for _, c := range all {
		values = append(values, c.get(name))
	}
	return values
}

// made are values to try a field with.
func made(r *rule) []any {
	if enum, ok := r.codec.(enumCodec); ok {
		var all []any
		for _, ours := range enum.ours {
			for _, word := range ours {
				all = append(all, word)
			}
		}
		return all
	}
	switch r.kind {
	case kindText:
		return []any{"Another value", nil}
	case kindMoney, kindUnit, kindOff, kindRate, kindInt:
		return []any{json.Number("300"), json.Number("0")}
	case kindBool:
		return []any{true, false}
	case kindTime:
		return []any{"2026-07-01T10:00:00Z", "2026-01-31T23:59:59Z"}
	case kindDate:
		return []any{"2026-02-28", nil}
	case kindTags:
		return []any{[]any{"one", "two"}, nil}
	case kindState, kindHere:
	}
	return nil
}

// law is a law that does not hold on a sample, at the line of the field that it is about.
func (c *compiler) law(f *file, sample string, reason error) error {
	keys := []string{"name"}
	var refused *foreign.Refusal
	if errors.As(reason, &refused) && refused.Field != "" {
		keys = keysOf(f, refused.Field)
	}
	return c.fault(keys, "sample %s: %s", sample, reason)
}

// keysOf finds the key of the profile that a pointer into an order is about.
func keysOf(f *file, at string) []string {
	parts := strings.Split(strings.TrimPrefix(at, "/"), "/")
	switch {
	case parts[0] == "totals" && len(parts) > 1:
		return []string{"totals", parts[1]}
	case parts[0] == "lines" && len(parts) > 2:
		return []string{"lines", "fields", parts[2]}
	case parts[0] == "lines":
		return []string{"lines"}
	}
	name := strings.Join(parts, ".")
	if f.Fields[name] == nil {
		name = parts[0]
	}
	return []string{"fields", name}
}
