package merge_test

import (
	"os"
	"testing"

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

// plain is an order as JSON, completed.
func plain(t *testing.T, o *contracts.Order) string {
	t.Helper()
	bare := *o
	bare.Complete()
	b, err := strictjson.Encode(bare)
	require.NoError(t, err)
	return string(b)
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

	all := map[string]merge.Side{}
	for _, f := range merge.Orders(base, ours, theirs, merge.Policy{}, "a", "b").Fields {
		all[f.Pointer] = merge.Theirs
	}
	require.Greater(t, len(all), 8)
	for _, from := range []*contracts.Order{base, nil} {
		require.Equal(t, plain(t, ours), plain(t, merge.Choose(from, ours, theirs, nil)))
		require.Equal(t, plain(t, theirs), plain(t, merge.Choose(from, ours, theirs, all)))
	}
}

// TestChooseAnOrderOfElements takes the order of theirs. A line that only ours has stays behind the line that it stood behind.
func TestChooseAnOrderOfElements(t *testing.T) {
	base, ours, theirs := sample(t), sample(t), sample(t)
	base.Tracking = []contracts.Tracking{{Carrier: "DHL", Number: "1"}, {Carrier: "DHL", Number: "2"}}
	ours.Tracking, theirs.Tracking = base.Tracking, []contracts.Tracking{base.Tracking[1], base.Tracking[0]}
	first, second := base.Lines[0], base.Lines[1]
	added := contracts.Line{LineID: "019aa5c2-7f40-7b22-a3e8-1f6b9c0d7e54", SKU: "X", Name: "Added", Quantity: 1, UnitPriceMinor: 5}
	base.Lines, ours.Lines, theirs.Lines = []contracts.Line{first, second}, []contracts.Line{first, added, second}, []contracts.Line{second, first}
	got := merge.Choose(base, ours, theirs, map[string]merge.Side{"/lines": merge.Theirs, "/tracking": merge.Theirs})
	require.Equal(t, theirs.Tracking, got.Tracking)
	var ids []string
	for _, l := range got.Lines {
		ids = append(ids, l.LineID)
	}
	require.Equal(t, []string{second.LineID, first.LineID, added.LineID}, ids)
}
