package profile_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

// load loads a profile below testdata.
func load(t testing.TB, name string) *profile.Mapping {
	t.Helper()
	m, err := profile.Load(os.DirFS("testdata/" + name))
	require.NoError(t, err)
	return m
}

// words draws a text of words with no blank at its ends.
func words(low, high int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 äß水😀~/\u00a0")), low, high, -1).Draw(t, "text")
		text = strings.Join(strings.Fields(text), " ")
		if text == "" && low > 0 {
			return "x"
		}
		return text
	})
}

func optional(g *rapid.Generator[string]) *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), g)
}

var phones = rapid.StringMatching(`\+[1-9][0-9]{6,14}`)

func addresses() *rapid.Generator[*contracts.Address] {
	return rapid.Custom(func(t *rapid.T) *contracts.Address {
		if rapid.Bool().Draw(t, "absent") {
			return nil
		}
		return &contracts.Address{
			Name: words(1, 30).Draw(t, "name"), Company: words(0, 30).Draw(t, "company"), Line1: words(1, 30).Draw(t, "line1"),
			Line2: words(0, 30).Draw(t, "line2"), City: words(1, 30).Draw(t, "city"), Region: words(0, 30).Draw(t, "region"),
			PostalCode: words(0, 20).Draw(t, "postalCode"), Country: rapid.StringMatching(`[A-Z]{2}`).Draw(t, "country"), Phone: optional(phones).Draw(t, "phone"),
		}
	})
}

func lines() *rapid.Generator[[]contracts.Line] {
	one := rapid.Custom(func(t *rapid.T) contracts.Line {
		quantity := rapid.Int64Range(1, 1000).Draw(t, "quantity")
		price := rapid.Int64Range(0, 1_000_000).Draw(t, "price")
		return contracts.Line{
			LineID: lineID(rapid.IntRange(1, 6).Draw(t, "lineId")), SKU: rapid.SampledFrom([]string{"TEA", "CUP", "POT"}).Draw(t, "sku"), Name: words(1, 40).Draw(t, "name"),
			Quantity: quantity, UnitPriceMinor: price, DiscountMinor: rapid.Int64Range(0, quantity*price).Draw(t, "discount"),
			TaxRatePPM: rapid.Int64Range(0, contracts.TaxRatePPMMax).Draw(t, "rate"), TaxMinor: rapid.Int64Range(0, 1_000_000).Draw(t, "tax"),
		}
	})
	return rapid.SliceOfNDistinct(one, 1, 4, func(l contracts.Line) string { return l.LineID })
}

var testOrder = uuid.MustParse("019aa5c2-7f40-7b1e-9d3c-000000000001")

func lineID(n int) string {
	return uuid.NewSHA1(testOrder, []byte{byte(n)}).String()
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999).Draw(t, "micros")*1000).UTC()
	})
}

// orders draws orders of one id, which is what edits of one order are.
func orders() *rapid.Generator[*contracts.Order] {
	return rapid.Custom(func(t *rapid.T) *contracts.Order {
		o := &contracts.Order{
			ID: testOrder.String(), OrderNumber: words(1, 40).Draw(t, "orderNumber"), ExternalRef: words(0, 40).Draw(t, "externalRef"),
			Source:            rapid.StringMatching(`[a-z][a-z0-9_-]{0,31}`).Draw(t, "source"),
			Status:            rapid.SampledFrom(contracts.OrderStatuses).Draw(t, "status"),
			PaymentStatus:     rapid.SampledFrom(contracts.PaymentStatuses).Draw(t, "paymentStatus"),
			FulfillmentStatus: rapid.SampledFrom(contracts.FulfillmentStatuses).Draw(t, "fulfillmentStatus"),
			Currency:          rapid.SampledFrom([]string{"EUR", "JPY", "KWD", "USD"}).Draw(t, "currency"), PricesIncludeTax: rapid.Bool().Draw(t, "pricesIncludeTax"),
			Customer: contracts.Customer{
				Ref: words(0, 40).Draw(t, "ref"), Name: words(1, 40).Draw(t, "name"), Email: optional(rapid.StringMatching(`[a-z]{1,60}@[a-z0-9.-]{1,60}`)).Draw(t, "email"),
				Phone: optional(phones).Draw(t, "phone"), Company: words(0, 40).Draw(t, "company"), Locale: optional(rapid.Just("de-DE")).Draw(t, "locale"),
			},
			BillingAddress: addresses().Draw(t, "billing"), ShippingAddress: addresses().Draw(t, "shipping"),
			Lines: lines().Draw(t, "lines"), ShippingMinor: rapid.Int64Range(0, 1_000_000).Draw(t, "shippingMinor"),
			ShippingMethod: words(0, 40).Draw(t, "shippingMethod"), PaymentMethod: words(0, 40).Draw(t, "paymentMethod"), PlacedAt: times().Draw(t, "placedAt"),
			CustomerNote: words(0, 80).Draw(t, "customerNote"), InternalNote: words(0, 80).Draw(t, "internalNote"),
			Tags:     rapid.SliceOfNDistinct(words(1, contracts.TagLengthMax), 0, 5, rapid.ID).Draw(t, "tags"),
			Metadata: rapid.MapOfN(rapid.StringMatching(`[a-z0-9_.-]{1,64}`), words(0, 40), 0, 4).Draw(t, "metadata"),
		}
		if o.Status == contracts.StatusCancelled {
			o.CancelReason = rapid.SampledFrom(contracts.CancelReasons).Draw(t, "cancelReason")
			o.CancelledAt = times().Draw(t, "cancelledAt")
		}
		if rapid.Bool().Draw(t, "promised") {
			o.PromisedOn = times().Draw(t, "promisedOn").Format(time.DateOnly)
		}
		if len(o.Metadata) == 0 {
			o.Metadata = nil
		}
		if len(o.Tags) == 0 {
			o.Tags = nil
		}
		return o
	})
}

// apply is a system that does what it is asked to: members are replaced, elements of merged lists found by their key,
// those without one added under a new id, lines of quantity 0 removed. It knows nothing of profiles.
func apply(t require.TestingT, doc map[string]any, edit *foreign.Edit, keys map[string]string) map[string]any {
	var body map[string]any
	roundTrip(t, edit.Body, &body)
	out := map[string]any{}
	if doc != nil {
		roundTrip(t, doc, &out)
	}
	merge(out, body, keys)
	return out
}

func merge(into, body map[string]any, keys map[string]string) {
	for name, v := range body {
		list, isList := v.([]any)
		object, isObject := v.(map[string]any)
		switch key := keys[name]; {
		case isList && key != "":
			old, _ := into[name].([]any)
			into[name] = mergeList(old, list, key)
		case isObject:
			old, _ := into[name].(map[string]any)
			if old == nil {
				old = map[string]any{}
			}
			merge(old, object, keys)
			into[name] = old
		default:
			into[name] = v
		}
	}
}

// newID is the id that was given last.
var newID = 1000

func mergeList(old, changes []any, key string) []any {
	for _, v := range changes {
		change := v.(map[string]any)
		found := false
		for _, o := range old {
			if element := o.(map[string]any); change[key] != nil && element[key] == change[key] {
				merge(element, change, nil)
				found = true
			}
		}
		if !found {
			if change[key] == nil {
				newID++
				change[key] = json.Number(strconv.Itoa(newID))
			}
			old = append(old, change)
		}
	}
	kept := []any{}
	for _, o := range old {
		if o.(map[string]any)["quantity"] != json.Number("0") {
			kept = append(kept, o)
		}
	}
	return kept
}

// roundTrip copies JSON values as a wire does.
func roundTrip(t require.TestingT, from, to any) {
	data, err := json.Marshal(from)
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	require.NoError(t, d.Decode(to))
}

func sampleBody(t testing.TB, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var body map[string]any
	roundTrip(t, json.RawMessage(data), &body)
	return body
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

func jsonNumber(text string) json.Number { return json.Number(text) }
