package shop

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	apiPath    = "/wp-json"
	ordersPath = apiPath + "/wc/v3/orders"
	bodyMax    = 8 << 20 // bytes of a request's body
)

// answer is what a call is answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the connection ends after the body
}

func jsonAnswer(status int, v any) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, body: mustJSON(v)}
}

func pageAnswer(status int, page string) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}}, body: []byte(page)}
}

func (r *refusal) answer() *answer { return jsonAnswer(r.status, r.document()) }

// mustJSON encodes what consists of plain values only.
func mustJSON(v any) []byte {
	if made, ok := v.(json.RawMessage); ok {
		return made
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a value of Meta or Extra that is no JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// serveAPI answers one call, with the trouble that a test asked for before it takes place, or instead of its answer.
func (s *Shop) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	c := Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: body, At: time.Now()}
	s.mu.Lock()
	latency, before := s.opts.Latency, s.before
	s.mu.Unlock()
	if before != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		before(r)
	}
	a := s.handle(r, c, latency)
	a.header.Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	c.Status = a.status
	if a.cut {
		c.Status = 0
	}
	s.logCall(c)
	a.send(w)
}

// handle makes the answer to a call.
func (s *Shop) handle(r *http.Request, c Call, latency time.Duration) *answer {
	quota := http.Header{}
	if refusal := s.admit(c, quota); refusal != nil {
		return refusal.answer().with(quota)
	}
	t := s.troubleOf(c)
	if t.Kind == Slow {
		latency += t.Delay
	}
	time.Sleep(latency) // also when the client is gone: a real shop does what it was asked for all the same
	if t.Kind == CutBefore {
		return &answer{header: http.Header{}, cut: true}
	}
	a := instead(t.Kind)
	if a == nil {
		a = s.perform(r, c)
	}
	a.spoil(t)
	return a.with(quota)
}

func (a *answer) with(h http.Header) *answer {
	for k, v := range h {
		a.header[k] = v
	}
	return a
}

func (a *answer) send(w http.ResponseWriter) {
	if a.cut && len(a.body) == 0 {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for k, v := range a.header {
		h[k] = v
	}
	if a.cut {
		h.Set("Content-Length", strconv.Itoa(2*len(a.body)+1))
	} else {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the reader is gone; there is nobody to tell
	if a.cut {
		if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return
		}
		panic(http.ErrAbortHandler)
	}
}

var (
	noKey  = refused(http.StatusUnauthorized, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
	badKey = refused(http.StatusUnauthorized, "woocommerce_rest_authentication_error", "Consumer key or secret is invalid.")
)

// authenticate looks at key and secret.
func (s *Shop) authenticate(r *http.Request) *refusal {
	if s.opts.Key == "" {
		return nil
	}
	key, secret, ok := r.BasicAuth()
	if !ok {
		return noKey
	}
	if subtle.ConstantTimeCompare([]byte(key), []byte(s.opts.Key))&subtle.ConstantTimeCompare([]byte(secret), []byte(s.opts.Secret)) != 1 {
		return badKey
	}
	return nil
}

// perform does what a call asks for.
func (s *Shop) perform(r *http.Request, c Call) *answer {
	path := strings.TrimSuffix(c.Path, "/")
	if path == apiPath && c.Method == http.MethodGet {
		return s.index(r)
	}
	if path != ordersPath && !strings.HasPrefix(path, ordersPath+"/") {
		return noRoute.answer()
	}
	if refusal := s.authenticate(r); refusal != nil {
		return refusal.answer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == ordersPath {
		switch c.Method {
		case http.MethodGet:
			return s.list(r)
		case http.MethodPost:
			return s.post(r, c)
		}
		return noRoute.answer()
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(path, ordersPath+"/"), 10, 64)
	if err != nil {
		return noRoute.answer()
	}
	switch c.Method {
	case http.MethodGet:
		return s.get(r, id)
	case http.MethodPut, http.MethodPost:
		return s.update(r, c, id)
	}
	return noRoute.answer()
}

// index describes the shop; it needs no key.
func (s *Shop) index(r *http.Request) *answer {
	_, offset := s.opts.Now().In(s.opts.Zone).Zone()
	name := s.opts.Zone.String()
	if !strings.Contains(name, "/") && name != "UTC" {
		name = "" // an offset and no place
	}
	return jsonAnswer(http.StatusOK, object{
		"name": s.opts.Name, "description": "", "url": "http://" + r.Host, "home": "http://" + r.Host,
		"gmt_offset": float64(offset) / 3600, "timezone_string": name,
		"namespaces": []string{"wc/v3"}, "authentication": []string{},
		"routes": object{"/wc/v3/orders": object{"methods": []string{"GET", "POST"}}, `/wc/v3/orders/(?P<id>[\d]+)`: object{"methods": []string{"GET", "POST", "PUT"}}},
	})
}

// decoded reads the parameters of a body. One that does not say that it is JSON has none, as in the real one.
func decoded(r *http.Request, c Call) (object, *refusal) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" || len(c.Body) == 0 {
		return object{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, refused(http.StatusBadRequest, "rest_invalid_json", "Invalid JSON body passed.")
	}
	body, _ := v.(object)
	return body, nil
}

// digitsOf is the parameter dp; below zero: none.
func digitsOf(q url.Values) int {
	n, err := strconv.Atoi(q.Get("dp"))
	if err != nil || n < 0 || n > 20 {
		return -1
	}
	return n
}

// show answers with an order.
func (s *Shop) show(r *http.Request, status int, st *stored) *answer {
	a := jsonAnswer(status, s.asked(st.order, r.URL.Query()))
	if s.opts.Conditional {
		a.header.Set("ETag", s.tag(st))
	}
	return a
}

// asked is an order as a client asks for it: with the digits of dp, and of the fields only those of _fields.
func (s *Shop) asked(o *Order, q url.Values) any {
	digits, fields := digitsOf(q), q.Get("_fields")
	if digits < 0 && fields == "" {
		return s.encode(o)
	}
	d := s.document(o, digits)
	if fields == "" {
		return d
	}
	out := object{}
	for name := range strings.SplitSeq(fields, ",") {
		if v, ok := d[strings.TrimSpace(name)]; ok {
			out[strings.TrimSpace(name)] = v
		}
	}
	return out
}

// tag names the state of an order. Versions begin anew with the process, so the content is part of it.
func (s *Shop) tag(st *stored) string {
	return fmt.Sprintf(`"%d-%08x"`, st.version, crc32.ChecksumIEEE(s.encode(st.order)))
}

func (s *Shop) get(r *http.Request, id int64) *answer {
	st, ok := s.orders[id]
	if !ok {
		return noSuchOrder.answer()
	}
	a := s.show(r, http.StatusOK, st)
	if s.opts.ReadTouches {
		if err := s.touch(st); err != nil {
			return storeFailed(err)
		}
	}
	return a
}

func (s *Shop) post(r *http.Request, c Call) *answer {
	body, refusal := decoded(r, c)
	if refusal != nil {
		return refusal.answer()
	}
	if touches(body, "id") {
		return refused(http.StatusBadRequest, "woocommerce_rest_shop_order_exists", "Cannot create existing shop_order.").answer()
	}
	o := &Order{Status: "pending", Currency: "EUR", CreatedVia: "rest-api", PricesIncludeTax: s.opts.PricesIncludeTax}
	if refusal := s.write(o, body, true); refusal != nil {
		return refusal.answer()
	}
	s.complete(o)
	if err := s.put(o, "order.created"); err != nil {
		return storeFailed(err)
	}
	a := s.show(r, http.StatusCreated, s.orders[o.ID])
	a.header.Set("Location", "http://"+r.Host+ordersPath+"/"+strconv.FormatInt(o.ID, 10))
	return a
}

func (s *Shop) update(r *http.Request, c Call, id int64) *answer {
	st, ok := s.orders[id]
	if !ok {
		return noOrderToPut.answer()
	}
	body, refusal := decoded(r, c)
	if refusal != nil {
		return refusal.answer()
	}
	if match := r.Header.Get("If-Match"); s.opts.Conditional && match != "" && match != "*" && match != s.tag(st) {
		return refused(http.StatusPreconditionFailed, "woocommerce_rest_precondition_failed", "The order has changed.").answer()
	}
	next := st.order.clone()
	if refusal := s.write(next, body, false); refusal != nil {
		return refusal.answer()
	}
	event := "order.updated"
	if next.Status == "trash" && st.order.Status != "trash" {
		event = "order.deleted"
	}
	if err := s.change(st, next, event); err != nil {
		return storeFailed(err)
	}
	return s.show(r, http.StatusOK, st)
}

func storeFailed(err error) *answer {
	return refused(http.StatusInternalServerError, "woocommerce_rest_shop_order_not_saved", err.Error()).answer()
}
