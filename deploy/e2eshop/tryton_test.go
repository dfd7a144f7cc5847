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

// TestTryton tries the adapter's promises, all in one shop: a start takes much longer than what is tried.
func TestTryton(t *testing.T) {
	shop, system := mustAdapter(t)
	for name, try := range map[string]func(*testing.T, *trytontest.Shop, *tryton.System){
		"sale of a person":  saleOfAPerson,
		"create":            create,
		"create refused":    createRefused,
		"update":            update,
		"update lines":      updateLines,
		"stale":             stale,
		"direct lines":      directLines,
		"buttons":           buttons,
		"settled":           settled,
		"party":             party,
		"lists":             lists,
		"late commit":       lateCommit,
		"clock":             clock,
		"fields":            fields,
		"statuses":          statuses,
		"order of a person": orderOfAPerson,
	} {
		t.Run(name, func(t *testing.T) { try(t, shop, system) })
	}
}

func saleOfAPerson(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
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

func create(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
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

func createRefused(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
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

func mustUpdate(t *testing.T, system *tryton.System, was *foreign.Document, body map[string]any, actions ...string) *foreign.Document {
	t.Helper()
	require.NoError(t, system.Update(t.Context(), was, &foreign.Edit{Body: body, Actions: actions}))
	return mustGet(t, system, was.ID)
}

func line(id any, members map[string]any) map[string]any {
	members["id"] = id
	return members
}

func update(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
	id, reference := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	next := mustUpdate(t, system, doc, map[string]any{
		"comment": "later", "reference": nil, "shipping_date": nil, "sale_date": "2030-01-02", "description": "gift",
		"shipment_address": map[string]any{"city": "Graz", "line2": nil},
		"lines":            []any{line(lines(doc)[0]["id"], map[string]any{"quantity": json.Number("3"), "unit_price": "11", "name": "Lamp, red"})},
	})
	for member, want := range map[string]any{
		"comment": "later", "reference": nil, "shipping_date": nil, "sale_date": "2030-01-02", "description": "gift",
		"web_id": reference.String(), "party": doc.Body["party"], "invoice_address": doc.Body["invoice_address"],
	} {
		require.Equal(t, want, next.Body[member], member)
	}
	require.NotEqual(t, doc.Version, next.Version)
	mustJSON(t, `{"name": "Cy", "building_name": "House 3", "line1": "Lane 3", "line2": null, "postal_code": null,
		"city": "Graz", "country": "AT", "region": null}`, next.Body["shipment_address"])
	require.Equal(t, "33.00", lines(next)[0]["amount"])
	require.Equal(t, "Lamp, red", lines(next)[0]["name"])
	require.Equal(t, lines(doc)[1], lines(next)[1])

	last := mustUpdate(t, system, next, map[string]any{"shipment_address": nil})
	require.Nil(t, last.Body["shipment_address"])
}

func updateLines(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale())
	other, _ := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	next := mustUpdate(t, system, doc, map[string]any{"lines": []any{
		line(lines(doc)[0]["id"], map[string]any{"removed": true}),
		line(lines(doc)[1]["id"], map[string]any{"tax_percent": "7", "product": "BULB-2"}),
		map[string]any{"product": "LAMP-1", "name": "Another", "quantity": json.Number("4"), "unit_price": "1", "tax_percent": "0"},
	}})
	mustJSON(t, `[
		{"product": "BULB-2", "name": "Book of lamps", "quantity": 1.0, "unit": "u", "unit_price": "7", "amount": "7.00",
		 "tax_percent": "7", "tax_amount": "0.49"},
		{"product": "LAMP-1", "name": "Another", "quantity": 4.0, "unit": "u", "unit_price": "1", "amount": "4.00",
		 "tax_percent": "0", "tax_amount": "0.00"}]`, next.Body["lines"])
	require.Equal(t, lineID(doc, 1), lineID(next, 0))

	strange := mustGet(t, system, other)
	err := system.Update(t.Context(), next, &foreign.Edit{Body: map[string]any{
		"lines": []any{line(lines(strange)[0]["id"], map[string]any{"quantity": json.Number("9")})},
	}})
	require.ErrorIs(t, err, foreign.ErrStale, "a line of another sale")
	require.Equal(t, strange, mustGet(t, system, other))
}

func stale(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	for name, meanwhile := range map[string]func(id string, doc *foreign.Document){
		"sale edited": func(id string, _ *foreign.Document) { shop.Edit(t, id, trytontest.Values{"comment": "mine"}) },
		"line added": func(id string, _ *foreign.Document) {
			shop.AddLine(t, id, trytontest.Line{Product: trytontest.Bulb, Quantity: 1})
		},
		"line edited": func(_ string, doc *foreign.Document) {
			shop.EditLine(t, lineID(doc, 1), trytontest.Values{"quantity": 8})
		},
		"line deleted": func(_ string, doc *foreign.Document) { shop.DeleteLine(t, lineID(doc, 1)) },
		"quoted":       func(id string, _ *foreign.Document) { shop.Click(t, id, "quote") },
	} {
		t.Run(name, func(t *testing.T) {
			id, _ := mustCreate(t, system, newSale())
			doc := mustGet(t, system, id)
			meanwhile(id, doc)
			after := mustGet(t, system, id)
			err := system.Update(t.Context(), doc, &foreign.Edit{Body: map[string]any{"reference": "ours"}})
			require.ErrorIs(t, err, foreign.ErrStale)
			require.Equal(t, after, mustGet(t, system, id))
		})
	}
	id, _ := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	shop.Edit(t, id, trytontest.Values{"comment": "mine"})
	require.ErrorIs(t, system.Update(t.Context(), doc, &foreign.Edit{Actions: []string{"quote"}}), foreign.ErrStale)
	require.Equal(t, "draft", mustGet(t, system, id).Body["state"])

	shop.Delete(t, id)
	require.ErrorIs(t, system.Update(t.Context(), doc, &foreign.Edit{Body: map[string]any{"reference": "ours"}}), foreign.ErrGone)
	_, err := system.Get(t.Context(), id)
	require.ErrorIs(t, err, foreign.ErrGone)
}

// Edits of a line by itself leave no time at the sale. Those of its content are listed by the line's own time.
func directLines(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	shop.EditLine(t, lineID(doc, 0), trytontest.Values{"quantity": 8})
	after := mustGet(t, system, id)
	require.Equal(t, doc.Body["write_date"], after.Body["write_date"], "Tryton does not show it at the sale")
	require.NotEqual(t, doc.Version, after.Version)
	at, err := time.Parse(time.RFC3339Nano, doc.Body["create_date"].(string))
	require.NoError(t, err)
	require.Contains(t, changed(t, system, at.Add(time.Microsecond)), id)

	shop.DeleteLine(t, lineID(doc, 0))
	require.NotEqual(t, after.Version, mustGet(t, system, id).Version)
}

func changed(t *testing.T, system *tryton.System, from time.Time) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, system.Changed(t.Context(), from, time.Time{}, func(c foreign.Candidate) error {
		all[c.ID] = c.Modified
		return nil
	}))
	return all
}

func buttons(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale())
	doc := mustUpdate(t, system, mustGet(t, system, id), map[string]any{"comment": "go"}, "quote")
	require.Equal(t, "quotation", doc.Body["state"])
	require.NotEmpty(t, doc.Body["number"])
	doc = mustUpdate(t, system, doc, nil, "cancel")
	require.Equal(t, "cancelled", doc.Body["state"])
	doc = mustUpdate(t, system, doc, nil, "draft", "quote", "confirm")
	require.Equal(t, "processing", doc.Body["state"])

	var refusal *foreign.Refusal
	require.ErrorAs(t, system.Update(t.Context(), doc, &foreign.Edit{Actions: []string{"cancel"}}), &refusal)
	require.Equal(t, "/status", refusal.Field)
	shop.Click(t, id, "cancel") // which Tryton answers as if it had done it
	require.Equal(t, "processing", mustGet(t, system, id).Body["state"])

	bare, _ := mustCreate(t, system, map[string]any{
		"currency": "EUR", "party": map[string]any{"name": "Nobody"}, "lines": []any{},
	})
	require.ErrorAs(t, system.Update(t.Context(), mustGet(t, system, bare), &foreign.Edit{
		Body: map[string]any{"comment": "no address"}, Actions: []string{"quote"},
	}), &refusal)
	require.Nil(t, mustGet(t, system, bare).Body["comment"], "refused before anything was written")
}

func settled(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale(), "quote")
	doc := mustGet(t, system, id)
	doc = mustUpdate(t, system, doc, map[string]any{"lines": []any{line(lines(doc)[0]["id"], map[string]any{"quantity": json.Number("5")})}})
	require.Equal(t, "52.50", lines(doc)[0]["amount"], "a quotation's lines can be edited")
	var refusal *foreign.Refusal
	require.ErrorAs(t, system.Update(t.Context(), doc, &foreign.Edit{
		Body: map[string]any{"lines": []any{line(lines(doc)[0]["id"], map[string]any{"removed": true})}},
	}), &refusal)

	doc = mustUpdate(t, system, doc, nil, "confirm")
	require.ErrorAs(t, system.Update(t.Context(), doc, &foreign.Edit{
		Body: map[string]any{"lines": []any{line(lines(doc)[0]["id"], map[string]any{"quantity": json.Number("6")})}}, Fields: []string{"/lines/0/quantity"},
	}), &refusal)
	require.Equal(t, "/lines/0/quantity", refusal.Field)
	doc = mustUpdate(t, system, doc, map[string]any{"comment": "packed", "reference": "R"})
	require.Equal(t, "packed", doc.Body["comment"])
}

func party(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	body := newSale()
	body["party"] = map[string]any{"name": "Dora Dim", "email": "dora@example.com"}
	id, _ := mustCreate(t, system, body)
	again, _ := mustCreate(t, system, body)
	doc := mustGet(t, system, id)
	require.Equal(t, doc.Body["party"], mustGet(t, system, again).Body["party"])

	doc = mustUpdate(t, system, doc, map[string]any{"party": map[string]any{"email": "d@example.com", "phone": "+4930123456", "name": "Dora Bright"}})
	got := doc.Body["party"].(map[string]any)
	require.Equal(t, []any{"Dora Bright", "d@example.com", "+4930123456"}, []any{got["name"], got["email"], got["phone"]})
	require.Equal(t, got, mustGet(t, system, again).Body["party"], "the party is the same for all of its sales")
	doc = mustUpdate(t, system, doc, map[string]any{"party": map[string]any{"phone": nil}})
	require.Nil(t, doc.Body["party"].(map[string]any)["phone"])

	shop.EditParty(t, "Dora Bright", trytontest.Values{"name": "Dora Day"})
	require.NotEqual(t, doc.Version, mustGet(t, system, id).Version)
	err := system.Update(t.Context(), doc, &foreign.Edit{Body: map[string]any{"party": map[string]any{"name": "Dora Night"}}})
	require.Error(t, err)
	doc = mustGet(t, system, id)
	require.Equal(t, "Dora Day", doc.Body["party"].(map[string]any)["name"])

	doc = mustUpdate(t, system, doc, map[string]any{"party": map[string]any{"code": "C-99", "name": "Emil Elm"}})
	got = doc.Body["party"].(map[string]any)
	require.Equal(t, []any{"C-99", "Emil Elm"}, []any{got["code"], got["name"]})
	require.Equal(t, "Lane 2", doc.Body["invoice_address"].(map[string]any)["line1"], "the same address, of the new party")
}

func lists(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale())
	created, err := time.Parse(time.RFC3339Nano, mustGet(t, system, id).Body["create_date"].(string))
	require.NoError(t, err)
	before := changed(t, system, created)
	require.Contains(t, before, id)
	require.NotContains(t, changed(t, system, created.Add(time.Microsecond)), id)
	shop.Edit(t, id, trytontest.Values{"comment": "seen"})
	after := changed(t, system, created.Add(time.Microsecond))
	require.Contains(t, after, id)
	require.NotEqual(t, before[id], after[id])

	seen := map[string]bool{}
	for next, more := "", true; more; more = next != "" {
		var page []foreign.Candidate
		page, next, err = system.All(t.Context(), next)
		require.NoError(t, err)
		for _, c := range page {
			require.False(t, seen[c.ID])
			require.Equal(t, c.ID, c.Document.ID)
			seen[c.ID] = true
		}
	}
	require.True(t, seen[id])
	last, _ := mustCreate(t, system, newSale())
	page, next, err := system.All(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, page, 1)
	require.Equal(t, mustGet(t, system, last), page[0].Document)
}

// What a transaction writes that commits late is older than what was read before it.
func lateCommit(t *testing.T, shop *trytontest.Shop, system *tryton.System) {
	id, _ := mustCreate(t, system, newSale())
	other, _ := mustCreate(t, system, newSale())
	doc := mustGet(t, system, id)
	commit := shop.Hold(t, id, trytontest.Values{"comment": "held"})
	require.Equal(t, doc, mustGet(t, system, id))
	later := mustUpdate(t, system, mustGet(t, system, other), map[string]any{"comment": "later"})

	refused := make(chan error, 1)
	go func() { // it waits for the open transaction
		refused <- system.Update(t.Context(), doc, &foreign.Edit{Body: map[string]any{"comment": "ours"}})
	}()
	commit()
	require.ErrorIs(t, <-refused, foreign.ErrStale)
	held := mustGet(t, system, id)
	require.Equal(t, "held", held.Body["comment"])
	require.Less(t, held.Body["write_date"], later.Body["write_date"])
}

func clock(t *testing.T, _ *trytontest.Shop, system *tryton.System) {
	before := time.Now().Truncate(time.Second)
	now, err := system.Now(t.Context())
	require.NoError(t, err)
	require.False(t, now.Before(before), "the server is on this machine")
	require.False(t, now.After(time.Now()))
}
