package admin

import "github.com/orderbridge/orderbridge/services/orders/access"

// anyone may call what a person needs in order to log in.
const anyone access.Role = ""

// Rights is the one table of who may call what below /admin: the least role, by method and route. What
// is not in it nobody may call.
var Rights = map[string]access.Role{
	"GET /admin/login":     anyone,
	"POST /admin/login":    anyone,
	"GET /admin/login.css": anyone,
	"POST /admin/logout":   access.Viewer,

	"POST /admin/api/session":          anyone,
	"GET /admin/api/session":           access.Viewer,
	"POST /admin/api/session/end":      access.Viewer,
	"POST /admin/api/session/password": access.Viewer,

	"GET /admin/api/status":                   access.Viewer,
	"GET /admin/api/orders":                   access.Viewer,
	"GET /admin/api/orders/{id}/timeline":     access.Viewer,
	"GET /admin/api/collisions":               access.Viewer,
	"GET /admin/api/collisions/{id}":          access.Viewer,
	"POST /admin/api/collisions/{id}/resolve": access.Operator,
	"GET /admin/api/errors":                   access.Viewer,
	"POST /admin/api/errors/{id}/retry":       access.Operator,
	"GET /admin/api/peers":                    access.Viewer,
	"POST /admin/api/peers/{peer}/pause":      access.Operator,
	"POST /admin/api/peers/{peer}/resume":     access.Operator,
	"GET /admin/api/states":                   access.Viewer,
}
