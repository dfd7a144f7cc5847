package web

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
)

// text draws a text that a form may spoil: blanks at its ends, no-break spaces, marks of HTML.
func text(low, high int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("aZ09  \u00a0äß水=<&\"'+-")), low, high, -1)
}

func formTimes() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		second := rapid.SampledFrom([]int{0, 0, 1, 30, 59}).Draw(t, "second")
		micro := rapid.SampledFrom([]int{0, 0, 1, 100_000, 999_999}).Draw(t, "micro")
		return time.Date(rapid.IntRange(1970, 9999).Draw(t, "year"), 3, 7, rapid.IntRange(0, 23).Draw(t, "hour"), 4, second, micro*1000, time.UTC)
	})
}

// formOrders draws valid orders.
func formOrders() *rapid.Generator[*contracts.Order] {
	address := rapid.Custom(func(t *rapid.T) *contracts.Address {
		a := &contracts.Address{Country: "DE"}
		for i, to := range addressTexts(a) {
			switch addressFields[i] {
			case "name", "line1", "city":
				*to = text(1, 8).Draw(t, addressFields[i])
			case "country", "phone":
			default:
				*to = text(0, 8).Draw(t, addressFields[i])
			}
		}
		return rapid.SampledFrom([]*contracts.Address{nil, a, a}).Draw(t, "address")
	})
	return rapid.Custom(func(t *rapid.T) *contracts.Order {
		amount := rapid.Int64Range(0, 99_999)
		o := &contracts.Order{
			ID: "019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c04", OrderNumber: text(1, 12).Draw(t, "number"), ExternalRef: text(0, 8).Draw(t, "ref"), Source: "web",
			Status: rapid.SampledFrom(contracts.OrderStatuses).Draw(t, "status"), PaymentStatus: contracts.PaymentPaid, FulfillmentStatus: contracts.FulfillmentPartial,
			Currency: rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency"), PricesIncludeTax: rapid.Bool().Draw(t, "gross"),
			Customer:       contracts.Customer{Name: text(1, 12).Draw(t, "name"), Company: text(0, 9).Draw(t, "company"), Email: rapid.SampledFrom([]string{"", "a@b.de", "\u00a0a@b.de"}).Draw(t, "email")},
			BillingAddress: address.Draw(t, "billing"), ShippingAddress: address.Draw(t, "shipping"),
			ShippingMinor: amount.Draw(t, "shippingMinor"), ShippingMethod: text(0, 8).Draw(t, "method"), PlacedAt: formTimes().Draw(t, "placedAt"),
			PromisedOn:   rapid.SampledFrom([]string{"", "2026-11-21", "9999-12-31"}).Draw(t, "promisedOn"),
			InternalNote: rapid.StringOfN(rapid.RuneFrom([]rune("a \n\t<ä")), 0, 12, -1).Draw(t, "note"),
			Tags:         rapid.SliceOfNDistinct(text(1, 6), 0, 4, rapid.ID).Draw(t, "tags"),
			Metadata:     rapid.MapOfN(rapid.StringMatching(`[a-z._-]{1,6}`), text(0, 8), 0, 3).Draw(t, "metadata"),
		}
		if o.Status == contracts.StatusCancelled {
			o.CancelReason, o.CancelledAt = "fraud", formTimes().Draw(t, "cancelledAt")
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "lines") {
			o.Lines = append(o.Lines, contracts.Line{
				LineID: fmt.Sprintf("019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c%02d", i), SKU: text(1, 6).Draw(t, "sku"), Name: text(1, 9).Draw(t, "line"), Quantity: 3,
				UnitPriceMinor: amount.Draw(t, "price"), TaxMinor: amount.Draw(t, "tax"), TaxRatePPM: rapid.Int64Range(0, 1_000_000).Draw(t, "rate"),
			})
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "parcels") {
			o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: text(1, 6).Draw(t, "carrier"), Number: fmt.Sprint(i) + text(0, 6).Draw(t, "parcel")})
		}
		require.Empty(t, o.Validate())
		o.Complete()
		return o
	})
}

// render is the form of an order as a page has it.
func render(t require.TestingT, o *contracts.Order) []byte {
	f := editForm(o.ID)
	f.Base = orderText(o)
	f.fill(sheetOf(o), nil, nil, 1)
	templates, err := loadTemplates(time.Now)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, templates["form"].ExecuteTemplate(&b, "main", &page{Body: f}))
	return b.Bytes()
}

// sentBy is what a browser sends of a form that nobody touched, with all that it does to values.
func sentBy(t require.TestingT, form []byte) url.Values {
	doc, err := html.Parse(bytes.NewReader(form))
	require.NoError(t, err)
	out := url.Values{}
	for n := range doc.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		value, named := attr["value"], attr["name"] != ""
		switch {
		case n.Type != html.ElementNode || !named:
			continue
		case n.Data == "textarea":
			value = ""
			for c := range n.ChildNodes() {
				value += c.Data
			}
			value = strings.ReplaceAll(value, "\n", "\r\n")
		case n.Data == "select":
			for c := range n.ChildNodes() {
				if slices.ContainsFunc(c.Attr, func(a html.Attribute) bool { return a.Key == "selected" }) {
					value = c.Attr[0].Val
				}
			}
		case n.Data != "input":
			continue
		case attr["type"] == "checkbox":
			if _, checked := attr["checked"]; !checked {
				continue
			}
		case attr["type"] == "email":
			value = strings.Trim(value, " \t\f")
		case attr["type"] == "datetime-local":
			value = strings.TrimSuffix(value, ":00")
		}
		out.Add(attr["name"], value)
	}
	return out
}

// typed are what people type, by a field, and the places of the order that may differ after it.
var typed = map[string]struct {
	text  string
	place string
}{
	"/customer/name": {" Grete ", "/customer/name"}, "/placedAt": {"2026-11-21T10:00", "/placedAt"}, "/internalNote": {" a\r\nb ", "/internalNote"},
	"/shippingMinor": {"123456", "/shippingMinor"}, "/tags": {"only", "/tags"}, "/metadata": {"only = this", "/metadata"}, "/externalRef": {"R", "/externalRef"},
	"/lines/0/quantity": {"7", "/lines/019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c00/quantity"}, "/lines/0/name": {"Tea", "/lines/019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c00/name"},
	"/tracking/0/number": {"new", "/tracking"}, "/shippingAddress/city": {"Bonn", "/shippingAddress"},
}

// TestAFormSendsOnlyWhatWasChanged renders forms, sends them back as browsers do, and looks at what becomes
// of the order: nothing untouched changes, and of one field that is, only it.
func TestAFormSendsOnlyWhatWasChanged(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := formOrders().Draw(r, "order")
		sent := sentBy(r, render(r, o))
		back := func() *contracts.Order {
			seen := seenOrder(sent.Get("base"))
			got, faults := readSheet(sent, seen).order(seen, time.Unix(0, 0))
			require.Empty(r, faults)
			return got
		}
		before, err := leaves(o)
		require.NoError(r, err)
		after, err := leaves(back())
		require.NoError(r, err)
		require.Equal(r, before, after, "untouched")

		field := rapid.SampledFrom(slices.Sorted(maps.Keys(typed))).Draw(r, "field")
		if !sent.Has(field) {
			return
		}
		sent.Set(field, typed[field].text)
		after, err = leaves(back())
		require.NoError(r, err)
		for pointer := range maps.Keys(merged(before, after)) {
			if !strings.HasPrefix(pointer, typed[field].place) {
				require.Equal(r, before[pointer], after[pointer], pointer)
			}
		}
		require.False(r, reflect.DeepEqual(before, after), "%s was changed", field)
	})
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// TestAListFieldKeepsItsOtherElements: who changes one tag, parcel or line of data does not change the others.
func TestAListFieldKeepsItsOtherElements(t *testing.T) {
	o := sample(t)
	o.Tags = []string{" left", "gift"}
	o.Metadata = map[string]string{"a": " blanks ", "b": "x"}
	o.Tracking = []contracts.Tracking{{Carrier: "DHL ", Number: " 1"}, {Carrier: "UPS", Number: "2"}}
	o.Lines = o.Lines[:1]
	o.Lines[0].Name = "Tea "
	sent := sentBy(t, render(t, o))
	sent.Set("/tags", sent.Get("/tags")+"\r\n new ")
	sent.Set("/metadata", strings.Replace(sent.Get("/metadata"), "b = x", "b=y", 1))
	sent.Set("/tracking/0/remove", "1")
	sent.Set("/tracking/1/number", "3 ")
	sent.Set("/lines/0/quantity", "9")
	seen := seenOrder(sent.Get("base"))
	got, faults := readSheet(sent, seen).order(seen, o.PlacedAt)
	require.Empty(t, faults)
	require.Equal(t, []string{" left", "gift", "new"}, got.Tags)
	require.Equal(t, map[string]string{"a": " blanks ", "b": "y"}, got.Metadata)
	require.Equal(t, []contracts.Tracking{{Carrier: "UPS", Number: "3"}}, got.Tracking)
	require.Equal(t, "Tea ", got.Lines[0].Name)
	require.EqualValues(t, 9, got.Lines[0].Quantity)

	// The same holds once somebody else changed the order meanwhile.
	now := *o
	now.Tracking = []contracts.Tracking{{Carrier: "new", Number: "0"}, {Carrier: "DHL ", Number: " 1"}}
	sent.Del("/tracking/0/remove")
	sheet, _ := rebase(sheetOf(o), readSheet(sent, seen), sheetOf(&now))
	got, faults = sheet.order(&now, o.PlacedAt)
	require.Empty(t, faults)
	require.Equal(t, []contracts.Tracking{{Carrier: "DHL ", Number: " 1"}, {Carrier: "UPS", Number: "3"}}, got.Tracking)
	require.Equal(t, o.PlacedAt, got.PlacedAt)
}

// leaves are the values of an order by their pointers, with lines by their ids. Other lists are values.
func leaves(o *contracts.Order) (map[string]any, error) {
	t, err := tree(o)
	if err != nil {
		return nil, err
	}
	v := t.(map[string]any)
	lines, _ := v["lines"].([]any)
	byID := map[string]any{}
	for _, l := range lines {
		line := l.(map[string]any)
		byID[line["lineId"].(string)] = line
		delete(line, "lineId")
	}
	v["lines"] = byID
	out := map[string]any{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		if in, ok := v.(map[string]any); ok {
			for name, one := range in {
				walk(at+"/"+contracts.PointerToken(name), one)
			}
			return
		}
		out[at] = v
	}
	walk("", v)
	return out, nil
}
