package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// Expression is a compiled jq expression.
type Expression struct {
	code *gojq.Code
	// path is the whole expression when it is only names and indexes, as most are. It is followed without jq, which is
	// many times faster.
	path []any
	// literal is the one result of an expression that is a value, and not of any document.
	literal []any
}

// literalOf returns the value of an expression that is true, false or a text; nil for any other.
func literalOf(q *gojq.Query) []any {
	if q.Term == nil || q.Op != 0 || len(q.FuncDefs) > 0 || len(q.Term.SuffixList) > 0 {
		return nil
	}
	switch t := q.Term; t.Type {
	case gojq.TermTypeTrue:
		return []any{true}
	case gojq.TermTypeFalse:
		return []any{false}
	case gojq.TermTypeString:
		if t.Str.Queries == nil {
			return []any{t.Str.Str}
		}
	}
	return nil
}

var plainPath = regexp.MustCompile(`^(\.[A-Za-z_][A-Za-z0-9_]*(\[[0-9]{1,4}\])?)+$`)

// parsePath reads a path of names and indexes; nil for any other expression.
func parsePath(text string) (path []any) {
	if !plainPath.MatchString(text) {
		return nil
	}
	for part := range strings.SplitSeq(text[1:], ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		path = append(path, name)
		if indexed {
			n, err := strconv.Atoi(index)
			if err != nil {
				return nil
			}
			path = append(path, n)
		}
	}
	return path
}

// follow returns the value at a path. Like jq it fails where a value is in the way that is neither object nor array.
func follow(v any, path []any) (any, error) {
	for _, step := range path {
		name, named := step.(string)
		switch at := v.(type) {
		case nil:
			return nil, nil
		case map[string]any:
			if !named {
				return nil, errors.New("the document has an object where an array is expected")
			}
			v = at[name]
		case []any:
			i, _ := step.(int)
			if named {
				return nil, fmt.Errorf("the document has an array around %s", quote(name))
			}
			if i >= len(at) {
				return nil, nil
			}
			v = at[i]
		default:
			return nil, fmt.Errorf("the document has a single value around %s", quote(step))
		}
	}
	return v, nil
}

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
	return &Expression{code: code, path: parsePath(text), literal: literalOf(query)}, nil
}

// values runs the expression and returns all of its results.
func (e *Expression) values(doc any) ([]any, error) {
	if e.path != nil {
		v, err := follow(doc, e.path)
		return []any{v}, err
	}
	if e.literal != nil {
		return e.literal, nil
	}
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
	if e.path != nil {
		return follow(doc, e.path)
	}
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
	path  *locator
	entry *entry   // instead of path
	list  *locator // of entry: its array
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
func compilePath(text string) (*locator, error) {
	if _, err := Compile(text); err != nil {
		return nil, err
	}
	if path := parsePath(text); path != nil {
		return &locator{path: path}, nil
	}
	e, err := Compile("path(" + text + ")")
	if err != nil {
		return nil, err
	}
	if _, err := e.values(map[string]any{}); err != nil && strings.Contains(err.Error(), "path") {
		return nil, fmt.Errorf("%s is not a path: it reads, but cannot be written to", quote(text))
	}
	return &locator{paths: e}, nil
}

// locator finds the path of a place.
type locator struct {
	path  []any       // always the same one
	paths *Expression // or yields it, for a document
}

// only returns the one path that the locator yields; nil when there is none.
func (l *locator) only(doc any) ([]any, error) {
	if l.path != nil {
		return l.path, nil
	}
	all, err := l.paths.values(doc)
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
	path, err := p.path.only(doc)
	if err != nil || path == nil {
		return nil, err
	}
	return follow(doc, path)
}

func (p *place) elements(doc any) ([]any, error) {
	path, err := p.list.only(doc)
	if err != nil || path == nil {
		return nil, err
	}
	v, err := follow(doc, path)
	elements, _ := v.([]any)
	return elements, err
}

// set writes the value at the place of a document, in place.
func (p *place) set(doc map[string]any, v any) error {
	if p.entry == nil {
		path, err := p.path.only(doc)
		if err != nil {
			return err
		}
		if path == nil {
			return errors.New("the document has no such place")
		}
		return setAt(doc, path, v)
	}
	path, err := p.list.only(doc)
	if err != nil {
		return err
	}
	now, err := follow(doc, path)
	if err != nil {
		return err
	}
	elements, _ := now.([]any)
	for _, e := range elements {
		if member, ok := e.(map[string]any); ok && member[p.entry.Key] == p.entry.Name {
			member[p.entry.Value] = v
			return nil
		}
	}
	return setAt(doc, path, append(elements, map[string]any{p.entry.Key: p.entry.Name, p.entry.Value: v}))
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
