package web

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/merge"
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

// differs is how the fields of a case look on the wire.
func differs(base, ours, theirs *contracts.Order) []contracts.DifferField {
	var out []contracts.DifferField
	for _, f := range merge.Orders(base, ours, theirs, merge.Policy{}, "a", "b").Fields {
		d := contracts.DifferField{Pointer: f.Pointer, Contested: f.Contested}
		for _, p := range []struct {
			to   **string
			from *string
		}{{&d.Base, f.Base}, {&d.Ours, f.Ours}, {&d.Theirs, f.Theirs}} {
			*p.to = p.from
		}
		out = append(out, d)
	}
	return out
}

// TestChoose takes every field of one side, and must get that side's order.
func TestChoose(t *testing.T) {
	base, ours, theirs := sample(t), sample(t), sample(t)
	ours.Lines = ours.Lines[1:]
	ours.Lines[0].Quantity = 7
	ours.CustomerNote, ours.ShippingAddress = "", nil
	ours.Tags = []string{"gift", "new"}
	ours.Metadata["added"] = "here"
	theirs.Lines[0], theirs.Lines[2] = theirs.Lines[2], theirs.Lines[0]
	theirs.Lines = append(theirs.Lines, contracts.Line{LineID: "019aa5c2-7f40-7b22-a3e8-1f6b9c0d7e54", SKU: "X", Name: "Added", Quantity: 1, UnitPriceMinor: 5})
	theirs.Lines[1].DiscountMinor = 1
	theirs.Tags = nil
	theirs.Metadata = nil
	theirs.Tracking = []contracts.Tracking{{Carrier: "DHL", Number: "1"}, {Carrier: "a/b~c", Number: "2"}}
	theirs.BillingAddress.Line2 = "back"
	refund := func(id string, amount int64) contracts.Refund {
		return contracts.Refund{ID: id, AmountMinor: amount, At: base.PlacedAt, Lines: []contracts.RefundLine{{LineID: theirs.Lines[1].LineID, Quantity: amount}}}
	}
	ours.Refunds = []contracts.Refund{refund("1", 1), refund("2", 1), refund("3", 1)}
	theirs.Refunds = []contracts.Refund{refund("3", 1), refund("1", 2), refund("4", 1)}
	theirs.Customer.Company = "Sommer"

	fields := differs(base, ours, theirs)
	require.Greater(t, len(fields), 8)
	plain := func(o *contracts.Order) string {
		v, err := tree(o)
		require.NoError(t, err)
		b, err := strictjson.Encode(v)
		require.NoError(t, err)
		return string(b)
	}
	got, err := choose(ours, theirs, fields, func(string) bool { return false })
	require.NoError(t, err)
	require.JSONEq(t, plain(ours), plain(got))
	got, err = choose(ours, theirs, fields, func(string) bool { return true })
	require.NoError(t, err)
	require.JSONEq(t, plain(theirs), plain(got))
}

// TestChooseAnOrderOfElements takes the order of theirs, around a line that only ours has.
func TestChooseAnOrderOfElements(t *testing.T) {
	base, ours, theirs := sample(t), sample(t), sample(t)
	base.Tracking = []contracts.Tracking{{Carrier: "DHL", Number: "1"}, {Carrier: "DHL", Number: "2"}}
	ours.Tracking, theirs.Tracking = base.Tracking, []contracts.Tracking{base.Tracking[1], base.Tracking[0]}
	first, second := base.Lines[0], base.Lines[1]
	added := contracts.Line{LineID: "019aa5c2-7f40-7b22-a3e8-1f6b9c0d7e54", SKU: "X", Name: "Added", Quantity: 1, UnitPriceMinor: 5}
	base.Lines, ours.Lines, theirs.Lines = []contracts.Line{first, second}, []contracts.Line{first, added, second}, []contracts.Line{second, first}
	got, err := choose(ours, theirs, differs(base, ours, theirs), func(pointer string) bool { return pointer == "/lines" || pointer == "/tracking" })
	require.NoError(t, err)
	require.Equal(t, theirs.Tracking, got.Tracking)
	var ids []string
	for _, l := range got.Lines {
		ids = append(ids, l.LineID)
	}
	require.Equal(t, []string{second.LineID, added.LineID, first.LineID}, ids)
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
