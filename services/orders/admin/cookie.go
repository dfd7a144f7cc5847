package admin

import (
	"net/http"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// Cookie is how a browser keeps a session. The prefix __Host- has the browser take it from this host
// only, over TLS, for all paths. Browsers count 127.0.0.1 and localhost as safe without TLS; elsewhere
// plain HTTP needs Insecure, which is a setting.
type Cookie struct{ Insecure bool }

func (c Cookie) name() string {
	if c.Insecure {
		return "orderbridge" // a browser refuses the prefix over plain HTTP
	}
	return "__Host-orderbridge"
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
