package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// kind is what the values of a field of ours are.
type kind int

const (
	kindText  kind = iota
	kindState      // one of a list that contracts closes
	kindMoney
	kindUnit // the price of one piece
	kindOff  // the discount of a line
	kindRate // parts per million
	kindInt
	kindBool
	kindTime
	kindDate
	kindTags
	kindHere // a structure that no codec has
)

// orderFields are the fields of contracts.Order that a profile speaks of, all of them, by their names in JSON.
var orderFields = map[string]kind{
	"orderNumber": kindText, "externalRef": kindText, "source": kindText,
	"status": kindState, "paymentStatus": kindState, "fulfillmentStatus": kindState,
	"cancelReason": kindText, "cancelledAt": kindTime, "currency": kindText, "pricesIncludeTax": kindBool,
	"customer.ref": kindText, "customer.name": kindText, "customer.email": kindText, "customer.phone": kindText,
	"customer.company": kindText, "customer.locale": kindText,
	"billingAddress": kindHere, "shippingAddress": kindHere, "refunds": kindHere, "shippingMinor": kindMoney,
	"shippingMethod": kindText, "paymentMethod": kindText, "tracking": kindHere, "placedAt": kindTime,
	"promisedOn": kindDate, "customerNote": kindText, "internalNote": kindText, "tags": kindTags, "metadata": kindHere,
}

// addressFields are the members of the two addresses.
var addressFields = []string{"name", "company", "line1", "line2", "city", "region", "postalCode", "country", "phone"}

// lineFields are those of contracts.Line.
var lineFields = map[string]kind{
	"sku": kindText, "name": kindText, "quantity": kindInt, "unitPriceMinor": kindUnit, "discountMinor": kindOff,
	"taxRatePpm": kindRate, "taxMinor": kindMoney,
}

// content is an order taken apart: the value of each field that it has, by name. Values are as JSON has them, but for
// structures that no codec has: they are what the order has. An address is there as a whole and by its members, which
// count if there are any. Under linesKey is a list of the lines, each by the names of its fields.
type content map[string]any

const (
	linesKey  = "lines"
	idKey     = "id"
	lineIDKey = "lineId"
)

// contentOf takes an order apart. Equal orders have equal contents.
func contentOf(o *contracts.Order) content {
	c := make(content, len(members)+len(addressesMembers)+len(addresses))
	for name, at := range members {
		c.put(name, taken(at(o)))
	}
	takeStructures(o, c)
	list := make([]any, len(o.Lines))
	for i := range o.Lines {
		line := make(content, len(lineMembers))
		for name, at := range lineMembers {
			line.put(name, taken(at(&o.Lines[i])))
		}
		list[i] = map[string]any(line)
	}
	c[linesKey] = list
	return c
}

// order puts an order together and completes it. It fails with what contracts finds wrong with it.
func (c content) order() (*contracts.Order, []contracts.FieldError, error) {
	o := new(contracts.Order)
	for name, v := range c {
		if name == linesKey || addresses[name] != nil && c.hasMembers(name) {
			continue
		}
		if err := give(o, name, v); err != nil {
			return nil, nil, fmt.Errorf("put the order together: %s: %w", name, err)
		}
	}
	list := linesOf(c)
	o.Lines = make([]contracts.Line, len(list))
	for i, line := range list {
		for name, v := range line {
			if err := given(lineMembers[name](&o.Lines[i]), v); err != nil {
				return nil, nil, fmt.Errorf("put the order together: %s: %w", linePointer(i, name), err)
			}
		}
	}
	if faults := o.Validate(); len(faults) > 0 {
		return nil, faults, nil
	}
	o.Complete()
	return o, nil, nil
}

// get returns the value of a field; nil for none, and for the empty text.
func (c content) get(name string) any {
	if v := c[name]; v != "" {
		return v
	}
	return nil
}

func (c content) set(name string, v any) {
	if v == nil || v == "" {
		delete(c, name)
	} else {
		c[name] = v
	}
}

// put sets a field that is not set yet.
func (c content) put(name string, v any) {
	if v != nil {
		c[name] = v
	}
}

// drop takes a field away, or all of an address. It reports whether there was anything.
func (c content) drop(name string) bool {
	before := len(c)
	maps.DeleteFunc(c, func(is string, _ any) bool { return is == name || strings.HasPrefix(is, name+".") })
	return len(c) < before
}

// pointer is the JSON pointer to a field.
func pointer(name string) string { return "/" + strings.ReplaceAll(name, ".", "/") }

// same compares two values of a field. None and zero are the same: JSON leaves zeros out.
func same(a, b any) bool { return canonical(a) == canonical(b) }

func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if !v {
			return ""
		}
	case json.Number:
		if v == "0" {
			return ""
		}
	}
	data, _ := json.Marshal(v)
	return string(data)
}
