package profile

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// members are where an order has the fields that are single values, by name.
var members = map[string]func(o *contracts.Order) any{
	idKey:               func(o *contracts.Order) any { return &o.ID },
	"orderNumber":       func(o *contracts.Order) any { return &o.OrderNumber },
	"externalRef":       func(o *contracts.Order) any { return &o.ExternalRef },
	"source":            func(o *contracts.Order) any { return &o.Source },
	"status":            func(o *contracts.Order) any { return (*string)(&o.Status) },
	"paymentStatus":     func(o *contracts.Order) any { return (*string)(&o.PaymentStatus) },
	"fulfillmentStatus": func(o *contracts.Order) any { return (*string)(&o.FulfillmentStatus) },
	"cancelReason":      func(o *contracts.Order) any { return &o.CancelReason },
	"cancelledAt":       func(o *contracts.Order) any { return &o.CancelledAt },
	"currency":          func(o *contracts.Order) any { return &o.Currency },
	"pricesIncludeTax":  func(o *contracts.Order) any { return &o.PricesIncludeTax },
	"customer.ref":      func(o *contracts.Order) any { return &o.Customer.Ref },
	"customer.name":     func(o *contracts.Order) any { return &o.Customer.Name },
	"customer.email":    func(o *contracts.Order) any { return &o.Customer.Email },
	"customer.phone":    func(o *contracts.Order) any { return &o.Customer.Phone },
	"customer.company":  func(o *contracts.Order) any { return &o.Customer.Company },
	"customer.locale":   func(o *contracts.Order) any { return &o.Customer.Locale },
	"shippingMinor":     func(o *contracts.Order) any { return &o.ShippingMinor },
	"shippingMethod":    func(o *contracts.Order) any { return &o.ShippingMethod },
	"paymentMethod":     func(o *contracts.Order) any { return &o.PaymentMethod },
	"placedAt":          func(o *contracts.Order) any { return &o.PlacedAt },
	"promisedOn":        func(o *contracts.Order) any { return &o.PromisedOn },
	"customerNote":      func(o *contracts.Order) any { return &o.CustomerNote },
	"internalNote":      func(o *contracts.Order) any { return &o.InternalNote },
}

// lineMembers are those of a line.
var lineMembers = map[string]func(l *contracts.Line) any{
	lineIDKey:        func(l *contracts.Line) any { return &l.LineID },
	"sku":            func(l *contracts.Line) any { return &l.SKU },
	"name":           func(l *contracts.Line) any { return &l.Name },
	"quantity":       func(l *contracts.Line) any { return &l.Quantity },
	"unitPriceMinor": func(l *contracts.Line) any { return &l.UnitPriceMinor },
	"discountMinor":  func(l *contracts.Line) any { return &l.DiscountMinor },
	"taxRatePpm":     func(l *contracts.Line) any { return &l.TaxRatePPM },
	"taxMinor":       func(l *contracts.Line) any { return &l.TaxMinor },
}

// addressMembers are those of an address.
var addressMembers = map[string]func(a *contracts.Address) *string{
	"name":       func(a *contracts.Address) *string { return &a.Name },
	"company":    func(a *contracts.Address) *string { return &a.Company },
	"line1":      func(a *contracts.Address) *string { return &a.Line1 },
	"line2":      func(a *contracts.Address) *string { return &a.Line2 },
	"city":       func(a *contracts.Address) *string { return &a.City },
	"region":     func(a *contracts.Address) *string { return &a.Region },
	"postalCode": func(a *contracts.Address) *string { return &a.PostalCode },
	"country":    func(a *contracts.Address) *string { return &a.Country },
	"phone":      func(a *contracts.Address) *string { return &a.Phone },
}

// addresses are where an order has its addresses.
var addresses = map[string]func(o *contracts.Order) **contracts.Address{
	"billingAddress":  func(o *contracts.Order) **contracts.Address { return &o.BillingAddress },
	"shippingAddress": func(o *contracts.Order) **contracts.Address { return &o.ShippingAddress },
}

// addressMember is a member of one of the addresses.
type addressMember struct {
	address string
	of      func(o *contracts.Order) **contracts.Address
	at      func(a *contracts.Address) *string
}

// addressesMembers are the members of both, by the names of the fields: billingAddress.city.
var addressesMembers = func() map[string]addressMember {
	all := map[string]addressMember{}
	for address, of := range addresses {
		for name, at := range addressMembers {
			all[address+"."+name] = addressMember{address, of, at}
		}
	}
	return all
}()

// The structures of an order that no codec has, but for addresses.
const (
	tagsField     = "tags"
	refundsField  = "refunds"
	trackingField = "tracking"
	metadataField = "metadata"
)

// takeStructures takes apart what is not a single value.
func takeStructures(o *contracts.Order, c content) {
	for name, of := range addresses {
		if a := *of(o); a != nil {
			c[name] = a
		}
	}
	for name, m := range addressesMembers {
		if a := *m.of(o); a != nil && *m.at(a) != "" {
			c[name] = *m.at(a)
		}
	}
	if len(o.Tags) > 0 {
		tags := make([]any, len(o.Tags))
		for i, tag := range slices.Sorted(slices.Values(o.Tags)) {
			tags[i] = tag
		}
		c[tagsField] = tags
	}
	if len(o.Refunds) > 0 {
		c[refundsField] = o.Refunds
	}
	if len(o.Tracking) > 0 {
		c[trackingField] = o.Tracking
	}
	if len(o.Metadata) > 0 {
		c[metadataField] = o.Metadata
	}
}

// taken is a single value of an order as content has it; nil for none.
func taken(at any) any {
	switch at := at.(type) {
	case *string:
		if *at != "" {
			return *at
		}
	case *int64:
		return integer(*at)
	case *bool:
		return *at
	case *time.Time:
		if !at.IsZero() {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return nil
}

var errOtherKind = errors.New("is a value of another kind")

// given writes a single value of a content into an order.
func given(at, v any) (err error) {
	ok := false
	switch at := at.(type) {
	case *string:
		*at, ok = v.(string)
	case *int64:
		var n json.Number
		if n, ok = v.(json.Number); ok {
			*at, err = n.Int64()
		}
	case *bool:
		*at, ok = v.(bool)
	case *time.Time:
		var text string
		if text, ok = v.(string); ok {
			*at, err = time.Parse(time.RFC3339Nano, text)
		}
	}
	if !ok {
		return errOtherKind
	}
	return err
}

// give writes the value of a field of a content into an order. The content has no member of an address that it has as a
// whole. Nothing of the content is shared with the order.
func give(o *contracts.Order, name string, v any) error {
	if at := members[name]; at != nil {
		return given(at(o), v)
	}
	if m, ok := addressesMembers[name]; ok {
		of := m.of(o)
		if *of == nil {
			*of = new(contracts.Address)
		}
		return given(m.at(*of), v)
	}
	ok := false
	switch name {
	case tagsField:
		var tags []any
		if tags, ok = v.([]any); ok {
			for _, tag := range tags {
				text, _ := tag.(string)
				o.Tags = append(o.Tags, text)
			}
		}
	case refundsField:
		o.Refunds, ok = v.([]contracts.Refund)
		o.Refunds = slices.Clone(o.Refunds)
	case trackingField:
		o.Tracking, ok = v.([]contracts.Tracking)
		o.Tracking = slices.Clone(o.Tracking)
	case metadataField:
		o.Metadata, ok = v.(map[string]string)
		o.Metadata = maps.Clone(o.Metadata)
	default:
		var a *contracts.Address
		if a, ok = v.(*contracts.Address); ok {
			whole := *a
			*addresses[name](o) = &whole
		}
	}
	if !ok {
		return errOtherKind
	}
	return nil
}

// hasMembers reports whether a content has members of an address.
func (c content) hasMembers(address string) bool {
	for name := range addressMembers {
		if c[address+"."+name] != nil {
			return true
		}
	}
	return false
}
