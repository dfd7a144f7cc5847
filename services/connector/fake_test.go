package connector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// shop is a foreign system in memory. Its documents hold an order of ours; where ours have a LineID it has a number of
// its own, and it has no place for internal notes. Actions change a status and a customer's address, also for a new order.
type shop struct {
	mu          sync.Mutex
	orders      map[string]*shopOrder
	next        int
	now         time.Time
	calls       []string
	conditional bool
	whole       bool // lists of what changed show whole orders
	traits      foreign.Traits

	// What a test lets go wrong.
	before  func(call string) error            // is asked before each call takes effect
	after   func(call string) error            // and after it: an answer that is lost
	rewrite func(o *contracts.Order)           // what the shop makes of what is written
	hidden  func(modified time.Time) time.Time // when a change shows in lists
}

type shopOrder struct {
	ref      string
	order    contracts.Order
	lines    []string
	version  int
	modified time.Time
	trash    bool
	was      *foreign.Document // before the last change
}

func newShop() *shop {
	return &shop{
		orders: map[string]*shopOrder{}, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), conditional: true,
		traits: foreign.Traits{Name: "fake", Resolution: time.Millisecond, Late: time.Minute, LongestRequest: time.Minute, Concurrency: 2},
	}
}

var errLost = errors.New("the answer was lost")

func (s *shop) call(call string, do func() error) error {
	s.mu.Lock()
	before, after := s.before, s.after
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if before != nil {
		if err := before(call); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.now = s.now.Add(time.Second)
	err := do()
	s.mu.Unlock()
	if err == nil && after != nil {
		return after(call)
	}
	return err
}

func (s *shop) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.calls {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

func copyOrder(o contracts.Order) contracts.Order {
	o.Lines = slices.Clone(o.Lines)
	o.Totals = nil
	for i := range o.Lines {
		o.Lines[i].TotalMinor = nil
	}
	return o
}

func (s *shop) document(id string, o *shopOrder) *foreign.Document {
	body := copyOrder(o.order)
	return &foreign.Document{ID: id, Version: strconv.Itoa(o.version), Body: map[string]any{"order": &body, "lines": slices.Clone(o.lines), "ref": o.ref, "trash": o.trash, "modified": o.modified.String()}}
}

// Get implements foreign.System.
func (s *shop) Get(_ context.Context, id string) (doc *foreign.Document, err error) {
	err = s.call("get "+id, func() error {
		o := s.orders[id]
		if o == nil {
			return foreign.ErrGone
		}
		doc = s.document(id, o)
		return nil
	})
	return doc, err
}

// Find implements foreign.System.
func (s *shop) Find(_ context.Context, ref uuid.UUID) (ids []string, err error) {
	err = s.call("find", func() error {
		for _, id := range slices.Sorted(maps.Keys(s.orders)) {
			if s.orders[id].ref == ref.String() {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// Create implements foreign.System.
func (s *shop) Create(_ context.Context, ref uuid.UUID, edit *foreign.Edit) (id string, err error) {
	err = s.call("create", func() error {
		s.next++
		id = strconv.Itoa(s.next)
		o := &shopOrder{ref: ref.String()}
		s.orders[id] = o
		s.apply(id, o, edit)
		return nil
	})
	return id, err
}

// Update implements foreign.System.
func (s *shop) Update(_ context.Context, was *foreign.Document, edit *foreign.Edit) error {
	return s.call("update "+was.ID, func() error {
		o := s.orders[was.ID]
		switch {
		case o == nil:
			return foreign.ErrGone
		case s.conditional && was.Version != "" && strconv.Itoa(o.version) != was.Version:
			return foreign.ErrStale
		}
		s.apply(was.ID, o, edit)
		return nil
	})
}

func (s *shop) apply(id string, o *shopOrder, edit *foreign.Edit) {
	if o.version > 0 {
		o.was = s.document(id, o)
	}
	if set, ok := edit.Body["set"].(func(*contracts.Order)); ok {
		set(&o.order)
	}
	if lines, ok := edit.Body["lines"].([]string); ok {
		o.lines = lines
		for i, id := range o.lines {
			if id == "" {
				s.next++
				o.lines[i] = strconv.Itoa(s.next)
			}
		}
	}
	for _, action := range edit.Actions {
		switch name, value, _ := strings.Cut(action, " "); name {
		case "trash":
			o.trash = true
		case "status":
			o.order.Status = contracts.OrderStatus(value)
		case "email":
			o.order.Customer.Email = value
		}
	}
	if s.rewrite != nil {
		s.rewrite(&o.order)
	}
	o.version++
	o.modified = s.tick()
}

// tick is the time by the shop's clock, which has a resolution.
func (s *shop) tick() time.Time { return s.now.Truncate(s.traits.Resolution) }

// edit is a person's edit in the shop.
func (s *shop) edit(id string, change func(o *contracts.Order)) {
	s.change(id, func(o *shopOrder) { change(&o.order) })
}

// change changes an order, and its time.
func (s *shop) change(id string, change func(o *shopOrder)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	o := s.orders[id]
	o.was = s.document(id, o)
	change(o)
	o.version++
	o.modified = s.tick()
}

// place is a person who places an order in the shop.
func (s *shop) place(number string) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	s.next += 2
	id = strconv.Itoa(s.next - 1)
	s.orders[id] = &shopOrder{order: newOrder(number), lines: []string{strconv.Itoa(s.next)}, version: 1, modified: s.tick()}
	return id
}

func (s *shop) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.orders, id)
}

func (s *shop) order(id string) contracts.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders[id].order
}

func newOrder(number string) contracts.Order {
	return contracts.Order{
		OrderNumber: number, Source: "web", Status: contracts.StatusPending, PaymentStatus: contracts.PaymentUnpaid,
		FulfillmentStatus: contracts.FulfillmentUnfulfilled, Currency: "EUR", Customer: contracts.Customer{Name: "Ada"},
		Lines: []contracts.Line{{SKU: "A", Name: "Apple", Quantity: 1, UnitPriceMinor: 100}}, PlacedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
}

// Changed implements foreign.System.
func (s *shop) Changed(_ context.Context, from, until time.Time, yield func(foreign.Candidate) error) error {
	var list []foreign.Candidate
	err := s.call("changed", func() error {
		for _, id := range slices.Sorted(maps.Keys(s.orders)) {
			o := s.orders[id]
			if s.hidden != nil && s.now.Before(s.hidden(o.modified)) {
				continue
			}
			if !o.modified.Before(from) && !o.modified.After(until) {
				one := foreign.Candidate{ID: id, Modified: o.modified.String()}
				if s.whole {
					one.Document = s.document(id, o)
				}
				list = append(list, one)
			}
		}
		return nil
	})
	for _, one := range list {
		if err := yield(one); err != nil {
			return err
		}
	}
	return err
}

// All implements foreign.System, with pages of two.
func (s *shop) All(_ context.Context, after string) (page []foreign.Candidate, next string, err error) {
	from, _ := strconv.Atoi(after)
	err = s.call("all", func() error {
		var ids []int
		for id := range s.orders {
			if n, _ := strconv.Atoi(id); n > from {
				ids = append(ids, n)
			}
		}
		slices.Sort(ids)
		if len(ids) > 2 {
			ids = ids[:2]
			next = strconv.Itoa(ids[1])
		}
		for _, n := range ids {
			id := strconv.Itoa(n)
			page = append(page, foreign.Candidate{ID: id, Document: s.document(id, s.orders[id])})
		}
		return nil
	})
	return page, next, err
}

// Now implements foreign.System.
func (s *shop) Now(context.Context) (now time.Time, err error) {
	err = s.call("now", func() error {
		now = s.now
		return nil
	})
	return now, err
}

// Traits implements foreign.System.
func (s *shop) Traits() foreign.Traits {
	traits := s.traits
	traits.Conditional = s.conditional
	return traits
}

// Link implements foreign.System.
func (s *shop) Link(id string) string { return "http://shop/" + id }

// Quota implements foreign.System.
func (s *shop) Quota() (int, bool) { return 0, false }

// mapping maps the documents of a shop.
type mapping struct{}

// Read implements foreign.Mapping.
func (mapping) Read(doc *foreign.Document, id uuid.UUID, kept *contracts.Order, lines foreign.Lines) (*contracts.Order, foreign.Lines, error) {
	o := copyOrder(*doc.Body["order"].(*contracts.Order))
	if o.Status == "unheard of" {
		return nil, lines, foreign.Refused("/status", "the status %q is not known", o.Status)
	}
	o.ID = id.String()
	if kept != nil {
		o.InternalNote = kept.InternalNote
	}
	is := foreign.Lines{}
	for i, foreignID := range doc.Body["lines"].([]string) {
		line, ok := lines[foreignID]
		if !ok && kept != nil {
			for _, k := range kept.Lines {
				free := true
				for _, taken := range []foreign.Lines{lines, is} {
					for _, l := range taken {
						free = free && l.String() != k.LineID
					}
				}
				if free && k.SKU == o.Lines[i].SKU {
					line, ok = uuid.MustParse(k.LineID), true
					break
				}
			}
		}
		if !ok {
			line = uuid.NewSHA1(id, []byte(foreignID))
		}
		is[foreignID] = line
		o.Lines[i].LineID = line.String()
	}
	return &o, is, nil
}

// Write implements foreign.Mapping.
func (mapping) Write(doc *foreign.Document, want *contracts.Order, lines foreign.Lines) (*foreign.Edit, error) {
	if strings.HasPrefix(want.CustomerNote, "refuse me") {
		return nil, foreign.Refused("/customerNote", "the shop does not take that")
	}
	if doc == nil {
		o := copyOrder(*want)
		o.Status, o.Customer.Email = contracts.StatusPending, ""
		return &foreign.Edit{Actions: actions(&o, want), Body: map[string]any{"set": func(at *contracts.Order) {
			*at = o
			at.ID, at.InternalNote = "", ""
			for i := range at.Lines {
				at.Lines[i].LineID = ""
			}
		}, "lines": make([]string, len(o.Lines))}}, nil
	}
	is := *doc.Body["order"].(*contracts.Order)
	edit := &foreign.Edit{Actions: actions(&is, want)}
	var sets []func(*contracts.Order)
	if is.CustomerNote != want.CustomerNote {
		edit.Fields = append(edit.Fields, "/customerNote")
		sets = append(sets, func(o *contracts.Order) { o.CustomerNote = want.CustomerNote })
	}
	if is.Status != want.Status {
		edit.Fields = append(edit.Fields, "/status")
	}
	if is.Customer.Email != want.Customer.Email {
		edit.Fields = append(edit.Fields, "/customer/email")
	}
	byLine := map[string]string{}
	for foreignID, line := range lines {
		byLine[line.String()] = foreignID
	}
	ids := []string{}
	for _, l := range want.Lines {
		ids = append(ids, byLine[l.LineID])
	}
	changed := !slices.Equal(ids, doc.Body["lines"].([]string))
	for i := range is.Lines {
		changed = changed || i >= len(want.Lines) || is.Lines[i].Quantity != want.Lines[i].Quantity
	}
	if changed {
		edit.Fields = append(edit.Fields, "/lines")
		all := copyOrder(*want).Lines
		sets = append(sets, func(o *contracts.Order) { o.Lines = all })
		edit.Body = map[string]any{"lines": ids}
	}
	if sets != nil {
		if edit.Body == nil {
			edit.Body = map[string]any{}
		}
		edit.Body["set"] = func(o *contracts.Order) {
			for _, set := range sets {
				set(o)
			}
		}
	}
	return edit, nil
}

// actions make what the shop writes by actions as it is wanted.
func actions(is, want *contracts.Order) (list []string) {
	if is.Status != want.Status {
		list = append(list, "status "+string(want.Status))
	}
	if is.Customer.Email != want.Customer.Email {
		list = append(list, "email "+want.Customer.Email)
	}
	return list
}

// Delete implements foreign.Mapping.
func (mapping) Delete(*foreign.Document) (*foreign.Edit, error) {
	return &foreign.Edit{Actions: []string{"trash"}}, nil
}

// Deleted implements foreign.Mapping.
func (mapping) Deleted(doc *foreign.Document) bool { return doc.Body["trash"].(bool) }

// Reference implements foreign.Mapping.
func (mapping) Reference(doc *foreign.Document) (uuid.UUID, bool) {
	id, err := uuid.Parse(fmt.Sprint(doc.Body["ref"]))
	return id, err == nil
}
