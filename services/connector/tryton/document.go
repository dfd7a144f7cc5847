package tryton

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// The records whose times make a document's version, and what of them makes the document.
var (
	timeFields    = records("_timestamp")
	addressFields = []string{"party.name", "party_name", "name", "street", "postal_code", "city", "country.code", "subdivision.code"}
	partyFields   = []string{
		"code", "name", "contact_mechanisms.type", "contact_mechanisms.value", "contact_mechanisms.value_compact",
		"contact_mechanisms._timestamp",
	}
	lineFields = []string{
		"type", "product.code", "product.name", "description", "quantity", "unit.symbol", "unit_price", "amount",
		"taxes.type", "taxes.rate",
	}
	saleFields = slices.Concat(
		[]string{
			"number", "reference", "description", "comment", "web_id", "state", "invoice_state", "shipment_state",
			"sale_date", "shipping_date", "create_date", "write_date", "currency.code", "currency.digits",
			"untaxed_amount", "tax_amount", "total_amount",
		},
		timeFields,
		below("party", partyFields), below("invoice_address", addressFields), below("shipment_address", addressFields),
		below("lines", lineFields),
	)
)

// records lists a field of all records that a document is made of.
func records(field string) []string {
	return []string{field, "lines." + field, "party." + field, "invoice_address." + field, "shipment_address." + field}
}

func below(record string, fields []string) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = record + "." + f
	}
	return all
}

// sales reads the sales that a domain selects, by their ids.
func (s *System) sales(ctx context.Context, domain []any, limit any, fields []string) ([]object, error) {
	var sales []object
	err := s.client.call(ctx, &sales, nil,
		"model.sale.sale.search_read", domain, 0, limit, []any{[]any{"id", "ASC"}}, fields)
	return sales, err
}

// times are the times of the records of a document, as a call's context takes them: by model and id.
type times map[string]string

func timesOf(sale object) times {
	t := times{}
	add := func(model string, o object) {
		if o != nil {
			t[model+","+strconv.FormatInt(number(o, "id"), 10)] = text(o, "_timestamp")
		}
	}
	add("sale.sale", sale)
	for _, line := range objects(sale, "lines.") {
		add("sale.line", line)
	}
	party := inner(sale, "party.")
	add("party.party", party)
	for _, contact := range objects(party, "contact_mechanisms.") {
		add("party.contact_mechanism", contact)
	}
	add("party.address", inner(sale, "invoice_address."))
	add("party.address", inner(sale, "shipment_address."))
	return t
}

// version is the times as a text.
func (t times) version() string {
	data, _ := json.Marshal(t) // texts, whose keys it sorts
	return string(data)
}

func timesOfVersion(version string) (times, error) {
	var t times
	if err := json.Unmarshal([]byte(version), &t); err != nil {
		return nil, fmt.Errorf("the version of a sale is not one of this adapter: %w", err)
	}
	return t, nil
}

// documentOf makes the document of a sale as the server gave it.
func documentOf(sale object) (*foreign.Document, error) {
	t := timesOf(sale)
	if _, err := plain(sale); err != nil {
		return nil, err
	}
	id, currency, party := number(sale, "id"), inner(sale, "currency."), inner(sale, "party.")
	if id == 0 || currency == nil || party == nil {
		return nil, fmt.Errorf("the server answered with something that is no sale")
	}
	body := object{
		"currency":         currency["code"],
		"party":            partyOf(party),
		"invoice_address":  addressOf(inner(sale, "invoice_address.")),
		"shipment_address": addressOf(inner(sale, "shipment_address.")),
	}
	for name, v := range sale {
		if name != "_timestamp" && !strings.HasSuffix(name, ".") {
			body[name] = v
		}
	}
	lines, remarks := []any{}, []any{}
	for _, line := range objects(sale, "lines.") {
		if text(line, "type") == "line" {
			one, err := lineOf(line, int(number(currency, "digits")))
			if err != nil {
				return nil, err
			}
			lines = append(lines, one)
		} else {
			remarks = append(remarks, object{"id": line["id"], "type": line["type"], "text": line["description"]})
		}
	}
	spread(lines, text(sale, "tax_amount"), int(number(currency, "digits")))
	body["lines"], body["remarks"] = lines, remarks
	return &foreign.Document{ID: strconv.FormatInt(id, 10), Version: t.version(), Body: body}, nil
}

func partyOf(party object) object {
	return object{
		"id": party["id"], "code": party["code"], "name": party["name"],
		"email": orNull(contactOf(party, "email")["value_compact"]),
		"phone": orNull(contactOf(party, "phone", "mobile")["value_compact"]),
	}
}

// contactOf is the first contact of a party that is of one of the kinds; nil when there is none.
func contactOf(party object, kinds ...string) object {
	for _, contact := range objects(party, "contact_mechanisms.") {
		if slices.Contains(kinds, text(contact, "type")) {
			return contact
		}
	}
	return nil
}

func orNull(v any) any {
	if v == "" {
		return nil
	}
	return v
}

// addressOf is an address as a document has it; nil for none. Its id is that of the record.
func addressOf(address object) any {
	if address == nil {
		return nil
	}
	name := text(address, "party_name")
	if name == "" {
		name = text(inner(address, "party."), "name")
	}
	country := text(inner(address, "country."), "code")
	line1, line2, _ := strings.Cut(text(address, "street"), "\n")
	return object{
		"id": address["id"], "name": name, "building_name": orNull(address["name"]),
		"line1": orNull(line1), "line2": orNull(line2),
		"postal_code": orNull(address["postal_code"]), "city": orNull(address["city"]), "country": orNull(country),
		"region": orNull(strings.TrimPrefix(text(inner(address, "subdivision."), "code"), country+"-")),
	}
}

// mixed stands for the percentage of a line's taxes when one of them is no percentage.
const mixed = "mixed"

// spread makes the taxes of lines sum up to that of the sale, which Tryton may round once for all lines: the rest, some of
// the currency's smallest units, is with the line that has most.
func spread(lines []any, total string, digits int) {
	rest, ok := new(big.Rat).SetString(total)
	var most object
	var highest *big.Rat
	for _, v := range lines {
		tax, is := new(big.Rat).SetString(text(v.(object), "tax_amount"))
		if !ok || !is {
			return
		}
		rest.Sub(rest, tax)
		if highest == nil || tax.Cmp(highest) > 0 {
			most, highest = v.(object), tax
		}
	}
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	allowed := unit.Mul(unit, big.NewRat(int64(len(lines)), 1))
	if most != nil && rest.Sign() != 0 && new(big.Rat).Abs(rest).Cmp(allowed) <= 0 {
		most["tax_amount"] = highest.Add(highest, rest).FloatString(digits)
	}
}

func lineOf(line object, digits int) (object, error) {
	product := inner(line, "product.")
	name := line["description"]
	if name == nil || name == "" {
		name = product["name"]
	}
	one := object{
		"id": line["id"], "product": orNull(product["code"]), "name": orNull(name),
		"quantity": line["quantity"], "unit": orNull(inner(line, "unit.")["symbol"]),
		"unit_price": line["unit_price"], "amount": line["amount"], "tax_percent": mixed, "tax_amount": nil,
	}
	rate, ok, err := rateOf(objects(line, "taxes."))
	if err != nil || !ok {
		return one, err
	}
	amount, ok := new(big.Rat).SetString(text(line, "amount"))
	if !ok {
		return nil, fmt.Errorf("a line's amount is %v and no decimal", line["amount"])
	}
	one["tax_percent"] = decimalText(new(big.Rat).Mul(rate, big.NewRat(100, 1)))
	one["tax_amount"] = rounded(amount.Mul(amount, rate), digits)
	return one, nil
}

// rateOf is the sum of rates; ok is false when a tax is no percentage.
func rateOf(taxes []object) (sum *big.Rat, ok bool, err error) {
	sum = new(big.Rat)
	for _, tax := range taxes {
		if text(tax, "type") != "percentage" {
			return nil, false, nil
		}
		rate, ok := new(big.Rat).SetString(text(tax, "rate"))
		if !ok {
			return nil, false, fmt.Errorf("a tax's rate is %v and no decimal", tax["rate"])
		}
		sum.Add(sum, rate)
	}
	return sum, true, nil
}

// decimalText is a decimal number without needless zeros. One that no decimal text can hold cannot come from Tryton.
func decimalText(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// rounded rounds to some digits after the point, half to even, as Tryton rounds amounts.
func rounded(r *big.Rat, digits int) string {
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	scaled := new(big.Rat).Mul(r, scale)
	whole, rest := new(big.Int).DivMod(scaled.Num(), scaled.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1); twice.Cmp(scaled.Denom()) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		whole.Add(whole, big.NewInt(int64(whole.Bit(0))))
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(whole), scale).FloatString(digits)
}

// lineIDs are the ids of all records that a document's lines and remarks are.
func lineIDs(body object) map[int64]object {
	ids := map[int64]object{}
	for _, line := range append(objects(body, "lines"), objects(body, "remarks")...) {
		ids[number(line, "id")] = line
	}
	return ids
}

// merged is a document's object with what an edit changes of it.
func merged(was, change object) object {
	all := maps.Clone(was)
	if all == nil {
		all = object{}
	}
	maps.Copy(all, change)
	return all
}
