package tryton

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// The first two calls of every adapter.
	login       = `"result": [7, "5e55"]`
	preferences = `"result": {"company": 3, "language": "en", "groups": [12]}`

	// One sale as the server answers with it, and parts of it.
	sale7 = `{"id": 7, "_timestamp": "100.5", "number": null, "reference": null, "description": null, "comment": "ring twice",
		"web_id": null, "state": "draft", "invoice_state": "none", "shipment_state": "none", "sale_date": null,
		"shipping_date": {"__class__": "date", "year": 2031, "month": 2, "day": 3},
		"create_date": {"__class__": "datetime", "year": 2026, "month": 11, "day": 29, "hour": 9, "minute": 24, "second": 5, "microsecond": 53436},
		"write_date": null, "currency.": {"id": 1, "code": "EUR", "digits": 2},
		"untaxed_amount": {"__class__": "Decimal", "decimal": "10.20"}, "tax_amount": {"__class__": "Decimal", "decimal": "1.94"},
		"total_amount": {"__class__": "Decimal", "decimal": "12.14"},
		"party.": {"id": 2, "_timestamp": "90.1", "code": "2", "name": "Ann Lamp", "contact_mechanisms.": [
			{"id": 4, "_timestamp": "90.2", "type": "website", "value": "lamps.example", "value_compact": "lamps.example"},
			{"id": 5, "_timestamp": "90.3", "type": "mobile", "value": "+49 89 1234", "value_compact": "+49891234"}]},
		"invoice_address.": {"id": 3, "_timestamp": "90.4", "party_name": null, "name": "House 1", "street": "Road 1\nBack", "postal_code": "80331",
			"city": "Munich", "country.": {"id": 1, "code": "DE"}, "subdivision.": {"id": 9, "code": "DE-BY"}, "party.": {"id": 2, "name": "Ann Lamp"}},
		"shipment_address.": null,
		"lines.": [
			{"id": 11, "_timestamp": "100.5", "type": "title", "description": "Lamps", "quantity": null, "product.": null, "unit.": null,
			 "unit_price": null, "amount": {"__class__": "Decimal", "decimal": "0.0"}, "taxes.": []},
			{"id": 12, "_timestamp": "100.5", "type": "line", "description": null, "quantity": 2.0, "product.": {"id": 1, "code": "LAMP-1", "name": "Desk lamp"},
			 "unit.": {"id": 1, "symbol": "u"}, "unit_price": {"__class__": "Decimal", "decimal": "2.55"},
			 "amount": {"__class__": "Decimal", "decimal": "5.10"}, "taxes.": [{"id": 1, "type": "percentage", "rate": {"__class__": "Decimal", "decimal": "0.19"}}]},
			{"id": 13, "_timestamp": "101.5", "type": "line", "description": "By hand", "quantity": 2.0, "product.": null,
			 "unit.": null, "unit_price": {"__class__": "Decimal", "decimal": "2.55"},
			 "amount": {"__class__": "Decimal", "decimal": "5.10"}, "taxes.": [{"id": 1, "type": "percentage", "rate": {"__class__": "Decimal", "decimal": "0.19"}}]}]}`
	sales     = "model.sale.sale.search_read"
	staleSale = `"error": ["ConcurrencyException", "Records were modified in the meanwhile"]`
	noRight   = `"error": ["UserError", ["You are not allowed to write to records \"12\" of \"Sale Line\".", "", null]]`
)

// fake is a Tryton that answers each method with what is next for it, the last answer again and again.
type fake struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]string
	calls   []called
}

type called struct {
	Method string `json:"method"`
	Params []any  `json:"params"`
	auth   string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := called{auth: r.Header.Get("Authorization")}
	if r.Method != http.MethodPost || r.URL.Path != "/shop/" || json.NewDecoder(r.Body).Decode(&c) != nil {
		f.t.Errorf("a call that is none: %s %s", r.Method, r.URL)
	}
	f.calls = append(f.calls, c)
	all := f.answers[c.Method]
	if len(all) == 0 {
		f.t.Errorf("unexpected call of %s", c.Method)
		return
	}
	if len(all) > 1 {
		f.answers[c.Method] = all[1:]
	}
	if all[0] == "401" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id": 1, %s}`, all[0])
}

// of are the calls of a method.
func (f *fake) of(method string) (all []called) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c.Method == method {
			all = append(all, c)
		}
	}
	return all
}

// mustFake makes an adapter of a Tryton that knows some answers.
func mustFake(t *testing.T, answers map[string][]string) (*System, *fake) {
	t.Helper()
	f := &fake{t: t, answers: map[string][]string{
		"common.db.login": {login}, "model.res.user.get_preferences": {preferences},
	}}
	for method, all := range answers {
		f.answers[method] = all
	}
	return mustSystem(t, f), f
}

func mustSystem(t *testing.T, h http.Handler) *System {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s, err := New(Options{URL: server.URL, Database: "shop", User: "connector", Password: "secret-81", Web: "https://erp.example/"})
	require.NoError(t, err)
	return s
}

func result(sales ...string) string {
	list := ""
	for i, sale := range sales {
		if i > 0 {
			list += ","
		}
		list += sale
	}
	return `"result": [` + list + `]`
}
