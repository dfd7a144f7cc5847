package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	simulated "github.com/orderbridge/orderbridge/deploy/shop/shop"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/rest"
)

// wooShop is the simulated shop with what calls it.
type wooShop struct {
	t       *testing.T
	shop    *simulated.Shop
	mapping *profile.Mapping
	system  *rest.System
}

// openShop starts a shop in Tokyo.
func openShop(t *testing.T, opts simulated.Options) *wooShop {
	t.Helper()
	opts.Key, opts.Secret, opts.Zone = key, secret, time.FixedZone("Asia/Tokyo", 9*3600)
	s, err := simulated.New(opts)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	m := mapping(t, "woocommerce")
	system, err := rest.New(m, rest.Config{Address: server.URL, Key: key, Secret: secret, Timeout: 20 * time.Second})
	require.NoError(t, err)
	return &wooShop{t, s, m, system}
}

// wooOrder is an order that the shop can hold whole.
func wooOrder() *contracts.Order {
	total := func(n int64) *int64 { return &n }
	return &contracts.Order{
		ID: uuid.NewString(), OrderNumber: "WEB-104217", ExternalRef: "cart-88213", Source: "web",
		Status: contracts.StatusProcessing, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency: "EUR", PlacedAt: time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC),
		Customer:        contracts.Customer{Ref: "c-20931", Name: "Ada Sommer", Email: "ada@example.com", Phone: "+4930123456"},
		BillingAddress:  &contracts.Address{Name: "Ada Sommer", Line1: "Lindenallee 7", City: "Berlin", PostalCode: "10115", Country: "DE"},
		ShippingAddress: &contracts.Address{Name: "Ada Sommer", Line1: "Am Hafen 12", City: "Hamburg", PostalCode: "20457", Country: "DE"},
		Lines: []contracts.Line{
			{LineID: uuid.NewString(), SKU: "TEA-SEN-100", Name: "Green tea Sencha, 100 g", Quantity: 2, UnitPriceMinor: 890, TotalMinor: total(1780)},
			{LineID: uuid.NewString(), SKU: "POT-CAST-12", Name: "Teapot, cast iron", Quantity: 1, UnitPriceMinor: 5990, DiscountMinor: 600, TotalMinor: total(5390)},
		},
		ShippingMinor: 490, ShippingMethod: "Parcel", PaymentMethod: "Card", CustomerNote: "A present.\nThank you!",
	}
}

func (w *wooShop) create(o *contracts.Order) string {
	w.t.Helper()
	edit, err := w.mapping.Write(nil, o, nil)
	require.NoError(w.t, err)
	id, err := w.system.Create(w.t.Context(), uuid.MustParse(o.ID), edit)
	require.NoError(w.t, err)
	return id
}

// read gets an order and reads it as one that is known here.
func (w *wooShop) read(id string, known *contracts.Order, lines foreign.Lines) (*foreign.Document, *contracts.Order, foreign.Lines) {
	w.t.Helper()
	doc, err := w.system.Get(w.t.Context(), id)
	require.NoError(w.t, err)
	o, lines, err := w.mapping.Read(doc, uuid.MustParse(known.ID), known, lines)
	require.NoError(w.t, err)
	return doc, o, lines
}

// requireEqual compares two orders as JSON, with all that is derived.
func requireEqual(t *testing.T, want, got *contracts.Order) {
	t.Helper()
	a, b := *want, *got
	a.Complete()
	b.Complete()
	wanted, err := json.Marshal(a)
	require.NoError(t, err)
	have, err := json.Marshal(b)
	require.NoError(t, err)
	require.JSONEq(t, string(wanted), string(have))
}

// plain copies an order.
func plain(t *testing.T, o *contracts.Order) *contracts.Order {
	t.Helper()
	data, err := json.Marshal(o)
	require.NoError(t, err)
	c := &contracts.Order{}
	require.NoError(t, json.Unmarshal(data, c))
	return c
}

func TestWooCommerceCreatesAnOrderThatReadsAsItWasWritten(t *testing.T) {
	for _, status := range []contracts.OrderStatus{
		contracts.StatusDraft, contracts.StatusPending, contracts.StatusOnHold, contracts.StatusConfirmed, contracts.StatusProcessing, contracts.StatusCompleted, contracts.StatusCancelled,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := openShop(t, simulated.Options{})
			want := wooOrder()
			want.Status = status
			switch status {
			case contracts.StatusProcessing, contracts.StatusConfirmed:
			case contracts.StatusCompleted:
				want.FulfillmentStatus = contracts.FulfillmentFulfilled
			case contracts.StatusCancelled:
				want.PaymentStatus = contracts.PaymentUnpaid
				want.CancelReason, want.CancelledAt = "customer", time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
			default:
				want.PaymentStatus = contracts.PaymentUnpaid
			}
			id := w.create(want)
			doc, got, lines := w.read(id, want, nil)
			requireEqual(t, want, got)
			reference, ok := w.mapping.Reference(doc)
			require.True(t, ok)
			require.Equal(t, want.ID, reference.String())
			require.False(t, w.mapping.Deleted(doc))
			edit, err := w.mapping.Write(doc, got, lines)
			require.NoError(t, err)
			require.True(t, edit.Empty(), "writing what was read changes nothing: %v", edit.Body)
			require.True(t, strings.HasSuffix(w.system.Link(id), "/wp-admin/post.php?post="+id+"&action=edit"))

			found, err := w.system.Find(t.Context(), reference)
			require.NoError(t, err)
			require.Equal(t, []string{id}, found)
			found, err = w.system.Find(t.Context(), uuid.New())
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

// Each field that the shop has a place for can be changed, alone, by a request that has little else in it.
func TestWooCommerceWritesEachField(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*contracts.Order)
		keys   []string // of the request
	}{
		"externalRef":      {func(o *contracts.Order) { o.ExternalRef = "other" }, []string{"meta_data"}},
		"customer.ref":     {func(o *contracts.Order) { o.Customer.Ref = "c-1" }, []string{"meta_data"}},
		"customer.name":    {func(o *contracts.Order) { o.Customer.Name = "Ada King" }, []string{"meta_data"}},
		"customer.email":   {func(o *contracts.Order) { o.Customer.Email = "king@example.com" }, []string{"billing"}},
		"no e-mail":        {func(o *contracts.Order) { o.Customer.Email = "" }, []string{"billing"}},
		"customer.phone":   {func(o *contracts.Order) { o.Customer.Phone = "+4930654321" }, []string{"billing"}},
		"billing name":     {func(o *contracts.Order) { o.BillingAddress.Name = "Augusta Ada King" }, []string{"billing", "meta_data"}},
		"billing company":  {func(o *contracts.Order) { o.BillingAddress.Company = "Töchter GmbH" }, []string{"billing"}},
		"billing line1":    {func(o *contracts.Order) { o.BillingAddress.Line1 = "Lindenallee 8" }, []string{"billing"}},
		"billing line2":    {func(o *contracts.Order) { o.BillingAddress.Line2 = "Hinterhaus" }, []string{"billing"}},
		"billing city":     {func(o *contracts.Order) { o.BillingAddress.City = "Köln" }, []string{"billing"}},
		"billing region":   {func(o *contracts.Order) { o.BillingAddress.Region = "DE-NW" }, []string{"billing"}},
		"billing postcode": {func(o *contracts.Order) { o.BillingAddress.PostalCode = "50667" }, []string{"billing"}},
		"billing country":  {func(o *contracts.Order) { o.BillingAddress.Country = "AT" }, []string{"billing"}},
		"shipping city":    {func(o *contracts.Order) { o.ShippingAddress.City = "Bremen" }, []string{"shipping"}},
		"shipping phone":   {func(o *contracts.Order) { o.ShippingAddress.Phone = "+4940654321" }, []string{"shipping"}},
		"shippingMinor":    {func(o *contracts.Order) { o.ShippingMinor = 590 }, []string{"shipping_lines"}},
		"shippingMethod":   {func(o *contracts.Order) { o.ShippingMethod = "Courier" }, []string{"shipping_lines"}},
		"paymentMethod":    {func(o *contracts.Order) { o.PaymentMethod = "Invoice" }, []string{"payment_method_title"}},
		"customerNote":     {func(o *contracts.Order) { o.CustomerNote = "Changed" }, []string{"customer_note"}},
		"no note":          {func(o *contracts.Order) { o.CustomerNote = "" }, []string{"customer_note"}},
		"line name":        {func(o *contracts.Order) { o.Lines[0].Name = "Sencha" }, []string{"line_items"}},
		"line quantity":    {func(o *contracts.Order) { o.Lines[0].Quantity = 5 }, []string{"line_items"}},
		"line price":       {func(o *contracts.Order) { o.Lines[1].UnitPriceMinor = 6990 }, []string{"line_items"}},
		"line discount":    {func(o *contracts.Order) { o.Lines[0].DiscountMinor = 80 }, []string{"line_items"}},
		"line removed":     {func(o *contracts.Order) { o.Lines = o.Lines[:1] }, []string{"line_items"}},
		"line added": {func(o *contracts.Order) {
			o.Lines = append(o.Lines, contracts.Line{LineID: uuid.NewString(), SKU: "CUP", Name: "Cup", Quantity: 4, UnitPriceMinor: 1250})
		}, []string{"line_items"}},
		"line exchanged": {func(o *contracts.Order) {
			o.Lines[0] = contracts.Line{LineID: uuid.NewString(), SKU: o.Lines[0].SKU, Name: o.Lines[0].Name, Quantity: 1, UnitPriceMinor: 890}
		}, []string{"line_items"}},
		"on hold": {func(o *contracts.Order) { o.Status = contracts.StatusOnHold }, []string{"status"}},
		"completed": {func(o *contracts.Order) {
			o.Status, o.FulfillmentStatus = contracts.StatusCompleted, contracts.FulfillmentFulfilled
		}, []string{"status"}},
		"cancelled": {func(o *contracts.Order) {
			o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "staff", time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
		}, []string{"status"}},
		"what stays here": {func(o *contracts.Order) { o.InternalNote, o.Tags = "called twice", []string{"vip"} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := openShop(t, simulated.Options{})
			known := wooOrder()
			id := w.create(known)
			doc, known, lines := w.read(id, known, nil)
			want := plain(t, known)
			x.change(want)
			for i := range want.Lines {
				want.Lines[i].TotalMinor = nil
			}
			want.Totals = nil
			want.Complete()
			edit, err := w.mapping.Write(doc, want, lines)
			require.NoError(t, err)
			require.Equal(t, x.keys, slices.Sorted(maps.Keys(edit.Body)))
			require.NoError(t, w.system.Update(t.Context(), doc, edit))
			doc, got, lines := w.read(id, want, lines)
			requireEqual(t, want, got)
			edit, err = w.mapping.Write(doc, want, lines)
			require.NoError(t, err)
			require.True(t, edit.Empty(), "%v", edit.Body)
		})
	}
}

func TestWooCommerceReadsWhatPeopleMakeInTheShop(t *testing.T) {
	at := time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)
	w := openShop(t, simulated.Options{Statuses: []string{"awaiting-pickup"}, TaxPPM: map[string]int64{"": 100_000}, Now: func() time.Time { return at }})
	buyer := simulated.Address{FirstName: "Yumi", LastName: "Takahashi", Address1: "1-2-3", City: "Tokyo", Postcode: "150-0041", Country: "JP", Email: "y@example.com", Phone: "+81312345104"}
	add := func(o simulated.Order) string {
		o.Billing, o.Shipping = buyer, buyer
		n, err := w.shop.Add(o)
		require.NoError(t, err)
		return strconv.FormatInt(n, 10)
	}
	read := func(id string) (*contracts.Order, error) {
		doc, err := w.system.Get(t.Context(), id)
		require.NoError(t, err)
		o, _, err := w.mapping.Read(doc, uuid.New(), nil, nil)
		return o, err
	}
	yen, err := read(add(simulated.Order{Currency: "JPY", Status: "processing", Lines: []simulated.Line{{SKU: "A", ProductID: 1, Name: "A", Quantity: 3, Total: "1000"}}}))
	require.NoError(t, err)
	require.Equal(t, int64(334), yen.Lines[0].UnitPriceMinor, "a yen that does not divide is a discount")
	require.Equal(t, int64(2), yen.Lines[0].DiscountMinor)
	require.Equal(t, int64(1100), yen.Totals.TotalMinor)
	require.Equal(t, at, yen.PlacedAt)
	require.Equal(t, contracts.PaymentPaid, yen.PaymentStatus)
	require.Equal(t, "Yumi Takahashi", yen.BillingAddress.Name)

	dinar, err := read(add(simulated.Order{Currency: "KWD", Lines: []simulated.Line{{SKU: "A", ProductID: 1, Name: "A", Quantity: 1, Total: "1.234"}}}))
	require.NoError(t, err)
	require.Equal(t, int64(1234), dinar.Lines[0].UnitPriceMinor)
	require.Equal(t, int64(123), dinar.Lines[0].TaxMinor)

	var refused *foreign.Refusal
	_, err = read(add(simulated.Order{Status: "awaiting-pickup"}))
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "/status", refused.Field)
	require.Contains(t, refused.Reason, "awaiting-pickup")
	_, err = read(add(simulated.Order{Lines: []simulated.Line{{SKU: "A", ProductID: 1, Name: "A", Quantity: 1, Total: "5"}}, Fees: []simulated.Fee{{Name: "Wrapping", Total: "3.00"}}}))
	require.ErrorAs(t, err, &refused, "an order has no place for fees")

	id := add(simulated.Order{Extra: map[string]any{"gift": "wrap"}, Meta: []simulated.Meta{{Key: "_plugin", Value: []any{"x"}}}, Lines: []simulated.Line{{SKU: "A", ProductID: 1, Name: "A", Quantity: 1, Total: "5"}}})
	doc, known, lines := w.read(id, &contracts.Order{ID: uuid.NewString()}, nil)
	want := plain(t, known)
	want.CustomerNote, want.ExternalRef = "changed", "r"
	edit, err := w.mapping.Write(doc, want, lines)
	require.NoError(t, err)
	require.NoError(t, w.system.Update(t.Context(), doc, edit))
	n, err := strconv.ParseInt(id, 10, 64)
	require.NoError(t, err)
	after := w.shop.Order(n)
	require.Equal(t, "changed", after.CustomerNote)
	require.Equal(t, []any{"x"}, after.MetaValue("_plugin"), "what we do not know stays")
	require.Equal(t, map[string]any{"gift": "wrap"}, after.Extra)
}

func TestWooCommerceDeletesByAMarkAndSeesTheTrash(t *testing.T) {
	w := openShop(t, simulated.Options{})
	known := wooOrder()
	id := w.create(known)
	doc, _, _ := w.read(id, known, nil)
	edit, err := w.mapping.Delete(doc)
	require.NoError(t, err)
	require.NoError(t, w.system.Update(t.Context(), doc, edit))
	doc, err = w.system.Get(t.Context(), id)
	require.NoError(t, err)
	require.True(t, w.mapping.Deleted(doc))

	id = w.create(wooOrder())
	n, err := strconv.ParseInt(id, 10, 64)
	require.NoError(t, err)
	require.NoError(t, w.shop.Trash(n))
	doc, err = w.system.Get(t.Context(), id)
	require.NoError(t, err)
	require.True(t, w.mapping.Deleted(doc))

	require.NoError(t, w.shop.Delete(n))
	_, err = w.system.Get(t.Context(), id)
	require.ErrorIs(t, err, foreign.ErrGone)
	require.ErrorIs(t, w.system.Update(t.Context(), doc, edit), foreign.ErrGone)
}

// changed lists the distinct ids of a window.
func (w *wooShop) changed(from, until time.Time) []string {
	w.t.Helper()
	seen := map[string]bool{}
	require.NoError(w.t, w.system.Changed(w.t.Context(), from, until, func(c foreign.Candidate) error { seen[c.ID] = true; return nil }))
	return slices.Collect(maps.Keys(seen))
}

func (w *wooShop) all() map[string]int {
	w.t.Helper()
	seen, after := map[string]int{}, ""
	for range 50 {
		page, next, err := w.system.All(w.t.Context(), after)
		require.NoError(w.t, err)
		for _, c := range page {
			seen[c.ID]++
		}
		if next == "" {
			return seen
		}
		after = next
	}
	require.FailNow(w.t, "the sweep has no end")
	return nil
}

// Whatever lists do, an order that did not change while they were read is in them.
func TestWooCommerceListsWholeInSpiteOfNastyPages(t *testing.T) {
	for name, nasty := range map[string]simulated.Nasty{
		"none": {}, "drift": {Drift: true}, "duplicates": {Duplicates: true}, "the last page again": {RepeatLastPage: true}, "unsorted": {Unsorted: true},
		"all": {Drift: true, Duplicates: true, RepeatLastPage: true, Unsorted: true},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)
			w := openShop(t, simulated.Options{Now: func() time.Time { return now }, Nasty: nasty})
			require.NoError(t, w.shop.Seed(230))
			orders := w.shop.Orders()
			require.Len(t, w.changed(now.Add(-24*time.Hour), now), 230)
			w.shop.ClearCalls()
			require.Len(t, w.all(), 230)
			require.Less(t, w.shop.Total(), 10)

			// The window is of the shop's seconds, whatever its zone.
			now = now.Add(time.Hour)
			require.NoError(t, w.shop.Touch(orders[7].ID))
			require.Contains(t, w.changed(now, now), strconv.FormatInt(orders[7].ID, 10))
			require.NotContains(t, w.changed(now.Add(2*time.Second), now.Add(3*time.Second)), strconv.FormatInt(orders[7].ID, 10))
			clock, err := w.system.Now(t.Context())
			require.NoError(t, err)
			require.True(t, clock.Equal(now))
		})
	}
}

// What the shop answers in place of an answer says nothing of its orders: neither that one is gone, nor that there are
// none, nor that it refuses something.
func TestWooCommerceTakesHostileAnswersForErrors(t *testing.T) {
	for _, kind := range []simulated.Kind{
		simulated.ErrorIn200, simulated.Captcha, simulated.HTML, simulated.NoRoute, simulated.NotFound, simulated.Unavailable, simulated.Failure, simulated.Forbidden, simulated.Redirect,
		simulated.CutBefore, simulated.CutAfter, simulated.CutHalf, simulated.Truncated, simulated.Stray,
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := openShop(t, simulated.Options{})
			known := wooOrder()
			id := w.create(known)
			doc, known, lines := w.read(id, known, nil)
			want := plain(t, known)
			want.CustomerNote = "changed"
			edit, err := w.mapping.Write(doc, want, lines)
			require.NoError(t, err)
			other := wooOrder()
			birth, err := w.mapping.Write(nil, other, nil)
			require.NoError(t, err)
			end := w.shop.Cause(simulated.Trouble{Kind: kind})
			for what, err := range map[string]error{
				"get":    func() error { _, err := w.system.Get(t.Context(), id); return err }(),
				"update": w.system.Update(t.Context(), doc, edit),
				"create": func() error { _, err := w.system.Create(t.Context(), uuid.MustParse(other.ID), birth); return err }(),
				"find":   func() error { _, err := w.system.Find(t.Context(), uuid.MustParse(known.ID)); return err }(),
				"all":    func() error { _, _, err := w.system.All(t.Context(), ""); return err }(),
				"changed": w.system.Changed(t.Context(), time.Now().Add(-time.Hour), time.Now(), func(foreign.Candidate) error {
					return fmt.Errorf("it yields")
				}),
				"now": func() error { _, err := w.system.Now(t.Context()); return err }(),
			} {
				require.Error(t, err, what)
				require.NotErrorIs(t, err, foreign.ErrGone, what)
				require.NotErrorIs(t, err, foreign.ErrStale, what)
				require.NotContains(t, err.Error(), "it yields", what)
				var refused *foreign.Refusal
				require.NotErrorAs(t, err, &refused, what)
				var quota *foreign.Quota
				require.NotErrorAs(t, err, &quota, what)
			}
			require.Positive(t, end())
			_, after, _ := w.read(id, want, lines)
			took := kind == simulated.CutAfter || kind == simulated.CutHalf || kind == simulated.Truncated || kind == simulated.Stray
			require.Equal(t, took, after.CustomerNote == "changed", "whether the write took place")
			found, err := w.system.Find(t.Context(), uuid.MustParse(other.ID))
			require.NoError(t, err)
			require.Equal(t, took, len(found) == 1, "a search finds what a lost answer was about")
		})
	}
}

func TestWooCommerceRefusalsNameTheReason(t *testing.T) {
	w := openShop(t, simulated.Options{})
	known := wooOrder()
	id := w.create(known)
	doc, _, _ := w.read(id, known, nil)
	err := w.system.Update(t.Context(), doc, &foreign.Edit{Body: map[string]any{"status": "shipped"}})
	var refused *foreign.Refusal
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Reason, "status")
}

// After 429 not one call comes before the time that it names.
func TestWooCommerceLeavesTheShopAloneWhenItAsksForIt(t *testing.T) {
	for _, date := range []bool{false, true} {
		t.Run(fmt.Sprint("date ", date), func(t *testing.T) {
			w := openShop(t, simulated.Options{Nasty: simulated.Nasty{RetryAfterAsDate: date}})
			w.shop.Throttle(2 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var quota *foreign.Quota
			_, err := w.system.Now(ctx)
			require.ErrorAs(t, err, &quota)
			require.Positive(t, quota.After)
			for range 100 { // refused here, without a call
				if _, err = w.system.Now(ctx); err == nil {
					break
				}
				require.ErrorAs(t, err, &quota)
				time.Sleep(quota.After)
			}
			require.NoError(t, err)
			require.Empty(t, w.shop.Violations())
			require.Equal(t, 2, w.shop.Count(http.MethodGet, ""))
		})
	}
}

// A change is written by one PUT that has it and nothing else.
func TestWooCommerceWritesNoMoreThanTheChange(t *testing.T) {
	w := openShop(t, simulated.Options{})
	known := wooOrder()
	id := w.create(known)
	doc, known, lines := w.read(id, known, nil)
	want := plain(t, known)
	want.CustomerNote = "changed"
	edit, err := w.mapping.Write(doc, want, lines)
	require.NoError(t, err)
	require.NoError(t, w.system.Update(t.Context(), doc, edit))
	calls := w.shop.Calls()
	require.Len(t, calls, 3)
	for i, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut} {
		require.Equal(t, method, calls[i].Method)
	}
	require.JSONEq(t, `{"customer_note":"changed"}`, string(calls[2].Body))
}
