package web

import (
	"net/http"
	"strings"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// visitor is who looks at a page. What they may not do is not offered; the API refuses it anyway.
type visitor struct {
	Name  string
	Role  string
	Acts  bool // may change orders, settle, retry, pause
	Rules bool // may change who may do what
	Leave bool // has a session to end
}

func visitorOf(r *http.Request) visitor {
	c := httpapi.CallerOf(r.Context())
	_, name, named := strings.Cut(c.Actor, ":")
	if !named {
		name = c.Actor
	}
	return visitor{
		Name: name, Role: string(c.Role), Acts: c.Role.AtLeast(access.Operator), Rules: c.Role.AtLeast(access.Admin), Leave: c.User != "",
	}
}
