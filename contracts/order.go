package contracts

import "time"

// Limits of an order. Lengths of texts are counted in characters (Unicode code points).
const (
	// MinorMax caps every amount, derived ones too, at 2^53-1 minor units, so that every JSON reader
	// keeps it exact.
	MinorMax      = 1<<53 - 1
	QuantityMax   = 1_000_000 // pieces in a line
	TaxRatePPMMax = 1_000_000 // parts per million: 100 %

	// OrderBytesMax is the size of an order as it is stored: compact JSON without needless escapes, with what is
	// derived. A request that carries one may be OrderRequestBytesMax long: an escape takes six bytes for one, and
	// some clients indent.
	OrderBytesMax        = 256 << 10
	OrderRequestBytesMax = 8 * OrderBytesMax

	// Years in which an order's times and dates may lie, in UTC.
	YearMin = 1970
	YearMax = 9999

	// Numbers of elements.
	LinesMax    = 500
	TrackingMax = 20
	TagsMax     = 50
	MetadataMax = 50

	// Lengths of texts.
	OrderNumberMax   = 40
	ExternalRefMax   = 128 // and a customer's ref
	SourceLengthMax  = 32
	NameLengthMax    = 200 // of people, companies and products
	EmailLengthMax   = 254
	LocaleLengthMax  = 35
	AddressLineMax   = 200 // and city and region
	PostalCodeMax    = 20
	ShortTextMax     = 64 // SKU, methods of shipping and payment, a parcel's carrier and number
	TrackingURLMax   = 500
	NoteLengthMax    = 2000
	TagLengthMax     = 40
	MetadataKeyMax   = 64
	MetadataValueMax = 500

	// SearchMax is the length of what GET /orders searches for.
	SearchMax = 254

	// IdempotencyKeyMax is the length of the Idempotency-Key of POST /orders.
	IdempotencyKeyMax = 200
)

// OrderStatus is where an order stands in its life; payment and fulfilment are told apart from it.
type OrderStatus string

// The life of an order.
const (
	StatusDraft      OrderStatus = "draft"
	StatusPending    OrderStatus = "pending"
	StatusConfirmed  OrderStatus = "confirmed"
	StatusProcessing OrderStatus = "processing"
	StatusOnHold     OrderStatus = "on_hold"
	StatusCompleted  OrderStatus = "completed"
	StatusCancelled  OrderStatus = "cancelled"
)

// OrderStatuses lists every OrderStatus.
var OrderStatuses = []OrderStatus{StatusDraft, StatusPending, StatusConfirmed, StatusProcessing, StatusOnHold, StatusCompleted, StatusCancelled}

// PaymentStatus is where the money is.
type PaymentStatus string

// The ways of the money.
const (
	PaymentUnpaid            PaymentStatus = "unpaid"
	PaymentAuthorized        PaymentStatus = "authorized"
	PaymentPartiallyPaid     PaymentStatus = "partially_paid"
	PaymentPaid              PaymentStatus = "paid"
	PaymentPartiallyRefunded PaymentStatus = "partially_refunded"
	PaymentRefunded          PaymentStatus = "refunded"
	PaymentVoided            PaymentStatus = "voided"
)

// PaymentStatuses lists every PaymentStatus.
var PaymentStatuses = []PaymentStatus{PaymentUnpaid, PaymentAuthorized, PaymentPartiallyPaid, PaymentPaid, PaymentPartiallyRefunded, PaymentRefunded, PaymentVoided}

// FulfillmentStatus is where the goods are.
type FulfillmentStatus string

// The ways of the goods.
const (
	FulfillmentUnfulfilled FulfillmentStatus = "unfulfilled"
	FulfillmentPartial     FulfillmentStatus = "partial"
	FulfillmentFulfilled   FulfillmentStatus = "fulfilled"
	FulfillmentReturned    FulfillmentStatus = "returned"
)

// FulfillmentStatuses lists every FulfillmentStatus.
var FulfillmentStatuses = []FulfillmentStatus{FulfillmentUnfulfilled, FulfillmentPartial, FulfillmentFulfilled, FulfillmentReturned}

// CancelReasons lists why an order may have been cancelled.
var CancelReasons = []string{"customer", "declined", "fraud", "inventory", "staff", "other"}

// Order is the content of an order: what people edit and what the two sides keep equal.
// Amounts are integers in minor units of Currency; times are UTC with microseconds.
// A client may leave out ID, a line's LineID, a refund's ID, Source, PlacedAt and the three statuses when it creates
// an order; Totals and a line's TotalMinor are derived and must fit when they are given.
type Order struct {
	ID                string            `json:"id,omitzero"`          // UUID, immutable
	OrderNumber       string            `json:"orderNumber"`          // the number people use, immutable
	ExternalRef       string            `json:"externalRef,omitzero"` // the number of a third system
	Source            string            `json:"source,omitzero"`      // where it was placed: web, pos, import, api; immutable
	Status            OrderStatus       `json:"status,omitzero"`
	PaymentStatus     PaymentStatus     `json:"paymentStatus,omitzero"`
	FulfillmentStatus FulfillmentStatus `json:"fulfillmentStatus,omitzero"`
	CancelReason      string            `json:"cancelReason,omitzero"` // with CancelledAt, and only when cancelled
	CancelledAt       time.Time         `json:"cancelledAt,omitzero"`
	Currency          string            `json:"currency"` // ISO 4217, immutable
	PricesIncludeTax  bool              `json:"pricesIncludeTax"`
	Customer          Customer          `json:"customer"`
	BillingAddress    *Address          `json:"billingAddress,omitzero"`
	ShippingAddress   *Address          `json:"shippingAddress,omitzero"`
	Lines             []Line            `json:"lines"`
	Refunds           []Refund          `json:"refunds,omitzero"`
	ShippingMinor     int64             `json:"shippingMinor"` // price of the shipping, tax included
	Totals            *Totals           `json:"totals,omitzero"`
	ShippingMethod    string            `json:"shippingMethod,omitzero"`
	PaymentMethod     string            `json:"paymentMethod,omitzero"`
	Tracking          []Tracking        `json:"tracking,omitzero"` // keyed by carrier and number
	PlacedAt          time.Time         `json:"placedAt,omitzero"`
	PromisedOn        string            `json:"promisedOn,omitzero"` // a date, 2026-11-21
	CustomerNote      string            `json:"customerNote,omitzero"`
	InternalNote      string            `json:"internalNote,omitzero"`
	Tags              []string          `json:"tags,omitzero"` // a set
	Metadata          map[string]string `json:"metadata,omitzero"`
}

// Customer is who ordered, as known when the order was placed.
type Customer struct {
	Ref     string `json:"ref,omitzero"`
	Name    string `json:"name"`
	Email   string `json:"email,omitzero"`
	Phone   string `json:"phone,omitzero"` // E.164
	Company string `json:"company,omitzero"`
	Locale  string `json:"locale,omitzero"` // BCP 47
}

// Address is a snapshot of a postal address.
type Address struct {
	Name       string `json:"name"`
	Company    string `json:"company,omitzero"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitzero"`
	City       string `json:"city"`
	Region     string `json:"region,omitzero"`
	PostalCode string `json:"postalCode,omitzero"`
	Country    string `json:"country"` // ISO 3166-1 alpha-2
	Phone      string `json:"phone,omitzero"`
}

// Line is one position of an order, with product and price as they were when it was placed.
// TotalMinor is derived: quantity times unit price, less the discount, plus the tax unless prices include it.
type Line struct {
	LineID         string `json:"lineId,omitzero"` // UUID, unique within the order
	SKU            string `json:"sku"`
	Name           string `json:"name"`
	Quantity       int64  `json:"quantity"`
	UnitPriceMinor int64  `json:"unitPriceMinor"`
	DiscountMinor  int64  `json:"discountMinor,omitzero"`
	TaxRatePPM     int64  `json:"taxRatePpm,omitzero"` // 190000 is 19 %
	TaxMinor       int64  `json:"taxMinor,omitzero"`
	TotalMinor     *int64 `json:"totalMinor,omitzero"`
}

// Totals are derived from the lines, ShippingMinor and the refunds, never edited.
type Totals struct {
	SubtotalMinor int64 `json:"subtotalMinor"` // quantities times unit prices
	DiscountMinor int64 `json:"discountMinor"`
	ShippingMinor int64 `json:"shippingMinor"`
	TaxMinor      int64 `json:"taxMinor"`
	TotalMinor    int64 `json:"totalMinor"`             // what the customer owes, refunds left aside
	RefundedMinor int64 `json:"refundedMinor,omitzero"` // the sum of the refunds
}

// Tracking is one parcel.
type Tracking struct {
	Carrier string `json:"carrier"`
	Number  string `json:"number"`
	URL     string `json:"url,omitzero"`
}

// OrderView is an order as a side shows it: its content and, beside it, how it stands with the peers.
type OrderView struct {
	Order
	Sync SyncView `json:"sync"`
}

// SyncView is what a side knows of an order's sync. Clients cannot write it: in what they send it is ignored.
type SyncView struct {
	Version     Version    `json:"version"`
	ETag        string     `json:"etag"` // names the version, as the ETag header does; for If-Match
	Fingerprint string     `json:"fingerprint"`
	UpdatedAt   time.Time  `json:"updatedAt"`
	Deleted     bool       `json:"deleted"`
	Links       []LinkView `json:"links"`
}

// LinkView is how an order stands towards one peer.
type LinkView struct {
	Peer   string    `json:"peer"`
	State  string    `json:"state"` // a name of States
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitzero"`
}

// Sorts are the ways in which GET /orders comes, newest first: by when orders were placed, or by their newest
// change on this side.
var Sorts = []string{SortPlaced, SortChanged}

// The names of Sorts.
const (
	SortPlaced  = "placed"
	SortChanged = "changed"
)

// ChangesWaitMax is the number of seconds that GET /orders/changes may wait for a change.
const ChangesWaitMax = 20

// OrderChanges is one page of GET /orders/changes: each order whose newest change is in it, as it is now, oldest
// change first, deleted ones included. A page may be empty and still not be the last one. A client stores Cursor
// once it has stored the orders; orders that come twice are to be taken as they come.
type OrderChanges struct {
	Orders []OrderView `json:"orders"`
	Cursor string      `json:"cursor"`        // for ?after=, on the last page too: what changes from now on
	Next   string      `json:"next,omitzero"` // the address of the next page, as in the Link header; not there on the last one
}

// OrderPage is one page of GET /orders; the address of the next one is in the Link header and in Next.
type OrderPage struct {
	Orders []OrderView `json:"orders"`
	Next   string      `json:"next,omitzero"`
}
