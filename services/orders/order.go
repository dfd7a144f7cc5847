package orders

import (
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Fingerprint is the canonical fingerprint of an order's content: every field in the order of
// contracts.Order, without what is derived from others. Lines, parcels and refunds keep their order, tags and
// metadata do not have one. What was added to orders later comes last, and only where an order has it.
func Fingerprint(o *contracts.Order) string {
	f := ordersync.NewFingerprinter()
	f.String(o.ID)
	f.String(o.OrderNumber)
	f.String(o.ExternalRef)
	f.String(o.Source)
	f.String(string(o.Status))
	f.String(string(o.PaymentStatus))
	f.String(string(o.FulfillmentStatus))
	f.String(o.CancelReason)
	f.Time(o.CancelledAt)
	f.String(o.Currency)
	f.Bool(o.PricesIncludeTax)
	f.String(o.Customer.Ref)
	f.String(o.Customer.Name)
	f.String(o.Customer.Email)
	f.String(o.Customer.Phone)
	f.String(o.Customer.Company)
	f.String(o.Customer.Locale)
	fingerprintAddress(f, o.BillingAddress)
	fingerprintAddress(f, o.ShippingAddress)
	f.Int(int64(len(o.Lines)))
	for i := range o.Lines {
		l := &o.Lines[i]
		f.String(l.LineID)
		f.String(l.SKU)
		f.String(l.Name)
		f.Int(l.Quantity)
		f.Int(l.UnitPriceMinor)
		f.Int(l.DiscountMinor)
		f.Int(l.TaxRatePPM)
		f.Int(l.TaxMinor)
	}
	f.Int(o.ShippingMinor)
	f.String(o.ShippingMethod)
	f.String(o.PaymentMethod)
	f.Int(int64(len(o.Tracking)))
	for _, t := range o.Tracking {
		f.String(t.Carrier)
		f.String(t.Number)
		f.String(t.URL)
	}
	f.Time(o.PlacedAt)
	f.String(o.PromisedOn)
	f.String(o.CustomerNote)
	f.String(o.InternalNote)
	f.Set(o.Tags)
	f.Map(o.Metadata)
	fingerprintRefunds(f, o.Refunds)
	return f.Sum()
}

func fingerprintAddress(f *ordersync.Fingerprinter, a *contracts.Address) {
	f.Bool(a != nil)
	if a == nil {
		return
	}
	for _, s := range []string{a.Name, a.Company, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.Country, a.Phone} {
		f.String(s)
	}
}

// fingerprintRefunds writes nothing for an order without refunds: such an order has the fingerprint that it
// had before orders had refunds. Whatever precedes them carries its length, so nothing can be taken for them.
func fingerprintRefunds(f *ordersync.Fingerprinter, refunds []contracts.Refund) {
	if len(refunds) == 0 {
		return
	}
	f.Int(int64(len(refunds)))
	for i := range refunds {
		r := &refunds[i]
		f.String(r.ID)
		f.Int(r.AmountMinor)
		f.String(r.Reason)
		f.Time(r.At)
		f.Int(int64(len(r.Lines)))
		for _, l := range r.Lines {
			f.String(l.LineID)
			f.Int(l.Quantity)
		}
	}
}

// WithDefaults fills what a client may leave out when it creates an order.
func WithDefaults(o *contracts.Order, now time.Time) {
	if o.ID == "" {
		o.ID = newID()
	}
	if o.Source == "" {
		o.Source = "api"
	}
	if o.Status == "" {
		o.Status = contracts.StatusPending
	}
	if o.PaymentStatus == "" {
		o.PaymentStatus = contracts.PaymentUnpaid
	}
	if o.FulfillmentStatus == "" {
		o.FulfillmentStatus = contracts.FulfillmentUnfulfilled
	}
	if o.PlacedAt.IsZero() {
		o.PlacedAt = now.UTC().Truncate(time.Microsecond)
	}
	withIDs(o)
}

// withIDs gives an id to each line and refund that a client added without one.
func withIDs(o *contracts.Order) {
	for i := range o.Lines {
		if o.Lines[i].LineID == "" {
			o.Lines[i].LineID = newID()
		}
	}
	for i := range o.Refunds {
		if o.Refunds[i].ID == "" {
			o.Refunds[i].ID = newID()
		}
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// checkNew names what is wrong with an order that is created here, besides what is wrong with any. What comes
// from a peer is not asked.
func checkNew(o *contracts.Order) error {
	var errs []contracts.FieldError
	if o.ID == uuid.Nil.String() {
		errs = append(errs, contracts.FieldError{Pointer: "/id", Detail: "must not be the UUID of zeros, which stands for none"})
	}
	if !contracts.IsCurrency(o.Currency) {
		errs = append(errs, contracts.FieldError{Pointer: "/currency", Detail: "is not a currency of ISO 4217"})
	}
	if errs == nil {
		return nil
	}
	return &Error{Kind: Invalid, Message: "the order is not valid", Fields: errs}
}

// checkImmutable names the fields of an edit that must stay as they were created.
func checkImmutable(before, after *contracts.Order) []contracts.FieldError {
	var errs []contracts.FieldError
	same := func(pointer, x, y string) {
		if x != y {
			errs = append(errs, contracts.FieldError{Pointer: pointer, Detail: "cannot be changed once the order exists"})
		}
	}
	same("/id", before.ID, after.ID)
	same("/orderNumber", before.OrderNumber, after.OrderNumber)
	same("/source", before.Source, after.Source)
	same("/currency", before.Currency, after.Currency)
	return errs
}
