//go:build linux

package e2eshop

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
	"github.com/orderbridge/orderbridge/services/connector/tryton/trytontest"
)

// mapped is an order that goes through the profile to Tryton and back.
type mapped struct {
	t       *testing.T
	system  *tryton.System
	mapping *profile.Mapping
	doc     *foreign.Document
	lines   foreign.Lines
	order   *contracts.Order
}

func mustMapping(t *testing.T) *profile.Mapping {
	t.Helper()
	m, err := profiles.Load("tryton")
	require.NoError(t, err)
	return m
}

// look reads the sale again.
func (m *mapped) look() {
	m.t.Helper()
	var err error
	m.doc = mustGet(m.t, m.system, m.doc.ID)
	m.order, m.lines, err = m.mapping.Read(m.doc, uuid.MustParse(m.order.ID), m.order, m.lines)
	require.NoError(m.t, err)
}

// edit writes an order that differs in something, and expects to read what was written.
func (m *mapped) edit(change func(*contracts.Order)) {
	m.t.Helper()
	want := m.changed(change)
	edit, err := m.mapping.Write(m.doc, want, m.lines)
	require.NoError(m.t, err)
	require.NoError(m.t, m.system.Update(m.t.Context(), m.doc, edit))
	m.order = want
	m.look()
	want.Complete()
	require.Equal(m.t, want, m.order)
}

// refused expects the profile to refuse a change.
func (m *mapped) refused(field string, change func(*contracts.Order)) {
	m.t.Helper()
	_, err := m.mapping.Write(m.doc, m.changed(change), m.lines)
	var refusal *foreign.Refusal
	require.ErrorAs(m.t, err, &refusal)
	require.Equal(m.t, field, refusal.Field)
}

func (m *mapped) changed(change func(*contracts.Order)) *contracts.Order {
	want := *m.order
	want.Lines = append([]contracts.Line{}, m.order.Lines...)
	want.Totals = nil
	for i := range want.Lines {
		want.Lines[i].TotalMinor = nil
	}
	for _, address := range []**contracts.Address{&want.BillingAddress, &want.ShippingAddress} {
		if *address != nil {
			a := **address
			*address = &a
		}
	}
	change(&want)
	return &want
}

func ourOrder() *contracts.Order {
	o := &contracts.Order{
		ID: uuid.NewString(), OrderNumber: "W-" + uuid.NewString()[:8], ExternalRef: "PO 17", Source: "web",
		Status: contracts.StatusPending, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency:        "EUR",
		Customer:        contracts.Customer{Ref: "C-" + uuid.NewString()[:8], Name: "Gil Glow", Email: "gil@example.com", Phone: "+4989123456", Locale: "de-AT"},
		BillingAddress:  &contracts.Address{Name: "Gil Glow", Company: "Glow", Line1: "Lane 2", City: "Munich", Region: "BY", PostalCode: "80331", Country: "DE"},
		ShippingAddress: &contracts.Address{Name: "Desk", Line1: "Lane 3", Line2: "left", City: "Wien", PostalCode: "1010", Country: "AT", Phone: "+4312345678"},
		Lines: []contracts.Line{
			{LineID: uuid.NewString(), SKU: trytontest.Lamp, Name: "Lamp, blue", Quantity: 2, UnitPriceMinor: 4990, TaxRatePPM: 190000, TaxMinor: 1896},
			{LineID: uuid.NewString(), SKU: trytontest.Book, Name: "Book of lamps", Quantity: 1, UnitPriceMinor: 2000, TaxRatePPM: 70000, TaxMinor: 140},
		},
		PlacedAt: time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC), PromisedOn: "2031-02-03", CustomerNote: "ring twice",
		InternalNote: "good customer", Tags: []string{"gift"}, Metadata: map[string]string{"a": "b"},
	}
	o.Complete()
	return o
}

func mustMapped(t *testing.T, system *tryton.System, order *contracts.Order) *mapped {
	t.Helper()
	m := &mapped{t: t, system: system, mapping: mustMapping(t), order: order}
	edit, err := m.mapping.Write(nil, order, nil)
	require.NoError(t, err)
	id, err := system.Create(t.Context(), uuid.MustParse(order.ID), edit)
	require.NoError(t, err)
	m.doc = &foreign.Document{ID: id}
	want := *order
	m.look()
	require.Equal(t, &want, m.order)
	reference, ok := m.mapping.Reference(m.doc)
	require.True(t, ok)
	require.Equal(t, order.ID, reference.String())
	return m
}

// fields writes every field that the profile maps.
func fields(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
	m := mustMapped(t, system, ourOrder())
	for _, change := range []func(*contracts.Order){
		func(o *contracts.Order) { o.ExternalRef = "PO 18" },
		func(o *contracts.Order) { o.CustomerNote = "" },
		func(o *contracts.Order) { o.PromisedOn = "2031-02-04" },
		func(o *contracts.Order) { o.PromisedOn = "" },
		func(o *contracts.Order) { o.Customer.Name, o.Customer.Email = "Gil Gleam", "gleam@example.com" },
		func(o *contracts.Order) { o.Customer.Phone = "" },
		func(o *contracts.Order) { o.Customer.Email = "" },
		func(o *contracts.Order) { o.Customer.Ref = "C-" + uuid.NewString()[:8] },
		func(o *contracts.Order) { o.BillingAddress.Line1, o.BillingAddress.Region = "Lane 4", "" },
		func(o *contracts.Order) { o.ShippingAddress.Name, o.ShippingAddress.Line2 = "Door", "" },
		func(o *contracts.Order) { o.ShippingAddress = nil },
		func(o *contracts.Order) {
			o.ShippingAddress = &contracts.Address{Name: "New", Line1: "Lane 5", City: "Graz", Country: "AT"}
		},
		func(o *contracts.Order) { o.Lines[0].Quantity, o.Lines[0].TaxMinor = 3, 2844 },
		func(o *contracts.Order) { o.Lines[0].UnitPriceMinor, o.Lines[0].TaxMinor = 1000, 570 },
		func(o *contracts.Order) { o.Lines[0].Name = "Lamp, red" },
		func(o *contracts.Order) { o.Lines[1].TaxRatePPM, o.Lines[1].TaxMinor = 190000, 380 },
		func(o *contracts.Order) { o.Lines[1].TaxRatePPM, o.Lines[1].TaxMinor = 0, 0 },
		func(o *contracts.Order) { o.Lines[1].SKU = trytontest.Bulb },
		func(o *contracts.Order) {
			o.Lines = append(o.Lines, contracts.Line{LineID: uuid.NewString(), SKU: trytontest.Book, Name: "More", Quantity: 1, UnitPriceMinor: 100})
		},
		func(o *contracts.Order) { o.Lines = o.Lines[1:] },
		func(o *contracts.Order) { o.InternalNote, o.Tags, o.PaymentStatus = "", nil, contracts.PaymentRefunded },
	} {
		m.edit(change)
	}
	m.refused("/shippingMinor", func(o *contracts.Order) { o.ShippingMinor = 490 })
	m.refused("/lines/0/discountMinor", func(o *contracts.Order) { o.Lines[0].DiscountMinor = 1 })
	m.refused("/pricesIncludeTax", func(o *contracts.Order) { o.PricesIncludeTax = true })
}

func statuses(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	m := mustMapped(t, system, ourOrder())
	m.edit(func(o *contracts.Order) { o.Status = contracts.StatusOnHold })
	m.edit(func(o *contracts.Order) {
		o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "customer", time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	})
	require.Equal(t, "cancelled", m.doc.Body["state"])
	m.edit(func(o *contracts.Order) {
		o.Status, o.CancelReason, o.CancelledAt = contracts.StatusPending, "", time.Time{}
	})
	require.Equal(t, "quotation", m.doc.Body["state"])
	m.edit(func(o *contracts.Order) { o.Status = contracts.StatusDraft })
	m.edit(func(o *contracts.Order) {
		o.Status, o.PaymentStatus = contracts.StatusConfirmed, contracts.PaymentUnpaid
	})
	require.Equal(t, "processing", m.doc.Body["state"])
	m.edit(func(o *contracts.Order) { o.ExternalRef, o.CustomerNote = "late", "later" })
	m.refused("/status", func(o *contracts.Order) {
		o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "customer", time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	})
	m.refused("/lines/0/quantity", func(o *contracts.Order) { o.Lines[0].Quantity = 9 })

	confirmed := ourOrder()
	confirmed.Status, confirmed.PaymentStatus = contracts.StatusProcessing, contracts.PaymentUnpaid
	mustMapped(t, system, confirmed)

	m = mustMapped(t, system, ourOrder())
	edit, err := m.mapping.Delete(m.doc)
	require.NoError(t, err)
	require.NoError(t, system.Update(t.Context(), m.doc, edit))
	_, err = system.Get(t.Context(), m.doc.ID)
	require.ErrorIs(t, err, foreign.ErrGone)
	require.Zero(t, shop.Count(t, m.order.ID))
}

// orderOfAPerson is known by the sale's id, whatever number it gets later.
func orderOfAPerson(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	id := shop.Create(t, ann)
	m := &mapped{t: t, system: system, mapping: mustMapping(t), doc: mustGet(t, system, id)}
	_, ok := m.mapping.Reference(m.doc)
	require.False(t, ok)
	var err error
	m.order, m.lines, err = m.mapping.Read(m.doc, uuid.New(), nil, nil)
	require.NoError(t, err)
	require.Equal(t, "T"+id, m.order.OrderNumber)
	require.Equal(t, contracts.StatusDraft, m.order.Status)
	require.EqualValues(t, 14016, m.order.Totals.TotalMinor)
	m.edit(func(o *contracts.Order) { o.Lines[0].Quantity, o.Lines[0].TaxMinor = 1, 948 })

	shop.Click(t, id, "quote")
	shop.Click(t, id, "confirm")
	m.look()
	require.Equal(t, "T"+id, m.order.OrderNumber)
	require.Equal(t, contracts.StatusProcessing, m.order.Status)
	require.Equal(t, contracts.FulfillmentUnfulfilled, m.order.FulfillmentStatus)
	require.NotNil(t, m.doc.Body["number"])
}
