package strictjson

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// DecodeCanonical reads data into v, a pointer to a zero struct, if data is byte for byte what Encode makes of the
// value read, and reports whether it is. If not, v is in no defined state, and Decode has the last word: data may be
// right and written in another way. It takes a third of the time of Decode, and makes an Encode after it needless.
// Types that it does not know (other than structs, strings, integers, booleans, times, and lists, pointers and maps
// from strings of these) are never canonical.
func DecodeCanonical(data []byte, v any) bool {
	ptr := reflect.ValueOf(v)
	read := readerOf(ptr.Type().Elem())
	if read == nil {
		return false
	}
	r := canonicalReader{data: string(data)} // once, for all strings within
	return read(&r, ptr.Elem()) && r.at == len(r.data)
}

// canonicalReader reads data from at on.
type canonicalReader struct {
	data string
	at   int
}

// readFunc reads one value, and reports false where it is not canonical. It is nil for types that are never so.
type readFunc func(*canonicalReader, reflect.Value) bool

var readFuncs sync.Map // reflect.Type to readFunc

func readerOf(t reflect.Type) readFunc {
	if f, ok := readFuncs.Load(t); ok {
		return f.(readFunc)
	}
	f := makeReader(t)
	readFuncs.Store(t, f)
	return f
}

func makeReader(t reflect.Type) readFunc {
	switch t.Kind() {
	case reflect.String:
		return func(r *canonicalReader, v reflect.Value) bool {
			s, ok := r.text()
			v.SetString(s)
			return ok
		}
	case reflect.Int, reflect.Int64:
		return func(r *canonicalReader, v reflect.Value) bool {
			n, ok := r.integer()
			v.SetInt(n)
			return ok
		}
	case reflect.Bool:
		return func(r *canonicalReader, v reflect.Value) bool {
			v.SetBool(r.skip("true"))
			return v.Bool() || r.skip("false")
		}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return readTime
		}
		return structReader(t)
	case reflect.Pointer:
		elem := readerOf(t.Elem())
		if elem == nil {
			return nil
		}
		return func(r *canonicalReader, v reflect.Value) bool {
			v.Set(reflect.New(t.Elem()))
			return elem(r, v.Elem())
		}
	case reflect.Slice:
		return listReader(t)
	case reflect.Map:
		switch {
		case t.Key() != reflect.TypeFor[string]():
			return nil
		case t.Elem() == reflect.TypeFor[string]():
			return mapReader((*canonicalReader).text)
		case t.Elem() == reflect.TypeFor[int64]():
			return mapReader((*canonicalReader).integer)
		}
	}
	return nil
}

// canonicalField is one field of a struct.
type canonicalField struct {
	index    int
	label    string // "name":
	omitzero bool
	read     readFunc
}

func structReader(t reflect.Type) readFunc {
	var fields []canonicalField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		read := readerOf(f.Type)
		if name == "" || name == "-" || options != "" && options != "omitzero" || f.Anonymous || read == nil {
			return nil
		}
		fields = append(fields, canonicalField{i, `"` + name + `":`, options == "omitzero", read})
	}
	return func(r *canonicalReader, v reflect.Value) bool {
		if !r.skip("{") {
			return false
		}
		first := true
		for i := range fields {
			f := &fields[i]
			before := r.at
			if (first || r.skip(",")) && r.skip(f.label) {
				first = false
				at := v.Field(f.index)
				if !f.read(r, at) || f.omitzero && at.IsZero() {
					return false
				}
				continue
			}
			r.at = before
			if !f.omitzero {
				return false
			}
		}
		return r.skip("}")
	}
}

func listReader(t reflect.Type) readFunc {
	elem := readerOf(t.Elem())
	if elem == nil {
		return nil
	}
	return func(r *canonicalReader, v reflect.Value) bool {
		if !r.skip("[") {
			return false
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		for n := 0; !r.skip("]"); n++ {
			if n > 0 && !r.skip(",") {
				return false
			}
			v.Grow(1)
			v.SetLen(n + 1)
			at := v.Index(n)
			at.SetZero()
			if !elem(r, at) {
				return false
			}
		}
		return true
	}
}

// mapReader reads a map, whose keys must come in their order.
func mapReader[T any](value func(*canonicalReader) (T, bool)) readFunc {
	return func(r *canonicalReader, v reflect.Value) bool {
		if !r.skip("{") {
			return false
		}
		m := map[string]T{}
		for before := ""; !r.skip("}"); {
			if len(m) > 0 && !r.skip(",") {
				return false
			}
			key, ok := r.text()
			if !ok || len(m) > 0 && key <= before || !r.skip(":") {
				return false
			}
			if m[key], ok = value(r); !ok {
				return false
			}
			before = key
		}
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
		return true
	}
}

func readTime(r *canonicalReader, v reflect.Value) bool {
	s, ok := r.text()
	if !ok {
		return false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return false
	}
	var buf [len(timeLayout)]byte
	t = t.UTC()
	v.Set(reflect.ValueOf(t))
	return string(t.AppendFormat(buf[:0], timeLayout)) == s
}

// skip goes over a piece of text, if it comes next.
func (r *canonicalReader) skip(s string) bool {
	if !strings.HasPrefix(r.data[r.at:], s) {
		return false
	}
	r.at += len(s)
	return true
}

// text reads a string.
func (r *canonicalReader) text() (string, bool) {
	if !r.skip(`"`) {
		return "", false
	}
	for i := r.at; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			s := r.data[r.at:i]
			r.at = i + 1
			return s, utf8.ValidString(s)
		case c == '\\':
			return r.escaped(i)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// escaped reads a string whose first backslash is at from.
func (r *canonicalReader) escaped(from int) (string, bool) {
	for i := from; i < len(r.data); i++ {
		switch r.data[i] {
		case '\\':
			i++
		case '"':
			quoted := []byte(r.data[r.at-1 : i+1])
			r.at = i + 1
			s, err := jsontext.AppendUnquote(nil, quoted)
			if err != nil {
				return "", false
			}
			again, err := jsontext.AppendQuote(nil, s)
			return string(s), err == nil && bytes.Equal(again, quoted)
		}
	}
	return "", false
}

// integer reads an integer without needless digits. One of more digits than the contract has is for Decode.
func (r *canonicalReader) integer() (n int64, ok bool) {
	const digitsMax = 18
	negative := r.skip("-")
	first, i := r.at, r.at
	for i < len(r.data) && i-first <= digitsMax && r.data[i] >= '0' && r.data[i] <= '9' {
		n = n*10 + int64(r.data[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 || digits > digitsMax || r.data[first] == '0' && (digits > 1 || negative) {
		return 0, false
	}
	r.at = i
	if negative {
		n = -n
	}
	return n, true
}
