package profile

import (
	"maps"
	"reflect"
)

// changes is what has to be written to turn one document into another: of objects the members that differ, of merged
// lists the elements that differ with their ids, of other lists all. At is the jq path of the objects.
func (m *Mapping) changes(before, after map[string]any, at string) map[string]any {
	body := map[string]any{}
	for name, v := range after {
		was, here := before[name], at+"."+name
		if reflect.DeepEqual(was, v) {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			object, _ := was.(map[string]any)
			body[name] = m.changes(object, v, here)
		case []any:
			array, _ := was.([]any)
			if l := m.lists[here]; l != nil {
				body[name] = m.merged(l, array, v, here)
			} else {
				body[name] = v
			}
		default:
			body[name] = v
		}
	}
	return body
}

// merged is what has to be written of a list whose elements the system finds by their ids. An element without one
// is added by the system, so what changes must carry it.
func (m *Mapping) merged(l *list, before, after []any, at string) []any {
	was := map[string]map[string]any{}
	for _, v := range before {
		if element, ok := v.(map[string]any); ok {
			was[canonical(element[l.Key])] = element
		}
	}
	body := []any{}
	for _, v := range after {
		element, ok := v.(map[string]any)
		if !ok {
			body = append(body, v)
			continue
		}
		old := was[canonical(element[l.Key])]
		if element[l.Key] == nil {
			old = nil
		}
		if old != nil && reflect.DeepEqual(old, element) {
			continue
		}
		changed := m.changes(old, element, at+"[]")
		if old == nil {
			fresh := maps.Clone(l.New)
			if fresh == nil {
				fresh = map[string]any{}
			}
			maps.Copy(fresh, changed)
			changed = fresh
		} else {
			changed[l.Key] = element[l.Key]
			for _, name := range l.With {
				changed[name] = element[name]
			}
		}
		body = append(body, changed)
	}
	return body
}
