package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// edit turns a sheet into the order that the API gets. Whatever has the text that it was rendered with keeps
// the value of the order that was seen, which is finer than its text: only what a person changed is read,
// without blanks at its ends.
type edit struct {
	is, was sheet
	first   bool // nothing was seen: all of it is read
	order   *contracts.Order
	faults  []contracts.FieldError
}

// order is the order that a sheet makes of the one that was seen (nil: a new one). What cannot be read as
// what it is meant for comes back as faults.
func (s sheet) order(seen *contracts.Order, now time.Time) (*contracts.Order, []contracts.FieldError) {
	e := &edit{is: s, first: seen == nil, order: &contracts.Order{}}
	if seen != nil {
		*e.order = *seen
	}
	e.was = sheetOf(e.order)
	e.order.Totals = nil // derived
	e.texts()
	e.times(now)
	e.address(addresses[0], &e.order.BillingAddress)
	e.address(addresses[1], &e.order.ShippingAddress)
	e.tags()
	e.metadata()
	e.lines()
	e.parcels()
	return e.order, e.faults
}

func (e *edit) fault(pointer, detail string) {
	e.faults = append(e.faults, contracts.FieldError{Pointer: pointer, Detail: detail})
}

// changed reports whether a person changed a field.
func (e *edit) changed(pointer string) bool {
	return e.first || e.is.fields[pointer] != e.was.fields[pointer]
}

func (e *edit) texts() {
	o, c := e.order, &e.order.Customer
	for pointer, to := range map[string]*string{
		"/id": &o.ID, "/orderNumber": &o.OrderNumber, "/externalRef": &o.ExternalRef, "/source": &o.Source, "/status": (*string)(&o.Status),
		"/paymentStatus": (*string)(&o.PaymentStatus), "/fulfillmentStatus": (*string)(&o.FulfillmentStatus), "/cancelReason": &o.CancelReason,
		"/currency": &o.Currency, "/customer/ref": &c.Ref, "/customer/name": &c.Name, "/customer/email": &c.Email, "/customer/phone": &c.Phone,
		"/customer/company": &c.Company, "/customer/locale": &c.Locale, "/shippingMethod": &o.ShippingMethod, "/paymentMethod": &o.PaymentMethod,
		"/promisedOn": &o.PromisedOn, "/customerNote": &o.CustomerNote, "/internalNote": &o.InternalNote,
	} {
		if e.changed(pointer) {
			*to = e.is.fields[pointer]
			if !strings.HasSuffix(pointer, "Note") {
				*to = strings.TrimSpace(*to)
			}
		}
	}
	o.PricesIncludeTax = e.is.fields["/pricesIncludeTax"] == "true"
	if e.changed("/shippingMinor") {
		o.ShippingMinor = e.money("/shippingMinor", e.is.fields["/shippingMinor"])
	}
	if e.changed("/refunds") {
		if o.Refunds = e.is.refunds(); o.Refunds == nil && e.is.fields["/refunds"] != "" {
			e.fault("/refunds", "is unreadable; open the form again")
		}
	}
}

func (e *edit) money(pointer, text string) int64 {
	n, fault := parseAmount(text, e.order.Currency)
	if fault != "" {
		e.fault(pointer, fault)
	}
	return n
}

func (e *edit) times(now time.Time) {
	o := e.order
	if e.changed("/placedAt") {
		o.PlacedAt = e.time("/placedAt")
	}
	if e.is.fields["/placedAt"] == "" && !e.first { // a new order gets it from the API
		o.PlacedAt = now
	}
	if o.Status != contracts.StatusCancelled {
		o.CancelReason, o.CancelledAt = "", time.Time{}
		return
	}
	if e.changed("/cancelledAt") {
		o.CancelledAt = e.time("/cancelledAt")
	}
	if e.is.fields["/cancelledAt"] == "" {
		o.CancelledAt = now
	}
}

func (e *edit) time(pointer string) time.Time {
	text := e.is.fields[pointer]
	if text == "" {
		return time.Time{}
	}
	t, err := parseFormTime(text)
	if err != nil {
		e.fault(pointer, "must be a date with a time")
	}
	return t
}

// address changes an address; one with nothing left in it is none.
func (e *edit) address(at string, to **contracts.Address) {
	var a contracts.Address
	if *to != nil {
		a = **to
	}
	any := false
	for i, text := range addressTexts(&a) {
		if pointer := at + "/" + addressFields[i]; e.changed(pointer) {
			*text, any = strings.TrimSpace(e.is.fields[pointer]), true
		}
	}
	switch {
	case !any:
	case e.is.hasAddress(at):
		*to = &a
	default:
		*to = nil
	}
}

func (e *edit) tags() {
	if !e.changed("/tags") {
		return
	}
	seen := e.order.Tags
	e.order.Tags = nil
	for tag := range strings.SplitSeq(e.is.fields["/tags"], "\n") {
		if !slices.Contains(seen, tag) {
			tag = strings.TrimSpace(tag)
		}
		if tag != "" {
			e.order.Tags = append(e.order.Tags, tag)
		}
	}
}

func (e *edit) metadata() {
	if !e.changed("/metadata") {
		return
	}
	seen := e.order.Metadata
	e.order.Metadata = nil
	for line := range strings.SplitSeq(e.is.fields["/metadata"], "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			e.fault("/metadata", "must be lines such as channel = shop")
			continue
		}
		if key, value = strings.TrimSpace(key), strings.TrimSpace(value); line == metadataLine(key, seen[key]) {
			value = seen[key]
		}
		if e.order.Metadata == nil {
			e.order.Metadata = map[string]string{}
		}
		e.order.Metadata[key] = value
	}
}

func (e *edit) lines() {
	seen, was := map[string]contracts.Line{}, byID(e.was.lines)
	for _, l := range e.order.Lines {
		seen[l.LineID] = l
	}
	e.order.Lines = nil
	for i, r := range e.is.lines {
		l := seen[r.id]
		l.LineID, l.TotalMinor = r.id, nil // the total is derived
		before, known := was[r.id]
		for _, name := range lineFields {
			if text := r.fields[name]; !known || text != before.fields[name] {
				e.lineField(&l, fmt.Sprintf("/lines/%d/%s", i, name), name, strings.TrimSpace(text))
			}
		}
		e.order.Lines = append(e.order.Lines, l)
	}
}

func (e *edit) lineField(l *contracts.Line, pointer, name, text string) {
	switch name {
	case "sku":
		l.SKU = text
	case "name":
		l.Name = text
	case "quantity":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			e.fault(pointer, "must be a whole number")
		}
		l.Quantity = n
	case "taxRatePpm":
		n, fault := parsePercent(text)
		if fault != "" {
			e.fault(pointer, fault)
		}
		l.TaxRatePPM = n
	case "unitPriceMinor":
		l.UnitPriceMinor = e.money(pointer, text)
	case "discountMinor":
		l.DiscountMinor = e.money(pointer, text)
	case "taxMinor":
		l.TaxMinor = e.money(pointer, text)
	}
}

func (e *edit) parcels() {
	seen, was := e.order.Tracking, byID(e.was.parcels)
	e.order.Tracking = nil
	for _, r := range e.is.parcels {
		var t contracts.Tracking
		before, known := was[r.id]
		if known {
			i, _ := strconv.Atoi(r.id) // ids of parcels are their places
			t = seen[i]
		}
		for i, to := range []*string{&t.Carrier, &t.Number, &t.URL} {
			if text := r.fields[parcelFields[i]]; !known || text != before.fields[parcelFields[i]] {
				*to = strings.TrimSpace(text)
			}
		}
		e.order.Tracking = append(e.order.Tracking, t)
	}
}
