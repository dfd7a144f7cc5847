package shop

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed templates static
var files embed.FS

const pageSize = 25

// pages show the shop to people. They need no login, so they answer this machine only, unless Options.OpenPages.
type pages struct {
	shop      *Shop
	templates map[string]*template.Template
}

// page is what the layout shows around each page.
type page struct {
	Shop, Title, Zone string
	Said              string // what was done, or what went wrong
	Bad               bool
	Body              any
}

func (s *Shop) mountPages() error {
	p := &pages{shop: s, templates: map[string]*template.Template{}}
	for _, name := range []string{"list", "order", "failed"} {
		t, err := template.New("").Funcs(p.functions()).ParseFS(files, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return err
		}
		p.templates[name] = t
	}
	mount := func(pattern string, h http.HandlerFunc) { s.mux.Handle(pattern, p.guard(h)) }
	mount("GET /{$}", p.list)
	mount("GET /orders/new", p.blank)
	mount("POST /orders/new", p.create)
	mount("GET /orders/{id}", p.order)
	mount("POST /orders/{id}", p.edit)
	mount("POST /orders/{id}/trash", p.act(s.Trash, "trash"))
	mount("POST /orders/{id}/restore", p.act(s.Restore, "restored"))
	mount("GET /wp-admin/post.php", p.lead("post"))
	mount("GET /wp-admin/admin.php", p.lead("id"))
	mount("GET /static/", http.FileServerFS(files).ServeHTTP)
	return nil
}

// guard lets in whoever is on this machine and came by its name. Other sites cannot send forms.
func (p *pages) guard(next http.Handler) http.Handler {
	checked := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.shop.opts.OpenPages && !(loopback(r.RemoteAddr) && loopback(r.Host)) {
			http.Error(w, "these pages are for this machine only", http.StatusForbidden)
			return
		}
		checked.ServeHTTP(w, r)
	})
}

// loopback reports whether an address, with or without port, is one of this machine.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (p *pages) functions() template.FuncMap {
	return template.FuncMap{
		"when": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return t.In(p.shop.opts.Zone).Format("2 Jan 2006, 15:04:05")
		},
		"words": func(status string) string {
			status = strings.ReplaceAll(status, "-", " ")
			return strings.ToUpper(status[:min(1, len(status))]) + status[min(1, len(status)):]
		},
		"money": func(text, currency string) string { return fixed(text, p.shop.digits(currency)) + " " + currency },
		"each":  func(l Line) string { return short(perPiece(l.Total, l.Quantity)) },
		"name":  name, "fields": fields,
		"json": func(v any) string { return string(mustJSON(v)) },
	}
}

// name is who an address is of.
func name(a Address) string {
	n := strings.TrimSpace(a.FirstName + " " + a.LastName)
	switch {
	case n == "":
		return a.Company
	case a.Company != "":
		return n + ", " + a.Company
	}
	return n
}

func (p *pages) show(w http.ResponseWriter, status int, name string, pg page) {
	pg.Shop, pg.Zone = p.shop.opts.Name, p.shop.opts.Zone.String()
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "layout", pg); err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; form-action 'self'")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader is gone; there is nobody to tell
}

func (p *pages) fail(w http.ResponseWriter, status int, err error) {
	p.show(w, status, "failed", page{Title: http.StatusText(status), Said: err.Error(), Bad: true})
}

// tab is a status with the number of its orders.
type tab struct {
	Status string // empty: all but the trash
	Count  int
	Here   bool
}

type listBody struct {
	Tabs       []tab
	Orders     []*Order
	Search     string
	Status     string
	Page       int
	Prev, Next int // 0: there is none
	Total      int
}

func (p *pages) list(w http.ResponseWriter, r *http.Request) {
	b := listBody{Search: strings.TrimSpace(r.FormValue("search")), Status: r.FormValue("status"), Page: 1}
	if n, err := strconv.Atoi(r.FormValue("page")); err == nil && n > 0 {
		b.Page = n
	}
	counts := map[string]int{}
	var found []*Order
	for _, o := range p.shop.Orders() {
		counts[o.Status]++
		if (o.Status == b.Status || b.Status == "" && o.Status != "trash") && (b.Search == "" || contains(o, strings.ToLower(b.Search), true)) {
			found = append(found, o)
		}
		if o.Status != "trash" {
			counts[""]++
		}
	}
	for _, status := range append(append([]string{""}, p.shop.statuses()...), "trash") {
		if counts[status] > 0 || status == "" || status == b.Status {
			b.Tabs = append(b.Tabs, tab{status, counts[status], status == b.Status})
		}
	}
	slices.Reverse(found)
	b.Total = len(found)
	from := min((b.Page-1)*pageSize, len(found))
	to := min(from+pageSize, len(found))
	b.Orders = found[from:to]
	if b.Page > 1 {
		b.Prev = b.Page - 1
	}
	if to < len(found) {
		b.Next = b.Page + 1
	}
	p.show(w, http.StatusOK, "list", page{Title: "Orders", Body: b})
}

type orderBody struct {
	New      bool
	Order    *Order
	Statuses []string
	Products []Product
	Slots    []int // of lines to add
}

func (p *pages) body(o *Order) orderBody {
	p.shop.mu.Lock()
	defer p.shop.mu.Unlock()
	b := orderBody{Order: o, Statuses: p.shop.statuses(), Products: slices.Clone(p.shop.products), Slots: []int{0}}
	if !slices.Contains(b.Statuses, o.Status) {
		b.Statuses = append(b.Statuses, o.Status)
	}
	return b
}

// said are words for what was done, by what the address says.
var said = map[string]string{"created": "The order was created.", "saved": "The order was saved.", "trash": "The order is in the trash.", "restored": "The order is back."}

func (p *pages) order(w http.ResponseWriter, r *http.Request) {
	o, err := p.shop.View(id(r))
	if err != nil {
		p.fail(w, http.StatusNotFound, err)
		return
	}
	p.show(w, http.StatusOK, "order", page{Title: fmt.Sprintf("Order #%d", o.ID), Said: said[r.FormValue("done")], Body: p.body(o)})
}

func id(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // what is no number is the id of no order
	return n
}

func (p *pages) blank(w http.ResponseWriter, _ *http.Request) {
	b := p.body(&Order{Status: "processing", Currency: "EUR"})
	b.New, b.Slots = true, []int{0, 1, 2}
	p.show(w, http.StatusOK, "order", page{Title: "New order", Body: b})
}

func (p *pages) create(w http.ResponseWriter, r *http.Request) {
	o := Order{CreatedVia: "admin", Status: "pending", PaymentMethod: "invoice", PaymentMethodTitle: "Invoice"}
	edit, err := p.readForm(r)
	if err != nil {
		p.fail(w, http.StatusBadRequest, err)
		return
	}
	edit(&o)
	n, err := p.shop.Add(o)
	if err != nil {
		p.fail(w, http.StatusInternalServerError, err)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/orders/%d?done=created", n), http.StatusSeeOther)
}

func (p *pages) edit(w http.ResponseWriter, r *http.Request) {
	edit, err := p.readForm(r)
	if err != nil {
		p.fail(w, http.StatusBadRequest, err)
		return
	}
	p.done(w, r, p.shop.Change(id(r), edit), "saved")
}

func (p *pages) act(do func(int64) error, what string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { p.done(w, r, do(id(r)), what) }
}

func (p *pages) done(w http.ResponseWriter, r *http.Request, err error, what string) {
	switch {
	case errors.Is(err, errNoOrder):
		p.fail(w, http.StatusNotFound, err)
	case err != nil:
		p.fail(w, http.StatusInternalServerError, err)
	default:
		http.Redirect(w, r, fmt.Sprintf("/orders/%d?done=%s", id(r), what), http.StatusSeeOther)
	}
}

// lead sends the addresses of the real shop's own pages to the order that they name.
func (p *pages) lead(parameter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		to := "/"
		if n, err := strconv.ParseInt(r.FormValue(parameter), 10, 64); err == nil {
			to = fmt.Sprintf("/orders/%d", n)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}
