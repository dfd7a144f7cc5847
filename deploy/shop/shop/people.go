package shop

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

var errNoOrder = errors.New("the shop has no order")

// Add makes an order as a customer does, and returns its id. Ids, dates, currency (EUR), status (pending) and what is
// derived are filled in where they are missing.
func (s *Shop) Add(o Order) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := o.clone()
	c.CreatedVia = cmp.Or(c.CreatedVia, "checkout")
	c.PricesIncludeTax = c.PricesIncludeTax || s.opts.PricesIncludeTax
	s.complete(c)
	return c.ID, s.put(c, "order.created")
}

// complete fills in what a new order lacks.
func (s *Shop) complete(o *Order) {
	o.ID = s.nextID()
	o.Key = "wc_order_" + strconv.FormatInt(o.ID*7919, 36)
	o.Status, o.Currency = cmp.Or(o.Status, "pending"), cmp.Or(o.Currency, "EUR")
	if o.Created.IsZero() {
		o.Created = s.now()
	}
	if o.Modified.IsZero() {
		o.Modified = o.Created
	}
	status := o.Status
	o.Status = ""
	s.setStatus(o, status)
	s.fillLines(o)
	s.calculate(o)
	s.rewrite(o)
}

// fillLines gives ids to lines and entries that have none.
func (s *Shop) fillLines(o *Order) {
	fill := func(id *int64) {
		if *id == 0 {
			*id = s.nextID()
		}
	}
	meta := func(list []Meta) {
		for i := range list {
			fill(&list[i].ID)
		}
	}
	meta(o.Meta)
	for i := range o.Lines {
		l := &o.Lines[i]
		fill(&l.ID)
		meta(l.Meta)
		l.Subtotal, l.Total = cmp.Or(l.Subtotal, l.Total, "0"), cmp.Or(l.Total, l.Subtotal, "0")
		if n := slices.IndexFunc(s.products, func(p Product) bool { return l.SKU != "" && p.SKU == l.SKU }); n >= 0 && l.ProductID == 0 {
			l.ProductID = s.products[n].ID
		}
	}
	for i := range o.ShippingLines {
		fill(&o.ShippingLines[i].ID)
		meta(o.ShippingLines[i].Meta)
	}
	for i := range o.Fees {
		fill(&o.Fees[i].ID)
		meta(o.Fees[i].Meta)
	}
	for i := range o.Coupons {
		fill(&o.Coupons[i].ID)
		meta(o.Coupons[i].Meta)
	}
	for i := range o.Refunds {
		fill(&o.Refunds[i].ID)
	}
}

// Change edits an order as a person does. What is derived is computed afterwards.
func (s *Shop) Change(id int64, edit func(*Order)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, st, err := s.edited(id, edit)
	if err != nil {
		return err
	}
	return s.change(st, next, "order.updated")
}

// ChangeSilently edits an order behind the shop's back, as a script in its database does: its dates stay, and the
// webhook does not notice.
func (s *Shop) ChangeSilently(id int64, edit func(*Order)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, _, err := s.edited(id, edit)
	if err != nil {
		return err
	}
	return s.put(next, "")
}

func (s *Shop) edited(id int64, edit func(*Order)) (*Order, *stored, error) {
	st, ok := s.orders[id]
	if !ok {
		return nil, nil, fmt.Errorf("%w %d", errNoOrder, id)
	}
	next := st.order.clone()
	status := next.Status
	edit(next)
	next.ID = id
	status, next.Status = next.Status, status
	s.setStatus(next, status)
	s.fillLines(next)
	s.calculate(next)
	return next, st, nil
}

// Trash moves an order to the trash, from where Restore gets it.
func (s *Shop) Trash(id int64) error { return s.move(id, "trash", "order.deleted") }

// Restore takes an order out of the trash.
func (s *Shop) Restore(id int64) error { return s.move(id, "pending", "order.restored") }

func (s *Shop) move(id int64, status, event string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.orders[id]
	if !ok {
		return fmt.Errorf("%w %d", errNoOrder, id)
	}
	next := st.order.clone()
	next.Status = status
	return s.change(st, next, event)
}

// Delete removes an order for good.
func (s *Shop) Delete(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.orders[id]
	if !ok {
		return fmt.Errorf("%w %d", errNoOrder, id)
	}
	delete(s.orders, id)
	s.all = slices.DeleteFunc(s.all, func(other *stored) bool { return other == st })
	s.sorted = nil
	if s.hook != nil {
		s.hook.add("order.deleted", s.payload(st.order, "order.deleted"))
	}
	return s.save()
}

// View looks at an order as a person does; with Nasty.ViewTouches that changes its date.
func (s *Shop) View(id int64) (*Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.orders[id]
	if !ok {
		return nil, fmt.Errorf("%w %d", errNoOrder, id)
	}
	if s.opts.ViewTouches {
		if err := s.touch(st); err != nil {
			return nil, err
		}
	}
	return st.order.clone(), nil
}

// Touch changes the date of an order and nothing else.
func (s *Shop) Touch(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.orders[id]
	if !ok {
		return fmt.Errorf("%w %d", errNoOrder, id)
	}
	return s.touch(st)
}

func (s *Shop) touch(st *stored) error {
	next := st.order.clone()
	next.Modified = s.now()
	return s.put(next, "order.updated")
}

// Order is an order as it is now, in the trash or not; nil when there is none.
func (s *Shop) Order(id int64) *Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.orders[id]; ok {
		return st.order.clone()
	}
	return nil
}

// Orders are all orders, by id, those in the trash too.
func (s *Shop) Orders() []*Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Order, 0, len(s.all))
	for _, st := range s.all {
		out = append(out, st.order.clone())
	}
	return out
}

// Document is an order as the API shows it, encoded; nil when there is none.
func (s *Shop) Document(id int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.orders[id]; ok {
		return slices.Clone(s.encode(st.order))
	}
	return nil
}

// Now is the time of the shop's clock, in whole seconds.
func (s *Shop) Now() time.Time { return s.now() }
