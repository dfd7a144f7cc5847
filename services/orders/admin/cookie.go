package admin

import (
	"net/http"
	"time"

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

// deviceName is the cookie by which a browser shows that a user has logged in with it before. A dot stands in
// no side's name, so that it is no session's of another side.
func (c Cookie) deviceName(user string) string { return c.name() + ".device." + user }

// device is the mark that a browser has of a user, or empty.
func (c Cookie) device(r *http.Request, user string) string {
	found, err := r.Cookie(c.deviceName(user))
	if err != nil {
		return ""
	}
	return found.Value
}

func (c Cookie) write(w http.ResponseWriter, o *access.Opened) {
	c.set(w, c.name(), o.Secret, access.SessionMax)
	c.set(w, c.deviceName(o.User), o.Device, access.DeviceTrust)
}

func (c Cookie) clear(w http.ResponseWriter) { c.set(w, c.name(), "", -time.Second) }

func (c Cookie) set(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(age.Seconds()), HttpOnly: true, Secure: !c.Insecure, SameSite: http.SameSiteStrictMode,
	})
}
