package admin

import (
	"net/http"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// Cookie is how a browser keeps a session. The prefix __Host- has the browser take it from this host
// only, over TLS, for all paths. Browsers count 127.0.0.1 and localhost as safe without TLS; elsewhere
// plain HTTP needs Insecure, which is a setting. The side is in the name because a cookie knows no port:
// two sides on one machine would overwrite each other's.
type Cookie struct {
	Side     string
	Insecure bool
}

func (c Cookie) name() string {
	name := "orderbridge-" + c.Side
	if c.Insecure {
		return name // a browser refuses the prefix over plain HTTP
	}
	return "__Host-" + name
}

func (c Cookie) read(r *http.Request) string {
	found, err := r.Cookie(c.name())
	if err != nil {
		return ""
	}
	return found.Value
}

func (c Cookie) write(w http.ResponseWriter, secret string) {
	c.set(w, secret, int(access.SessionMax.Seconds()))
}

func (c Cookie) clear(w http.ResponseWriter) { c.set(w, "", -1) }

func (c Cookie) set(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: !c.Insecure, SameSite: http.SameSiteStrictMode,
	})
}
