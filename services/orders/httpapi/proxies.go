package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are those who may say for whom they ask.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks that are separated by commas.
func ParseProxies(text string) (p Proxies, err error) {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(one)
		if err != nil {
			ip, err := netip.ParseAddr(one)
			if err != nil {
				return nil, err
			}
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
		p = append(p, prefix)
	}
	return p, nil
}

func (p Proxies) has(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// Handler gives requests the address of the client that they come from: the last one in X-Forwarded-For
// that is no proxy's. What stands before it anybody can have written.
func (p Proxies) Handler(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && p.has(from.Addr()) {
			if client := p.client(r.Header.Values("X-Forwarded-For")); client.IsValid() {
				r = r.Clone(r.Context())
				r.RemoteAddr = net.JoinHostPort(client.String(), "0")
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (p Proxies) client(forwarded []string) (client netip.Addr) {
	for _, one := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		ip, err := netip.ParseAddr(strings.TrimSpace(one))
		if err != nil {
			return client // the nearest one that can be read
		}
		if client = ip.Unmap(); !p.has(client) {
			return client
		}
	}
	return client
}
