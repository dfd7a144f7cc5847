package merge

import (
	"reflect"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// field is one that an order can have.
type field struct {
	pattern string // with * where an order has ids or names of its own
	ordered bool   // one of two is the larger
	fixed   string // why no rule can be about it; empty when one can
}

// known are all fields of an order, read from its type, so that none is forgotten.
var known = fieldsOf("", reflect.TypeFor[contracts.Order]())

const (
	isDerived  = "is derived from others"
	isFixed    = "cannot be changed once the order exists"
	identifies = "identifies what it belongs to"
)

var fixed = map[string]string{
	"/id": isFixed, "/orderNumber": isFixed, "/source": isFixed, "/currency": isFixed,
	"/totals": isDerived, "/lines/*/totalMinor": isDerived,
	"/lines/*/lineId": identifies, "/tracking/*/carrier": identifies, "/tracking/*/number": identifies,
	"/refunds/*/id": identifies,
}

func fieldsOf(pattern string, t reflect.Type) []field {
	f := field{pattern: pattern, fixed: fixed[pattern]}
	switch {
	case f.fixed != "":
		return []field{f}
	case t == reflect.TypeFor[time.Time](), t.Kind() == reflect.Int64, pattern == "/promisedOn":
		f.ordered = true
		return []field{f}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return fieldsOf(pattern, t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && lists[pattern] == nil {
			return []field{f} // one value
		}
		return append([]field{f}, fieldsOf(pattern+"/*", t.Elem())...)
	case reflect.Map:
		return append([]field{f}, fieldsOf(pattern+"/*", t.Elem())...)
	case reflect.Struct:
		var all []field
		if strings.HasSuffix(pattern, "/*") {
			all = append(all, f) // that it is there at all
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			all = append(all, fieldsOf(pattern+"/"+name, t.Field(i).Type)...)
		}
		return all
	default:
		return []field{f}
	}
}
