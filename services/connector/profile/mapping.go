package profile

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// Mapping is a compiled profile. It implements foreign.Mapping.
type Mapping struct {
	name      string
	reference *place
	fields    []*rule
	addresses []addressRule // those that are not here
	lines     *lineRules
	totals    []total
	lists     map[string]*list
	create    []constant
	deletion  *step
	deleted   *Expression
	rest      *REST
}

// addressRule is an address with members in the document. Skip: one that an order of ours cannot have is read as none.
type addressRule struct {
	name string
	skip bool
}

// total is a sum that the system has, too.
type total struct {
	name   string
	theirs *Expression
}

// Name is the kind of system.
func (m *Mapping) Name() string { return m.name }

// REST is how the system is called; nil when the profile does not say.
func (m *Mapping) REST() *REST { return m.rest }

// Read implements foreign.Mapping.
func (m *Mapping) Read(doc *foreign.Document, id uuid.UUID, kept *contracts.Order, lines foreign.Lines) (*contracts.Order, foreign.Lines, error) {
	order, _, ids, err := m.read(doc.Body, id, knownOf(kept), lines)
	if err != nil {
		return nil, nil, err
	}
	if err := m.checkTotals(doc.Body, order); err != nil {
		return nil, nil, err
	}
	return order, ids, nil
}

func knownOf(o *contracts.Order) content {
	if o == nil {
		return nil
	}
	return contentOf(o)
}

// read makes an order of a document, but for the totals, and returns it apart, too.
func (m *Mapping) read(doc map[string]any, id uuid.UUID, known content, lines foreign.Lines) (*contracts.Order, content, foreign.Lines, error) {
	c := make(content, len(m.fields)+2)
	c[idKey] = id.String()
	currency := ""
	for _, r := range m.fields {
		if r.ofCancelled() && c["status"] != string(contracts.StatusCancelled) {
			continue
		}
		v, err := r.ours(doc, known, currency)
		if err != nil {
			if r.skip {
				continue
			}
			return nil, nil, nil, foreign.Refused(pointer(r.name), "%s", err)
		}
		if r.name == "currency" {
			currency, _ = v.(string)
		}
		if v != nil {
			c.set(r.name, v)
		}
	}
	list, ids, err := m.lines.read(doc, id, known, lines, currency)
	if err != nil {
		return nil, nil, nil, err
	}
	c[linesKey] = list
	order, err := m.fit(c)
	return order, c, ids, err
}

// fit makes an order of what was read, without what the profile lets be skipped when no order can have it.
func (m *Mapping) fit(c content) (*contracts.Order, error) {
	for {
		order, faults, err := c.order()
		if err != nil || len(faults) == 0 {
			return order, err
		}
		dropped := false
		for _, fault := range faults {
			if name, ok := m.skippable(fault.Pointer); ok && c.drop(name) {
				dropped = true
			}
		}
		if !dropped {
			return nil, foreign.Refused(faults[0].Pointer, "the system's order is not one that can be kept here: it %s", faults[0].Detail)
		}
	}
}

// skippable returns the field, or the address as a whole, whose fault means that it is read as absent.
func (m *Mapping) skippable(at string) (name string, ok bool) {
	name = strings.ReplaceAll(strings.TrimPrefix(at, "/"), "/", ".")
	for _, r := range m.fields {
		if r.name == name && r.skip {
			return name, true
		}
	}
	for _, a := range m.addresses {
		if a.skip && strings.HasPrefix(name, a.name+".") {
			return a.name, true
		}
	}
	return "", false
}

// checkTotals refuses an order whose sums are not those of the system: fees, roundings and discounts for which an
// order has no place would otherwise change what the customer owes.
func (m *Mapping) checkTotals(doc map[string]any, o *contracts.Order) error {
	ours := map[string]int64{
		"subtotalMinor": o.Totals.SubtotalMinor, "discountMinor": o.Totals.DiscountMinor, "shippingMinor": o.Totals.ShippingMinor,
		"taxMinor": o.Totals.TaxMinor, "totalMinor": o.Totals.TotalMinor,
	}
	for _, t := range m.totals {
		all, err := t.theirs.values(doc)
		var sum int64
		for _, v := range all {
			if err != nil {
				break
			}
			var n int64
			n, err = decimalOf(v, contracts.Decimals(o.Currency))
			sum += n
		}
		if err != nil {
			return foreign.Refused("/totals/"+t.name, "%s", err)
		}
		if sum != ours[t.name] {
			return foreign.Refused("/totals/"+t.name, "the system says %s, but lines and shipping make %s",
				contracts.Amount(sum, o.Currency, ""), contracts.Amount(ours[t.name], o.Currency, ""))
		}
	}
	return nil
}

// Deleted implements foreign.Mapping.
func (m *Mapping) Deleted(doc *foreign.Document) bool {
	if m.deleted == nil {
		return false
	}
	v, err := m.deleted.Value(doc.Body)
	return err == nil && v == true
}

// Reference implements foreign.Mapping.
func (m *Mapping) Reference(doc *foreign.Document) (uuid.UUID, bool) {
	v, err := m.reference.get(doc.Body)
	if err != nil {
		return uuid.Nil, false
	}
	return parseID(v)
}

// Delete implements foreign.Mapping.
func (m *Mapping) Delete(doc *foreign.Document) (*foreign.Edit, error) {
	if m.deletion == nil {
		return nil, foreign.Refused("", "orders of this system cannot be deleted by us")
	}
	edit := &foreign.Edit{}
	if m.Deleted(doc) {
		return edit, nil
	}
	if m.deletion.action != "" {
		edit.Actions = []string{m.deletion.action}
	}
	after, _ := clone(doc.Body).(map[string]any)
	if err := setAll(after, m.deletion.set); err != nil {
		return nil, fmt.Errorf("delete order %s: %w", doc.ID, err)
	}
	edit.Body = m.changes(doc.Body, after, "")
	return edit, nil
}

// Write implements foreign.Mapping. It reads what it is about to write, as far as the profile knows what the system
// makes of it, and refuses a value that would come back as another.
func (m *Mapping) Write(doc *foreign.Document, order *contracts.Order, lines foreign.Lines) (*foreign.Edit, error) {
	if faults := order.Validate(); len(faults) > 0 {
		return nil, foreign.Refused(faults[0].Pointer, "%s", faults[0].Detail)
	}
	want := contentOf(order)
	id, err := uuid.Parse(order.ID)
	if err != nil {
		return nil, foreign.Refused("/id", "%s", err)
	}
	w := &writing{currency: order.Currency, creating: doc == nil}
	before, current := map[string]any{}, content{}
	if doc != nil {
		before = doc.Body
		var now *contracts.Order
		if now, current, lines, err = m.read(before, id, want, lines); err != nil {
			return nil, err
		}
		w.status = string(now.Status)
	}
	after, _ := clone(before).(map[string]any)
	if doc == nil {
		if err := setAll(after, m.create); err != nil {
			return nil, err
		}
		if err := m.reference.set(after, order.ID); err != nil {
			return nil, err
		}
	}
	sim, _ := clone(after).(map[string]any)
	edit := &foreign.Edit{}
	for _, r := range m.fields {
		if err := m.writeField(r, docs{before, after, sim}, current, want, edit, w); err != nil {
			return nil, err
		}
	}
	if err := m.lines.write(after, current, want, lines, w); err != nil {
		return nil, err
	}
	edit.Body, edit.Fields = m.changes(before, after, ""), w.fields
	if after, err = m.outcome(sim, after); err != nil {
		return nil, err
	}
	if err := m.verify(after, id, want, lines, w); err != nil {
		return nil, err
	}
	return edit, nil
}
