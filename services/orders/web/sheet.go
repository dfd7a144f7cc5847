package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// sheet is an order as it stands in a form: texts as people write them, by JSON pointer.
type sheet struct {
	fields  map[string]string
	lines   []row
	parcels []row
}

// row is a line or a parcel of a sheet; its fields go by the name in the element.
type row struct {
	id     string // of a line that there is already
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

// exact is what a sheet keeps of a time beside the field, which is not as fine.
const exact = "~"

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
		s.fields[pointer], s.fields[exact+pointer] = "", ""
		if !t.IsZero() {
			s.fields[pointer], s.fields[exact+pointer] = t.UTC().Format(formTime), machine(t)
		}
	}
	for i, a := range []*contracts.Address{o.BillingAddress, o.ShippingAddress} {
		if a == nil {
			a = &contracts.Address{}
		}
		for j, v := range []string{a.Name, a.Company, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.Country, a.Phone} {
			s.fields[addresses[i]+"/"+addressFields[j]] = v
		}
	}
	var meta []string
	for _, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		meta = append(meta, k+" = "+o.Metadata[k])
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
	for _, t := range o.Tracking {
		s.parcels = append(s.parcels, row{fields: map[string]string{"carrier": t.Carrier, "number": t.Number, "url": t.URL}})
	}
	return s
}

// readSheet reads a form. Rows that are empty, or to be removed, are left out.
func readSheet(v url.Values) sheet {
	s := sheet{fields: map[string]string{}}
	for pointer := range sheetOf(&contracts.Order{}).fields {
		s.fields[pointer] = strings.ReplaceAll(v.Get(pointer), "\r\n", "\n")
	}
	if s.fields["/pricesIncludeTax"] != "true" {
		s.fields["/pricesIncludeTax"] = "false" // a box that is not ticked is not sent
	}
	s.lines = readRows(v, "/lines", lineFields, contracts.LinesMax)
	s.parcels = readRows(v, "/tracking", parcelFields, contracts.TrackingMax)
	return s
}

func readRows(v url.Values, list string, names []string, high int) []row {
	var out []row
	for i := range high + 100 { // more than may be, so that the API says so
		at := list + "/" + strconv.Itoa(i) + "/"
		if !v.Has(at + names[0]) {
			break
		}
		r, filled := row{id: v.Get(at + "lineId"), fields: map[string]string{}}, false
		for _, n := range names {
			r.fields[n] = strings.TrimSpace(v.Get(at + n))
			filled = filled || r.fields[n] != ""
		}
		if filled && v.Get(at+"remove") == "" {
			out = append(out, r)
		}
	}
	return out
}

// order turns a sheet into the order that the API gets. What cannot be read as what it is meant for
// comes back as faults.
func (s sheet) order(now time.Time) (*contracts.Order, []contracts.FieldError) {
	var faults []contracts.FieldError
	f, currency := s.fields, s.fields["/currency"]
	check := func(pointer, fault string) {
		if fault != "" {
			faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: fault})
		}
	}
	money := func(pointer, text string) int64 {
		n, fault := parseAmount(text, currency)
		check(pointer, fault)
		return n
	}
	text := func(pointer string) string { return strings.TrimSpace(f[pointer]) }
	o := &contracts.Order{
		ID: text("/id"), OrderNumber: text("/orderNumber"), ExternalRef: text("/externalRef"), Source: text("/source"), Status: contracts.OrderStatus(f["/status"]),
		PaymentStatus: contracts.PaymentStatus(f["/paymentStatus"]), FulfillmentStatus: contracts.FulfillmentStatus(f["/fulfillmentStatus"]),
		Currency: currency, PricesIncludeTax: f["/pricesIncludeTax"] == "true",
		Customer: contracts.Customer{
			Ref: text("/customer/ref"), Name: text("/customer/name"), Email: text("/customer/email"), Phone: text("/customer/phone"),
			Company: text("/customer/company"), Locale: text("/customer/locale"),
		},
		ShippingMinor: money("/shippingMinor", f["/shippingMinor"]), ShippingMethod: text("/shippingMethod"), PaymentMethod: text("/paymentMethod"),
		PromisedOn: text("/promisedOn"), CustomerNote: f["/customerNote"], InternalNote: f["/internalNote"],
	}
	if o.Status == contracts.StatusCancelled {
		o.CancelReason, o.CancelledAt = f["/cancelReason"], s.time("/cancelledAt", check)
		if f["/cancelledAt"] == "" {
			o.CancelledAt = now
		}
	}
	o.PlacedAt = s.time("/placedAt", check)
	if o.Refunds = s.refunds(); o.Refunds == nil && f["/refunds"] != "" {
		check("/refunds", "is unreadable; open the form again")
	}
	o.BillingAddress, o.ShippingAddress = s.address(addresses[0]), s.address(addresses[1])
	for tag := range strings.SplitSeq(f["/tags"], "\n") {
		if tag = strings.TrimSpace(tag); tag != "" {
			o.Tags = append(o.Tags, tag)
		}
	}
	for line := range strings.SplitSeq(f["/metadata"], "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			check("/metadata", "must be lines such as channel = shop")
			continue
		}
		if o.Metadata == nil {
			o.Metadata = map[string]string{}
		}
		o.Metadata[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	for i, r := range s.lines {
		at := fmt.Sprintf("/lines/%d/", i)
		quantity, err := strconv.ParseInt(r.fields["quantity"], 10, 64)
		if err != nil {
			check(at+"quantity", "must be a whole number")
		}
		rate, fault := parsePercent(r.fields["taxRatePpm"])
		check(at+"taxRatePpm", fault)
		o.Lines = append(o.Lines, contracts.Line{
			LineID: r.id, SKU: r.fields["sku"], Name: r.fields["name"], Quantity: quantity, TaxRatePPM: rate,
			UnitPriceMinor: money(at+"unitPriceMinor", r.fields["unitPriceMinor"]),
			DiscountMinor:  money(at+"discountMinor", r.fields["discountMinor"]), TaxMinor: money(at+"taxMinor", r.fields["taxMinor"]),
		})
	}
	for _, r := range s.parcels {
		o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: r.fields["carrier"], Number: r.fields["number"], URL: r.fields["url"]})
	}
	return o, faults
}

// time reads a time field. One that was not touched keeps its microseconds.
func (s sheet) time(pointer string, check func(pointer, fault string)) time.Time {
	text := s.fields[pointer]
	if text == "" {
		return time.Time{}
	}
	if kept, err := time.Parse(time.RFC3339Nano, s.fields[exact+pointer]); err == nil && kept.UTC().Format(formTime) == text {
		return kept
	}
	for _, form := range []string{formTime, "2006-01-02T15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			return t
		}
	}
	check(pointer, "must be a date with a time")
	return time.Time{}
}

// address reads an address; one with nothing in it is none.
func (s sheet) address(at string) *contracts.Address {
	var v [9]string
	for i, name := range addressFields {
		v[i] = strings.TrimSpace(s.fields[at+"/"+name])
	}
	if v == [9]string{} {
		return nil
	}
	return &contracts.Address{
		Name: v[0], Company: v[1], Line1: v[2], Line2: v[3], City: v[4], Region: v[5], PostalCode: v[6], Country: v[7], Phone: v[8],
	}
}

// orderText is an order as a form carries it along.
func orderText(o *contracts.Order) string {
	b, err := json.Marshal(o)
	if err != nil { // plain texts and numbers always encode
		panic(err)
	}
	return string(b)
}
