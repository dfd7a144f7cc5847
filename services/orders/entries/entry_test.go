package entries

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
)

// typicalEntry is one as a bridge sends most, with an order of some 820 bytes.
func typicalEntry(tb testing.TB, i int) (*contracts.Entry, []byte) {
	tb.Helper()
	id := fmt.Sprintf("0199a1b2-c3d4-7e5f-8a9b-%012x", i)
	at := time.Date(2026, 11, 21, 8, 30, 0, i*1000, time.UTC)
	o := &contracts.Order{
		ID: id, OrderNumber: fmt.Sprintf("A-%06d", i), Source: "web",
		Status: contracts.StatusConfirmed, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
		Currency: "EUR", PricesIncludeTax: true, Customer: contracts.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
		ShippingAddress: &contracts.Address{Name: "Ada Lovelace", Line1: "Hauptstr. 12", City: "Berlin", PostalCode: "10115", Country: "DE"},
		PlacedAt:        at, ShippingMinor: 490, ShippingMethod: "parcel", PaymentMethod: "card",
		Lines: []contracts.Line{
			{LineID: id, SKU: "TEA-100", Name: "Green tea, 100 g", Quantity: 2, UnitPriceMinor: 890, TaxRatePPM: 70_000, TaxMinor: 116},
			{LineID: "1" + id[1:], SKU: "CUP-1", Name: "Cup", Quantity: 1, UnitPriceMinor: 1490},
		},
		Tags: []string{"gift"}, Metadata: map[string]string{"campaign": "autumn"},
	}
	require.Nil(tb, o.Validate())
	o.Complete()
	e := &contracts.Entry{
		ItemID: id, State: "UPD", Version: contracts.Version{"a.7kq2mz": int64(i + 1), "b.x81mq0": 77},
		Fingerprint: orders.Fingerprint(o), UpdatedAt: at, ItemURI: "/orders/" + id, Order: o,
	}
	data, err := strictjson.Encode(e)
	require.NoError(tb, err)
	return e, data
}

func TestContentIsStoredAsItCame(t *testing.T) {
	e, data := typicalEntry(t, 7)
	want, err := strictjson.Encode(e.Order)
	require.NoError(t, err)
	at := bytes.Index(data, want)

	rec, faults := Read(data, false, []string{"a", "b"})
	require.Nil(t, faults)
	require.Empty(t, rec.Entry.Refusal)
	require.Equal(t, string(want), string(rec.Content.Body))
	require.Same(t, &data[at], &rec.Content.Body[0], "it was encoded again")

	for name, change := range map[string][2]string{
		"a blank":              {`"order":{`, `"order": {`},
		"a blank further in":   {`"currency":`, `"currency": `},
		"a needless fraction":  {`"shippingMinor":490,"totals"`, `"shippingMinor":490.0,"totals"`},
		"without a line total": {`,"totalMinor":1490}`, `}`},
	} {
		changed := bytes.Replace(data, []byte(change[0]), []byte(change[1]), 1)
		require.NotEqual(t, string(data), string(changed), name)
		rec, faults := Read(changed, false, []string{"a", "b"})
		require.Nil(t, faults, name)
		require.Empty(t, rec.Entry.Refusal, name)
		require.Equal(t, string(want), string(rec.Content.Body), name)
	}
}

func TestCanonicalContentIsRefusedAsAny(t *testing.T) {
	e, _ := typicalEntry(t, 7)
	for _, refused := range []struct {
		change func(*contracts.Entry)
		why    string
	}{
		{func(e *contracts.Entry) { e.Order.InternalNote = "changed" }, orders.FingerprintMismatch},
		{func(e *contracts.Entry) { e.Order.Totals.TotalMinor++ }, "/totals/totalMinor"},
		{func(e *contracts.Entry) { e.Order.CustomerNote = "a\x00b" }, "/customerNote"},
	} {
		changed, order, totals := *e, *e.Order, *e.Order.Totals
		changed.Order, order.Totals = &order, &totals
		refused.change(&changed)
		data, err := strictjson.Encode(&changed)
		require.NoError(t, err)
		kept, err := strictjson.Encode(&order)
		require.NoError(t, err)
		for _, raw := range [][]byte{data, append([]byte(" "), data...)} { // canonical and not
			rec, faults := Read(raw, false, []string{"a", "b"})
			require.Nil(t, faults)
			require.Contains(t, rec.Entry.Refusal, refused.why)
			require.Nil(t, rec.Content)
			require.Equal(t, string(kept), string(rec.Raw))
		}
	}
}

// BenchmarkReadEntries reads the entries of a batch to what is stored, as they come from a service of the same
// contract.
func BenchmarkReadEntries(b *testing.B) {
	raw := make([][]byte, 256)
	size := 0
	for i := range raw {
		_, raw[i] = typicalEntry(b, i)
		size += len(raw[i])
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, one := range raw {
			if rec, faults := Read(one, false, []string{"a", "b"}); faults != nil || rec.Content == nil {
				b.Fatal(faults)
			}
		}
	}
}
