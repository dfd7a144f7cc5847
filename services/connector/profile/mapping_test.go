package profile_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

var everythingKeys = map[string]string{"items": "id", "custom": "name"}

// system is a system that does what it is asked to, as the everything profile knows it.
func system(t require.TestingT, doc map[string]any, edit *foreign.Edit, total int64, currency string) map[string]any {
	after := apply(t, doc, edit, everythingKeys)
	after["id"] = "7"
	for _, action := range edit.Actions {
		require.Equal(t, "confirm", action)
		var body map[string]any
		roundTrip(t, map[string]any{"state": 3}, &body)
		after["state"] = body["state"]
	}
	after["expected"] = contracts.Amount(total, currency, "")
	return after
}

// TestWhatIsWrittenIsReadBack: any order is written as a new one and read back equal; then any other order is
// written over it and read back equal; and writing what was read changes nothing.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	m := load(t, "everything")
	rapid.Check(t, func(r *rapid.T) {
		doc := &foreign.Document{ID: "7"}
		var ids foreign.Lines
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(r, "currency") // it never changes
		for range rapid.IntRange(1, 3).Draw(r, "edits") {
			want := orders().Draw(r, "order")
			want.Currency = currency
			want.Complete()
			now := doc
			if doc.Body == nil {
				now = nil
			}
			edit, err := m.Write(now, want, ids)
			require.NoError(r, err)
			doc.Body = system(r, doc.Body, edit, want.Totals.TotalMinor, want.Currency)

			got, lines, err := m.Read(doc, testOrder, want, ids)
			require.NoError(r, err)
			require.Equal(r, want, got)
			require.Len(r, lines, len(want.Lines))
			ids = lines

			edit, err = m.Write(doc, got, ids)
			require.NoError(r, err)
			require.True(r, edit.Empty(), "%v %v", edit.Body, edit.Fields)
			require.Empty(r, edit.Fields)
		}
	})
}

// TestAForeignEditIsOneFieldOfOurs: what somebody changes there is read, and everything else stays.
func TestAForeignEditIsOneFieldOfOurs(t *testing.T) {
	m := load(t, "everything")
	rapid.Check(t, func(r *rapid.T) {
		want := orders().Draw(r, "order")
		want.Complete()
		edit, err := m.Write(nil, want, nil)
		require.NoError(r, err)
		doc := &foreign.Document{ID: "7", Body: system(r, nil, edit, want.Totals.TotalMinor, want.Currency)}
		known, ids, err := m.Read(doc, testOrder, want, nil)
		require.NoError(r, err)

		doc.Body["memo"] = "seen by " + want.OrderNumber
		doc.Body["unknown"] = "theirs"
		got, _, err := m.Read(doc, testOrder, known, ids)
		require.NoError(r, err)
		known.InternalNote = "seen by " + want.OrderNumber
		require.Equal(r, known, got)
	})
}

func sampleOf(t *testing.T) (*profile.Mapping, *foreign.Document, *contracts.Order, foreign.Lines) {
	t.Helper()
	m := load(t, "everything")
	doc := &foreign.Document{ID: "7", Body: sampleBody(t, "testdata/everything/samples/one.json")}
	o, ids, err := m.Read(doc, testOrder, nil, nil)
	require.NoError(t, err)
	return m, doc, o, ids
}

// Only what changes is written, lines by their ids (trap 8), and what the profile does not know is never touched.
func TestOnlyWhatChangesIsWritten(t *testing.T) {
	m, doc, o, ids := sampleOf(t)
	o.Customer.Email = "ada@example.org"
	o.Lines[0].Quantity, o.Lines[0].TotalMinor, o.Totals = 3, nil, nil
	o.ExternalRef = "R-1"
	edit, err := m.Write(doc, o, ids)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"/customer/email", "/externalRef", "/lines/0/quantity"}, edit.Fields)
	require.JSONEq(t, `{"customer": {"email": "ada@example.org"}, "items": [{"id": 70, "quantity": 3}], "custom": [{"name": "ref", "text": "R-1"}]}`, asJSON(t, edit.Body))
}

func TestLinesAreAddedWithoutAndRemovedByTheirIDs(t *testing.T) {
	m, doc, o, ids := sampleOf(t)
	o.Lines = []contracts.Line{{LineID: lineID(5), SKU: "CUP", Name: "Cup", Quantity: 1, UnitPriceMinor: 900}}
	o.Totals = nil
	edit, err := m.Write(doc, o, ids)
	require.NoError(t, err)
	require.JSONEq(t, `{"items": [{"id": 70, "quantity": 0}, {"code": "CUP", "title": "Cup", "quantity": 1, "price": "9.00"}]}`, asJSON(t, edit.Body))
}

func TestUnknownValuesAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(map[string]any)
		field, reads string
	}{
		"status":             {func(d map[string]any) { d["state"] = "9" }, "/status", `does not know the value "9"`},
		"digits beyond":      {func(d map[string]any) { d["shipping_tax"] = "0.105" }, "/shippingMinor", "more than 2 digits"},
		"no number":          {func(d map[string]any) { d["shipping"] = "free" }, "/shippingMinor", "not a decimal number"},
		"another total":      {func(d map[string]any) { d["total"] = "31.00" }, "/totals/totalMinor", "the system says 31.00, but lines and shipping make 29.00"},
		"time":               {func(d map[string]any) { d["placed"] = "yesterday" }, "/placedAt", "not a time like"},
		"no lines":           {func(d map[string]any) { d["items"] = []any{} }, "/lines", "at least one line"},
		"lines that are not": {func(d map[string]any) { d["items"] = "none" }, "/lines", "not a list"},
		"an object for text": {func(d map[string]any) { d["note"] = map[string]any{"secret": 1} }, "/customerNote", "not a single value"},
		"a name too long": {func(d map[string]any) {
			d["pay_by"] = "0123456789012345678901234567890123456789012345678901234567890123456789"
		}, "/paymentMethod", "at most 64"},
		"yen with decimals": {func(d map[string]any) { d["currency"] = "JPY" }, "/shippingMinor", "more than 0 digits"},
		"price over all":    {func(d map[string]any) { d["items"].([]any)[0].(map[string]any)["price"] = "90000000000000" }, "/lines/0/unitPriceMinor", "can hold"},
	} {
		t.Run(name, func(t *testing.T) {
			m, doc, _, _ := sampleOf(t)
			c.change(doc.Body)
			_, _, err := m.Read(doc, testOrder, nil, nil)
			var refused *foreign.Refusal
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.field, refused.Field)
			require.Contains(t, refused.Reason, c.reads)
			require.NotContains(t, refused.Reason, "secret")
		})
	}
}

// A zoneless time means the shop's zone, whatever ours is (trap 2).
func TestZonelessTimesAreInTheDeclaredZone(t *testing.T) {
	_, _, o, _ := sampleOf(t)
	require.Equal(t, "2026-11-21T00:14:27.318204Z", o.PlacedAt.Format("2006-01-02T15:04:05.999999Z07:00"))
}

// A system that says less than we do keeps ours as long as it says the same.
func TestOneValueOfTheirsStandsForSeveralOfOurs(t *testing.T) {
	m, doc, o, ids := sampleOf(t)
	doc.Body["state"] = jsonNumber("3")
	for kept, want := range map[contracts.OrderStatus]contracts.OrderStatus{
		contracts.StatusProcessing: contracts.StatusProcessing, contracts.StatusConfirmed: contracts.StatusConfirmed, contracts.StatusDraft: contracts.StatusConfirmed,
	} {
		o.Status = kept
		got, _, err := m.Read(doc, testOrder, o, ids)
		require.NoError(t, err)
		require.Equal(t, want, got.Status)
	}
	got, _, err := m.Read(doc, testOrder, nil, nil)
	require.NoError(t, err)
	require.Equal(t, contracts.StatusConfirmed, got.Status)
}

func TestTheIDsOfLinesFollowFromOrderAndLine(t *testing.T) {
	m, doc, first, _ := sampleOf(t)
	again, _, err := m.Read(doc, testOrder, nil, nil)
	require.NoError(t, err)
	require.Equal(t, first, again, "a rebuilt connector finds the same")
}

// TestANewLineIsFoundByItsSKU: the id that the system gives it was not known when it was written.
func TestANewLineIsFoundByItsSKU(t *testing.T) {
	m, doc, o, ids := sampleOf(t)
	o.Lines = append(o.Lines,
		contracts.Line{LineID: lineID(1), SKU: "CUP", Name: "Cup", Quantity: 1, UnitPriceMinor: 900},
		contracts.Line{LineID: lineID(2), SKU: "CUP", Name: "Cup", Quantity: 2, UnitPriceMinor: 900})
	o.Totals = nil
	o.Complete()
	item := func(id, quantity string) map[string]any {
		return map[string]any{"id": id, "code": "CUP", "title": "Cup", "quantity": jsonNumber(quantity), "price": "9.00"}
	}
	doc.Body["items"] = append(doc.Body["items"].([]any), item("72", "2"), item("71", "1")) // in another order than ours
	doc.Body["total"] = "56.00"
	got, now, err := m.Read(doc, testOrder, o, ids)
	require.NoError(t, err)
	require.Equal(t, o.Lines, got.Lines)
	require.Equal(t, lineID(1), now["71"].String())
	require.Equal(t, lineID(2), now["72"].String())
}

// A value that would not come back is refused before it is sent.
func TestAValueThatWouldComeBackAsAnotherIsRefused(t *testing.T) {
	m, doc, o, ids := sampleOf(t)
	o.BillingAddress = &contracts.Address{Name: "Ada  Sommer", Line1: "a", City: "b", Country: "DE"} // two blanks are one in two names
	_, err := m.Write(doc, o, ids)
	var refused *foreign.Refusal
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "/billingAddress/name", refused.Field)
	require.Contains(t, refused.Reason, "would come back as")
}

func TestDeletionsAreRefusedUnlessTheProfileSaysHow(t *testing.T) {
	m, doc, _, _ := sampleOf(t)
	_, err := m.Delete(doc)
	var refused *foreign.Refusal
	require.ErrorAs(t, err, &refused)
	require.False(t, m.Deleted(doc))
}

func BenchmarkRead(b *testing.B) {
	m := load(b, "everything")
	doc := &foreign.Document{ID: "7", Body: sampleBody(b, "testdata/everything/samples/one.json")}
	for b.Loop() {
		if _, _, err := m.Read(doc, testOrder, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
