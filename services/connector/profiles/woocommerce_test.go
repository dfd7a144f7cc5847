package profiles_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/shop/shop"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/rest"
)

// woo starts a simulated shop with the profile and the System that calls it.
func woo(t *testing.T, opts shop.Options) (*shop.Shop, *rest.System, *profile.Mapping) {
	t.Helper()
	opts.Key, opts.Secret = "ck_key", "cs_secret"
	s, err := shop.New(opts)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	m := load(t, "woocommerce")
	system, err := rest.New(m, rest.Config{Address: server.URL, Key: opts.Key, Secret: opts.Secret, Timeout: time.Minute, Rate: 10_000})
	require.NoError(t, err)
	return s, system, m
}

var phrases = rapid.SampledFrom([]string{"a", "Ada Sommer", "ß 水 😀", "0", "Please ring twice", "x / y"})

func maybe(g *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), g)
}

func address(t *rapid.T, name string, phone bool) *contracts.Address {
	if rapid.Bool().Draw(t, "no "+name) {
		return nil
	}
	a := &contracts.Address{
		Name: phrases.Draw(t, name), Company: maybe(phrases).Draw(t, "company"), Line1: phrases.Draw(t, "line1"), Line2: maybe(phrases).Draw(t, "line2"),
		City: phrases.Draw(t, "city"), Region: maybe(phrases).Draw(t, "region"), PostalCode: maybe(rapid.Just("10115")).Draw(t, "postalCode"), Country: "DE",
	}
	if phone {
		a.Phone = maybe(rapid.Just("+4930123456")).Draw(t, "phone")
	}
	return a
}

// statuses that the shop has in common with us, payment and shipping included.
var combined = rapid.SampledFrom([]contracts.Order{
	{Status: "draft", PaymentStatus: "unpaid", FulfillmentStatus: "unfulfilled"},
	{Status: "pending", PaymentStatus: "authorized", FulfillmentStatus: "unfulfilled"},
	{Status: "on_hold", PaymentStatus: "unpaid", FulfillmentStatus: "partial"},
	{Status: "confirmed", PaymentStatus: "unpaid", FulfillmentStatus: "unfulfilled"},
	{Status: "confirmed", PaymentStatus: "paid", FulfillmentStatus: "unfulfilled"},
	{Status: "processing", PaymentStatus: "paid", FulfillmentStatus: "fulfilled"},
	{Status: "completed", PaymentStatus: "partially_refunded", FulfillmentStatus: "returned"},
})

func wooOrder(t *rapid.T, id uuid.UUID, currency string) *contracts.Order {
	o := combined.Draw(t, "status")
	o.ID, o.OrderNumber, o.Source, o.Currency = id.String(), "W-1", "web", currency
	o.ExternalRef = maybe(phrases).Draw(t, "externalRef")
	o.Customer = contracts.Customer{
		Ref: maybe(phrases).Draw(t, "ref"), Name: phrases.Draw(t, "name"), Email: maybe(rapid.Just("ada@example.com")).Draw(t, "email"),
		Phone: maybe(rapid.Just("+4930123456")).Draw(t, "phone"), Locale: maybe(rapid.Just("de-DE")).Draw(t, "locale"),
	}
	o.BillingAddress, o.ShippingAddress = address(t, "billing", false), address(t, "shipping", true)
	o.ShippingMinor = rapid.Int64Range(0, 2).Draw(t, "shipping") * 490
	o.ShippingMethod, o.PaymentMethod = maybe(rapid.Just("Parcel")).Draw(t, "shippingMethod"), maybe(rapid.Just("Card")).Draw(t, "paymentMethod")
	o.PlacedAt = time.Date(2026, 11, 21, 9, 14, 27, 318204000, time.UTC)
	o.CustomerNote, o.InternalNote = maybe(phrases).Draw(t, "note"), maybe(phrases).Draw(t, "internalNote")
	o.Tags = rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "tags")
	for i, sku := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"LMP-DESK-01", "CHR-OAK-BLK", "MUG-STN-SET4"}), 1, 3, rapid.ID).Draw(t, "lines") {
		// What costs nothing needs no payment, so the shop does not take one.
		quantity, price := rapid.Int64Range(1, 9).Draw(t, "quantity"), rapid.Int64Range(1, 9999).Draw(t, "price")
		o.Lines = append(o.Lines, contracts.Line{
			LineID: uuid.NewSHA1(id, []byte(sku)).String(), SKU: sku, Name: phrases.Draw(t, "line name"), Quantity: quantity, UnitPriceMinor: price,
			DiscountMinor: rapid.Int64Range(0, quantity*price-1).Draw(t, "discount"), TaxRatePPM: int64(i),
		})
	}
	o.Complete()
	return &o
}

// TestWooCommerceKeepsWhatIsWritten: random orders, written by POST and then over each other by PUT, come back equal,
// and writing what came back changes nothing. The simulated shop knows nothing of the profile.
func TestWooCommerceKeepsWhatIsWritten(t *testing.T) {
	_, system, m := woo(t, shop.Options{Zone: time.FixedZone("Tokyo", 9*3600)})
	ctx := context.Background()
	rapid.Check(t, func(r *rapid.T) {
		id := uuid.New()
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(r, "currency")
		want := wooOrder(r, id, currency)
		edit, err := m.Write(nil, want, nil)
		require.NoError(r, err)
		theirs, err := system.Create(ctx, id, edit)
		require.NoError(r, err)
		var ids foreign.Lines
		for range 2 {
			doc, err := system.Get(ctx, theirs)
			require.NoError(r, err)
			got, lines, err := m.Read(doc, id, want, ids)
			require.NoError(r, err)
			require.Equal(r, want, got)
			reference, ok := m.Reference(doc)
			require.True(r, ok)
			require.Equal(r, id, reference)
			again, err := m.Write(doc, got, lines)
			require.NoError(r, err)
			require.True(r, again.Empty(), "%v", again.Body)

			ids, want = lines, wooOrder(r, id, currency)
			edit, err := m.Write(doc, want, ids)
			if err != nil { // some statuses cannot be left, and what is paid stays paid
				require.Regexp(r, `^/(status|paymentStatus): the profile knows no way`, err.Error())
				want = got
				continue
			}
			require.NoError(r, system.Update(ctx, doc, edit))
		}
	})
}

// TestWhatTheShopMakesOfATaxSettles: the shop computes taxes. Its result is what is read, and is not written again.
func TestWhatTheShopMakesOfATaxSettles(t *testing.T) {
	_, system, m := woo(t, shop.Options{TaxPPM: map[string]int64{"": 190_000}})
	ctx := context.Background()
	id := uuid.New()
	want := &contracts.Order{
		ID: id.String(), OrderNumber: "W-1", Source: "api", Status: "pending", PaymentStatus: "unpaid", FulfillmentStatus: "unfulfilled", Currency: "EUR",
		Customer: contracts.Customer{Name: "Ada Sommer"}, ShippingMinor: 490, PlacedAt: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Lines: []contracts.Line{{LineID: uuid.NewString(), SKU: "LMP-DESK-01", Name: "Lamp", Quantity: 3, UnitPriceMinor: 333, TaxMinor: 70}},
	}
	edit, err := m.Write(nil, want, nil)
	require.NoError(t, err)
	require.NotContains(t, edit.Fields, "/lines/0/taxMinor")
	theirs, err := system.Create(ctx, id, edit)
	require.NoError(t, err)
	doc, err := system.Get(ctx, theirs)
	require.NoError(t, err)
	got, lines, err := m.Read(doc, id, want, nil)
	require.NoError(t, err)
	require.EqualValues(t, 190, got.Lines[0].TaxMinor)
	require.EqualValues(t, 490+93, got.ShippingMinor, "tax included")
	edit, err = m.Write(doc, got, lines)
	require.NoError(t, err)
	require.True(t, edit.Empty())
}

// TestWooCommerceReadsWhatPeopleOrder: orders that the shop made itself.
func TestWooCommerceReadsWhatPeopleOrder(t *testing.T) {
	s, system, m := woo(t, shop.Options{Zone: time.FixedZone("Tokyo", 9*3600), TaxPPM: map[string]int64{"": 190_000}, Nasty: shop.Nasty{Duplicates: true, RepeatLastPage: true, Drift: true}})
	require.NoError(t, s.Seed(250))
	ctx := context.Background()
	seen := map[string]bool{}
	require.NoError(t, system.Changed(ctx, time.Unix(0, 0), time.Now(), func(c foreign.Candidate) error {
		require.False(t, seen[c.ID])
		seen[c.ID] = true
		doc, err := system.Get(ctx, c.ID)
		require.NoError(t, err)
		got, lines, err := m.Read(doc, uuid.NewSHA1(uuid.Nil, []byte(c.ID)), nil, nil)
		require.NoError(t, err, c.ID)
		edit, err := m.Write(doc, got, lines)
		require.NoError(t, err)
		require.True(t, edit.Empty())
		return nil
	}))
	require.Len(t, seen, 250)
}

// TestFindLooksThroughTheNewestOrders, as custom fields cannot be searched.
func TestFindLooksThroughTheNewestOrders(t *testing.T) {
	s, system, m := woo(t, shop.Options{Zone: time.FixedZone("", -5*3600)})
	require.NoError(t, s.Seed(150))
	id := uuid.New()
	want := &contracts.Order{
		ID: id.String(), OrderNumber: "W-1", Source: "api", Status: "pending", PaymentStatus: "unpaid", FulfillmentStatus: "unfulfilled", Currency: "EUR",
		Customer: contracts.Customer{Name: "Ada Sommer"}, PlacedAt: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Lines: []contracts.Line{{LineID: uuid.NewString(), SKU: "LMP-DESK-01", Name: "Lamp", Quantity: 1, UnitPriceMinor: 100}},
	}
	edit, err := m.Write(nil, want, nil)
	require.NoError(t, err)
	theirs, err := system.Create(context.Background(), id, edit)
	require.NoError(t, err)
	ids, err := system.Find(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, []string{theirs}, ids)
	ids, err = system.Find(context.Background(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, ids)
}

func TestADeletedOrderIsCancelledAndMarked(t *testing.T) {
	s, system, m := woo(t, shop.Options{})
	require.NoError(t, s.Seed(1))
	ctx := context.Background()
	page, _, err := system.All(ctx, "")
	require.NoError(t, err)
	require.Len(t, page, 1)
	doc, err := system.Get(ctx, page[0].ID)
	require.NoError(t, err)
	require.False(t, m.Deleted(doc))
	edit, err := m.Delete(doc)
	require.NoError(t, err)
	require.NoError(t, system.Update(ctx, doc, edit))
	doc, err = system.Get(ctx, page[0].ID)
	require.NoError(t, err)
	require.True(t, m.Deleted(doc))
	edit, err = m.Delete(doc)
	require.NoError(t, err)
	require.True(t, edit.Empty())
}
