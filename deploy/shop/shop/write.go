package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// coreStatuses are those that every shop has.
var coreStatuses = []string{"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}

// write merges the body of a POST or PUT into an order, the way the API does: what is null or unknown is ignored, lines
// are found by id, lines without are added, and a quantity of 0 removes one.
func (s *Shop) write(o *Order, body object, creating bool) *refusal {
	body = withoutNulls(body)
	f := faults{}
	f.whole(body, "parent_id", "parent_id", &o.ParentID)
	f.whole(body, "customer_id", "customer_id", &o.CustomerID)
	f.text(body, "customer_note", "customer_note", &o.CustomerNote)
	f.text(body, "payment_method", "payment_method", &o.PaymentMethod)
	f.text(body, "payment_method_title", "payment_method_title", &o.PaymentMethodTitle)
	f.text(body, "transaction_id", "transaction_id", &o.TransactionID)
	f.text(body, "currency", "currency", &o.Currency)
	if !currencyCode.MatchString(o.Currency) {
		f.add("currency", "is not one of the currencies.")
	}
	f.address(body, "billing", &o.Billing)
	f.address(body, "shipping", &o.Shipping)
	o.Meta = s.writeMeta(f, o.Meta, body, "meta_data")

	status := o.Status
	f.text(body, "status", "status", &status)
	if _, ok := body["status"]; ok && !s.takesStatus(status) {
		f.add("status", "is not one of "+strings.Join(s.statuses(), ", ")+".")
	}
	if r := s.writeLines(f, o, body); r != nil {
		return r
	}
	if r := s.writeShipping(f, o, body); r != nil {
		return r
	}
	if r := s.writeFees(f, o, body); r != nil {
		return r
	}
	if r := writeCoupons(f, o, body); r != nil {
		return r
	}
	if r := f.refusal(); r != nil {
		return r
	}
	if creating || touches(body, "billing", "shipping", "line_items", "shipping_lines", "fee_lines", "coupon_lines") {
		if s.opts.RenumberLines && !creating && touches(body, "line_items") {
			for i := range o.Lines {
				o.Lines[i].ID = s.nextID()
			}
		}
		s.calculate(o)
	}
	if !s.opts.IgnoreStatus || creating {
		s.setStatus(o, status)
	}
	if paid, _ := body["set_paid"].(bool); paid && payable(o, creating) {
		s.setStatus(o, "processing")
	}
	return nil
}

// payable reports whether set_paid does something: a payment moves an order on, whatever status came with it.
func payable(o *Order, creating bool) bool {
	switch o.Status {
	case "pending", "failed":
		return creating || amount(o.Totals.Total).Sign() > 0
	case "on-hold", "cancelled":
		return creating
	}
	return false
}

func withoutNulls(body object) object {
	out := object{}
	for k, v := range body {
		if v != nil {
			out[k] = v
		}
	}
	return out
}

func touches(body object, keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return body[k] != nil })
}

// statuses are those that an order can be given, but for the trash.
func (s *Shop) statuses() []string { return append(slices.Clone(coreStatuses), s.opts.Statuses...) }

func (s *Shop) takesStatus(status string) bool {
	return slices.Contains(s.statuses(), status) || status == "trash" && !s.opts.RefuseTrash
}

// setStatus moves an order to a status, with the dates that follow.
func (s *Shop) setStatus(o *Order, status string) {
	if o.Status == status {
		return
	}
	o.Status = status
	if (status == "processing" || status == "completed") && o.Paid.IsZero() {
		o.Paid = s.now()
	}
	if status == "completed" && o.Completed.IsZero() {
		o.Completed = s.now()
	}
}

func (s *Shop) writeMeta(f faults, list []Meta, from object, path string) []Meta {
	for i, m := range f.list(from, "meta_data", path) {
		at := fmt.Sprintf("%s[%d]", path, i)
		var key string
		var id int64
		f.text(m, "key", at+"[key]", &key)
		f.whole(m, "id", at+"[id]", &id)
		list = s.setMeta(list, id, key, m["value"])
	}
	return list
}

// setMeta sets the entry with an id, or else the one with a key, or else adds one. Null removes it; of several with a
// key one stays.
func (s *Shop) setMeta(list []Meta, id int64, key string, value any) []Meta {
	at := slices.IndexFunc(list, func(m Meta) bool { return id != 0 && m.ID == id || id == 0 && m.Key == key })
	if at < 0 && id != 0 {
		at = slices.IndexFunc(list, func(m Meta) bool { return m.Key == key })
	}
	switch {
	case value == nil && at >= 0:
		return slices.Delete(list, at, at+1)
	case value == nil || key == "":
		return list
	case at < 0:
		return append(list, Meta{s.nextID(), key, value})
	}
	list[at].Key, list[at].Value = key, value
	kept := list[at].ID
	return slices.DeleteFunc(list, func(m Meta) bool { return id == 0 && m.Key == key && m.ID != kept })
}

// removes reports whether an item of a list is there to remove the one with its id.
func removes(item object) bool {
	if q, ok := item["quantity"].(json.Number); ok && q.String() == "0" {
		return true
	}
	for _, key := range []string{"product_id", "method_id", "method_title", "name", "code"} {
		if v, ok := item[key]; ok && v == nil {
			return true
		}
	}
	return false
}

var notOfTheOrder = refused(http.StatusBadRequest, "woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.")

func (s *Shop) writeLines(f faults, o *Order, body object) *refusal {
	for i, item := range f.list(body, "line_items", "line_items") {
		at := fmt.Sprintf("line_items[%d]", i)
		var id int64
		f.whole(item, "id", at+"[id]", &id)
		if removes(item) {
			o.Lines = slices.DeleteFunc(o.Lines, func(l Line) bool { return l.ID == id })
			continue
		}
		n := slices.IndexFunc(o.Lines, func(l Line) bool { return l.ID == id })
		if id != 0 && n < 0 {
			return notOfTheOrder
		}
		if id == 0 {
			if r := s.addLine(f, o, item, at); r != nil {
				return r
			}
			n = len(o.Lines) - 1
		} else if p, ok := s.productOf(f, item, at); ok && p.ID != o.Lines[n].ProductID {
			o.Lines[n].ProductID, o.Lines[n].SKU, o.Lines[n].Name = p.ID, p.SKU, p.Name
		}
		l := &o.Lines[n]
		f.text(item, "name", at+"[name]", &l.Name)
		f.whole(item, "quantity", at+"[quantity]", &l.Quantity)
		f.text(item, "tax_class", at+"[tax_class]", &l.TaxClass)
		f.amount(item, "subtotal", at+"[subtotal]", &l.Subtotal)
		f.amount(item, "total", at+"[total]", &l.Total)
		f.whole(item, "variation_id", at+"[variation_id]", &l.VariationID)
		l.Meta = s.writeMeta(f, l.Meta, item, at+"[meta_data]")
	}
	return nil
}

// amount reads a decimal text; the shop keeps what it can make of it.
func (f faults) amount(from object, key, path string, to *string) {
	if _, ok := from[key]; !ok {
		return
	}
	text := "0"
	f.text(from, key, path, &text)
	if text == "" {
		text = "0"
	}
	*to = plain(text)
}

// addLine adds a line whose price is the product's, until the item says otherwise.
func (s *Shop) addLine(f faults, o *Order, item object, at string) *refusal {
	l := Line{ID: s.nextID(), Quantity: 1, Subtotal: "0", Total: "0"}
	f.whole(item, "quantity", at+"[quantity]", &l.Quantity)
	p, ok := s.productOf(f, item, at)
	switch {
	case ok:
		l.ProductID, l.SKU, l.Name = p.ID, p.SKU, p.Name
		l.Total = times(p.Price, l.Quantity)
		l.Subtotal = l.Total
	case !touches(item, "sku", "product_id", "variation_id"):
		return refused(http.StatusBadRequest, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.")
	}
	o.Lines = append(o.Lines, l)
	return nil
}

// productOf finds the product that an item names, by SKU first. A name that the catalogue does not have is no error.
func (s *Shop) productOf(f faults, item object, at string) (Product, bool) {
	var sku, name string
	var id int64
	f.text(item, "sku", at+"[sku]", &sku)
	f.whole(item, "product_id", at+"[product_id]", &id)
	for _, p := range s.products {
		if sku != "" && p.SKU == sku || sku == "" && id != 0 && p.ID == id {
			return p, true
		}
	}
	if sku == "" || s.opts.Products != nil {
		return Product{}, false
	}
	name, _ = item["name"].(string)
	p := Product{ID: s.nextID(), SKU: sku, Name: name, Price: "0"}
	s.products = append(s.products, p)
	return p, true
}

func (s *Shop) writeShipping(f faults, o *Order, body object) *refusal {
	for i, item := range f.list(body, "shipping_lines", "shipping_lines") {
		at := fmt.Sprintf("shipping_lines[%d]", i)
		var id int64
		f.whole(item, "id", at+"[id]", &id)
		if removes(item) {
			o.ShippingLines = slices.DeleteFunc(o.ShippingLines, func(l ShippingLine) bool { return l.ID == id })
			continue
		}
		n := slices.IndexFunc(o.ShippingLines, func(l ShippingLine) bool { return l.ID == id })
		switch {
		case id != 0 && n < 0:
			return notOfTheOrder
		case id == 0 && (item["method_id"] == nil || item["method_id"] == ""):
			return refused(http.StatusBadRequest, "woocommerce_rest_invalid_shipping_item", "Shipping method ID is required.")
		case id == 0:
			o.ShippingLines = append(o.ShippingLines, ShippingLine{ID: s.nextID(), Total: "0"})
			n = len(o.ShippingLines) - 1
		}
		l := &o.ShippingLines[n]
		f.text(item, "method_id", at+"[method_id]", &l.MethodID)
		f.text(item, "method_title", at+"[method_title]", &l.MethodTitle)
		f.text(item, "instance_id", at+"[instance_id]", &l.InstanceID)
		f.amount(item, "total", at+"[total]", &l.Total)
		l.Meta = s.writeMeta(f, l.Meta, item, at+"[meta_data]")
	}
	return nil
}

func (s *Shop) writeFees(f faults, o *Order, body object) *refusal {
	for i, item := range f.list(body, "fee_lines", "fee_lines") {
		at := fmt.Sprintf("fee_lines[%d]", i)
		var id int64
		f.whole(item, "id", at+"[id]", &id)
		if removes(item) {
			o.Fees = slices.DeleteFunc(o.Fees, func(l Fee) bool { return l.ID == id })
			continue
		}
		n := slices.IndexFunc(o.Fees, func(l Fee) bool { return l.ID == id })
		switch {
		case id != 0 && n < 0:
			return notOfTheOrder
		case id == 0 && (item["name"] == nil || item["name"] == ""):
			return refused(http.StatusBadRequest, "woocommerce_rest_invalid_fee_item", "Fee name is required.")
		case id == 0:
			o.Fees = append(o.Fees, Fee{ID: s.nextID(), Total: "0"})
			n = len(o.Fees) - 1
		}
		l := &o.Fees[n]
		f.text(item, "name", at+"[name]", &l.Name)
		f.text(item, "tax_class", at+"[tax_class]", &l.TaxClass)
		f.text(item, "tax_status", at+"[tax_status]", &l.TaxStatus)
		f.amount(item, "total", at+"[total]", &l.Total)
		l.Meta = s.writeMeta(f, l.Meta, item, at+"[meta_data]")
	}
	return nil
}

// writeCoupons takes the coupons that an order has already, and no others: the shop knows none. Those that are not
// named are removed, and the lines cost what they did before.
func writeCoupons(f faults, o *Order, body object) *refusal {
	if body["coupon_lines"] == nil {
		return nil
	}
	var kept []Coupon
	for _, item := range f.list(body, "coupon_lines", "coupon_lines") {
		if touches(item, "id") {
			return refused(http.StatusBadRequest, "woocommerce_rest_coupon_item_id_readonly", "Coupon item ID is readonly.")
		}
		code, _ := item["code"].(string)
		n := slices.IndexFunc(o.Coupons, func(c Coupon) bool { return strings.EqualFold(c.Code, code) })
		if n < 0 {
			return refused(http.StatusBadRequest, "woocommerce_rest_invalid_coupon", "Coupon "+strconv.Quote(code)+" does not exist!")
		}
		kept = append(kept, o.Coupons[n])
	}
	if len(kept) == len(o.Coupons) {
		return nil
	}
	o.Coupons = kept
	if len(kept) == 0 {
		for i := range o.Lines {
			o.Lines[i].Total = o.Lines[i].Subtotal
		}
	}
	return nil
}
