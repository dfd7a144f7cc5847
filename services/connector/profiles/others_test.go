package profiles_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

// sample reads a sample with its profile.
func sample(t *testing.T, name, file string) (*profile.Mapping, *foreign.Document, *contracts.Order, foreign.Lines) {
	t.Helper()
	m := load(t, name)
	data, err := os.ReadFile(name + "/samples/" + file)
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	doc := &foreign.Document{ID: "1"}
	require.NoError(t, d.Decode(&doc.Body))
	o, lines, err := m.Read(doc, uuid.MustParse("019aa5c2-7f40-7b1e-9d3c-0000000000ff"), nil, nil)
	require.NoError(t, err)
	return m, doc, o, lines
}

func body(t *testing.T, edit *foreign.Edit) string {
	t.Helper()
	data, err := json.Marshal(edit.Body)
	require.NoError(t, err)
	return string(data)
}

func TestBigCommercePricesIncludeTaxAndDiscounts(t *testing.T) {
	_, _, o, _ := sample(t, "bigcommerce", "awaiting-fulfilment.json")
	require.True(t, o.PricesIncludeTax)
	require.EqualValues(t, 1696, o.Lines[0].UnitPriceMinor)
	require.EqualValues(t, 1000, o.Lines[0].DiscountMinor)
	require.EqualValues(t, 6984, o.Totals.TotalMinor)
	require.Equal(t, contracts.PaymentPaid, o.PaymentStatus)
	require.Equal(t, "218", o.OrderNumber)
}

func TestBigCommerceChangesAProductByItsID(t *testing.T) {
	m, doc, o, lines := sample(t, "bigcommerce", "new.json")
	o.Lines[0].Quantity, o.Lines[0].TotalMinor, o.Totals = 2, nil, nil
	o.Status = contracts.StatusProcessing
	edit, err := m.Write(doc, o, lines)
	require.NoError(t, err)
	require.JSONEq(t, `{"status_id": 11, "products": [{"id": 70, "quantity": 2}]}`, body(t, edit))

	o.Lines[0].UnitPriceMinor = 5000
	_, err = m.Write(doc, o, lines)
	require.ErrorContains(t, err, "/lines/0/unitPriceMinor", "an overridden price would be without tax")
}

func TestERPNextSubmitsADraft(t *testing.T) {
	m, doc, o, lines := sample(t, "erpnext", "draft.json")
	o.Status = contracts.StatusConfirmed
	o.Lines[1].Quantity, o.Lines[1].TotalMinor, o.Totals = 3, nil, nil
	edit, err := m.Write(doc, o, lines)
	require.NoError(t, err)
	require.Equal(t, json.Number("1"), edit.Body["docstatus"])
	items := edit.Body["items"].([]any)
	require.Len(t, items, 2, "child tables are replaced whole")
	require.Equal(t, "Stores - N", items[0].(map[string]any)["warehouse"], "what the profile does not know stays")
	require.ElementsMatch(t, []string{"/status", "/lines/1/quantity"}, edit.Fields)
}

// A submitted order takes no change, and says which one was meant.
func TestERPNextRefusesChangesOfASubmittedOrder(t *testing.T) {
	m, doc, o, lines := sample(t, "erpnext", "submitted.json")
	o.Lines[0].Quantity, o.Lines[0].TotalMinor, o.Totals = 3, nil, nil
	_, err := m.Write(doc, o, lines)
	require.EqualError(t, err, "/lines/0/quantity: the system does not let it be changed now")

	m, doc, o, lines = sample(t, "erpnext", "submitted.json")
	o.InternalNote, o.Customer.Phone = "kept here", "+4930123456"
	edit, err := m.Write(doc, o, lines)
	require.NoError(t, err)
	require.True(t, edit.Empty(), "what lives here needs no write")

	o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "customer", o.PlacedAt
	edit, err = m.Write(doc, o, lines)
	require.NoError(t, err)
	require.JSONEq(t, `{"docstatus": 2}`, body(t, edit))

	_, err = m.Delete(doc)
	require.Error(t, err)
}

func TestERPNextRefusesTaxesItCannotTell(t *testing.T) {
	m, doc, _, _ := sample(t, "erpnext", "draft.json")
	doc.Body["grand_total"] = json.Number("35.105")
	_, _, err := m.Read(doc, uuid.New(), nil, nil)
	require.ErrorContains(t, err, "/totals/totalMinor")
	doc.Body["grand_total"] = json.Number("35.11")
	_, _, err = m.Read(doc, uuid.New(), nil, nil)
	require.EqualError(t, err, "/totals/totalMinor: the system says 35.11, but lines and shipping make 29.50")
}
