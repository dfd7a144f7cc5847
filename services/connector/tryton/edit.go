package tryton

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// values makes what is written to a sale of an edit's body. Was is the document's body, nil for a new sale. The other
// result is what changes of the party itself. Parties and addresses that are missing are made.
func (s *System) values(ctx context.Context, was, body object) (values, party object, err error) {
	values = object{}
	owner := number(inner(was, "party"), "id")
	if change, ok := body["party"].(object); ok || was == nil {
		if owner, party, err = s.party(ctx, inner(was, "party"), change); err != nil {
			return nil, nil, err
		}
	}
	moved := owner != number(inner(was, "party"), "id")
	if moved {
		values["party"] = owner
	}
	for _, name := range []string{"invoice_address", "shipment_address"} {
		if change, ok := body[name]; ok || moved && was != nil {
			fields, _ := change.(object)
			if values[name], err = s.address(ctx, owner, name, merged(inner(was, name), fields), ok && change == nil); err != nil {
				return nil, nil, err
			}
		}
	}
	for name, v := range body {
		switch name {
		case "party", "invoice_address", "shipment_address", "lines":
		case "web_id", "state": // Create writes the one, the other is what a new sale has
			if was != nil {
				return nil, nil, fmt.Errorf("the profile writes %s, which only the actions change, or nothing", name)
			}
		case "number", "reference", "description", "comment":
			if values[name], err = textOf(name, v); err != nil {
				return nil, nil, err
			}
		case "sale_date", "shipping_date":
			if values[name], err = dateOf(name, v); err != nil {
				return nil, nil, err
			}
		case "currency":
			if values[name], err = s.currency(ctx, v); err != nil {
				return nil, nil, err
			}
		default:
			return nil, nil, fmt.Errorf("the profile writes %s, which this adapter does not", name)
		}
	}
	if lines, ok := body["lines"]; ok {
		if values["lines"], err = s.lines(ctx, was, lines, owner); err != nil {
			return nil, nil, err
		}
	}
	return values, party, nil
}

func textOf(name string, v any) (any, error) {
	switch v := v.(type) {
	case nil, string:
		return orNull(v), nil
	}
	return nil, fmt.Errorf("the profile writes something else than a text to %s", name)
}

func dateOf(name string, v any) (any, error) {
	text, ok := v.(string)
	if v == nil || text == "" && ok {
		return nil, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fmt.Errorf("the profile writes something else than a date to %s", name)
	}
	return date(day), nil
}

func (s *System) currency(ctx context.Context, code any) (int64, error) {
	found, err := s.search(ctx, "currency.currency", domain(clause("code", "=", code)), "code")
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, foreign.Refused("/currency", "Tryton: there is no currency %v", code)
	}
	return number(found[0], "id"), nil
}

// search lists records of a model by their ids.
func (s *System) search(ctx context.Context, model string, where []any, fields ...string) ([]object, error) {
	var found []object
	err := s.client.call(ctx, &found, nil, "model."+model+".search_read", where, 0, nil, []any{[]any{"id", "ASC"}}, fields)
	return found, err
}

// lines makes the commands for the lines of a sale: write, create, delete.
func (s *System) lines(ctx context.Context, was object, v any, party int64) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the profile writes something else than a list to lines")
	}
	known := lineIDs(was)
	var writes, created, deleted []any
	for i, v := range list {
		change, ok := v.(object)
		if !ok {
			return nil, fmt.Errorf("the profile writes a line that is no object")
		}
		id := number(change, "id")
		line := known[id]
		switch {
		case id != 0 && line == nil: // the server would take a line of another sale
			return nil, foreign.ErrStale
		case id != 0 && change["removed"] == true:
			deleted = append(deleted, id)
			continue
		}
		values, err := s.line(ctx, line, change, party, pointerOf(was, i))
		switch {
		case err != nil:
			return nil, err
		case id == 0:
			created = append(created, values)
		case len(values) > 0:
			writes = append(writes, []any{"write", []int64{id}, values})
		}
	}
	if len(created) > 0 {
		writes = append(writes, []any{"create", created})
	}
	if len(deleted) > 0 {
		writes = append(writes, []any{"delete", ids(deleted)})
	}
	return writes, nil
}

func ids(list []any) []int64 {
	all := make([]int64, len(list))
	for i, v := range list {
		all[i] = v.(int64)
	}
	return all
}

// pointerOf is the JSON pointer to a line of ours: known for a new order only, whose lines come in our order.
func pointerOf(was object, i int) string {
	if was != nil {
		return "/lines"
	}
	return fmt.Sprintf("/lines/%d", i)
}

// line makes what is written to a line. Was is the line as it is, nil for a new one.
func (s *System) line(ctx context.Context, was, change object, party int64, pointer string) (object, error) {
	values := object{}
	var taxes []int64 // of the product
	if code, ok := change["product"]; ok || was == nil {
		product, unit, err := s.product(ctx, code, pointer)
		if err != nil {
			return nil, err
		}
		values["product"], values["unit"] = product, unit
		if taxes, err = s.productTaxes(ctx, product, party); err != nil {
			return nil, err
		}
	}
	for name, v := range change {
		var err error
		switch name {
		case "id", "product", "tax_percent":
		case "name":
			values["description"], err = textOf(name, v)
		case "quantity":
			if _, ok := v.(json.Number); !ok {
				err = fmt.Errorf("the profile writes something else than a number to quantity")
			}
			values["quantity"] = v
		case "unit_price":
			price, ok := v.(string)
			if _, is := new(big.Rat).SetString(price); !ok || !is {
				err = fmt.Errorf("the profile writes something else than a decimal text to unit_price")
			}
			values["unit_price"] = decimal(price)
		default:
			err = fmt.Errorf("the profile writes %s of a line, which this adapter does not", name)
		}
		if err != nil {
			return nil, err
		}
	}
	percent, ok := change["tax_percent"]
	switch {
	case ok:
		var err error
		if taxes, err = s.taxes(ctx, percent, taxes, pointer); err != nil {
			return nil, err
		}
	case was != nil:
		return values, nil
	}
	values["taxes"] = []any{[]any{"add", taxes}}
	if was != nil {
		old, err := s.lineTaxes(ctx, number(was, "id"))
		if err != nil {
			return nil, err
		}
		values["taxes"] = []any{[]any{"remove", old}, []any{"add", taxes}}
	}
	return values, nil
}

// product finds a product by its code, with the unit that it is sold in.
func (s *System) product(ctx context.Context, code any, pointer string) (id, unit int64, err error) {
	if code == nil || code == "" {
		return 0, 0, foreign.Refused(pointer+"/sku", "Tryton: a line needs a product")
	}
	found, err := s.search(ctx, "product.product", domain(clause("code", "=", code)), "salable", "sale_uom")
	switch {
	case err != nil:
		return 0, 0, err
	case len(found) == 0:
		return 0, 0, foreign.Refused(pointer+"/sku", "Tryton: there is no product with the code %v", code)
	case len(found) > 1:
		return 0, 0, foreign.Refused(pointer+"/sku", "Tryton: there are %d products with the code %v", len(found), code)
	case found[0]["salable"] != true:
		return 0, 0, foreign.Refused(pointer+"/sku", "Tryton: the product %v is not sold", code)
	}
	return number(found[0], "id"), number(found[0], "sale_uom"), nil
}

// productTaxes are the taxes that Tryton itself would choose for a product that a party buys.
func (s *System) productTaxes(ctx context.Context, product, party int64) ([]int64, error) {
	line := object{"product": product, "taxes": []int64{}, "unit": nil, "quantity": 1, "_parent_sale.party": party}
	var changes []object
	err := s.client.call(ctx, &changes, nil, "model.sale.line.on_change", line, []string{"product"})
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	added, _ := inner(changes[0], "taxes")["add"].([]any)
	var taxes []int64
	for _, v := range added { // pairs of a place and a record
		if pair, ok := v.([]any); ok && len(pair) == 2 {
			if tax, ok := pair[1].(object); ok {
				taxes = append(taxes, number(tax, "id"))
			}
		}
	}
	return taxes, nil
}

// taxes are those that amount to a percentage: the product's own, or else the first of the company's.
func (s *System) taxes(ctx context.Context, percent any, product []int64, pointer string) ([]int64, error) {
	text := fmt.Sprint(percent)
	want, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("the profile writes something else than a decimal text to tax_percent")
	}
	if want.Sign() == 0 {
		return []int64{}, nil
	}
	want.Quo(want, big.NewRat(100, 1))
	session, err := s.client.login(ctx, nil)
	if err != nil {
		return nil, err
	}
	all, err := s.search(ctx, "account.tax", domain(
		clause("company", "=", session.company), clause("parent", "=", nil),
		[]any{"OR", clause("group", "=", nil), clause("group.kind", "in", []string{"sale", "both"})},
	), "type", "rate")
	if err != nil {
		return nil, err
	}
	byID := map[int64]object{}
	for _, tax := range all {
		if _, err := plain(tax); err != nil {
			return nil, err
		}
		byID[number(tax, "id")] = tax
	}
	var own []object
	for _, id := range product {
		if tax := byID[id]; tax != nil {
			own = append(own, tax)
		}
	}
	if rate, ok, err := rateOf(own); err == nil && ok && rate.Cmp(want) == 0 && len(own) == len(product) {
		return product, nil
	}
	for _, tax := range all {
		if rate, ok, err := rateOf([]object{tax}); err == nil && ok && rate.Cmp(want) == 0 {
			return []int64{number(tax, "id")}, nil
		}
	}
	return nil, foreign.Refused(pointer+"/taxRatePpm", "Tryton: there is no tax of %s %%", decimalText(want.Mul(want, big.NewRat(100, 1))))
}

// lineTaxes are the taxes that a line has.
func (s *System) lineTaxes(ctx context.Context, line int64) ([]int64, error) {
	found, err := s.search(ctx, "sale.line", domain(clause("id", "=", line)), "taxes")
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, foreign.ErrStale
	}
	list, _ := found[0]["taxes"].([]any)
	taxes := make([]int64, 0, len(list))
	for _, v := range list {
		n, _ := v.(json.Number)
		id, _ := n.Int64()
		taxes = append(taxes, id)
	}
	return taxes, nil
}
