package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// sheet is an order as it stands in a form: texts as people write them, by JSON pointer.
type sheet struct {
	fields  map[string]string
	lines   []row
	parcels []row
}

// row is a line or a parcel of a sheet; its fields go by the name in the element.
type row struct {
	id     string // of a line that exists, or the place of a parcel in the order that the form shows
	fields map[string]string
}

var (
	lineFields    = []string{"sku", "name", "quantity", "unitPriceMinor", "discountMinor", "taxRatePpm", "taxMinor"}
	parcelFields  = []string{"carrier", "number", "url"}
	addressFields = []string{"name", "company", "line1", "line2", "city", "region", "postalCode", "country", "phone"}
	addresses     = []string{"/billingAddress", "/shippingAddress"}
)

// formTime is how a date field with a time writes one; times are in UTC.
const formTime = "2006-01-02T15:04:05"

// sheetOf writes an order into a sheet.
func sheetOf(o *contracts.Order) sheet {
	money := func(minor int64) string {
		if minor == 0 {
			return ""
		}
		return amountField(minor, o.Currency)
	}
	s := sheet{fields: map[string]string{
		"/id": o.ID, "/orderNumber": o.OrderNumber, "/externalRef": o.ExternalRef, "/source": o.Source, "/status": string(o.Status),
		"/paymentStatus": string(o.PaymentStatus), "/fulfillmentStatus": string(o.FulfillmentStatus), "/cancelReason": o.CancelReason,
		"/currency": o.Currency, "/pricesIncludeTax": strconv.FormatBool(o.PricesIncludeTax), "/customer/ref": o.Customer.Ref,
		"/customer/name": o.Customer.Name, "/customer/email": o.Customer.Email, "/customer/phone": o.Customer.Phone,
		"/customer/company": o.Customer.Company, "/customer/locale": o.Customer.Locale, "/shippingMinor": money(o.ShippingMinor),
		"/shippingMethod": o.ShippingMethod, "/paymentMethod": o.PaymentMethod, "/promisedOn": o.PromisedOn,
		"/customerNote": o.CustomerNote, "/internalNote": o.InternalNote, "/tags": strings.Join(o.Tags, "\n"),
		"/refunds": refundsText(o.Refunds),
	}}
	for pointer, t := range map[string]time.Time{"/placedAt": o.PlacedAt, "/cancelledAt": o.CancelledAt} {
		s.fields[pointer] = ""
		if !t.IsZero() {
			s.fields[pointer] = t.UTC().Format(formTime)
		}
	}
	for i, a := range []*contracts.Address{o.BillingAddress, o.ShippingAddress} {
		if a == nil {
			a = &contracts.Address{}
		}
		for j, v := range addressTexts(a) {
			s.fields[addresses[i]+"/"+addressFields[j]] = *v
		}
	}
	var meta []string
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		meta = append(meta, metadataLine(k, o.Metadata[k]))
	}
	s.fields["/metadata"] = strings.Join(meta, "\n")
	for i := range o.Lines {
		l := &o.Lines[i]
		rate := ""
		if l.TaxRatePPM > 0 {
			rate = percent(l.TaxRatePPM)
		}
		s.lines = append(s.lines, row{id: l.LineID, fields: map[string]string{
			"sku": l.SKU, "name": l.Name, "quantity": strconv.FormatInt(l.Quantity, 10), "unitPriceMinor": amountField(l.UnitPriceMinor, o.Currency),
			"discountMinor": money(l.DiscountMinor), "taxRatePpm": rate, "taxMinor": money(l.TaxMinor),
		}})
	}
	for i, t := range o.Tracking {
		s.parcels = append(s.parcels, row{id: strconv.Itoa(i), fields: map[string]string{"carrier": t.Carrier, "number": t.Number, "url": t.URL}})
	}
	return s
}

func metadataLine(key, value string) string { return key + " = " + value }

// addressTexts are the fields of an address in the order of addressFields.
func addressTexts(a *contracts.Address) []*string {
	return []*string{&a.Name, &a.Company, &a.Line1, &a.Line2, &a.City, &a.Region, &a.PostalCode, &a.Country, &a.Phone}
}

// hasAddress reports whether an address has anything in it.
func (s sheet) hasAddress(at string) bool {
	return slices.ContainsFunc(addressFields, func(name string) bool { return strings.TrimSpace(s.fields[at+"/"+name]) != "" })
}

// orderText is an order as a form carries it along.
func orderText(o *contracts.Order) string {
	b, err := strictjson.Encode(o)
	if err != nil { // plain texts and numbers always encode
		panic(err)
	}
	return string(b)
}

// seenOrder reads the order that a form was rendered with; nil when there is none.
func seenOrder(text string) *contracts.Order {
	var o contracts.Order
	if text == "" || json.Unmarshal([]byte(text), &o) != nil {
		return nil
	}
	return &o
}
