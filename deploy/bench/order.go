//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
)

// firstPlaced is when the first of our orders was placed; the others follow, a second apart.
var firstPlaced = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// makeOrder is order number i as it stands after so many edits. All have about the same size, and the
// same arguments make the same order.
func makeOrder(i, revision int) *contracts.Order {
	o := &contracts.Order{
		ID:                orderID(i, 0).String(),
		OrderNumber:       fmt.Sprintf("B-%07d", i),
		Source:            "web",
		Status:            contracts.StatusConfirmed,
		PaymentStatus:     contracts.PaymentPaid,
		FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency:          "EUR",
		PricesIncludeTax:  true,
		Customer:          contracts.Customer{Name: "Kim Example", Email: fmt.Sprintf("kim%07d@shop.example", i)},
		Lines: []contracts.Line{{
			LineID: orderID(i, 1).String(), SKU: "LMP-DESK-01", Name: "Desk lamp, brass",
			Quantity: 2, UnitPriceMinor: int64(1000 + i%9000),
		}},
		ShippingMinor: 490,
		PlacedAt:      placed(i),
		CustomerNote:  "Please ring at the back door.",
		InternalNote:  fmt.Sprintf("edit %06d", revision),
	}
	o.Complete()
	return o
}

func placed(i int) time.Time { return firstPlaced.Add(time.Duration(i) * time.Second) }

// orderID is the UUID (version 7) number n within order i.
func orderID(i, n int) (id uuid.UUID) {
	r := rand.New(rand.NewPCG(uint64(i), uint64(n)))
	ms, random := uint64(placed(i).UnixMilli()), r.Uint64()
	for k := range 6 {
		id[k] = byte(ms >> (40 - 8*k))
	}
	id[6], id[7] = 0x70|byte(random>>8)&0x0f, byte(random)
	random = r.Uint64()
	for k := range 8 {
		id[8+k] = byte(random >> (8 * k))
	}
	id[8] = 0x80 | id[8]&0x3f
	return id
}

// content is an order as JSON, the bytes that a service stores.
func content(i, revision int) ([]byte, error) { return strictjson.Encode(makeOrder(i, revision)) }

// contents are those of the first n orders.
func contents(n, revision int) (list [][]byte, err error) {
	list = make([][]byte, n)
	for i := range list {
		if list[i], err = content(i, revision); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ids are those of the first n orders.
func ids(n int) []uuid.UUID {
	list := make([]uuid.UUID, n)
	for i := range list {
		list[i] = orderID(i, 0)
	}
	return list
}

// seedKey is the side and epoch that seeded orders seem to be written by: a third one, since each of the two
// would be held for what the other has seen of it and it does not have itself.
const (
	seedSide = "c"
	seedKey  = seedSide + ".seed"
)

func seedVersion(i int) string { return fmt.Sprintf("%s:%d", seedKey, i+1) }

// seedEntry is order i, never edited, as b tells of it.
func seedEntry(i int) contracts.Entry {
	o := makeOrder(i, 0)
	return contracts.Entry{
		ItemID: o.ID, State: "NEW", Version: contracts.Version{seedKey: int64(i + 1)}, Fingerprint: orders.Fingerprint(o),
		UpdatedAt: placed(i), ItemURI: "/orders/" + o.ID, Order: o,
	}
}

// orderSizes are the bytes of an order as stored, and of an entry around it.
func orderSizes() (order, entry int, err error) {
	e := seedEntry(0)
	alone, err := strictjson.Encode(e.Order)
	if err != nil {
		return 0, 0, err
	}
	whole, err := strictjson.Encode(e)
	return len(alone), len(whole), err
}
