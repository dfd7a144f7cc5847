package contracts_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const (
	anyLine = `[^\x00-\x1f\x7f-\x9f]`
	anyNote = `[^\x00-\x08\x0b-\x1f\x7f-\x9f]`
)

// line draws a single line of so many characters at most.
func line(low, high int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 äß水😀~/\u00a0\u2028")), low, high, -1)
}

func optional(g *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), g)
}

func ids() *rapid.Generator[string] {
	return rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
}

var phones = rapid.StringMatching(`\+[1-9][0-9]{6,14}`)

func addresses() *rapid.Generator[*contracts.Address] {
	return rapid.Custom(func(t *rapid.T) *contracts.Address {
		if rapid.Bool().Draw(t, "absent") {
			return nil
		}
		return &contracts.Address{
			Name: line(1, contracts.NameLengthMax).Draw(t, "name"), Company: line(0, contracts.NameLengthMax).Draw(t, "company"),
			Line1: line(1, contracts.AddressLineMax).Draw(t, "line1"), Line2: line(0, contracts.AddressLineMax).Draw(t, "line2"),
			City: line(1, contracts.AddressLineMax).Draw(t, "city"), Region: line(0, contracts.AddressLineMax).Draw(t, "region"),
			PostalCode: line(0, contracts.PostalCodeMax).Draw(t, "postalCode"), Country: rapid.StringMatching(`[A-Z]{2}`).Draw(t, "country"),
			Phone: optional(phones).Draw(t, "phone"),
		}
	})
}

// lines draws order lines whose sums stay in range.
func lines() *rapid.Generator[[]contracts.Line] {
	one := rapid.Custom(func(t *rapid.T) contracts.Line {
		quantity := rapid.Int64Range(1, contracts.QuantityMax).Draw(t, "quantity")
		price := rapid.Int64Range(0, contracts.MinorMax/8/quantity).Draw(t, "price")
		return contracts.Line{
			LineID: ids().Draw(t, "lineId"), SKU: line(1, contracts.ShortTextMax).Draw(t, "sku"), Name: line(1, contracts.NameLengthMax).Draw(t, "name"),
			Quantity: quantity, UnitPriceMinor: price, DiscountMinor: rapid.Int64Range(0, quantity*price).Draw(t, "discount"),
			TaxRatePPM: rapid.Int64Range(0, contracts.TaxRatePPMMax).Draw(t, "rate"), TaxMinor: rapid.Int64Range(0, contracts.MinorMax/16).Draw(t, "tax"),
		}
	})
	return rapid.SliceOfNDistinct(one, 1, 4, func(l contracts.Line) string { return l.LineID })
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		last := time.Date(contracts.YearMax, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		at := time.Unix(rapid.Int64Range(1, last).Draw(t, "seconds"), rapid.Int64Range(0, 999_999).Draw(t, "micros")*1000)
		// Not so far from UTC that the local year leaves what RFC 3339 can write.
		return at.In(time.FixedZone("", 60*rapid.IntRange(-14*60, 0).Draw(t, "zone")))
	})
}

func orders() *rapid.Generator[*contracts.Order] {
	return rapid.Custom(func(t *rapid.T) *contracts.Order {
		o := &contracts.Order{
			ID: ids().Draw(t, "id"), OrderNumber: line(1, contracts.OrderNumberMax).Draw(t, "orderNumber"),
			ExternalRef: line(0, contracts.ExternalRefMax).Draw(t, "externalRef"), Source: rapid.StringMatching(`[a-z][a-z0-9_-]{0,31}`).Draw(t, "source"),
			Status:            rapid.SampledFrom(contracts.OrderStatuses).Draw(t, "status"),
			PaymentStatus:     rapid.SampledFrom(contracts.PaymentStatuses).Draw(t, "paymentStatus"),
			FulfillmentStatus: rapid.SampledFrom(contracts.FulfillmentStatuses).Draw(t, "fulfillmentStatus"),
			Currency:          rapid.StringMatching(`[A-Z]{3}`).Draw(t, "currency"), PricesIncludeTax: rapid.Bool().Draw(t, "pricesIncludeTax"),
			Customer: contracts.Customer{
				Ref: line(0, contracts.ExternalRefMax).Draw(t, "ref"), Name: line(1, contracts.NameLengthMax).Draw(t, "name"),
				Email: optional(rapid.StringMatching(`[a-zäö.+]{1,60}@[a-z0-9.-]{1,60}`)).Draw(t, "email"), Phone: optional(phones).Draw(t, "phone"),
				Company: line(0, contracts.NameLengthMax).Draw(t, "company"), Locale: optional(rapid.StringMatching(`[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,2}`)).Draw(t, "locale"),
			},
			BillingAddress: addresses().Draw(t, "billing"), ShippingAddress: addresses().Draw(t, "shipping"),
			Lines: lines().Draw(t, "lines"), ShippingMinor: rapid.Int64Range(0, contracts.MinorMax/8).Draw(t, "shippingMinor"),
			ShippingMethod: line(0, contracts.ShortTextMax).Draw(t, "shippingMethod"), PaymentMethod: line(0, contracts.ShortTextMax).Draw(t, "paymentMethod"),
			PlacedAt: times().Draw(t, "placedAt"), CustomerNote: rapid.StringMatching(anyNote+`{0,80}`).Draw(t, "customerNote"),
			InternalNote: rapid.StringMatching(anyNote+`{0,80}`).Draw(t, "internalNote"),
			Tags:         rapid.SliceOfNDistinct(line(1, contracts.TagLengthMax), 0, 5, rapid.ID).Draw(t, "tags"),
			Metadata:     rapid.MapOfN(rapid.StringMatching(`[a-z0-9_.-]{1,64}`), line(0, contracts.MetadataValueMax), 0, 4).Draw(t, "metadata"),
			Tracking: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) contracts.Tracking {
				return contracts.Tracking{
					Carrier: line(1, contracts.ShortTextMax).Draw(t, "carrier"), Number: line(1, contracts.ShortTextMax).Draw(t, "number"),
					URL: optional(rapid.StringMatching(`https?://[a-z0-9.-]{1,40}/[A-Za-z0-9?=&]{0,40}`)).Draw(t, "url"),
				}
			}), 0, 3, func(p contracts.Tracking) string { return p.Carrier + "\x00" + p.Number }).Draw(t, "tracking"),
		}
		if o.Status == contracts.StatusCancelled {
			o.CancelReason = rapid.SampledFrom(contracts.CancelReasons).Draw(t, "cancelReason")
			o.CancelledAt = times().Draw(t, "cancelledAt")
		}
		if rapid.Bool().Draw(t, "promised") {
			o.PromisedOn = times().Draw(t, "promisedOn").UTC().Format(time.DateOnly)
		}
		o.Refunds = refunds(o.Lines).Draw(t, "refunds")
		return o
	})
}

// refunds are of one piece at most, and so of no more money than any total.
func refunds(lines []contracts.Line) *rapid.Generator[[]contracts.Refund] {
	one := rapid.Custom(func(t *rapid.T) contracts.Refund {
		r := contracts.Refund{ID: ids().Draw(t, "id"), At: times().Draw(t, "at"), Reason: rapid.StringMatching(anyNote+`{0,80}`).Draw(t, "reason")}
		r.Lines = []contracts.RefundLine{{LineID: rapid.SampledFrom(lines).Draw(t, "line").LineID, Quantity: 1}}
		return r
	})
	return rapid.SliceOfNDistinct(one, 0, 2, func(r contracts.Refund) string { return r.Lines[0].LineID })
}

// Whatever is valid stays so on its way: completed, written, read, and in the eyes of the schema.
func TestValidOrdersStayValid(t *testing.T) {
	schema := schemaOf(t, "Order")
	rapid.Check(t, func(r *rapid.T) {
		o := orders().Draw(r, "order")
		require.Empty(r, o.Validate())
		o.Complete()
		require.Empty(r, o.Validate())
		data, err := strictjson.Encode(o)
		require.NoError(r, err)
		require.NoError(r, checkSchema(t, schema, data))

		var again contracts.Order
		require.NoError(r, strictjson.Decode(data, &again))
		again.Complete()
		twice, err := strictjson.Encode(&again)
		require.NoError(r, err)
		require.Equal(r, string(data), string(twice), "completing again changes nothing")
	})
}

// faults take a valid order out of range in one field.
var faults = map[string]func(*rapid.T, *contracts.Order){
	"/id":                     func(t *rapid.T, o *contracts.Order) { o.ID = broken(t, o.ID) },
	"/orderNumber":            func(t *rapid.T, o *contracts.Order) { o.OrderNumber = tooLong(t, contracts.OrderNumberMax) },
	"/externalRef":            func(t *rapid.T, o *contracts.Order) { o.ExternalRef = tooLong(t, contracts.ExternalRefMax) },
	"/source":                 func(t *rapid.T, o *contracts.Order) { o.Source = tooLong(t, contracts.SourceLengthMax) },
	"/paymentStatus":          func(t *rapid.T, o *contracts.Order) { o.PaymentStatus += " " },
	"/fulfillmentStatus":      func(t *rapid.T, o *contracts.Order) { o.FulfillmentStatus = "" },
	"/currency":               func(t *rapid.T, o *contracts.Order) { o.Currency = strings.ToLower(o.Currency) },
	"/customer/name":          func(t *rapid.T, o *contracts.Order) { o.Customer.Name = tooLong(t, contracts.NameLengthMax) },
	"/customer/email":         func(t *rapid.T, o *contracts.Order) { o.Customer.Email = "a@b@c" },
	"/customer/phone":         func(t *rapid.T, o *contracts.Order) { o.Customer.Phone = broken(t, "+1234567") },
	"/customer/company":       func(t *rapid.T, o *contracts.Order) { o.Customer.Company = tooLong(t, contracts.NameLengthMax) },
	"/customer/locale":        func(t *rapid.T, o *contracts.Order) { o.Customer.Locale = "de--DE" },
	"/lines":                  func(t *rapid.T, o *contracts.Order) { o.Lines = nil },
	"/lines/0/lineId":         func(t *rapid.T, o *contracts.Order) { o.Lines[0].LineID = broken(t, o.Lines[0].LineID) },
	"/lines/0/sku":            func(t *rapid.T, o *contracts.Order) { o.Lines[0].SKU = tooLong(t, contracts.ShortTextMax) },
	"/lines/0/quantity":       func(t *rapid.T, o *contracts.Order) { o.Lines[0].Quantity = outside(t, 1, contracts.QuantityMax) },
	"/lines/0/unitPriceMinor": func(t *rapid.T, o *contracts.Order) { o.Lines[0].UnitPriceMinor = outside(t, 0, contracts.MinorMax) },
	"/lines/0/discountMinor": func(t *rapid.T, o *contracts.Order) {
		l := &o.Lines[0]
		l.DiscountMinor = outside(t, 0, l.Quantity*l.UnitPriceMinor)
	},
	"/lines/0/taxRatePpm":       func(t *rapid.T, o *contracts.Order) { o.Lines[0].TaxRatePPM = outside(t, 0, contracts.TaxRatePPMMax) },
	"/lines/0/taxMinor":         func(t *rapid.T, o *contracts.Order) { o.Lines[0].TaxMinor = outside(t, 0, contracts.MinorMax) },
	"/lines/0/totalMinor":       func(t *rapid.T, o *contracts.Order) { o.Complete(); *o.Lines[0].TotalMinor++ },
	"/totals/taxMinor":          func(t *rapid.T, o *contracts.Order) { o.Complete(); o.Totals.TaxMinor-- },
	"/totals/totalMinor":        func(t *rapid.T, o *contracts.Order) { o.Complete(); o.Totals.TotalMinor++ },
	"/shippingMinor":            func(t *rapid.T, o *contracts.Order) { o.ShippingMinor = outside(t, 0, contracts.MinorMax) },
	"/shippingMethod":           func(t *rapid.T, o *contracts.Order) { o.ShippingMethod = tooLong(t, contracts.ShortTextMax) },
	"/placedAt":                 func(t *rapid.T, o *contracts.Order) { o.PlacedAt = o.PlacedAt.Add(time.Nanosecond) },
	"/promisedOn":               func(t *rapid.T, o *contracts.Order) { o.PromisedOn = broken(t, "2026-11-21") },
	"/customerNote":             func(t *rapid.T, o *contracts.Order) { o.CustomerNote = tooLong(t, contracts.NoteLengthMax) },
	"/tags":                     func(t *rapid.T, o *contracts.Order) { o.Tags = make([]string, contracts.TagsMax+1) },
	"/tracking":                 func(t *rapid.T, o *contracts.Order) { o.Tracking = make([]contracts.Tracking, contracts.TrackingMax+1) },
	"/refunds":                  func(t *rapid.T, o *contracts.Order) { o.Refunds = make([]contracts.Refund, contracts.RefundsMax+1) },
	"/refunds/0/id":             func(t *rapid.T, o *contracts.Order) { refund(o).ID = broken(t, o.Refunds[0].ID) },
	"/refunds/0/amountMinor":    func(t *rapid.T, o *contracts.Order) { refund(o).AmountMinor = outside(t, 0, contracts.MinorMax) },
	"/refunds/0/reason":         func(t *rapid.T, o *contracts.Order) { refund(o).Reason = tooLong(t, contracts.NoteLengthMax) },
	"/refunds/0/at":             func(t *rapid.T, o *contracts.Order) { refund(o).At = time.Time{} },
	"/refunds/0/lines/0/lineId": func(t *rapid.T, o *contracts.Order) { refund(o).Lines[0].LineID = broken(t, o.Lines[0].LineID) },
	"/refunds/0/lines/0/quantity": func(t *rapid.T, o *contracts.Order) {
		refund(o).Lines[0].Quantity = outside(t, 1, contracts.QuantityMax)
	},
	"/totals/refundedMinor": func(t *rapid.T, o *contracts.Order) { refund(o); o.Complete(); o.Totals.RefundedMinor++ },
	"/metadata/too.long": func(t *rapid.T, o *contracts.Order) {
		o.Metadata = map[string]string{"too.long": tooLong(t, contracts.MetadataValueMax)}
	},
	"/metadata/Upper-Case": func(t *rapid.T, o *contracts.Order) { o.Metadata = map[string]string{"Upper-Case": ""} },
}

// refund leaves an order with one refund, of a piece of its first line.
func refund(o *contracts.Order) *contracts.Refund {
	o.Refunds = []contracts.Refund{{ID: o.ID, At: o.PlacedAt, Lines: []contracts.RefundLine{{LineID: o.Lines[0].LineID, Quantity: 1}}}}
	return &o.Refunds[0]
}

// broken takes a character out of a text of a fixed form, or puts a wrong one in.
func broken(t *rapid.T, s string) string {
	i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
	return s[:i] + rapid.SampledFrom([]string{"", "x", " ", "\n", "é"}).Draw(t, "wrong") + s[i+1:]
}

func tooLong(t *rapid.T, runesMax int) string {
	return strings.Repeat("a", runesMax) + rapid.StringMatching(anyLine+`{1,9}`).Draw(t, "more")
}

func outside(t *rapid.T, low, high int64) int64 {
	return rapid.OneOf(rapid.Int64Range(math.MinInt64, low-1), rapid.Int64Range(high+1, math.MaxInt64)).Draw(t, "outside")
}

func TestOneFieldOutOfRangeIsRefused(t *testing.T) {
	for pointer, spoil := range faults {
		t.Run(pointer, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				o := orders().Draw(r, "order")
				spoil(r, o)
				require.Equal(r, []string{pointer}, pointers(o.Validate()))
			})
		})
	}
}

// What Validate says of a single text, the schema says too.
func TestFormsAreThePatterns(t *testing.T) {
	schema := schemaOf(t, "Order")
	fields := map[string]func(*contracts.Order, string){
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`: func(o *contracts.Order, s string) { o.ID = s },
		`[a-z][a-z0-9_-]{0,31}`:                 func(o *contracts.Order, s string) { o.Source = s },
		`[A-Z]{3}`:                              func(o *contracts.Order, s string) { o.Currency = s },
		`[a-z ]{1,9}@[a-z.]{1,9}`:               func(o *contracts.Order, s string) { o.Customer.Email = s },
		`\+[1-9][0-9]{6,14}`:                    func(o *contracts.Order, s string) { o.Customer.Phone = s },
		`[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}`: func(o *contracts.Order, s string) { o.Customer.Locale = s },
		`[A-Z]{2}`:                              func(o *contracts.Order, s string) { o.BillingAddress = validAddress(); o.BillingAddress.Country = s },
		`(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]`:  func(o *contracts.Order, s string) { o.PromisedOn = s },
		`[a-z0-9_.-]{1,64}`:                     func(o *contracts.Order, s string) { o.Metadata = map[string]string{s: ""} },
		`(.|\n){0,9}`:                           func(o *contracts.Order, s string) { o.CustomerNote = s },
		`.{0,9}`:                                func(o *contracts.Order, s string) { o.ExternalRef = s },
	}
	for pattern, set := range fields {
		t.Run(pattern, func(t *testing.T) {
			near := rapid.StringMatching(pattern)
			texts := rapid.OneOf(near, rapid.String(), rapid.Custom(func(r *rapid.T) string {
				s := []rune(near.Draw(r, "near") + "x")
				i := rapid.IntRange(0, len(s)-1).Draw(r, "at")
				return string(s[:i]) + string(rapid.Rune().Draw(r, "other")) + string(s[i+1:])
			}))
			rapid.Check(t, func(r *rapid.T) {
				o := validOrder()
				set(o, texts.Draw(r, "text"))
				data, err := strictjson.Encode(o)
				require.NoError(r, err)
				valid := len(o.Validate()) == 0
				require.Equal(r, valid, checkSchema(t, schema, data) == nil, "%s: %v", data, o.Validate())
			})
		})
	}
}
