package shop

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strconv"
	"time"
)

// version is that of the shop's software.
const version = "9.4.2"

// zoneless is how the shop writes times.
const zoneless = "2006-01-02T15:04:05"

type object = map[string]any

// document is an order as the API shows it, with amounts of so many digits behind the point; below zero: as the
// currency has.
func (s *Shop) document(o *Order, digits int) object {
	if digits < 0 {
		digits = s.digits(o.Currency)
	}
	d := object{}
	for k, v := range o.Extra {
		d[k] = v
	}
	d["id"], d["parent_id"], d["number"], d["order_key"] = o.ID, o.ParentID, strconv.FormatInt(o.ID, 10), o.Key
	d["created_via"], d["version"], d["status"], d["currency"] = o.CreatedVia, version, o.Status, o.Currency
	s.dates(d, "date_created", o.Created)
	s.dates(d, "date_modified", o.Modified)
	s.dates(d, "date_paid", o.Paid)
	s.dates(d, "date_completed", o.Completed)
	t := o.Totals
	d["discount_total"], d["discount_tax"] = fixed(t.DiscountTotal, digits), fixed(t.DiscountTax, digits)
	d["shipping_total"], d["shipping_tax"] = fixed(t.ShippingTotal, digits), fixed(t.ShippingTax, digits)
	d["cart_tax"], d["total"], d["total_tax"] = fixed(t.CartTax, digits), fixed(t.Total, digits), fixed(t.TotalTax, digits)
	d["prices_include_tax"], d["customer_id"] = o.PricesIncludeTax, o.CustomerID
	d["customer_ip_address"], d["customer_user_agent"], d["customer_note"] = "", "", o.CustomerNote
	d["billing"], d["shipping"] = addressDocument(&o.Billing, true), addressDocument(&o.Shipping, false)
	d["payment_method"], d["payment_method_title"], d["transaction_id"] = o.PaymentMethod, o.PaymentMethodTitle, o.TransactionID
	d["cart_hash"], d["payment_url"], d["currency_symbol"] = "", "", o.Currency
	d["is_editable"] = o.Status == "pending" || o.Status == "on-hold"
	d["needs_payment"] = o.Status == "pending" || o.Status == "failed"
	d["needs_processing"] = true
	d["meta_data"] = metaDocument(o.Meta)
	d["line_items"] = s.lines(o, digits)
	d["tax_lines"] = s.taxLines(o, digits)
	d["shipping_lines"], d["fee_lines"], d["coupon_lines"], d["refunds"] = otherLines(o, digits)
	d["_links"] = object{
		"self":       []object{{"href": ordersPath + "/" + strconv.FormatInt(o.ID, 10)}},
		"collection": []object{{"href": ordersPath}},
	}
	return d
}

// encode is an order as the API shows it to most clients. It is made once: a stored order does not change.
func (s *Shop) encode(o *Order) json.RawMessage {
	if o.encoded == nil {
		o.encoded = mustJSON(s.document(o, -1))
	}
	return o.encoded
}

// dates shows a time in the shop's zone and in UTC, both without saying so.
func (s *Shop) dates(d object, key string, t time.Time) {
	if t.IsZero() {
		d[key], d[key+"_gmt"] = nil, nil
		return
	}
	d[key], d[key+"_gmt"] = t.In(s.opts.Zone).Format(zoneless), t.UTC().Format(zoneless)
}

func addressDocument(a *Address, billing bool) object {
	d := object{
		"first_name": a.FirstName, "last_name": a.LastName, "company": a.Company, "address_1": a.Address1, "address_2": a.Address2,
		"city": a.City, "state": a.State, "postcode": a.Postcode, "country": a.Country, "phone": a.Phone,
	}
	if billing {
		d["email"] = a.Email
	}
	return d
}

func metaDocument(list []Meta) []object {
	out := make([]object, 0, len(list))
	for _, m := range list {
		out = append(out, object{"id": m.ID, "key": m.Key, "value": m.Value})
	}
	return out
}

// lineMeta has what people are shown too.
func lineMeta(list []Meta) []object {
	out := metaDocument(list)
	for _, m := range out {
		m["display_key"], m["display_value"] = m["key"], m["value"]
	}
	return out
}

func (s *Shop) lines(o *Order, digits int) []object {
	out := make([]object, 0, len(o.Lines))
	for i := range o.Lines {
		l := &o.Lines[i]
		f, _ := perPiece(l.Total, l.Quantity).Float64() // the one amount that the API has as a number
		d := object{
			"id": l.ID, "name": l.Name, "product_id": l.ProductID, "variation_id": l.VariationID, "quantity": l.Quantity, "tax_class": l.TaxClass,
			"subtotal": fixed(l.Subtotal, digits), "subtotal_tax": fixed(l.SubtotalTax, digits), "total": fixed(l.Total, digits), "total_tax": fixed(l.TotalTax, digits),
			"taxes": []object{}, "meta_data": lineMeta(l.Meta), "sku": nil, "price": json.Number(strconv.FormatFloat(f, 'f', -1, 64)),
			"image": object{"id": "", "src": ""}, "parent_name": nil,
		}
		if l.ProductID != 0 {
			d["sku"] = l.SKU
		}
		if amount(l.SubtotalTax).Sign() != 0 {
			d["taxes"] = []object{{"id": 1, "total": l.TotalTax, "subtotal": l.SubtotalTax}}
		}
		out = append(out, d)
	}
	return out
}

// taxLines is one line for the one rate that an order has.
func (s *Shop) taxLines(o *Order, digits int) []object {
	if amount(o.Totals.TotalTax).Sign() == 0 {
		return []object{}
	}
	ppm, ok := s.opts.TaxPPM[cmp.Or(o.Shipping.Country, o.Billing.Country)]
	if !ok {
		ppm = s.opts.TaxPPM[""]
	}
	percent, _ := big.NewRat(ppm, 10_000).Float64()
	return []object{{
		"id": o.ID, "rate_code": "TAX-1", "rate_id": 1, "label": "Tax", "compound": false, "rate_percent": percent,
		"tax_total": fixed(o.Totals.CartTax, digits), "shipping_tax_total": fixed(o.Totals.ShippingTax, digits), "meta_data": []object{},
	}}
}

func otherLines(o *Order, digits int) (shipping, fees, coupons, refunds []object) {
	shipping, fees, coupons, refunds = []object{}, []object{}, []object{}, []object{}
	for i := range o.ShippingLines {
		l := &o.ShippingLines[i]
		shipping = append(shipping, object{
			"id": l.ID, "method_title": l.MethodTitle, "method_id": l.MethodID, "instance_id": l.InstanceID,
			"total": fixed(l.Total, digits), "total_tax": fixed(l.TotalTax, digits), "taxes": []object{}, "meta_data": lineMeta(l.Meta),
		})
	}
	for i := range o.Fees {
		f := &o.Fees[i]
		fees = append(fees, object{
			"id": f.ID, "name": f.Name, "tax_class": f.TaxClass, "tax_status": cmp.Or(f.TaxStatus, "taxable"), "amount": "",
			"total": fixed(f.Total, digits), "total_tax": fixed(f.TotalTax, digits), "taxes": []object{}, "meta_data": lineMeta(f.Meta),
		})
	}
	for i := range o.Coupons {
		c := &o.Coupons[i]
		coupons = append(coupons, object{
			"id": c.ID, "code": c.Code, "discount": fixed(c.Discount, digits), "discount_tax": fixed(c.DiscountTax, digits),
			"discount_type": "fixed_cart", "nominal_amount": json.Number(fixed(c.Discount, digits)), "free_shipping": false, "meta_data": lineMeta(c.Meta),
		})
	}
	for _, r := range o.Refunds {
		refunds = append(refunds, object{"id": r.ID, "reason": r.Reason, "total": "-" + fixed(r.Total, digits)})
	}
	return shipping, fees, coupons, refunds
}
