package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rule is a compiled field.
type rule struct {
	name        string
	kind        kind
	codecName   string
	codec       codec
	places      []*place // the first is read, all are written; two of a name; none when the field is here or an expression
	read        *Expression
	otherwise   *Expression
	first       *Expression
	plus        *Expression
	here        bool
	spread      bool // codec gross: what does not divide by the quantity is a discount
	writable    writable
	keep        bool
	skip        bool
	transitions []step
}

// writable says when something can be written.
type writable struct {
	always   bool
	create   bool
	statuses []string
}

func (w writable) now(creating bool, status string) bool {
	return w.always || w.create && creating || !creating && slices.Contains(w.statuses, status)
}

// step is a compiled transition.
type step struct {
	from, to []string
	set      []constant
	action   string
	then     []constant
	moves    []string
}

// constant is a compiled assignment.
type constant struct {
	place *place
	value any
}

// stepNew is the value from which a transition of an order comes that is being created.
const stepNew = "new"

// ours reads the field's value. Known is what the order has here; nil when it is not known.
func (r *rule) ours(doc any, known content, currency string) (any, error) {
	if r.here {
		if known != nil {
			// An order that somebody cancels in the system has neither reason nor time here yet.
			if v := known.get(r.name); v != nil || !r.ofCancelled() {
				return v, nil
			}
		}
		if r.first == nil {
			return nil, nil
		}
		theirs, err := r.first.Value(doc)
		if err != nil {
			return nil, err
		}
		return r.codec.decode(theirs, currency)
	}
	if r.codecName == codecName {
		return r.joined(doc)
	}
	theirs, err := r.theirs(doc)
	if err != nil {
		return nil, err
	}
	if enum, ok := r.codec.(enumCodec); ok {
		return enum.choose(theirs, known.get(r.name))
	}
	v, err := r.codec.decode(theirs, currency)
	if err != nil || r.plus == nil {
		return v, err
	}
	sum, err := r.elsewhere(doc, currency)
	return integer(int64Of(v) + sum), err
}

// theirs is the value that the document has for the field.
func (r *rule) theirs(doc any) (any, error) {
	var v any
	var err error
	if r.read != nil {
		v, err = r.read.Value(doc)
	} else {
		v, err = r.places[0].get(doc)
	}
	if err == nil && (v == nil || v == "") && r.otherwise != nil {
		return r.otherwise.Value(doc)
	}
	return v, err
}

// elsewhere sums up the amounts that belong to ours and stand in other places.
func (r *rule) elsewhere(doc any, currency string) (sum int64, err error) {
	all, err := r.plus.values(doc)
	for _, v := range all {
		if err != nil {
			return 0, err
		}
		var part any
		part, err = r.codec.decode(v, currency)
		sum += int64Of(part)
	}
	return sum, err
}

// joined is a name in two places.
func (r *rule) joined(doc any) (any, error) {
	parts := make([]string, 0, len(r.places))
	for _, p := range r.places {
		v, err := p.get(doc)
		if err != nil {
			return nil, err
		}
		text, err := scalar(v)
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(text); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 && r.otherwise != nil {
		v, err := r.otherwise.Value(doc)
		if err != nil {
			return nil, err
		}
		return r.codec.decode(v, "")
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return strings.Join(parts, " "), nil
}

// write writes the field's value into a document.
func (r *rule) write(doc map[string]any, ours any, currency string) error {
	if r.codecName == codecName {
		text, _ := ours.(string)
		first, last := text, ""
		if i := strings.LastIndexByte(text, ' '); i >= 0 {
			first, last = text[:i], text[i+1:]
		}
		return errors.Join(r.places[0].set(doc, first), r.places[1].set(doc, last))
	}
	if r.plus != nil {
		sum, err := r.elsewhere(doc, currency)
		if err != nil {
			return err
		}
		rest := int64Of(ours) - sum
		if rest < 0 {
			return fmt.Errorf("is less than the part of it that the system adds")
		}
		ours = integer(rest)
	}
	theirs, err := r.codec.encode(ours, currency)
	if err != nil {
		return err
	}
	for _, p := range r.places {
		if err := p.set(doc, theirs); err != nil {
			return err
		}
	}
	return nil
}

// step finds the way from what the document has to a value of ours.
func (r *rule) step(doc any, creating bool, ours any) *step {
	from := stepNew
	if !creating {
		theirs, err := r.theirs(doc)
		if err != nil {
			return nil
		}
		from, _ = scalar(theirs)
	}
	word, _ := ours.(string)
	for i := range r.transitions {
		if s := &r.transitions[i]; slices.Contains(s.from, from) && slices.Contains(s.to, word) {
			return s
		}
	}
	return nil
}

func setAll(doc map[string]any, constants []constant) error {
	for _, c := range constants {
		if err := c.place.set(doc, clone(c.value)); err != nil {
			return err
		}
	}
	return nil
}

// show is a value of ours in a message.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case json.Number:
		return v.String()
	}
	return quote(v)
}
