//go:build linux

package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// makeOrders makes n orders as a shop like this side's has them, oldest first, over the two weeks
// before now. The same arguments make the same orders.
func makeOrders(side string, n int, now time.Time) []contracts.Order {
	m := newOrderMaker(side)
	const span = 14 * 24 * time.Hour
	orders := make([]contracts.Order, n)
	for i := range orders {
		age := span * time.Duration(n-i) / time.Duration(n)
		orders[i] = m.order(i, now.Add(-age).UTC().Truncate(time.Second))
	}
	return orders
}

// orderMaker draws orders from a shop, always the same ones for a side.
type orderMaker struct {
	side string
	shop shop
	rand *rand.Rand
}

func newOrderMaker(side string) *orderMaker {
	like := side
	if shops[side].people == nil { // there are two kinds of shops
		like = string('a' + (side[0]-'a')%2)
	}
	m := &orderMaker{side: side, shop: shops[like]}
	seed := uint64(0)
	for _, c := range side {
		seed = seed<<8 | uint64(c)
	}
	m.rand = rand.New(rand.NewPCG(seed, 2))
	return m
}

func (m *orderMaker) order(i int, placed time.Time) contracts.Order {
	p := draw(m, m.shop.people)
	country := countries[p.country]
	o := contracts.Order{
		ID:               m.id(placed),
		OrderNumber:      fmt.Sprintf("%s-%d", strings.ToUpper(m.side), 10_001+i),
		Source:           draw(m, m.shop.sources),
		Currency:         country.currency,
		PricesIncludeTax: country.taxIncluded,
		Customer: contracts.Customer{
			Ref: fmt.Sprintf("C-%05d", 100+m.rand.IntN(90_000)), Name: p.name, Email: p.email, Phone: p.phone, Company: p.company, Locale: p.locale,
		},
		PlacedAt:      placed,
		PaymentMethod: draw(m, m.shop.payments),
		Metadata:      map[string]string{"channel": draw(m, m.shop.channels)},
	}
	at := contracts.Address{Name: p.name, Company: p.company, Line1: p.street, City: p.city, Region: p.region, PostalCode: p.postalCode, Country: p.country}
	o.BillingAddress = &at
	if m.chance(4) { // a present
		other := draw(m, m.shop.people)
		o.ShippingAddress = &contracts.Address{
			Name: other.name, Line1: other.street, City: other.city, Region: other.region,
			PostalCode: other.postalCode, Country: other.country, Phone: other.phone,
		}
		o.Tags = append(o.Tags, "gift")
	} else if o.Source != "pos" {
		same := at
		o.ShippingAddress = &same
	}
	m.fill(&o, country)
	m.stage(&o, placed)
	m.remark(&o)
	o.Complete()
	return o
}

// fill puts goods into the order.
func (m *orderMaker) fill(o *contracts.Order, c country) {
	for _, at := range m.rand.Perm(len(goods))[:1+m.rand.IntN(4)] {
		g := goods[at]
		l := contracts.Line{
			LineID: m.id(o.PlacedAt), SKU: g.sku, Name: g.name, Quantity: int64(1 + m.rand.IntN(3)),
			UnitPriceMinor: g.euroCents * c.perEuroCent / 100, TaxRatePPM: c.taxPPM,
		}
		if m.chance(5) {
			l.DiscountMinor = l.Quantity * l.UnitPriceMinor / 10
		}
		net := l.Quantity*l.UnitPriceMinor - l.DiscountMinor
		if c.taxIncluded {
			l.TaxMinor = net * c.taxPPM / (1_000_000 + c.taxPPM)
		} else {
			l.TaxMinor = net * c.taxPPM / 1_000_000
		}
		o.Lines = append(o.Lines, l)
	}
	if o.ShippingAddress != nil {
		o.ShippingMethod = draw(m, m.shop.carriers)
		o.ShippingMinor = 490 * c.perEuroCent / 100
		o.PromisedOn = o.PlacedAt.AddDate(0, 0, 2+m.rand.IntN(6)).Format(time.DateOnly)
	}
}

// stage brings the order to some point of its life, with payment and fulfilment to match.
func (m *orderMaker) stage(o *contracts.Order, placed time.Time) {
	s := draw(m, stages)
	o.Status, o.PaymentStatus, o.FulfillmentStatus = s.status, s.payment, s.fulfillment
	if s.status == contracts.StatusCancelled {
		o.CancelReason = draw(m, contracts.CancelReasons)
		o.CancelledAt = placed.Add(time.Duration(1+m.rand.IntN(600)) * time.Minute)
	}
	if s.fulfillment != contracts.FulfillmentUnfulfilled && o.ShippingAddress != nil {
		number := fmt.Sprintf("%s%010d", strings.ToUpper(o.ShippingMethod[:2]), m.rand.IntN(1e10))
		o.Tracking = []contracts.Tracking{{Carrier: o.ShippingMethod, Number: number}}
	}
	if s.payment == contracts.PaymentPartiallyRefunded {
		m.refund(o, placed)
	}
}

// refund gives the money for one piece of the first line back.
func (m *orderMaker) refund(o *contracts.Order, placed time.Time) {
	l := &o.Lines[0]
	o.Refunds = []contracts.Refund{{
		ID: m.id(placed), AmountMinor: l.UnitPriceMinor - l.DiscountMinor/l.Quantity, Reason: draw(m, refundReasons),
		At: placed.Add(time.Duration(1+m.rand.IntN(9)) * 24 * time.Hour), Lines: []contracts.RefundLine{{LineID: l.LineID, Quantity: 1}},
	}}
}

// remark adds what only some orders have.
func (m *orderMaker) remark(o *contracts.Order) {
	if m.chance(4) {
		o.CustomerNote = draw(m, customerNotes)
	}
	if m.chance(5) {
		o.InternalNote = draw(m, internalNotes)
	}
	if m.chance(3) {
		o.Tags = append(o.Tags, draw(m, tags))
	}
	if m.chance(6) {
		o.ExternalRef = fmt.Sprintf("PO-%d-%04d", o.PlacedAt.Year(), m.rand.IntN(10_000))
	}
	if m.chance(3) {
		o.Metadata["campaign"] = draw(m, campaigns)
	}
}

// chance is true once in n times.
func (m *orderMaker) chance(n int) bool { return m.rand.IntN(n) == 0 }

// id makes a UUID of version 7 for the given moment.
func (m *orderMaker) id(at time.Time) string {
	high := uint64(at.UnixMilli())<<16 | 0x7000 | m.rand.Uint64()&0x0fff
	low := 1<<63 | m.rand.Uint64()>>2
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffffffffffff)
}

func draw[T any](m *orderMaker, from []T) T { return from[m.rand.IntN(len(from))] }
