package shop

import (
	"maps"
	"slices"
	"time"
)

// Order is an order as the shop stores it. Amounts are decimal text. What is derived is computed when it is saved.
type Order struct {
	ID                 int64
	ParentID           int64
	Key                string
	CreatedVia         string // checkout, admin, rest-api
	Status             string // without the prefix wc-
	Currency           string // ISO 4217
	PricesIncludeTax   bool
	CustomerID         int64     // 0: a guest
	Created, Modified  time.Time // UTC, whole seconds
	Paid, Completed    time.Time // zero: not yet
	Billing, Shipping  Address
	PaymentMethod      string
	PaymentMethodTitle string
	TransactionID      string
	CustomerNote       string
	Meta               []Meta
	Lines              []Line
	ShippingLines      []ShippingLine
	Fees               []Fee
	Coupons            []Coupon
	Refunds            []Refund
	Extra              map[string]any // keys that a plugin adds to the document; nothing that is written changes them

	Totals Totals // derived

	encoded []byte // what document makes of it; nil: not asked for yet
}

// Totals are derived from the lines.
type Totals struct {
	DiscountTotal, DiscountTax, ShippingTotal, ShippingTax, CartTax, Total, TotalTax string
}

// Address is where an order is billed or shipped to. Shipping has no email.
type Address struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Company   string `json:"company"`
	Address1  string `json:"address_1"`
	Address2  string `json:"address_2"`
	City      string `json:"city"`
	State     string `json:"state"`
	Postcode  string `json:"postcode"`
	Country   string `json:"country"`
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone"`
}

// Line is a product in an order. Subtotal and Total are for the quantity, before and after discounts, without tax.
type Line struct {
	ID          int64
	Name        string
	ProductID   int64 // 0: none of the shop's
	VariationID int64
	SKU         string // the product's; a line without product has none
	Quantity    int64
	TaxClass    string
	Subtotal    string
	Total       string
	SubtotalTax string // derived
	TotalTax    string // derived
	Meta        []Meta
}

// ShippingLine is a way of shipping and its price.
type ShippingLine struct {
	ID          int64
	MethodID    string
	MethodTitle string
	InstanceID  string
	Total       string
	TotalTax    string // derived
	Meta        []Meta
}

// Fee is an amount beside the products.
type Fee struct {
	ID        int64
	Name      string
	TaxClass  string
	TaxStatus string // taxable, none
	Total     string
	TotalTax  string // derived
	Meta      []Meta
}

// Coupon is a coupon that was used. Its discount is already in the totals of the lines.
type Coupon struct {
	ID          int64
	Code        string
	Discount    string
	DiscountTax string
	Meta        []Meta
}

// Refund is money that was given back.
type Refund struct {
	ID     int64
	Reason string
	Total  string // positive
}

// Meta is one entry of meta_data.
type Meta struct {
	ID    int64
	Key   string
	Value any // decoded JSON
}

// clone copies an order, so that the copy can be changed. Values of Meta and Extra are shared: nobody changes them.
func (o *Order) clone() *Order {
	c := *o
	c.encoded = nil
	c.Meta = slices.Clone(o.Meta)
	c.Lines = slices.Clone(o.Lines)
	for i := range c.Lines {
		c.Lines[i].Meta = slices.Clone(c.Lines[i].Meta)
	}
	c.ShippingLines = slices.Clone(o.ShippingLines)
	for i := range c.ShippingLines {
		c.ShippingLines[i].Meta = slices.Clone(c.ShippingLines[i].Meta)
	}
	c.Fees = slices.Clone(o.Fees)
	for i := range c.Fees {
		c.Fees[i].Meta = slices.Clone(c.Fees[i].Meta)
	}
	c.Coupons = slices.Clone(o.Coupons)
	for i := range c.Coupons {
		c.Coupons[i].Meta = slices.Clone(c.Coupons[i].Meta)
	}
	c.Refunds = slices.Clone(o.Refunds)
	c.Extra = maps.Clone(o.Extra)
	return &c
}

// MetaValue is the value of the first entry of meta_data with a key; nil when there is none.
func (o *Order) MetaValue(key string) any {
	for _, m := range o.Meta {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}
