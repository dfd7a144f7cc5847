package web

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// sample is an order of the contract's examples.
func sample(t *testing.T) *contracts.Order {
	t.Helper()
	b, err := os.ReadFile("../../../contracts/examples/order.view.json")
	require.NoError(t, err)
	var v contracts.OrderView
	require.NoError(t, strictjson.Decode(b, &v))
	return &v.Order
}

// TestSheet writes an order into a form and reads it back.
func TestSheet(t *testing.T) {
	o := sample(t)
	o.Tracking = []contracts.Tracking{{Carrier: "DHL", Number: "1", URL: "https://example.com/1"}}
	o.Refunds = []contracts.Refund{{ID: o.ID, AmountMinor: 1, Reason: "a\nb", At: o.PlacedAt, Lines: []contracts.RefundLine{{LineID: o.Lines[0].LineID, Quantity: 1}}}}
	o.PlacedAt = o.PlacedAt.Truncate(time.Second) // as fine as its field is
	got, faults := sheetOf(o).order(nil, o.PlacedAt)
	require.Empty(t, faults)
	o.Totals = nil
	for i := range o.Lines {
		o.Lines[i].TotalMinor = nil
	}
	require.Equal(t, o, got)
}

// TestRebase puts one person's typing on top of what another saved meanwhile.
func TestRebase(t *testing.T) {
	base, typed, now := sample(t), sample(t), sample(t)
	typed.CustomerNote, typed.PaymentMethod = "typed", "cash"
	typed.Lines[0].Quantity = 9
	typed.Lines[1].Name = "typed"
	now.CustomerNote, now.ShippingMethod = "saved", "bike"
	now.Lines[0].Name = "saved"
	now.Lines = append(now.Lines[:1:1], now.Lines[2]) // the second line was removed
	merged, notes := rebase(sheetOf(base), sheetOf(typed), sheetOf(now))
	got, faults := merged.order(now, base.PlacedAt)
	require.Empty(t, faults)
	require.Equal(t, map[string]string{"/customerNote": "meanwhile it became: saved", "/lines/1/name": "this line was removed meanwhile"}, notes)
	require.Equal(t, "typed", got.CustomerNote)
	require.Equal(t, "cash", got.PaymentMethod)
	require.Equal(t, "bike", got.ShippingMethod)
	require.Equal(t, int64(9), got.Lines[0].Quantity)
	require.Equal(t, "saved", got.Lines[0].Name)
	require.Equal(t, "typed", got.Lines[1].Name)
	require.Empty(t, got.Lines[1].LineID, "it would be a new line")
	require.Equal(t, base.PlacedAt, got.PlacedAt, "to the microsecond")
}
