package shop

import (
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
)

// formMax is how long a form may be, in bytes.
const formMax = 1 << 20

// readForm reads what a person changed in the form of an order. Each field comes with what it was when the form was
// made, and one that is still the same is left alone: what somebody else changed meanwhile stays.
func (p *pages) readForm(r *http.Request) (edit func(*Order), err error) {
	r.Body = http.MaxBytesReader(nil, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	changed := func(name string) (string, bool) {
		value := strings.ReplaceAll(r.PostForm.Get(name), "\r\n", "\n")
		was := strings.ReplaceAll(r.PostForm.Get("was."+name), "\r\n", "\n")
		return value, r.PostForm.Has(name) && value != was
	}
	if email, ok := changed("billing.email"); ok && email != "" {
		if _, err := mail.ParseAddress(email); err != nil {
			return nil, fmt.Errorf("%q is no e-mail address", email)
		}
	}
	if status, ok := changed("status"); ok && !slices.Contains(p.shop.statuses(), status) {
		return nil, fmt.Errorf("there is no status %q", status)
	}
	quantities := map[int64]int64{}
	var added []Line
	for name := range r.PostForm {
		if text, ok := strings.CutPrefix(name, "line."); ok {
			value, ok := changed(name)
			if !ok {
				continue
			}
			id, err := strconv.ParseInt(text, 10, 64)
			quantity, err2 := strconv.ParseInt(value, 10, 64)
			if errors.Join(err, err2) != nil || quantity < 0 {
				return nil, fmt.Errorf("%q is no quantity", value)
			}
			quantities[id] = quantity
		}
	}
	for slot := range 10 {
		l, err := p.addedLine(r.PostForm.Get(fmt.Sprintf("add.%d.product", slot)), r.PostForm.Get(fmt.Sprintf("add.%d.quantity", slot)))
		if err != nil {
			return nil, err
		}
		if l != nil {
			added = append(added, *l)
		}
	}
	return func(o *Order) {
		for name, text := range formTexts(o) {
			if value, ok := changed(name); ok {
				*text = value
			}
		}
		o.Lines = slices.DeleteFunc(o.Lines, func(l Line) bool { q, ok := quantities[l.ID]; return ok && q == 0 })
		for i := range o.Lines {
			l := &o.Lines[i]
			if q, ok := quantities[l.ID]; ok && l.Quantity != 0 {
				l.Subtotal = short(new(big.Rat).Mul(perPiece(l.Subtotal, l.Quantity), big.NewRat(q, 1)))
				l.Total = short(new(big.Rat).Mul(perPiece(l.Total, l.Quantity), big.NewRat(q, 1)))
				l.Quantity = q
			}
		}
		o.Lines = append(o.Lines, added...)
	}, nil
}

// formTexts are the texts of an order that the form has, by the names of its fields.
func formTexts(o *Order) map[string]*string {
	out := map[string]*string{"status": &o.Status, "currency": &o.Currency, "customer_note": &o.CustomerNote}
	for _, name := range []string{"first_name", "last_name", "company", "address_1", "address_2", "postcode", "city", "state", "country", "phone"} {
		out["billing."+name], out["shipping."+name] = addressText(&o.Billing, name)[0], addressText(&o.Shipping, name)[0]
	}
	out["billing.email"] = &o.Billing.Email
	return out
}

// addedLine is a line that is to be added; nil: no product was chosen.
func (p *pages) addedLine(product, quantity string) (*Line, error) {
	if product == "" {
		return nil, nil
	}
	q, err := strconv.ParseInt(quantity, 10, 64)
	if err != nil || q < 1 {
		return nil, fmt.Errorf("%q is no quantity", quantity)
	}
	p.shop.mu.Lock()
	defer p.shop.mu.Unlock()
	for _, one := range p.shop.products {
		if strconv.FormatInt(one.ID, 10) == product {
			return &Line{Name: one.Name, ProductID: one.ID, SKU: one.SKU, Quantity: q, Total: times(one.Price, q)}, nil
		}
	}
	return nil, fmt.Errorf("the shop has no product %s", product)
}

// perPiece is the part of an amount that falls to one piece.
func perPiece(text string, quantity int64) *big.Rat {
	if quantity == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).Quo(amount(text), big.NewRat(quantity, 1))
}

// addressForm is an address as fields.
type addressForm struct {
	Title  string
	Fields []formField
}

type formField struct{ Name, Label, Value, Type, Width string }

func fields(room string, a Address) addressForm {
	f := addressForm{Title: "Billing address"}
	if room == "shipping" {
		f.Title = "Shipping address"
	}
	add := func(name, label, value, kind, width string) {
		f.Fields = append(f.Fields, formField{room + "." + name, label, value, kind, width})
	}
	add("first_name", "First name", a.FirstName, "", "half")
	add("last_name", "Last name", a.LastName, "", "half")
	add("company", "Company", a.Company, "", "")
	add("address_1", "Street", a.Address1, "", "")
	add("address_2", "Further", a.Address2, "", "")
	add("postcode", "Postcode", a.Postcode, "", "third")
	add("city", "City", a.City, "", "two-thirds")
	add("state", "State", a.State, "", "half")
	add("country", "Country code", a.Country, "", "half")
	if room == "billing" {
		add("email", "E-mail", a.Email, "email", "")
	}
	add("phone", "Phone", a.Phone, "tel", "")
	return f
}
