package contracts

import (
	"maps"
	"slices"
)

// Validate says what is wrong with an order as it is stored and sent, with every field filled in that
// the service fills in; nothing when it is right. Sums that are left out are not missed.
func (o *Order) Validate() []FieldError {
	c := &checker{}
	c.in("")
	c.form("id", o.ID, isID, formID)
	c.requiredText("orderNumber", o.OrderNumber, OrderNumberMax)
	c.text("externalRef", o.ExternalRef, ExternalRefMax)
	c.form("source", o.Source, isSource, "must be a word of lower-case letters, digits, - and _, such as web")
	oneOf(c, "status", o.Status, OrderStatuses)
	oneOf(c, "paymentStatus", o.PaymentStatus, PaymentStatuses)
	oneOf(c, "fulfillmentStatus", o.FulfillmentStatus, FulfillmentStatuses)
	o.checkCancellation(c)
	c.form("currency", o.Currency, isCurrency, "must be three upper-case letters (ISO 4217)")
	o.Customer.check(c)
	o.BillingAddress.check(c, "/billingAddress")
	o.ShippingAddress.check(c, "/shippingAddress")
	o.checkAmounts(c)
	c.text("shippingMethod", o.ShippingMethod, ShortTextMax)
	c.text("paymentMethod", o.PaymentMethod, ShortTextMax)
	o.checkTracking(c)
	c.time("placedAt", o.PlacedAt)
	c.optionalForm("promisedOn", o.PromisedOn, isDate, "must be a date such as 2026-11-21")
	c.note("customerNote", o.CustomerNote, NoteLengthMax)
	c.note("internalNote", o.InternalNote, NoteLengthMax)
	o.checkTags(c)
	o.checkMetadata(c)
	return c.errs
}

// Complete fills in what is derived, the totals and each line's total, sorts the tags and turns times
// to UTC, all in place. The order must be valid. Doing it twice changes nothing.
func (o *Order) Complete() {
	totals := make([]int64, len(o.Lines))
	for i := range o.Lines {
		gross, _ := o.Lines[i].gross()
		totals[i] = o.Lines[i].total(gross, o.PricesIncludeTax)
		o.Lines[i].TotalMinor = &totals[i]
	}
	sums, _ := o.addUp()
	o.Totals = &sums
	if !slices.IsSorted(o.Tags) {
		o.Tags = slices.Sorted(slices.Values(o.Tags))
	}
	if len(o.Refunds) == 0 {
		o.Refunds = nil // an order that has none names none
	}
	for i := range o.Refunds {
		r := &o.Refunds[i]
		r.At = r.At.UTC()
		if len(r.Lines) == 0 {
			r.Lines = nil // one of no goods names none
		}
	}
	o.PlacedAt = o.PlacedAt.UTC()
	o.CancelledAt = o.CancelledAt.UTC()
}

// IsComplete reports whether Complete would change nothing of a valid order whose times are in UTC.
func (o *Order) IsComplete() bool {
	if o.Totals == nil || !slices.IsSorted(o.Tags) || o.Refunds != nil && len(o.Refunds) == 0 {
		return false
	}
	for i := range o.Lines {
		if o.Lines[i].TotalMinor == nil {
			return false
		}
	}
	for i := range o.Refunds {
		if lines := o.Refunds[i].Lines; lines != nil && len(lines) == 0 {
			return false
		}
	}
	return true
}

func (o *Order) checkCancellation(c *checker) {
	if o.Status != StatusCancelled {
		const only = "is only for an order with the status cancelled"
		if o.CancelReason != "" {
			c.fail("cancelReason", only)
		}
		if !o.CancelledAt.IsZero() {
			c.fail("cancelledAt", only)
		}
		return
	}
	oneOf(c, "cancelReason", o.CancelReason, CancelReasons)
	c.time("cancelledAt", o.CancelledAt)
}

func (p *Customer) check(c *checker) {
	c.in("/customer")
	defer c.in("")
	c.text("ref", p.Ref, ExternalRefMax)
	c.requiredText("name", p.Name, NameLengthMax)
	c.text("email", p.Email, EmailLengthMax)
	c.optionalForm("email", p.Email, isEmail, "must be an e-mail address")
	c.optionalForm("phone", p.Phone, isPhone, formPhone)
	c.text("company", p.Company, NameLengthMax)
	c.optionalForm("locale", p.Locale, isLocale, "must be a language tag such as de-DE")
}

func (a *Address) check(c *checker, place string) {
	if a == nil {
		return
	}
	c.in(place)
	defer c.in("")
	c.requiredText("name", a.Name, NameLengthMax)
	c.text("company", a.Company, NameLengthMax)
	c.requiredText("line1", a.Line1, AddressLineMax)
	c.text("line2", a.Line2, AddressLineMax)
	c.requiredText("city", a.City, AddressLineMax)
	c.text("region", a.Region, AddressLineMax)
	c.text("postalCode", a.PostalCode, PostalCodeMax)
	c.form("country", a.Country, isCountry, "must be two upper-case letters (ISO 3166-1)")
	c.optionalForm("phone", a.Phone, isPhone, formPhone)
}

func (o *Order) checkTracking(c *checker) {
	if !c.count("tracking", len(o.Tracking), TrackingMax) {
		return
	}
	defer c.in("")
	for i, t := range o.Tracking {
		c.item("/tracking", i)
		c.requiredText("carrier", t.Carrier, ShortTextMax)
		c.requiredText("number", t.Number, ShortTextMax)
		c.text("url", t.URL, TrackingURLMax)
		c.optionalForm("url", t.URL, isWebAddress, "must be an http or https address")
		if slices.ContainsFunc(o.Tracking[:i], func(u Tracking) bool { return u.Carrier == t.Carrier && u.Number == t.Number }) {
			c.fail("", "has the carrier and number of another parcel")
		}
	}
}

func (o *Order) checkTags(c *checker) {
	if !c.count("tags", len(o.Tags), TagsMax) {
		return
	}
	defer c.in("")
	for i, tag := range o.Tags {
		c.item("/tags", i)
		c.requiredText("", tag, TagLengthMax)
		if slices.Contains(o.Tags[:i], tag) {
			c.fail("", "appears twice")
		}
	}
}

func (o *Order) checkMetadata(c *checker) {
	if !c.count("metadata", len(o.Metadata), MetadataMax) {
		return
	}
	c.in("/metadata")
	defer c.in("")
	for _, key := range slices.Sorted(maps.Keys(o.Metadata)) {
		if !isMetadataKey(key) {
			c.fail(key, "needs a key of 1 to 64 lower-case letters, digits, _ . and -")
		}
		c.text(key, o.Metadata[key], MetadataValueMax)
	}
}

const (
	formID    = "must be a UUID in lower case"
	formPhone = "must be a phone number such as +4930123456 (E.164)"
)
