package strictjson

import (
	"reflect"
	"sync"
	"time"
)

// timesReady tells whether every time in v is already as the wire has it, in UTC and in whole
// microseconds. They nearly always are, and asking first spares Encode a function call for each field
// of each message, a third of its time. What cannot be looked into counts as not ready.
func timesReady(v any) bool {
	if v == nil {
		return true
	}
	check := checkOf(reflect.TypeOf(v))
	return check == nil || check(reflect.ValueOf(v))
}

// timeCheck looks at one value; it is nil for a type that holds no time.
type timeCheck func(reflect.Value) bool

var timeChecks sync.Map // reflect.Type to timeCheck

func checkOf(t reflect.Type) timeCheck {
	if c, ok := timeChecks.Load(t); ok {
		return c.(timeCheck)
	}
	c := makeCheck(t)
	timeChecks.Store(t, c)
	return c
}

func makeCheck(t reflect.Type) timeCheck {
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return isReady
		}
		return structCheck(t)
	case reflect.Pointer:
		return func(v reflect.Value) bool {
			if v.IsNil() {
				return true
			}
			check := checkOf(t.Elem())
			return check == nil || check(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		return func(v reflect.Value) bool {
			check := checkOf(t.Elem())
			for i := 0; check != nil && i < v.Len(); i++ {
				if !check(v.Index(i)) {
					return false
				}
			}
			return true
		}
	case reflect.Map:
		return func(v reflect.Value) bool { return v.Len() == 0 || checkOf(t.Elem()) == nil }
	case reflect.Interface:
		return func(reflect.Value) bool { return false }
	default:
		return nil
	}
}

func structCheck(t reflect.Type) timeCheck {
	var fields []int
	var checks []timeCheck
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		if c := checkOf(f.Type); c != nil {
			fields, checks = append(fields, i), append(checks, c)
		}
	}
	if fields == nil {
		return nil
	}
	return func(v reflect.Value) bool {
		for n, i := range fields {
			if !checks[n](v.Field(i)) {
				return false
			}
		}
		return true
	}
}

func isReady(v reflect.Value) bool {
	t, _ := reflect.TypeAssert[time.Time](v)
	return t.Location() == time.UTC && t.Nanosecond()%int(time.Microsecond) == 0
}
