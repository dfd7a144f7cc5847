package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

//go:embed templates static
var files embed.FS

// page is what the layout shows around each page.
type page struct {
	Title   string
	Nav     string // name of the entry of the navigation
	Side    string
	Visitor visitor
	Status  *contracts.Status // nil when it cannot be had
	Done    string            // what was just done, in words
	Still   bool              // the answer to a form, which is nowhere to be had again
	Static  string
	Body    any
}

// Problems is how many orders need a person, for the navigation.
func (p *page) Problems(states ...string) (n int64) {
	if p.Status == nil {
		return 0
	}
	for _, peer := range p.Status.Peers {
		for _, s := range states {
			n += peer.States[s]
		}
	}
	return n
}

// loadTemplates parses each page with the layout around it.
func loadTemplates(now func() time.Time) (map[string]*template.Template, error) {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	base, err := template.New("").Funcs(functions(now)).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if short == "layout" || short == "parts" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(files, name)
		}
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", short, err)
		}
		out[short] = t
	}
	return out, nil
}

func functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"ago":     func(t time.Time) string { return ago(t, now()) },
		"clock":   func(t time.Time) string { return clock(t, now()) },
		"exactly": exactly, "machine": machine, "seconds": seconds,
		"money": withCurrency, "number": number, "count": count, "percent": percent, "bytes": bytesOf,
		"words": func(s any) string { return words(fmt.Sprint(s)) },
		"who":   who, "statusTone": statusTone, "stateWords": stateWords, "pointerWords": pointerWords, "rulePolicy": rulePolicy, "returned": returned, "explain": explain,
		"add":           func(a, b int) int { return a + b },
		"add64":         func(a, b int64) int64 { return a + b },
		"neg":           func(n int64) int64 { return -n },
		"len64":         func(l []contracts.Line) int64 { return int64(len(l)) },
		"states":        func() any { return stateNames },
		"orderStatuses": func() any { return contracts.OrderStatuses },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return m
		},
	}
}

// staticHash names this program's static files, so that a browser keeps them as long as it likes.
func staticHash() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		h.Write(b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}

// show answers with a page.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, name, nav, title string, body any) {
	pg := &page{
		Title: title, Nav: nav, Side: p.side, Visitor: visitorOf(r), Done: doneWords[r.URL.Query().Get("done")],
		Still: r.Method == http.MethodPost, Static: "/admin/static/" + p.hash, Body: body,
	}
	if s, ok := body.(interface{ status() *contracts.Status }); ok {
		pg.Status = s.status()
	} else if s, err := read[contracts.Status](p, r, "/admin/api/status"); err == nil {
		pg.Status = &s
	}
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "layout", pg); err != nil {
		p.log.Error("failed to render page", zap.String("page", name), zap.Error(err), zap.String("request_id", httpapi.RequestID(r.Context())))
		http.Error(w, "Internal error. See the log of this side for the request "+httpapi.RequestID(r.Context())+".", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader is gone; there is nobody to tell
}

// failed is what a page shows in place of what it could not get or do.
type failed struct {
	contracts.Problem
	Back string // where to go on
}

// fail answers with a page that says what went wrong.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, nav string, err error) {
	problem := problemOf(err)
	if problem.Status == http.StatusInternalServerError {
		p.log.Error("page failed", zap.Error(err), zap.String("request_id", httpapi.RequestID(r.Context())))
	}
	title := problem.Title
	switch problem.Status {
	case http.StatusNotFound:
		title = "Not found"
	case http.StatusServiceUnavailable:
		title = "Unreachable"
		w.Header().Set("Retry-After", "1")
	}
	p.show(w, r, problem.Status, "failed", nav, title, failed{Problem: problem, Back: r.URL.Path})
}

// problemOf is what an error says to a person.
func problemOf(err error) contracts.Problem {
	var e *refusal
	if errors.As(err, &e) {
		return e.Problem
	}
	return contracts.Problem{Status: http.StatusInternalServerError, Title: "Internal error", Detail: "see the log of this side"}
}

// done sends the browser on after something was done, to a page that says so.
func done(w http.ResponseWriter, r *http.Request, to, what string) {
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(u.Path, "/admin") || u.Host != "" {
		u = &url.URL{Path: "/admin"}
	}
	q := u.Query()
	q.Set("done", what)
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// doneWords says what was done. An address can only choose among them.
var doneWords = map[string]string{
	"created":   "The order was created.",
	"saved":     "The order was saved.",
	"deleted":   "The order was deleted.",
	"password":  "Your password was changed.",
	"back":      "The content was restored, as a new version.",
	"settled":   "The collision was resolved.",
	"proposed":  "Proposed. Someone else has to approve it.",
	"rejected":  "The proposal was rejected. The collision stays open.",
	"retried":   "The order is being retried.",
	"paused":    "Paused: nothing is sent until someone resumes it.",
	"resumed":   "Resumed: pending changes are being sent.",
	"started":   "The reconciliation was started.",
	"confirmed": "Confirmed: the reconciliation continues.",
	"people":    "Saved.",
	"braked":    "The brake was reset.",
	"forgotten": "Nothing is stored of that peer any more.",
	"unbraked":  "The brake is off for 10 minutes.",
	"dropped":   "Dropped: nothing further is changed.",

	"searched":    "Searched. Orders still shown were not found in the system.",
	"postedAgain": "The order was created in the system.",
	"givenUp":     "Given up: the order is created in the system only if the peer sends it again.",
}
