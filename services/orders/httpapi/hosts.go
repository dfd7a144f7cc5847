package httpapi

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Hosts are the names in a request's Host header that are answered. A page of somebody else whose name leads to this
// service's address (DNS rebinding) comes with its own name, and is refused.
type Hosts struct {
	Names []string
	Any   bool // answer to every name
}

// IsLoopback reports whether a host is an address of this machine that no other one reaches, or localhost.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Handler refuses requests for other names. An IP address is no name: nobody can let it lead elsewhere.
func (h Hosts) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.answers(r.Host) {
			WriteProblem(w, r, http.StatusMisdirectedRequest, "misdirected",
				"this service does not answer to the name in the Host header: name it in ORDERS_HOSTS")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h Hosts) answers(host string) bool {
	if h.Any {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return net.ParseIP(host) != nil || strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(h.Names, func(name string) bool { return strings.EqualFold(name, host) })
}

// StrictTransport has browsers use nothing but TLS with this name from now on (HSTS, RFC 6797).
func StrictTransport(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}
