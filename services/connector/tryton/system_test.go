package tryton

import (
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

func TestDocumentOfASale(t *testing.T) {
	s, _ := mustFake(t, map[string][]string{sales: {result(sale7)}})
	doc, err := s.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, "7", doc.ID)
	require.JSONEq(t, `{"sale.sale,7": "100.5", "sale.line,11": "100.5", "sale.line,12": "100.5", "sale.line,13": "101.5",
		"party.party,2": "90.1", "party.contact_mechanism,4": "90.2", "party.contact_mechanism,5": "90.3", "party.address,3": "90.4"}`, doc.Version)
	body, err := json.Marshal(doc.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"id": 7, "number": null, "reference": null, "description": null, "comment": "ring twice", "web_id": null,
		"state": "draft", "invoice_state": "none", "shipment_state": "none", "sale_date": null, "shipping_date": "2031-02-03",
		"create_date": "2026-11-29T09:24:05.053436Z", "write_date": null, "currency": "EUR",
		"untaxed_amount": "10.20", "tax_amount": "1.94", "total_amount": "12.14",
		"party": {"id": 2, "code": "2", "name": "Ann Lamp", "email": null, "phone": "+49891234"},
		"invoice_address": {"id": 3, "name": "Ann Lamp", "building_name": "House 1", "line1": "Road 1", "line2": "Back",
			"postal_code": "80331", "city": "Munich", "country": "DE", "region": "BY"},
		"shipment_address": null,
		"remarks": [{"id": 11, "type": "title", "text": "Lamps"}],
		"lines": [
			{"id": 12, "product": "LAMP-1", "name": "Desk lamp", "quantity": 2.0, "unit": "u", "unit_price": "2.55", "amount": "5.10",
			 "tax_percent": "19", "tax_amount": "0.97"},
			{"id": 13, "product": null, "name": "By hand", "quantity": 2.0, "unit": null, "unit_price": "2.55", "amount": "5.10",
			 "tax_percent": "19", "tax_amount": "0.97"}]}`, string(body))
}

func TestUnknownClassesAreErrors(t *testing.T) {
	for _, bad := range []string{`{"__class__": "timedelta", "seconds": 1}`, `{"__class__": "Decimal"}`} {
		s, _ := mustFake(t, map[string][]string{sales: {result(strings.Replace(sale7, `"ring twice"`, bad, 1))}})
		_, err := s.Get(t.Context(), "7")
		unclear(t, err)
	}
}

func TestTaxesOfLines(t *testing.T) {
	percentage := func(rate string) any { return object{"type": "percentage", "rate": rate} }
	for name, c := range map[string]struct {
		taxes           []any
		percent, amount any
	}{
		"none":          {nil, "0", "0.00"},
		"one":           {[]any{percentage("0.19")}, "19", "1.95"},
		"two":           {[]any{percentage("0.05"), percentage("0.0975")}, "14.75", "1.51"},
		"half to even":  {[]any{percentage("0.10")}, "10", "1.02"},
		"a fixed price": {[]any{percentage("0.10"), object{"type": "fixed", "rate": nil}}, "mixed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			amount := "10.25"
			line, err := lineOf(object{"amount": amount, "taxes.": c.taxes}, 2)
			require.NoError(t, err)
			require.Equal(t, c.percent, line["tax_percent"])
			require.Equal(t, c.amount, line["tax_amount"])
		})
	}
}

func TestRounded(t *testing.T) {
	for in, want := range map[string]string{"0.125": "0.12", "0.135": "0.14", "-0.125": "-0.12", "-0.126": "-0.13", "1": "1.00", "0.1251": "0.13"} {
		r, ok := new(big.Rat).SetString(in)
		require.True(t, ok)
		require.Equal(t, want, rounded(r, 2), in)
	}
}

func TestCentsThatAreRoundedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		taxes []any
		total string
		want  []any
	}{
		"equal":      {[]any{"1.00", "2.00"}, "3.00", []any{"1.00", "2.00"}},
		"one less":   {[]any{"1.00", "2.00"}, "2.99", []any{"1.00", "1.99"}},
		"two more":   {[]any{"1.00", "2.00"}, "3.02", []any{"1.00", "2.02"}},
		"too much":   {[]any{"1.00", "2.00"}, "3.03", []any{"1.00", "2.00"}},
		"mixed":      {[]any{"1.00", nil}, "1.01", []any{"1.00", nil}},
		"no lines":   {nil, "0.00", nil},
		"other unit": {[]any{"1", "2"}, "4", []any{"1", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []any
			for _, tax := range c.taxes {
				lines = append(lines, object{"tax_amount": tax})
			}
			digits := 2
			if name == "other unit" {
				digits = 0
			}
			spread(lines, c.total, digits)
			var got []any
			for _, line := range lines {
				got = append(got, line.(object)["tax_amount"])
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestGoneIsWhatNoSearchFinds(t *testing.T) {
	s, f := mustFake(t, map[string][]string{sales: {result()}, "model.sale.sale.search": {`"result": []`}})
	_, err := s.Get(t.Context(), "7")
	require.ErrorIs(t, err, foreign.ErrGone)
	params := f.of("model.sale.sale.search")[0].Params
	require.Equal(t, false, params[len(params)-1].(map[string]any)["active_test"])

	f.answers["model.sale.sale.search"] = []string{`"result": [7]`}
	_, err = s.Get(t.Context(), "7")
	unclear(t, err)
	f.answers[sales] = []string{result(strings.Replace(sale7, `"id": 7`, `"id": 8`, 1))}
	_, err = s.Get(t.Context(), "7")
	unclear(t, err)
	_, err = s.Get(t.Context(), "no number")
	unclear(t, err)
}

func mustDocument(t *testing.T, s *System) *foreign.Document {
	t.Helper()
	doc, err := s.Get(t.Context(), "7")
	require.NoError(t, err)
	return doc
}

func TestUpdateNamesEveryRecordThatItRead(t *testing.T) {
	s, f := mustFake(t, map[string][]string{sales: {result(sale7)}, "model.sale.sale.write": {`"result": null`}})
	doc := mustDocument(t, s)
	require.NoError(t, s.Update(t.Context(), doc, &foreign.Edit{Body: object{
		"comment": "", "lines": []any{object{"id": json.Number("12"), "quantity": json.Number("3"), "unit_price": "2.5"}},
	}}))
	params := f.of("model.sale.sale.write")[0].Params
	require.Equal(t, []any{7.0}, params[0])
	values := params[1].(map[string]any)
	require.Nil(t, values["comment"])
	lines := values["lines"].([]any)
	require.ElementsMatch(t, []any{11.0, 13.0}, lines[0].([]any)[1], "lines that do not change are written with nothing")
	require.Equal(t, []any{"write", []any{12.0}, map[string]any{
		"quantity": 3.0, "unit_price": map[string]any{"__class__": "Decimal", "decimal": "2.5"},
	}}, lines[1])
	read := params[2].(map[string]any)["_timestamp"].(map[string]any)
	require.Equal(t, "101.5", read["sale.line,13"])
	require.Equal(t, "100.5", read["sale.sale,7"])
}

func TestRefusalOfASaleThatChangedIsStale(t *testing.T) {
	edit := &foreign.Edit{Body: object{"comment": "ours"}}
	other := strings.Replace(sale7, "101.5", "102.5", 1)
	for name, c := range map[string]struct {
		answer, after string
		want          error
	}{
		"stale":                 {staleSale, result(sale7), foreign.ErrStale},
		"refused, and changed":  {noRight, result(other), foreign.ErrStale},
		"refused, and deleted":  {noRight, result(), foreign.ErrGone},
		"refused, and the same": {noRight, result(sale7), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := mustFake(t, map[string][]string{
				sales: {result(sale7), c.after}, "model.sale.sale.write": {c.answer}, "model.sale.sale.search": {`"result": []`},
			})
			err := s.Update(t.Context(), mustDocument(t, s), edit)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			var refusal *foreign.Refusal
			require.ErrorAs(t, err, &refusal)
		})
	}
}

// A refusal promises that nothing was done, so one that comes after a write says that a part was.
func TestAWriteThatIsRefusedHalfWaySaysSo(t *testing.T) {
	ready := strings.Replace(sale7, `"shipment_address.": null`, `"shipment_address.": {"id": 3, "_timestamp": "90.4", "street": "x"}`, 1)
	s, f := mustFake(t, map[string][]string{
		sales: {result(ready)}, "model.sale.sale.write": {`"result": null`}, "model.sale.sale.quote": {noRight},
	})
	doc := mustDocument(t, s)
	var half *foreign.HalfDone
	var refusal *foreign.Refusal
	err := s.Update(t.Context(), doc, &foreign.Edit{Body: object{"comment": "ours"}, Actions: []string{"quote"}})
	require.ErrorAs(t, err, &half)
	require.ErrorAs(t, err, &refusal)
	err = s.Update(t.Context(), doc, &foreign.Edit{Actions: []string{"quote"}})
	require.NotErrorAs(t, err, &half)
	require.ErrorAs(t, err, &refusal)

	f.answers["model.sale.sale.quote"] = []string{`"result": null`}
	err = s.Update(t.Context(), doc, &foreign.Edit{Actions: []string{"quote"}})
	require.ErrorAs(t, err, &refusal, "it succeeded, and the sale is still a draft")
	require.ErrorContains(t, err, "did not quote")
}

// A sale that somebody changed before its actions were done is there, and is not what was wanted.
func TestACreationThatIsStaleHalfWaySaysSo(t *testing.T) {
	s, _ := mustFake(t, map[string][]string{
		"model.currency.currency.search_read": {`"result": [{"id": 1}]`}, "model.party.party.search_read": {`"result": [{"id": 2}]`},
		"model.sale.sale.create": {`"result": [7]`}, "model.sale.sale.quote": {staleSale},
	})
	id, err := s.Create(t.Context(), uuid.New(), &foreign.Edit{Body: object{"currency": "EUR", "party": object{"name": "Ann"}}, Actions: []string{"quote"}})
	require.Equal(t, "7", id)
	var half *foreign.HalfDone
	require.ErrorAs(t, err, &half)
	require.ErrorIs(t, err, foreign.ErrStale)
}

func TestImpossibleEditsAreRefusedBeforeACall(t *testing.T) {
	s, f := mustFake(t, map[string][]string{sales: {result(sale7), result(strings.Replace(sale7, `"draft"`, `"processing"`, 1))}})
	draft, processing := mustDocument(t, s), mustDocument(t, s)
	before := len(f.calls)
	for _, c := range []struct {
		doc  *foreign.Document
		edit foreign.Edit
	}{
		{draft, foreign.Edit{Actions: []string{"confirm"}}},
		{draft, foreign.Edit{Actions: []string{"quote"}}}, // without an address
		{draft, foreign.Edit{Actions: []string{"explode"}}},
		{draft, foreign.Edit{Actions: []string{"cancel,process"}}},
		{processing, foreign.Edit{Actions: []string{"cancel"}}},
		{processing, foreign.Edit{Body: object{"lines": []any{}}}},
		{processing, foreign.Edit{Body: object{"party": object{"name": "Other"}}}},
	} {
		var refusal *foreign.Refusal
		require.ErrorAs(t, s.Update(t.Context(), c.doc, &c.edit), &refusal)
	}
	require.Len(t, f.calls, before)
}

func TestCreateFindsTheSaleOfALostAnswer(t *testing.T) {
	s, f := mustFake(t, map[string][]string{
		"model.currency.currency.search_read": {`"result": [{"id": 1}]`}, "model.party.party.search_read": {`"result": [{"id": 2}]`},
		"model.sale.sale.create": {`"error": ["UserError", ["The web ID on the sale must be unique.", "", null]]`},
		sales:                    {result(`{"id": 7}`)},
	})
	edit := &foreign.Edit{Body: object{"currency": "EUR", "party": object{"name": "Ann"}, "state": "draft", "web_id": "same"}}
	reference := uuid.New()
	id, err := s.Create(t.Context(), reference, edit)
	require.NoError(t, err)
	require.Equal(t, "7", id)
	values := f.of("model.sale.sale.create")[0].Params[0].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"currency": 1.0, "party": 2.0, "web_id": reference.String()}, values)

	f.answers[sales] = []string{result()}
	_, err = s.Create(t.Context(), reference, edit)
	var refusal *foreign.Refusal
	require.ErrorAs(t, err, &refusal)
}

func TestChangedGoesOnByID(t *testing.T) {
	page := make([]string, pageSales)
	for i := range page {
		page[i] = `{"id": ` + strconv.Itoa(i+1) + `, "_timestamp": "1.5"}`
	}
	s, f := mustFake(t, map[string][]string{sales: {result(page...), result(`{"id": 500, "_timestamp": "1.5"}`)}})
	var ids []string
	from := time.Date(2026, 11, 29, 9, 24, 5, 53436000, time.UTC)
	require.NoError(t, s.Changed(t.Context(), from, from.Add(time.Minute), func(c foreign.Candidate) error {
		ids = append(ids, c.ID)
		return nil
	}))
	require.Len(t, ids, pageSales+1)
	require.Equal(t, "500", ids[pageSales])
	require.Equal(t, []any{"id", ">", float64(pageSales)}, f.of(sales)[1].Params[0].([]any)[0])

	f.answers[sales] = []string{result(page...)}
	require.Error(t, s.Changed(t.Context(), from, from, func(foreign.Candidate) error { return nil }), "the same page again")
	stop := errors.New("stop")
	require.ErrorIs(t, s.Changed(t.Context(), from, from, func(foreign.Candidate) error { return stop }), stop)
}
