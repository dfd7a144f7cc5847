package strictjson_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// typicalBatch is what a bridge sends most: 256 entries, each with an order of some 820 bytes.
func typicalBatch(tb testing.TB) (contracts.Batch, []byte) {
	tb.Helper()
	batch := contracts.Batch{Side: "a"}
	for i := range 256 {
		id := fmt.Sprintf("0199a1b2-c3d4-7e5f-8a9b-%012x", i)
		at := time.Date(2026, 11, 21, 8, 30, 0, i*1000, time.UTC)
		address := &contracts.Address{Name: "Ada Lovelace", Line1: "Hauptstr. 12", City: "Berlin", PostalCode: "10115", Country: "DE"}
		batch.Entries = append(batch.Entries, contracts.Entry{
			ItemID: id, State: "UPD", Version: contracts.Version{"a.7kq2mz": int64(i + 1), "b.x81mq0": 77},
			Fingerprint: "fp1:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
			UpdatedAt:   at, ItemURI: "/orders/" + id,
			Order: &contracts.Order{
				ID: id, OrderNumber: fmt.Sprintf("A-%06d", i), Source: "web",
				Status: contracts.StatusConfirmed, PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentUnfulfilled,
				Currency: "EUR", PricesIncludeTax: true, Customer: contracts.Customer{Name: "Ada Lovelace", Email: "ada@example.com"},
				ShippingAddress: address, PlacedAt: at, ShippingMinor: 490, ShippingMethod: "parcel", PaymentMethod: "card",
				Lines: []contracts.Line{
					{LineID: id, SKU: "TEA-100", Name: "Green tea, 100 g", Quantity: 2, UnitPriceMinor: 890, TaxRatePPM: 70_000, TaxMinor: 116},
					{LineID: id[:35] + "f", SKU: "CUP-1", Name: "Cup", Quantity: 1, UnitPriceMinor: 1490},
				},
				Tags: []string{"gift"}, Metadata: map[string]string{"campaign": "autumn"},
			},
		})
	}
	data, err := strictjson.Encode(batch)
	require.NoError(tb, err)
	return batch, data
}

func BenchmarkDecodeBatch(b *testing.B) {
	_, data := typicalBatch(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := strictjson.DecodeBatch(data, contracts.BatchEntriesMax)
		require.NoError(b, err)
		for _, raw := range batch.Entries {
			var e contracts.Entry
			require.NoError(b, strictjson.Decode(raw, &e))
		}
	}
}

func BenchmarkDecodeBatchOuter(b *testing.B) {
	_, data := typicalBatch(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := strictjson.DecodeBatch(data, contracts.BatchEntriesMax)
		require.NoError(b, err)
	}
}

func BenchmarkDecodeWhole(b *testing.B) {
	_, data := typicalBatch(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var batch contracts.Batch
		require.NoError(b, strictjson.Decode(data, &batch))
	}
}

func BenchmarkEncode(b *testing.B) {
	batch, data := typicalBatch(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := strictjson.Encode(batch)
		require.NoError(b, err)
	}
}
