package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// schemaField is a field of a body, as the API page lists it: lines[].quantity.
type schemaField struct {
	Name, Type, Text string
	Required         bool
}

// document is openapi.yaml.
type document struct {
	root     object
	examples map[string]string // of schemas, by reference: what any call shows of one is an example of it
}

// resolve follows a reference.
func (d document) resolve(n any) object {
	m, _ := n.(object)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	var v any = d.root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		v = v.(object)[part]
	}
	m, _ = v.(object)
	return m
}

func (d document) at(n any, name string) any { return d.resolve(n)[name] }

// outline lists the fields of a schema. Schemas that hold themselves are not gone into again.
func (d document) outline(schema any, prefix string, seen []string) []schemaField {
	ref, _ := schema.(object)["$ref"].(string)
	if ref != "" && slices.Contains(seen, ref) {
		return nil
	}
	seen = append(slices.Clone(seen), ref)
	properties, required := d.members(schema)
	var out []schemaField
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := properties[name]
		at := strings.TrimPrefix(prefix+"."+name, ".")
		out = append(out, schemaField{Name: at, Type: d.typeWords(p), Text: d.text(p), Required: slices.Contains(required, name)})
		if items := d.resolve(p)["items"]; items != nil {
			out = append(out, d.outline(items, at+"[]", seen)...)
			continue
		}
		out = append(out, d.outline(p, at, seen)...)
	}
	return out
}

// members are the properties of an object, those of what it is composed of included.
func (d document) members(schema any) (properties object, required []string) {
	s := d.resolve(schema)
	properties = object{}
	for _, part := range []string{"allOf", "oneOf", "anyOf"} {
		list, _ := s[part].([]any)
		for _, one := range list {
			inner, needed := d.members(one)
			maps.Copy(properties, inner)
			if part == "allOf" {
				required = append(required, needed...)
			}
		}
	}
	own, _ := s["properties"].(object)
	for name, p := range own {
		if _, refined := properties[name]; !refined || d.typeWords(p) != "" { // some only add what is required
			properties[name] = p
		}
	}
	names, _ := s["required"].([]any)
	for _, name := range names {
		required = append(required, fmt.Sprint(name))
	}
	return properties, required
}

// text is the description of a field, or that of its type.
func (d document) text(schema any) string {
	m, _ := schema.(object)
	own, _ := m["description"].(string)
	of, _ := d.at(schema, "description").(string)
	return strings.Join(paragraphs(cmp.Or(own, of)), " ")
}

// typeWords says what a value must be.
func (d document) typeWords(schema any) string {
	s := d.resolve(schema)
	kind, _ := s["type"].(string)
	words := []string{kind}
	if values, ok := s["enum"].([]any); ok {
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = fmt.Sprint(v)
		}
		words = append(words, "one of "+strings.Join(names, ", "))
	}
	for _, limit := range []struct{ name, words string }{
		{"format", "%v"},
		{"const", "only %v"},
		{"minimum", "from %v"},
		{"maximum", "to %v"},
		{"minLength", "at least %v characters"},
		{"maxLength", "at most %v characters"},
		{"minItems", "at least %v"},
		{"maxItems", "at most %v"},
		{"maxProperties", "at most %v names"},
	} {
		if v, ok := s[limit.name]; ok {
			words = append(words, fmt.Sprintf(limit.words, v))
		}
	}
	return strings.TrimPrefix(strings.Join(words, ", "), ", ")
}

// example shows a value of a content: the one that it names, one of the same schema, or one made up.
func (d document) example(content object) string {
	schema, _ := content["schema"].(object)
	ref, _ := schema["$ref"].(string)
	list, _ := content["examples"].(object)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if file, ok := d.at(list[name], "externalValue").(string); ok {
			text, err := contracts.Examples.ReadFile(path.Clean(file))
			if err == nil {
				return strings.TrimSpace(string(text))
			}
		}
		if value := d.at(list[name], "value"); value != nil {
			return indented(value)
		}
	}
	if text := d.examples[ref]; text != "" {
		return text
	}
	return indented(d.sample(schema, nil))
}

// sample makes a value up that has the required fields of a schema.
func (d document) sample(schema any, seen []string) any {
	ref, _ := schema.(object)["$ref"].(string)
	if text := d.examples[ref]; text != "" {
		return json.RawMessage(text)
	}
	s := d.resolve(schema)
	if values, ok := s["enum"].([]any); ok {
		return values[0]
	}
	for _, name := range []string{"const", "default"} {
		if v, ok := s[name]; ok {
			return v
		}
	}
	switch s["type"] {
	case "string":
		return cmp.Or(samples[path.Base(ref)], samples[fmt.Sprint(s["format"])], "text")
	case "integer", "number":
		return cmp.Or(s["minimum"], any(1))
	case "boolean":
		return true
	case "array":
		if slices.Contains(seen, ref) {
			return []any{}
		}
		return []any{d.sample(s["items"], append(slices.Clone(seen), ref))}
	}
	out := object{}
	properties, required := d.members(schema)
	if len(required) == 0 {
		required = slices.Sorted(maps.Keys(properties))
	}
	for _, name := range required {
		if !slices.Contains(seen, ref) || ref == "" {
			out[name] = d.sample(properties[name], append(slices.Clone(seen), ref))
		}
	}
	return out
}

// samples are texts of a form, by schema or format.
var samples = map[string]string{
	"ID": "019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c04", "SideName": "b", "Time": "2026-11-21T09:14:27Z", "date-time": "2026-11-21T09:14:27Z",
	"UserName": "anna", "uri-reference": "/orders",
}

func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // plain values always encode
		panic(err)
	}
	return string(b)
}
