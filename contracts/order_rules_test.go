package contracts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// validOrder is a small order that breaks no rule.
func validOrder() *contracts.Order {
	return &contracts.Order{
		ID: testID(0), OrderNumber: "WEB-1", Source: "web",
		Status: contracts.StatusConfirmed, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency: "EUR", Customer: contracts.Customer{Name: "Ada Sommer"}, ShippingMinor: 490,
		Lines:    []contracts.Line{{LineID: testID(1), SKU: "TEA", Name: "Green tea", Quantity: 2, UnitPriceMinor: 890, DiscountMinor: 80, TaxMinor: 119}},
		PlacedAt: time.Date(2026, 11, 21, 9, 14, 27, 318204000, time.UTC),
	}
}

func testID(n int) string { return fmt.Sprintf("019aa5c2-7f40-7b1e-9d3c-%012x", n) }

func validAddress() *contracts.Address {
	return &contracts.Address{Name: "Ada Sommer", Line1: "Lindenallee 7", City: "Berlin", Country: "DE"}
}

// The examples try each rule once; here are the edges of the rules.
func TestOrderEdges(t *testing.T) {
	type order = contracts.Order
	for name, c := range map[string]struct {
		change func(*order)
		want   []string // pointers
	}{
		"as it is":                    {func(*order) {}, nil},
		"everything missing":          {func(o *order) { *o = order{} }, []string{"/id", "/orderNumber", "/source", "/status", "/paymentStatus", "/fulfillmentStatus", "/currency", "/customer/name", "/lines", "/placedAt"}},
		"longest number":              {func(o *order) { o.OrderNumber = strings.Repeat("é", contracts.OrderNumberMax) }, nil},
		"number one longer":           {func(o *order) { o.OrderNumber = strings.Repeat("é", contracts.OrderNumberMax+1) }, []string{"/orderNumber"}},
		"not UTF-8":                   {func(o *order) { o.ExternalRef = "a\xff" }, []string{"/externalRef"}},
		"C1 control":                  {func(o *order) { o.ExternalRef = "a\u0085" }, []string{"/externalRef"}},
		"line feed and tab in a note": {func(o *order) { o.CustomerNote = "a\n\tb" }, nil},
		"carriage return in a note":   {func(o *order) { o.CustomerNote = "a\r\nb" }, []string{"/customerNote"}},
		"NUL in a note":               {func(o *order) { o.InternalNote = "a\x00b" }, []string{"/internalNote"}},
		"cancelled": {func(o *order) {
			o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "fraud", o.PlacedAt
		}, nil},
		"cancelled without reason, time": {func(o *order) { o.Status = contracts.StatusCancelled }, []string{"/cancelReason", "/cancelledAt"}},
		"both addresses":                 {func(o *order) { o.BillingAddress, o.ShippingAddress = validAddress(), validAddress() }, nil},
		"empty addresses":                {func(o *order) { o.BillingAddress, o.ShippingAddress = new(contracts.Address), new(contracts.Address) }, []string{"/billingAddress/name", "/billingAddress/line1", "/billingAddress/city", "/billingAddress/country", "/shippingAddress/name", "/shippingAddress/line1", "/shippingAddress/city", "/shippingAddress/country"}},
		"two faults of an address": {func(o *order) {
			o.BillingAddress = validAddress()
			o.BillingAddress.City, o.BillingAddress.Phone = "", "1"
		}, []string{"/billingAddress/city", "/billingAddress/phone"}},
		"free of charge":         {func(o *order) { o.Lines[0].UnitPriceMinor, o.Lines[0].DiscountMinor = 0, 0 }, nil},
		"discount of everything": {func(o *order) { o.Lines[0].DiscountMinor = 1780 }, nil},
		"largest line": {func(o *order) {
			l := &o.Lines[0]
			l.Quantity, l.UnitPriceMinor, l.TaxMinor = 1, contracts.MinorMax, 80
			o.ShippingMinor = 0
		}, nil},
		"shipping over the largest total": {func(o *order) {
			l := &o.Lines[0]
			l.Quantity, l.UnitPriceMinor, l.TaxMinor = 1, contracts.MinorMax, 80
			o.ShippingMinor = 1
		}, []string{"/lines"}},
		"tax alone adds up too high": {func(o *order) {
			o.PricesIncludeTax = true
			o.Lines[0].TaxMinor = contracts.MinorMax
			o.Lines = append(o.Lines, contracts.Line{LineID: testID(2), SKU: "B", Name: "B", Quantity: 1, TaxMinor: 1})
		}, []string{"/lines"}},
		"as many lines as there may be, as large as they may be": {func(o *order) { addLines(o, contracts.LinesMax, contracts.MinorMax) }, []string{"/lines"}},
		"as many lines as there may be":                          {func(o *order) { addLines(o, contracts.LinesMax, 1) }, nil},
		"one line more":                                          {func(o *order) { addLines(o, contracts.LinesMax+1, 1) }, []string{"/lines"}},
		"totals left out":                                        {func(o *order) { o.Complete(); o.Totals = nil }, nil},
		"totals that fit":                                        {func(o *order) { o.Complete() }, nil},
		"all totals wrong": {func(o *order) {
			o.Totals = &contracts.Totals{SubtotalMinor: 1, DiscountMinor: 1, ShippingMinor: 1, TaxMinor: 1, TotalMinor: 1}
		}, []string{"/totals/subtotalMinor", "/totals/discountMinor", "/totals/shippingMinor", "/totals/taxMinor", "/totals/totalMinor"}},
		"totals of lines that make no sense": {func(o *order) { o.Totals = new(contracts.Totals); o.Lines[0].Quantity = -1 }, []string{"/lines/0/quantity"}},
		"most negative numbers": {func(o *order) {
			l := &o.Lines[0]
			l.Quantity, l.UnitPriceMinor, l.DiscountMinor, l.TaxMinor = -1<<63, -1<<63, -1<<63, -1<<63
		}, []string{"/lines/0/quantity", "/lines/0/unitPriceMinor", "/lines/0/discountMinor", "/lines/0/taxMinor"}},
		"product over 64 bits": {func(o *order) {
			l := &o.Lines[0]
			l.Quantity, l.UnitPriceMinor = contracts.QuantityMax, contracts.MinorMax
		}, []string{"/lines/0/unitPriceMinor"}},
		"same parcel number, other carrier": {func(o *order) {
			o.Tracking = []contracts.Tracking{{Carrier: "A", Number: "1"}, {Carrier: "B", Number: "1"}}
		}, nil},
		"too many parcels":       {func(o *order) { o.Tracking = make([]contracts.Tracking, contracts.TrackingMax+1) }, []string{"/tracking"}},
		"address without a host": {func(o *order) { o.Tracking = []contracts.Tracking{{Carrier: "A", Number: "1", URL: "https:///1"}} }, []string{"/tracking/0/url"}},
		"address with a port": {func(o *order) {
			o.Tracking = []contracts.Tracking{{Carrier: "A", Number: "1", URL: "http://[::1]:8080/a?b=c#d"}}
		}, nil},
		"other zone":        {func(o *order) { o.PlacedAt = o.PlacedAt.In(time.FixedZone("", 3600)) }, nil},
		"year 10000 in UTC": {func(o *order) { o.PlacedAt = time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)) }, []string{"/placedAt"}},
		"nanoseconds":       {func(o *order) { o.PlacedAt = o.PlacedAt.Add(1) }, []string{"/placedAt"}},
		"leap day":          {func(o *order) { o.PromisedOn = "2028-02-29" }, nil},
		"no leap day":       {func(o *order) { o.PromisedOn = "2026-02-29" }, []string{"/promisedOn"}},
		"too many tags":     {func(o *order) { o.Tags = make([]string, contracts.TagsMax+1) }, []string{"/tags"}},
		"metadata in the order of its keys": {func(o *order) {
			o.Metadata = map[string]string{"B": "", "A": "", "ok": "", "a/b~c": "", "x\x00": "\x00"}
		}, []string{"/metadata/A", "/metadata/B", "/metadata/a~1b~0c", "/metadata/x\ufffd"}},
		"very long metadata key": {func(o *order) { o.Metadata = map[string]string{strings.Repeat("k", 1000): ""} }, []string{"/metadata/" + strings.Repeat("k", 64) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := validOrder()
			c.change(o)
			require.Equal(t, c.want, pointers(o.Validate()))
		})
	}
}

func addLines(o *contracts.Order, n int, price int64) {
	o.Lines = nil
	for i := range n {
		o.Lines = append(o.Lines, contracts.Line{LineID: testID(i), SKU: "S", Name: "N", Quantity: 1, UnitPriceMinor: price})
	}
}

func TestOrderErrorsEnd(t *testing.T) {
	o := validOrder()
	addLines(o, contracts.LinesMax, -1)
	errs := o.Validate()
	require.Len(t, errs, contracts.FieldErrorsMax)
	require.Equal(t, "/lines/0/unitPriceMinor", errs[0].Pointer)
	require.Equal(t, errs, o.Validate(), "the same every time")
}

func TestOrderErrorsNeverRepeatValues(t *testing.T) {
	const secret = "jane@example.com\x00"
	o := &contracts.Order{
		ID: secret, OrderNumber: secret, Source: secret, Status: secret, PaymentStatus: secret, FulfillmentStatus: secret,
		CancelReason: secret, Currency: secret, Customer: contracts.Customer{Name: secret, Email: secret, Phone: secret, Locale: secret},
		BillingAddress: &contracts.Address{Country: secret}, Lines: []contracts.Line{{LineID: secret, SKU: secret, Name: secret}},
		Tracking: []contracts.Tracking{{Carrier: secret, URL: secret}}, PromisedOn: secret, Tags: []string{secret}, Metadata: map[string]string{"a": secret},
	}
	for _, e := range o.Validate() {
		require.NotContains(t, e.Pointer+e.Detail, "jane", e.Pointer)
	}
}

func TestComplete(t *testing.T) {
	for name, c := range map[string]struct {
		includesTax      bool
		line, subtotal   int64
		tax, total, ship int64
	}{
		"prices without tax": {false, 1780 - 80 + 119, 1780, 119, 1819 + 490, 490},
		"prices with tax":    {true, 1780 - 80, 1780, 119, 1700 + 490, 490},
	} {
		t.Run(name, func(t *testing.T) {
			o := validOrder()
			o.PricesIncludeTax = c.includesTax
			o.Tags = []string{"b", "a"}
			o.PlacedAt = o.PlacedAt.In(time.FixedZone("", 3600))
			tags := o.Tags
			require.Empty(t, o.Validate())
			o.Complete()
			require.Empty(t, o.Validate())
			require.Equal(t, c.line, *o.Lines[0].TotalMinor)
			require.Equal(t, contracts.Totals{SubtotalMinor: c.subtotal, DiscountMinor: 80, ShippingMinor: c.ship, TaxMinor: c.tax, TotalMinor: c.total}, *o.Totals)
			require.Equal(t, []string{"a", "b"}, o.Tags)
			require.Equal(t, []string{"b", "a"}, tags, "whoever has the old list keeps it")
			require.Equal(t, time.UTC, o.PlacedAt.Location())
			require.True(t, o.CancelledAt.IsZero())
		})
	}
}

// TestARefundOfNoGoodsNamesNone, however its sender says so: edits that leave them out change nothing.
func TestARefundOfNoGoodsNamesNone(t *testing.T) {
	o := validOrder()
	o.Refunds = []contracts.Refund{{ID: testID(9), AmountMinor: 5, At: o.PlacedAt, Lines: []contracts.RefundLine{}}}
	require.Empty(t, o.Validate())
	o.Complete()
	require.Nil(t, o.Refunds[0].Lines)
}

func BenchmarkValidate(b *testing.B) {
	view := decodeExample[contracts.OrderView](b, "order.view.json")
	b.ReportAllocs()
	for b.Loop() {
		if errs := view.Validate(); errs != nil {
			b.Fatal(errs)
		}
	}
}
