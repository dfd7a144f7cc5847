package shop

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// texts are the texts of an order under a path.
func texts(o *Order, path string) []*string {
	room, name, _ := strings.Cut(path, ".")
	switch room {
	case "customer_note":
		return []*string{&o.CustomerNote}
	case "transaction_id":
		return []*string{&o.TransactionID}
	case "payment_method":
		return []*string{&o.PaymentMethod}
	case "payment_method_title":
		return []*string{&o.PaymentMethodTitle}
	case "billing":
		return addressText(&o.Billing, name)
	case "shipping":
		return addressText(&o.Shipping, name)
	case "line_items":
		var out []*string
		for i := range o.Lines {
			if name == "name" {
				out = append(out, &o.Lines[i].Name)
			}
		}
		return out
	}
	return nil
}

func addressText(a *Address, name string) []*string {
	t, ok := map[string]*string{
		"first_name": &a.FirstName, "last_name": &a.LastName, "company": &a.Company, "address_1": &a.Address1, "address_2": &a.Address2,
		"city": &a.City, "state": &a.State, "postcode": &a.Postcode, "country": &a.Country, "email": &a.Email, "phone": &a.Phone,
	}[name]
	if !ok {
		return nil
	}
	return []*string{t}
}

// Rewriter is a rewriter by its name: trim, upper, lower, truncate:N (characters), or stamp, which makes the text
// another one each time.
func Rewriter(name string) (func(string) string, error) {
	kind, arg, _ := strings.Cut(name, ":")
	switch kind {
	case "trim":
		return strings.TrimSpace, nil
	case "upper":
		return strings.ToUpper, nil
	case "lower":
		return strings.ToLower, nil
	case "truncate":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("rewriter %s: how many characters?", name)
		}
		return func(s string) string {
			if utf8.RuneCountInString(s) <= n {
				return s
			}
			return string([]rune(s)[:n])
		}, nil
	case "stamp":
		return func(s string) string {
			text, stamp, _ := strings.Cut(s, " #")
			n, _ := strconv.Atoi(stamp)
			return fmt.Sprintf("%s #%d", text, n+1)
		}, nil
	}
	return nil, fmt.Errorf("rewriter %s: trim, upper, lower, truncate:N or stamp", name)
}
