package shop

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
)

// refusal is an answer other than success, in the API's own form.
type refusal struct {
	status  int
	code    string
	message string
	params  map[string]string // by name of the parameter; nil: none is at fault
}

func refused(status int, code, message string) *refusal {
	return &refusal{status: status, code: code, message: message}
}

func (r *refusal) document() object {
	data := object{"status": r.status}
	if r.params != nil {
		details := object{}
		for k, v := range r.params {
			details[k] = object{"code": "rest_invalid_type", "message": v, "data": nil}
		}
		data["params"], data["details"] = r.params, details
	}
	return object{"code": r.code, "message": r.message, "data": data}
}

// The refusals that come from several places.
var (
	noRoute      = refused(http.StatusNotFound, "rest_no_route", "No route was found matching the URL and request method.")
	noSuchOrder  = refused(http.StatusNotFound, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
	noOrderToPut = refused(http.StatusBadRequest, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
)

// faults are the parameters that are not what they have to be, by their first name.
type faults map[string]string

func (f faults) add(path, message string) {
	name, _, _ := strings.Cut(path, "[")
	if _, ok := f[name]; !ok {
		f[name] = path + " " + message
	}
}

func (f faults) refusal() *refusal {
	if len(f) == 0 {
		return nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(f)), ", ")
	return &refusal{status: http.StatusBadRequest, code: "rest_invalid_param", message: "Invalid parameter(s): " + names, params: f}
}

// text reads a string into to, if there is one under the key.
func (f faults) text(from object, key, path string, to *string) {
	v, ok := from[key]
	if !ok {
		return
	}
	s, ok := v.(string)
	if !ok {
		f.add(path, "is not of type string.")
		return
	}
	*to = s
}

// whole reads a whole number, also one in a string, into to, if there is one under the key.
func (f faults) whole(from object, key, path string, to *int64) (found bool) {
	v, ok := from[key]
	if !ok {
		return false
	}
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, ".0"), 10, 64)
	if err != nil {
		f.add(path, "is not of type integer.")
		return false
	}
	*to = n
	return true
}

// list reads the objects of an array.
func (f faults) list(from object, key, path string) []object {
	v, ok := from[key]
	if !ok || v == nil {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		f.add(path, "is not of type array.")
		return nil
	}
	out := make([]object, 0, len(l))
	for i, v := range l {
		o, ok := v.(object)
		if !ok {
			f.add(fmt.Sprintf("%s[%d]", path, i), "is not of type object.")
			continue
		}
		out = append(out, o)
	}
	return out
}

// address reads what is there of an address. The shop takes no empty e-mail address: null removes it.
func (f faults) address(from object, key string, to *Address) {
	v, ok := from[key]
	if !ok || v == nil {
		return
	}
	a, ok := v.(object)
	if !ok {
		f.add(key, "is not of type object.")
		return
	}
	for name, field := range map[string]*string{
		"first_name": &to.FirstName, "last_name": &to.LastName, "company": &to.Company, "address_1": &to.Address1, "address_2": &to.Address2,
		"city": &to.City, "state": &to.State, "postcode": &to.Postcode, "country": &to.Country, "phone": &to.Phone,
	} {
		f.text(a, name, key+"["+name+"]", field)
	}
	if key != "billing" {
		return
	}
	if v, ok := a["email"]; ok && v == nil {
		to.Email = ""
	} else if ok {
		f.text(a, "email", "billing[email]", &to.Email)
		if at, err := mail.ParseAddress(to.Email); err != nil || at.Address != to.Email {
			f.add("billing[email]", "is not a valid email address.")
		}
	}
}
