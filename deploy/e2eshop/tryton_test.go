//go:build linux

package e2eshop

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
	"github.com/orderbridge/orderbridge/services/connector/tryton/trytontest"
)

// mustAdapter starts a Tryton and reaches it as the connector does.
func mustAdapter(t *testing.T) (*trytontest.Shop, *tryton.System) {
	t.Helper()
	shop := trytontest.Start(t)
	system, err := tryton.New(shop.Options())
	require.NoError(t, err)
	return shop, system
}

func mustGet(t *testing.T, system *tryton.System, id string) *foreign.Document {
	t.Helper()
	doc, err := system.Get(t.Context(), id)
	require.NoError(t, err)
	return doc
}

// mustJSON compares a value of a document with JSON, whose ids do not count.
func mustJSON(t *testing.T, want string, got any) {
	t.Helper()
	data, err := json.Marshal(withoutIDs(got))
	require.NoError(t, err)
	require.JSONEq(t, want, string(data))
}

func withoutIDs(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for k, in := range v {
			if k != "id" {
				c[k] = withoutIDs(in)
			}
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, in := range v {
			c[i] = withoutIDs(in)
		}
		return c
	}
	return v
}

func lines(doc *foreign.Document) []map[string]any {
	var all []map[string]any
	for _, line := range doc.Body["lines"].([]any) {
		all = append(all, line.(map[string]any))
	}
	return all
}

func lineID(doc *foreign.Document, i int) string { return lines(doc)[i]["id"].(json.Number).String() }

var ann = trytontest.Sale{
	Party:   "Ann Lamp",
	Address: map[string]string{"street": "Road 1\nBack", "postal_code": "80331", "city": "Munich", "country": "DE"},
	Lines:   []trytontest.Line{{Product: trytontest.Lamp, Quantity: 2}, {Product: trytontest.Book, Quantity: 1, Description: "Lamps of 1926"}},
	Comment: "ring twice",
}

func TestTrytonSaleOfAPerson(t *testing.T) {
	shop, system := mustAdapter(t)
	id := shop.Create(t, ann)
	doc := mustGet(t, system, id)
	require.Equal(t, id, doc.ID)
	mustJSON(t, `[
		{"product": "LAMP-1", "name": "Desk lamp", "quantity": 2.0, "unit": "u", "unit_price": "49.9000", "amount": "99.80",
		 "tax_percent": "19", "tax_amount": "18.96"},
		{"product": "BOOK-3", "name": "Lamps of 1926", "quantity": 1.0, "unit": "u", "unit_price": "20.0000", "amount": "20.00",
		 "tax_percent": "7", "tax_amount": "1.40"}]`, doc.Body["lines"])
	mustJSON(t, `{"name": "Ann Lamp", "building_name": null, "line1": "Road 1", "line2": "Back", "postal_code": "80331",
		"city": "Munich", "country": "DE", "region": null}`, doc.Body["invoice_address"])
	require.Equal(t, "EUR", doc.Body["currency"])
	require.Equal(t, "draft", doc.Body["state"])
	require.Equal(t, "ring twice", doc.Body["comment"])
	require.Equal(t, "140.16", doc.Body["total_amount"])
	require.Equal(t, "Ann Lamp", doc.Body["party"].(map[string]any)["name"])
	_, err := time.Parse(time.RFC3339Nano, doc.Body["create_date"].(string))
	require.NoError(t, err)
	require.Nil(t, doc.Body["write_date"])

	_, err = system.Get(t.Context(), "4711")
	require.ErrorIs(t, err, foreign.ErrGone)
}

func newSale() map[string]any {
	return map[string]any{
		"currency": "EUR", "reference": "our 17", "comment": "soon", "shipping_date": "2031-02-03",
		"party":            map[string]any{"code": "C-17", "name": "Bo Bulb", "email": "bo@example.com", "phone": "+4989123456"},
		"invoice_address":  map[string]any{"name": "Bo Bulb", "line1": "Lane 2", "postal_code": "80331", "city": "Munich", "country": "DE", "region": "BY"},
		"shipment_address": map[string]any{"name": "Cy", "building_name": "House 3", "line1": "Lane 3", "line2": "left", "city": "Wien", "country": "AT"},
		"lines": []any{
			map[string]any{"product": "LAMP-1", "name": "Lamp, blue", "quantity": json.Number("2"), "unit_price": "10.50", "tax_percent": "19.0000"},
			map[string]any{"product": "BOOK-3", "name": "Book of lamps", "quantity": json.Number("1"), "unit_price": "7", "tax_percent": "19"},
		},
	}
}

func mustCreate(t *testing.T, system *tryton.System, body map[string]any, actions ...string) (string, uuid.UUID) {
	t.Helper()
	reference := uuid.New()
	id, err := system.Create(t.Context(), reference, &foreign.Edit{Body: body, Actions: actions})
	require.NoError(t, err)
	return id, reference
}

func TestTrytonCreate(t *testing.T) {
	shop, system := mustAdapter(t)
	id, reference := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	require.Equal(t, reference.String(), doc.Body["web_id"])
	mustJSON(t, `{"code": "C-17", "name": "Bo Bulb", "email": "bo@example.com", "phone": "+4989123456"}`, doc.Body["party"])
	mustJSON(t, `{"name": "Bo Bulb", "building_name": null, "line1": "Lane 2", "line2": null, "postal_code": "80331",
		"city": "Munich", "country": "DE", "region": "BY"}`, doc.Body["invoice_address"])
	mustJSON(t, `{"name": "Cy", "building_name": "House 3", "line1": "Lane 3", "line2": "left", "postal_code": null,
		"city": "Wien", "country": "AT", "region": null}`, doc.Body["shipment_address"])
	mustJSON(t, `[
		{"product": "LAMP-1", "name": "Lamp, blue", "quantity": 2.0, "unit": "u", "unit_price": "10.50", "amount": "21.00",
		 "tax_percent": "19", "tax_amount": "3.99"},
		{"product": "BOOK-3", "name": "Book of lamps", "quantity": 1.0, "unit": "u", "unit_price": "7", "amount": "7.00",
		 "tax_percent": "19", "tax_amount": "1.33"}]`, doc.Body["lines"])
	require.Equal(t, "2031-02-03", doc.Body["shipping_date"])

	found, err := system.Find(t.Context(), reference)
	require.NoError(t, err)
	require.Equal(t, []string{id}, found)
	again, err := system.Create(t.Context(), reference, &foreign.Edit{Body: newSale()})
	require.NoError(t, err)
	require.Equal(t, id, again, "a lost answer makes no second sale")
	require.Equal(t, 1, shop.Count(t, reference.String()))

	second, _ := mustCreate(t, system, newSale(), "quote", "confirm")
	was := doc.Body
	doc = mustGet(t, system, second)
	require.Equal(t, "processing", doc.Body["state"])
	for _, record := range []string{"party", "invoice_address", "shipment_address"} {
		require.Equal(t, was[record], doc.Body[record], "the one that there is")
	}
	none, err := system.Find(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestTrytonCreateRefused(t *testing.T) {
	_, system := mustAdapter(t)
	for name, c := range map[string]struct {
		spoil func(map[string]any)
		field string
	}{
		"unknown product":  {func(b map[string]any) { b["lines"].([]any)[1].(map[string]any)["product"] = "NONE" }, "/lines/1/sku"},
		"no product":       {func(b map[string]any) { b["lines"].([]any)[0].(map[string]any)["product"] = "" }, "/lines/0/sku"},
		"unknown tax":      {func(b map[string]any) { b["lines"].([]any)[0].(map[string]any)["tax_percent"] = "20" }, "/lines/0/taxRatePpm"},
		"unknown currency": {func(b map[string]any) { b["currency"] = "USD" }, "/currency"},
		"unknown country":  {func(b map[string]any) { b["invoice_address"].(map[string]any)["country"] = "FR" }, "/billingAddress/country"},
		"unknown region":   {func(b map[string]any) { b["shipment_address"].(map[string]any)["region"] = "Narnia" }, "/shippingAddress/region"},
		"half a lamp":      {func(b map[string]any) { b["lines"].([]any)[0].(map[string]any)["quantity"] = json.Number("0.5") }, ""},
		"price with digits": {func(b map[string]any) {
			b["lines"].([]any)[0].(map[string]any)["unit_price"] = "1.23456"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := newSale()
			c.spoil(body)
			reference := uuid.New()
			_, err := system.Create(t.Context(), reference, &foreign.Edit{Body: body})
			var refusal *foreign.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, c.field, refusal.Field, refusal.Reason)
			found, err := system.Find(t.Context(), reference)
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}
