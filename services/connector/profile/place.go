package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Expression is a compiled jq expression.
type Expression struct{ code *gojq.Code }

// Compile compiles a jq expression.
func Compile(text string) (*Expression, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a jq expression: %w", quote(text), err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, fmt.Errorf("%s is not a jq expression: %w", quote(text), err)
	}
	return &Expression{code: code}, nil
}

// values runs the expression and returns all of its results.
func (e *Expression) values(doc any) ([]any, error) {
	var all []any
	results := e.code.Run(doc)
	for {
		v, ok := results.Next()
		if !ok {
			return all, nil
		}
		if err, bad := v.(error); bad {
			return nil, fmt.Errorf("jq: %w", err)
		}
		all = append(all, plain(v))
	}
}

// Value runs the expression and returns its first result; nil when there is none.
func (e *Expression) Value(doc any) (any, error) {
	all, err := e.values(doc)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// plain turns the numbers that jq makes into those that documents have. Floating-point ones stay what they are.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return json.Number(fmt.Sprint(v))
	case *big.Int:
		return json.Number(v.String())
	}
	return v
}

// place is where a value stands in a document.
type place struct {
	path  *Expression // yields paths, at most one
	entry *entry      // instead of path
	list  *Expression // of entry: yields the path of its array
}

func newPlace(path string, in *entry) (*place, error) {
	if in != nil {
		e := *in
		if e.Key == "" {
			e.Key = "key"
		}
		if e.Value == "" {
			e.Value = "value"
		}
		if path != "" || e.List == "" || e.Name == "" {
			return nil, errors.New("an entry has a list and a name, and there is no path beside it")
		}
		list, err := compilePath(e.List)
		if err != nil {
			return nil, err
		}
		return &place{entry: &e, list: list}, nil
	}
	compiled, err := compilePath(path)
	if err != nil {
		return nil, err
	}
	return &place{path: compiled}, nil
}

// compilePath compiles a jq expression that can be written to: one that jq can tell the path of.
func compilePath(text string) (*Expression, error) {
	if _, err := Compile(text); err != nil {
		return nil, err
	}
	e, err := Compile("path(" + text + ")")
	if err != nil {
		return nil, err
	}
	if _, err := e.values(map[string]any{}); err != nil && strings.Contains(err.Error(), "path") {
		return nil, fmt.Errorf("%s is not a path: it reads, but cannot be written to", quote(text))
	}
	return e, nil
}

// only returns the one path that an expression yields; nil when there is none.
func only(e *Expression, doc any) ([]any, error) {
	all, err := e.values(doc)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if len(all) > 1 {
		return nil, errors.New("the path leads to more than one place")
	}
	path, _ := all[0].([]any)
	return path, nil
}

// get returns the value at the place; nil when there is none.
func (p *place) get(doc any) (any, error) {
	if p.entry != nil {
		elements, err := p.elements(doc)
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			if member, ok := e.(map[string]any); ok && member[p.entry.Key] == p.entry.Name {
				return member[p.entry.Value], nil
			}
		}
		return nil, nil
	}
	path, err := only(p.path, doc)
	if err != nil || path == nil {
		return nil, err
	}
	return valueAt(doc, path), nil
}

func (p *place) elements(doc any) ([]any, error) {
	path, err := only(p.list, doc)
	if err != nil || path == nil {
		return nil, err
	}
	elements, _ := valueAt(doc, path).([]any)
	return elements, nil
}

// set writes the value at the place of a document, in place.
func (p *place) set(doc map[string]any, v any) error {
	if p.entry == nil {
		path, err := only(p.path, doc)
		if err != nil {
			return err
		}
		if path == nil {
			return errors.New("the document has no such place")
		}
		return setAt(doc, path, v)
	}
	path, err := only(p.list, doc)
	if err != nil {
		return err
	}
	elements, _ := valueAt(doc, path).([]any)
	for _, e := range elements {
		if member, ok := e.(map[string]any); ok && member[p.entry.Key] == p.entry.Name {
			member[p.entry.Value] = v
			return nil
		}
	}
	return setAt(doc, path, append(elements, map[string]any{p.entry.Key: p.entry.Name, p.entry.Value: v}))
}

func valueAt(v any, path []any) any {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			name, _ := step.(string)
			v = at[name]
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// setAt writes a value into a document and makes the objects and the next array element on the way to it.
func setAt(doc map[string]any, path []any, v any) error {
	if len(path) == 0 {
		return errors.New("the whole document is not a place")
	}
	_, err := replaced(doc, path, v)
	return err
}

func replaced(at any, path []any, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	switch step := path[0].(type) {
	case string:
		object, ok := at.(map[string]any)
		if at == nil {
			object = map[string]any{}
		} else if !ok {
			return nil, fmt.Errorf("the document has no object around %s", quote(step))
		}
		inner, err := replaced(object[step], path[1:], v)
		if err != nil {
			return nil, err
		}
		object[step] = inner
		return object, nil
	case int:
		array, ok := at.([]any)
		if at != nil && !ok || step < 0 || step > len(array) {
			return nil, fmt.Errorf("the document has no array with an element %d", step)
		}
		if step == len(array) {
			array = append(slices.Clip(array), nil)
		}
		inner, err := replaced(array[step], path[1:], v)
		if err != nil {
			return nil, err
		}
		array[step] = inner
		return array, nil
	}
	return nil, errors.New("the path is not of names and indexes")
}

// clone copies a document's values deeply.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, inner := range v {
			c[k] = clone(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = clone(inner)
		}
		return c
	}
	return v
}
