package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// edited turns an order's representation into the body that replaces it: without what clients do not
// write, and with fields set.
func edited(view []byte, sets []string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(view))
	d.UseNumber() // amounts must stay exact
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	delete(o, "sync")
	delete(o, "totals")
	if lines, ok := o["lines"].([]any); ok {
		for _, l := range lines {
			if l, ok := l.(map[string]any); ok {
				delete(l, "totalMinor")
			}
		}
	}
	for _, s := range sets {
		path, text, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage("--set %s: must be FIELD=VALUE", s)
		}
		if _, err := set(o, reflect.TypeFor[contracts.Order](), strings.Split(strings.Trim(path, "/"), "/"), text); err != nil {
			return nil, usage("--set %s: %w", path, err)
		}
	}
	return encode(o)
}

// set puts a value below at, which holds a value of that type of the contract, and returns what at becomes; an
// empty text removes the field or the element.
func set(at any, t reflect.Type, path []string, text string) (any, error) {
	below, err := typeBelow(t, path[0])
	if err != nil {
		return nil, err
	}
	value := func(now any) (any, error) {
		if len(path) == 1 {
			return valueOf(below, text)
		}
		return set(now, below, path[1:], text)
	}
	remove := len(path) == 1 && text == ""
	switch at := at.(type) {
	case map[string]any:
		if remove {
			delete(at, path[0])
			return at, nil
		}
		now := at[path[0]]
		switch {
		case now != nil || len(path) == 1:
		case below.Kind() == reflect.Slice:
			return nil, usage("there is no list %s yet: set it as a whole, as JSON", path[0])
		default:
			now = map[string]any{}
		}
		at[path[0]], err = value(now)
		return at, err
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(at) {
			return nil, usage("there is no element %s", path[0])
		}
		if remove {
			return slices.Delete(at, i, i+1), nil
		}
		at[i], err = value(at[i])
		return at, err
	}
	return nil, usage("there is nothing below %s", path[0])
}

// typeBelow finds the type of a field, an element or a value in a type of the contract.
func typeBelow(t reflect.Type, name string) (reflect.Type, error) {
	switch t = plainType(t); {
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		for f := range t.Fields() {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
				return plainType(f.Type), nil
			}
		}
		return nil, usage("there is no field %s", name)
	case t.Kind() == reflect.Map, t.Kind() == reflect.Slice:
		return plainType(t.Elem()), nil
	}
	return nil, usage("there is nothing below a single value: %s", name)
}

func plainType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// valueOf reads a text as a value of a type: texts and times as they are, all else as JSON has it.
func valueOf(t reflect.Type, text string) (any, error) {
	if t.Kind() == reflect.String || t == reflect.TypeFor[time.Time]() {
		return text, nil
	}
	to := reflect.New(t)
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(to.Interface()); err != nil || d.More() {
		switch t.Kind() {
		case reflect.Int64:
			return nil, usage("must be a whole number")
		case reflect.Bool:
			return nil, usage("must be true or false")
		default:
			return nil, usage("must be JSON of its kind")
		}
	}
	return json.RawMessage(text), nil
}
