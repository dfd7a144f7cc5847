package profile

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
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

// content is an order as nested JSON values.
type content map[string]any

// contentOf takes an order apart. It is of a complete order, so that equal orders have equal contents.
func contentOf(o *contracts.Order) (content, error) {
	data, err := strictjson.Encode(o)
	if err != nil {
		return nil, fmt.Errorf("take the order apart: %w", err)
	}
	return decodeObject(data)
}

func decodeObject(data []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// order puts an order together and completes it. It fails with what contracts finds wrong with it.
func (c content) order() (*contracts.Order, []contracts.FieldError, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, nil, fmt.Errorf("put the order together: %w", err)
	}
	var o contracts.Order
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, nil, fmt.Errorf("put the order together: %w", err)
	}
	if faults := o.Validate(); len(faults) > 0 {
		return nil, faults, nil
	}
	o.Complete()
	return &o, nil, nil
}

// get returns the value of a field by its name; nil for none, and for the empty text.
func (c content) get(name string) any {
	var v any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		object, _ := v.(map[string]any)
		v = object[part]
	}
	if v == "" {
		return nil
	}
	return v
}

func (c content) set(name string, v any) {
	at := map[string]any(c)
	for {
		part, rest, more := strings.Cut(name, ".")
		if !more {
			if v == nil || v == "" {
				delete(at, part)
			} else {
				at[part] = v
			}
			return
		}
		inner, ok := at[part].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[part] = inner
		}
		at, name = inner, rest
	}
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
