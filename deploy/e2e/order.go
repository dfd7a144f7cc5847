//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

var orderNumbers atomic.Int64

// newOrder makes an order up, with an id of its own.
func newOrder(r *rand.Rand) contracts.Order {
	o := contracts.Order{
		ID: newID(r), OrderNumber: fmt.Sprintf("E2E-%06d", orderNumbers.Add(1)), Source: "web",
		Status: contracts.StatusConfirmed, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency: "EUR", PricesIncludeTax: r.IntN(2) == 0,
		Customer:      contracts.Customer{Name: "Zoë Ångström", Email: "zoe@example.com", Locale: "sv-SE"},
		ShippingMinor: r.Int64N(2000), PlacedAt: time.Now().UTC().Truncate(time.Microsecond),
		CustomerNote: "Ring twice: 〒, “quotes”, \\ and </script>\n",
	}
	if r.IntN(2) == 0 {
		o.ShippingAddress = &contracts.Address{Name: "Zoë Ångström", Line1: "Götgatan 31", City: "Stockholm", Country: "SE"}
	}
	for range 1 + r.IntN(4) {
		o.Lines = append(o.Lines, newLine(r))
	}
	return o
}

func newLine(r *rand.Rand) contracts.Line {
	return contracts.Line{
		LineID: newID(r), SKU: "TEA-100", Name: "Green tea, 100 g", Quantity: 1 + r.Int64N(9), UnitPriceMinor: 100 + r.Int64N(9000),
		TaxRatePPM: 190_000, TaxMinor: r.Int64N(50),
	}
}

// newID makes a UUID of version 7.
func newID(r *rand.Rand) string {
	high := uint64(time.Now().UnixMilli())<<16 | 0x7000 | r.Uint64()&0x0fff
	low := 1<<63 | r.Uint64()>>2
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffffffffffff)
}

// clone copies an order whole.
func clone(o contracts.Order) contracts.Order {
	var c contracts.Order
	if err := strictjson.Decode(encode(o), &c); err != nil {
		panic(err)
	}
	return c
}

// editable is a copy of an order as a client sends it, without what the service derives.
func editable(o contracts.Order) contracts.Order {
	c := clone(o)
	c.Totals = nil
	for i := range c.Lines {
		c.Lines[i].TotalMinor = nil
	}
	return c
}

// touch changes something of an order, as a person does.
func touch(o *contracts.Order, r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		o.Lines[r.IntN(len(o.Lines))].Quantity = 1 + r.Int64N(99)
	case 1:
		o.ShippingMinor = r.Int64N(5000)
	case 2:
		o.Status = contracts.OrderStatuses[r.IntN(5)]
	case 3:
		if len(o.Lines) < 8 {
			o.Lines = append(o.Lines, newLine(r))
		} else {
			o.Lines = o.Lines[1:]
		}
	}
}

const tokenPrefix = "tk-"

// carry puts a token into one of the places of an order that can hold many. It tells when the order
// is full.
func carry(o *contracts.Order, token string, r *rand.Rand) (ok bool) {
	const room = 20 // more than a token and a blank
	switch place := r.IntN(4); {
	case place == 0 && len(o.CustomerNote) < contracts.NoteLengthMax-room:
		o.CustomerNote += " " + token
		return true
	case place == 1 && len(o.InternalNote) < contracts.NoteLengthMax-room:
		o.InternalNote += " " + token
		return true
	case place == 2 && len(o.Tags) < contracts.TagsMax:
		o.Tags = append(o.Tags, token)
		return true
	}
	if o.Metadata == nil {
		o.Metadata = map[string]string{}
	}
	for i := range contracts.MetadataMax {
		key := fmt.Sprintf("tokens-%d", i)
		if len(o.Metadata[key]) < contracts.MetadataValueMax-room {
			o.Metadata[key] += " " + token
			return true
		}
	}
	return false
}

// tokensOf finds all tokens in an order, sorted.
func tokensOf(o *contracts.Order) []string {
	texts := append([]string{o.CustomerNote, o.InternalNote}, o.Tags...)
	for _, value := range o.Metadata {
		texts = append(texts, value)
	}
	var tokens []string
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			if strings.HasPrefix(word, tokenPrefix) {
				tokens = append(tokens, word)
			}
		}
	}
	slices.Sort(tokens)
	return tokens
}

func holds(o *contracts.Order, token string) bool { return slices.Contains(tokensOf(o), token) }
