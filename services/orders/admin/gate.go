package admin

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// Gate stands before everything below /admin: it finds who calls, by a bearer token or by a session's
// cookie, and holds them against Rights. Behind it, httpapi.CallerOf tells who it is.
type Gate struct {
	tokens  *httpapi.Tokens
	people  *access.Access
	cookie  Cookie
	routes  chi.Routes
	foreign *http.CrossOriginProtection
	log     *zap.Logger
}

// NewGate makes a gate. Routes is the whole router, in which the gate looks up what a request asks for.
func NewGate(tokens *httpapi.Tokens, people *access.Access, cookie Cookie, routes chi.Routes, log *zap.Logger) *Gate {
	return &Gate{tokens, people, cookie, routes, http.NewCrossOriginProtection(), log.Named("admin")}
}

// pagePolicy lets a page load from this side only, and run nothing that stands in it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Handler lets through who may.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := !strings.HasPrefix(r.URL.Path, "/admin/api/")
		h := w.Header()
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if page {
			h.Set("Content-Security-Policy", pagePolicy)
		}
		caller, ok := g.caller(w, r)
		if !ok {
			return
		}
		least, known, found := g.least(r)
		switch {
		case found && known && least == anyone:
		case caller.Role == "" && page && r.Method == http.MethodGet && !httpapi.HasBearer(r):
			toLogin(w, r)
			return
		case caller.Role == "":
			g.tokens.Refuse(w, r)
			return
		case found && (!known || !caller.Role.AtLeast(least)), !caller.Role.AtLeast(access.Viewer):
			httpapi.Forbid(w, r)
			return
		}
		next.ServeHTTP(w, httpapi.WithCaller(r, caller))
	})
}

// caller finds who calls; the zero Caller is nobody. When it has answered, ok is false.
func (g *Gate) caller(w http.ResponseWriter, r *http.Request) (c access.Caller, ok bool) {
	if httpapi.HasBearer(r) { // no browser sends it by itself, so no other site can make one
		if found := g.tokens.Caller(r); found != nil {
			return *found, true
		}
		g.tokens.Refuse(w, r)
		return c, false
	}
	if err := g.foreign.Check(r); err != nil {
		httpapi.WriteProblem(w, r, http.StatusForbidden, "forbidden", "the request comes from another site")
		return c, false
	}
	secret := g.cookie.read(r)
	if secret == "" {
		return c, true
	}
	_, found, err := g.people.Find(r.Context(), secret)
	if err != nil {
		httpapi.Fail(w, r, g.log, err)
		return c, false
	}
	if found != nil {
		c = *found
	}
	return c, true
}

// least finds the least role for what a request asks for. Found tells that there is such a call at all,
// known that Rights has it.
func (g *Gate) least(r *http.Request) (least access.Role, known, found bool) {
	method, path := r.Method, r.URL.Path
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if r.URL.RawPath != "" {
		path = r.URL.RawPath // as the router takes it
	}
	route := g.routes.Find(chi.NewRouteContext(), method, path)
	if route == "" {
		return "", false, false
	}
	least, known = Rights[method+" "+route]
	return least, known, true
}

// toLogin sends a browser to log in, and back afterwards. A browser that comes from another site's link
// keeps a strict cookie to itself; asked again by our own page, it sends it.
func toLogin(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		again(w, r)
		return
	}
	http.Redirect(w, r, "/admin/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
}
