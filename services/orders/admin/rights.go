package admin

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// anyone may call what a person needs in order to log in.
const anyone access.Role = ""

// Rights is the one table of who may call what below /admin: the least role, by method and route. What
// is not in it nobody may call.
var Rights = map[string]access.Role{
	"GET /admin/login":     anyone,
	"POST /admin/login":    anyone,
	"GET /admin/login.css": anyone,
	"POST /admin/logout":   access.Viewer,
	"GET /admin/static/*":  anyone,

	// The pages. What they call is held against its own right too.
	"GET /admin/":                              access.Viewer,
	"GET /admin/orders":                        access.Viewer,
	"GET /admin/orders/new":                    access.Operator,
	"POST /admin/orders/new":                   access.Operator,
	"GET /admin/orders/{id}":                   access.Viewer,
	"GET /admin/orders/{id}/edit":              access.Operator,
	"POST /admin/orders/{id}/edit":             access.Operator,
	"POST /admin/orders/{id}/delete":           access.Operator,
	"GET /admin/orders/{id}/contents/{seq}":    access.Viewer,
	"POST /admin/orders/{id}/contents/{seq}":   access.Operator,
	"GET /admin/collisions":                    access.Viewer,
	"POST /admin/collisions":                   access.Operator,
	"GET /admin/collisions/{id}":               access.Viewer,
	"POST /admin/collisions/{id}/preview":      access.Operator,
	"POST /admin/collisions/{id}/resolve":      access.Operator,
	"POST /admin/collisions/{id}/order":        access.Operator,
	"POST /admin/collisions/{id}/approve":      access.Operator,
	"POST /admin/collisions/{id}/reject":       access.Operator,
	"GET /admin/policy":                        access.Viewer,
	"POST /admin/policy":                       access.Operator,
	"GET /admin/errors":                        access.Viewer,
	"POST /admin/errors":                       access.Operator,
	"GET /admin/errors/{id}":                   access.Viewer,
	"GET /admin/peers":                         access.Viewer,
	"POST /admin/peers/{peer}/pause":           access.Operator,
	"POST /admin/peers/{peer}/resume":          access.Operator,
	"POST /admin/peers/{peer}/reconcile":       access.Operator,
	"POST /admin/peers/{peer}/brake":           access.Admin,
	"GET /admin/reconciliations/{id}":          access.Viewer,
	"POST /admin/reconciliations/{id}/confirm": access.Admin,
	"POST /admin/reconciliations/{id}/drop":    access.Admin,
	"POST /admin/peers/{peer}/forget":          access.Admin,
	"POST /admin/system/orders/{id}/sync":      access.Operator,
	"POST /admin/system/orders/{id}/create":    access.Operator,
	"POST /admin/system/orders/{id}/give-up":   access.Operator,
	"GET /admin/audit":                         access.Viewer,
	"GET /admin/audit/export":                  access.Viewer,
	"GET /admin/people":                        access.Admin,
	"POST /admin/people/{do}":                  access.Admin,
	"GET /admin/password":                      access.Viewer,
	"POST /admin/password":                     access.Viewer,
	"GET /admin/states":                        access.Viewer,
	"GET /admin/reference":                     access.Viewer,
	"GET /admin/openapi.yaml":                  access.Viewer,

	"POST /admin/api/session":          anyone,
	"GET /admin/api/session":           access.Viewer,
	"POST /admin/api/session/end":      access.Viewer,
	"POST /admin/api/session/password": access.Viewer,

	"GET /admin/api/users":                         access.Admin,
	"POST /admin/api/users":                        access.Admin,
	"GET /admin/api/users/{name}":                  access.Admin,
	"PUT /admin/api/users/{name}":                  access.Admin,
	"POST /admin/api/users/{name}/disable":         access.Admin,
	"POST /admin/api/users/{name}/enable":          access.Admin,
	"POST /admin/api/users/{name}/password":        access.Admin,
	"GET /admin/api/tokens":                        access.Admin,
	"POST /admin/api/tokens":                       access.Admin,
	"POST /admin/api/tokens/{name}/revoke":         access.Admin,
	"GET /admin/api/audit":                         access.Viewer,
	"GET /admin/api/status":                        access.Viewer,
	"GET /admin/api/history":                       access.Viewer,
	"GET /admin/api/events":                        access.Viewer,
	"GET /admin/api/orders":                        access.Viewer,
	"GET /admin/api/orders/{id}/timeline":          access.Viewer,
	"GET /admin/api/orders/{id}/contents/{seq}":    access.Viewer,
	"POST /admin/api/orders/{id}/contents/{seq}":   access.Operator,
	"GET /admin/api/collisions":                    access.Viewer,
	"GET /admin/api/collisions/{id}":               access.Viewer,
	"POST /admin/api/collisions/{id}/resolve":      access.Operator,
	"POST /admin/api/collisions/{id}/approve":      access.Operator,
	"POST /admin/api/collisions/{id}/reject":       access.Operator,
	"POST /admin/api/collisions/settle":            access.Operator,
	"GET /admin/api/errors":                        access.Viewer,
	"GET /admin/api/errors/{id}":                   access.Viewer,
	"POST /admin/api/errors/{id}/retry":            access.Operator,
	"GET /admin/api/peers":                         access.Viewer,
	"GET /admin/api/peers/{peer}/failed-calls":     access.Viewer,
	"POST /admin/api/peers/{peer}/pause":           access.Operator,
	"POST /admin/api/peers/{peer}/resume":          access.Operator,
	"GET /admin/api/states":                        access.Viewer,
	"GET /admin/api/reconciliations":               access.Viewer,
	"POST /admin/api/reconciliations":              access.Operator,
	"GET /admin/api/reconciliations/{id}":          access.Viewer,
	"POST /admin/api/reconciliations/{id}/confirm": access.Admin,
	"POST /admin/api/reconciliations/{id}/drop":    access.Admin,
	"POST /admin/api/peers/{peer}/brake":           access.Admin,
	"POST /admin/api/peers/{peer}/forget":          access.Admin,
	"POST /admin/api/errors/settle":                access.Operator,

	"GET /admin/api/system":                      access.Viewer,
	"POST /admin/api/system/probe":               access.Operator,
	"GET /admin/api/system/orders/{id}":          access.Viewer,
	"POST /admin/api/system/orders/{id}/sync":    access.Operator,
	"POST /admin/api/system/orders/{id}/create":  access.Operator,
	"POST /admin/api/system/orders/{id}/give-up": access.Operator,

	"GET /admin/api/conflict-policy":          access.Viewer,
	"POST /admin/api/conflict-policy/preview": access.Operator,
}

// Allow lets through who may call what they ask for, by Rights. Routes is the whole router that serves
// the call. Who is not known is sent to log in when they ask for a page, and refused otherwise.
func Allow(routes chi.Routes, tokens *httpapi.Tokens) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			role := httpapi.RoleOf(r.Context())
			least, known, found := leastRole(routes, r)
			switch {
			case known && least == anyone:
			case role == "" && isPage(r) && (r.Method == http.MethodGet || r.Method == http.MethodPost):
				toLogin(w, r)
				return
			case role == "":
				tokens.Refuse(w, r)
				return
			case found && !(known && role.AtLeast(least)), !role.AtLeast(access.Viewer):
				httpapi.Forbid(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// leastRole finds the least role for what a request asks for. Found tells that there is such a call at
// all, known that Rights has it.
func leastRole(routes chi.Routes, r *http.Request) (least access.Role, known, found bool) {
	method, path := r.Method, r.URL.Path
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if r.URL.RawPath != "" {
		path = r.URL.RawPath // as the router takes it
	}
	route := routes.Find(chi.NewRouteContext(), method, path)
	if route == "" {
		return "", false, false
	}
	if route == "/admin" { // the router knows it by both names
		route = "/admin/"
	}
	least, known = Rights[method+" "+route]
	return least, known, true
}
