package admin

import (
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// Gate stands before everything below /admin: it finds who calls, by a bearer token or by a session's
// cookie. Behind it, httpapi.CallerOf tells who it is; what they may do is for Allow.
type Gate struct {
	tokens  *httpapi.Tokens
	people  *access.Access
	cookie  Cookie
	foreign *http.CrossOriginProtection
	log     *zap.Logger
}

// NewGate makes a gate.
func NewGate(tokens *httpapi.Tokens, people *access.Access, cookie Cookie, log *zap.Logger) *Gate {
	return &Gate{tokens, people, cookie, http.NewCrossOriginProtection(), log.Named("admin")}
}

// pagePolicy lets a page load from this side only, and run nothing that stands in it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Handler lets through who is known, and who is not as nobody.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if isPage(r) {
			h.Set("Content-Security-Policy", pagePolicy)
		}
		if caller, ok := g.caller(w, r); ok {
			next.ServeHTTP(w, httpapi.Welcome(w, r, caller))
		}
	})
}

// isPage tells whether a request is for a person to look at.
func isPage(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/admin/api/") }

// caller finds who calls; the zero Caller is nobody. When it has answered, ok is false.
func (g *Gate) caller(w http.ResponseWriter, r *http.Request) (c access.Caller, ok bool) {
	if httpapi.HasBearer(r) { // no browser sends it by itself, so no other site can make one
		found, err := g.tokens.Caller(r)
		switch {
		case err != nil:
			httpapi.Fail(w, r, g.log, err)
		case found == nil:
			g.tokens.Refuse(w, r)
		default:
			return *found, true
		}
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
	_, found, err := g.people.Find(r.Context(), secret, byPerson(r))
	if err != nil {
		httpapi.Fail(w, r, g.log, err)
		return c, false
	}
	if found != nil {
		c = *found
	}
	return c, true
}

// Still reports whether the caller of a request that was let through would be let through now as the same. While
// the database does not answer, nobody can have been locked out.
func (g *Gate) Still(r *http.Request) bool {
	var found *access.Caller
	var err error
	if httpapi.HasBearer(r) {
		found, err = g.tokens.Caller(r)
	} else {
		_, found, err = g.people.Find(r.Context(), g.cookie.read(r), false)
	}
	return err != nil || found != nil && *found == httpapi.CallerOf(r.Context())
}

// byPerson tells whether a person has asked, and not a script of a page that is open: it reads again
// whatever changes, and would keep a session for as long as nobody closes the page.
func byPerson(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "" || mode == "navigate" || r.Method != http.MethodGet
}

// toLogin sends a browser to log in, and back afterwards: to the page that it asks for, or to the one with
// the form that it sent. A browser that comes from another site's link keeps a strict cookie to itself;
// asked again by our own page, it sends it.
func toLogin(w http.ResponseWriter, r *http.Request) {
	q := url.Values{"next": {r.URL.RequestURI()}}
	switch {
	case r.Method != http.MethodGet:
		q = url.Values{"lost": {""}}
		if u, err := url.Parse(r.Referer()); err == nil {
			q.Set("next", u.RequestURI())
		}
	case r.Header.Get("Sec-Fetch-Site") == "cross-site":
		again(w, r)
		return
	}
	http.Redirect(w, r, "/admin/login?"+q.Encode(), http.StatusSeeOther)
}
