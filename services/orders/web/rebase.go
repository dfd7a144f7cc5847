package web

import (
	"maps"
	"slices"
	"strconv"

	"github.com/orderbridge/orderbridge/services/orders/visible"
)

// rebase puts what a person typed, after they had seen base, on top of what the order is now. What only
// one of the two changed is taken from there; where both changed it stays as typed, and the notes tell,
// by pointer, what it is now.
func rebase(base, typed, now sheet) (sheet, map[string]string) {
	notes := map[string]string{}
	out := sheet{fields: map[string]string{}}
	for pointer := range typed.fields {
		out.fields[pointer] = pick(notes, pointer, base.fields[pointer], typed.fields[pointer], now.fields[pointer])
	}
	was, is := byID(base.lines), byID(now.lines)
	for _, r := range typed.lines {
		before, known := was[r.id]
		present, still := is[r.id]
		at := "/lines/" + strconv.Itoa(len(out.lines)) + "/"
		switch {
		case r.id == "" || !known: // added by this person
			out.lines = append(out.lines, r)
		case !still && maps.Equal(r.fields, before.fields): // removed meanwhile, not touched here
		case !still:
			notes[at+"name"] = "this line was removed meanwhile"
			r.id = "" // it would come back as a new one
			out.lines = append(out.lines, r)
		default:
			merged := row{id: r.id, fields: map[string]string{}}
			for _, name := range lineFields {
				merged.fields[name] = pick(notes, at+name, before.fields[name], r.fields[name], present.fields[name])
			}
			out.lines = append(out.lines, merged)
		}
	}
	kept := byID(typed.lines)
	for _, r := range now.lines {
		if _, known := was[r.id]; !known {
			if _, there := kept[r.id]; !there { // added meanwhile
				out.lines = append(out.lines, r)
			}
		}
	}
	out.parcels = withPlaces(typed.parcels, now.parcels)
	if sameRows(base.parcels, typed.parcels) {
		out.parcels = now.parcels
	} else if !sameRows(base.parcels, now.parcels) {
		notes["/tracking"] = "the parcels were changed meanwhile too"
	}
	return out, notes
}

func pick(notes map[string]string, pointer, base, typed, now string) string {
	switch {
	case typed == now || now == base:
		return typed
	case typed == base:
		return now
	}
	notes[pointer] = "meanwhile it became: " + visible.Apart(typed, now)[1]
	if now == "" {
		notes[pointer] = "meanwhile it was emptied"
	}
	return typed
}

func byID(rows []row) map[string]row {
	out := map[string]row{}
	for _, r := range rows {
		if r.id != "" {
			out[r.id] = r
		}
	}
	return out
}

func sameRows(a, b []row) bool {
	return slices.EqualFunc(a, b, func(x, y row) bool { return x.id == y.id && maps.Equal(x.fields, y.fields) })
}

// withPlaces gives parcels the places of their like in the order as it is now.
func withPlaces(rows, now []row) []row {
	out := slices.Clone(rows)
	for i := range out {
		at := slices.IndexFunc(now, func(r row) bool { return maps.Equal(r.fields, out[i].fields) })
		if out[i].id = ""; at >= 0 {
			out[i].id = now[at].id
		}
	}
	return out
}
