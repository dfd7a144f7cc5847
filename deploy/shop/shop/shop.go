package shop

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Shop is the simulated shop. Its methods may be called concurrently.
type Shop struct {
	mux *http.ServeMux

	mu       sync.Mutex // guards all below
	opts     Options
	orders   map[int64]*stored
	all      []*stored // orders, by id
	products []Product
	last     int64 // the id that was given last, to whatever
	sorted   []*Order
	calls    calls
	rate     rate
	troubles []*trouble
	before   func(*http.Request)
	hook     *deliverer
}

// stored is an order with what lists show of it. Orders are replaced and never changed.
type stored struct {
	order   *Order
	version int64 // grows with each change
	past    []past
}

// past is what lists show until a time; no order: it did not exist yet.
type past struct {
	order *Order
	until time.Time
}

// New makes a shop. It fails if the file of its orders cannot be read.
func New(opts Options) (*Shop, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Name = cmp.Or(opts.Name, "Simulated shop")
	opts.RateWindow = cmp.Or(opts.RateWindow, time.Minute)
	s := &Shop{opts: opts, orders: map[int64]*stored{}, products: slices.Clone(opts.Products), last: 100}
	if opts.Products == nil {
		s.products = slices.Clone(goods)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("orders of the shop: %w", err)
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc(apiPath+"/", s.serveAPI)
	s.mux.HandleFunc(apiPath, s.serveAPI)
	if err := s.mountPages(); err != nil {
		return nil, fmt.Errorf("pages of the shop: %w", err)
	}
	return s, nil
}

// ServeHTTP implements http.Handler. A call whose answer is to be lost ends in http.ErrAbortHandler.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close stops the webhook, after the deliveries that are under way.
func (s *Shop) Close() { s.SetWebhook(Webhook{}) }

// SetNasty changes what the shop does that its documentation does not. Set is called with what it does now.
func (s *Shop) SetNasty(set func(*Nasty)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.opts.Nasty)
	s.opts.RateWindow = cmp.Or(s.opts.RateWindow, time.Minute)
	s.sorted = nil
}

// Before has a function called at the beginning of each call to the API, with the body still to be read; it may act as
// a person. Nil: none.
func (s *Shop) Before(f func(r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// now is the shop's clock, which has whole seconds.
func (s *Shop) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

func (s *Shop) nextID() int64 {
	s.last++
	return s.last
}

// put stores an order in place of what it was, and sends the webhook's event; empty: none.
func (s *Shop) put(o *Order, event string) error {
	s.place(o)
	if s.hook != nil && event != "" {
		s.hook.add(event, s.payload(o, event))
	}
	return s.save()
}

func (s *Shop) place(o *Order) {
	st, ok := s.orders[o.ID]
	if !ok {
		st = &stored{}
		s.orders[o.ID] = st
		s.all = append(s.all, st) // ids only grow
	}
	if d := s.opts.ListedAfter; d > 0 {
		st.past = append(st.past, past{st.order, s.opts.Now().Add(d)})
	} else {
		st.past = nil
	}
	st.order = o
	st.version++
	s.sorted = nil
}

// listed is the order as lists show it now; nil: they do not.
func (s *Shop) listed(st *stored, now time.Time) *Order {
	for len(st.past) > 0 && !now.Before(st.past[0].until) {
		st.past = st.past[1:]
	}
	if len(st.past) > 0 {
		return st.past[0].order
	}
	return st.order
}

// rewrite makes of an order's texts what the shop makes of them.
func (s *Shop) rewrite(o *Order) {
	for path, f := range s.opts.Rewrite {
		for _, text := range texts(o, path) {
			*text = f(*text)
		}
	}
}

// same reports whether two states of an order differ in nothing but when they were modified.
func same(a, b *Order) bool {
	x, y := *a, *b
	x.Modified, x.encoded = y.Modified, y.encoded
	return reflect.DeepEqual(x, y)
}

// change replaces an order by a copy that was changed. Nothing changed: nothing is stored, as the shop does.
func (s *Shop) change(st *stored, next *Order, event string) error {
	s.rewrite(next)
	if same(st.order, next) {
		return nil
	}
	next.Modified = s.now()
	if s.opts.MetaKeepsDate {
		plain := *next
		plain.Meta = st.order.Meta
		if same(st.order, &plain) {
			next.Modified = st.order.Modified
		}
	}
	return s.put(next, event)
}
