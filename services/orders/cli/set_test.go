package cli

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// TestSetGoesByTheTypeOfTheField: what a value looks like does not decide what it is.
func TestSetGoesByTheTypeOfTheField(t *testing.T) {
	view, err := os.ReadFile("../../../contracts/examples/order.view.json")
	require.NoError(t, err)
	body, err := edited(view, []string{
		"shippingAddress/postalCode=20457", "customerNote=true", "internalNote=<b>null</b>", "customer/ref=1e3", "tags=[\"2026\"]", "metadata/year=2026",
		"lines/0/quantity=3", "lines/0/name=4711", "shippingMinor=9007199254740991", "pricesIncludeTax=false", "placedAt=2026-11-21T10:00:00Z",
		"billingAddress/line2={}", "tracking=[{\"carrier\":\"DHL\",\"number\":\"5\"}]", "/paymentMethod=",
	})
	require.NoError(t, err)
	require.NotContains(t, string(body), `\u003c`)
	var o contracts.Order
	require.NoError(t, strictjson.Decode(body, &o))
	require.Equal(t, "20457", o.ShippingAddress.PostalCode)
	require.Equal(t, []string{"true", "<b>null</b>", "1e3", "2026", "4711", "{}", "", "5"},
		[]string{o.CustomerNote, o.InternalNote, o.Customer.Ref, o.Metadata["year"], o.Lines[0].Name, o.BillingAddress.Line2, o.PaymentMethod, o.Tracking[0].Number})
	require.Equal(t, []string{"2026"}, o.Tags)
	require.EqualValues(t, 3, o.Lines[0].Quantity)
	require.EqualValues(t, 1<<53-1, o.ShippingMinor)
	require.False(t, o.PricesIncludeTax)
	for set, says := range map[string]string{
		"shippingMinor=12.5": "must be a whole number", "shippingMinor=ten": "must be a whole number", "pricesIncludeTax=yes": "must be true or false",
		"tags=gift": "must be JSON of its kind", "nothing=1": "there is no field nothing", "lines/9/sku=X": "there is no element 9",
		"lines/0/none=1": "there is no field none", "customerNote/x=1": "nothing below a single value", "placedAt/x=1": "nothing below", "quantity": "must be FIELD=VALUE",
		"refunds/0/reason=x": "there is no list refunds yet",
	} {
		_, err := edited(view, []string{set})
		require.ErrorContains(t, err, says, set)
		require.Equal(t, ExitUsage, ExitCode(err))
	}
}

// TestSetRemovesElements: an empty value removes whatever the path leads to.
func TestSetRemovesElements(t *testing.T) {
	view, err := os.ReadFile("../../../contracts/examples/order.view.json")
	require.NoError(t, err)
	var before, after contracts.Order
	body, err := edited(view, nil)
	require.NoError(t, err)
	require.NoError(t, strictjson.Decode(body, &before))
	body, err = edited(view, []string{"lines/1=", "tags=[\"a\",\"b\"]"})
	require.NoError(t, err)
	require.NoError(t, strictjson.Decode(body, &after))
	require.Equal(t, append(before.Lines[:1:1], before.Lines[2:]...), after.Lines)
	body, err = edited(body, []string{"tags/0=", "shippingAddress="})
	require.NoError(t, err)
	after = contracts.Order{}
	require.NoError(t, strictjson.Decode(body, &after))
	require.Equal(t, []string{"b"}, after.Tags)
	require.Nil(t, after.ShippingAddress)
}

// TestEncodeEscapesNothingForHTML keeps what is sent as long as what is meant.
func TestEncodeEscapesNothingForHTML(t *testing.T) {
	body, err := encode(map[string]any{"a": "<&>", "b": json.Number("9007199254740993")})
	require.NoError(t, err)
	require.Equal(t, `{"a":"<&>","b":9007199254740993}`, string(body))
}
