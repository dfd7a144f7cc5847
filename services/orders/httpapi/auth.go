package httpapi

import (
	"context"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// refusalLogEvery is how often at most a refused caller is logged: a guesser must not fill the disk.
const refusalLogEvery = 10 * time.Second

// Issued finds who has a token that was made in the admin; nil when nobody does.
type Issued interface {
	ByToken(ctx context.Context, secret string) (*access.Caller, error)
}

// Tokens knows whose a bearer token is. Of those of the settings it holds hashes; others it asks for.
type Tokens struct {
	known             []token
	issued            Issued
	pins              map[string]tlsfile.Pins
	log               *zap.Logger
	refused, unpinned rate.Sometimes
}

// NewTokens knows no token yet but those that were issued.
func NewTokens(issued Issued, log *zap.Logger) *Tokens {
	return &Tokens{issued: issued, log: log.Named("httpapi"), refused: rate.Sometimes{Interval: refusalLogEvery}, unpinned: rate.Sometimes{Interval: refusalLogEvery}}
}

type token struct {
	caller access.Caller
	hash   access.Hash
}

// Add gives a role to one token, or to several that are separated by commas: two are live while one
// is being rotated. For peers there is AddPeer.
func (t *Tokens) Add(role access.Role, secrets string) {
	actor := string(role)
	if role == access.Admin {
		actor = "admin:token" // no person
	}
	t.add(access.Caller{Role: role, Actor: actor}, secrets)
}

// AddPeer gives the role of a peer's bridge to one token or several. They say which side it speaks for.
func (t *Tokens) AddPeer(side, secrets string) {
	t.add(access.Caller{Role: access.Peer, Actor: string(access.Peer) + ":" + side, Side: side}, secrets)
}

func (t *Tokens) add(caller access.Caller, secrets string) {
	for s := range strings.SplitSeq(secrets, ",") {
		if s = strings.TrimSpace(s); s != "" {
			t.known = append(t.known, token{caller, access.HashOf(s)})
		}
	}
}

// PinPeers has each peer's token count only on connections on which the caller showed a certificate pinned for that peer. A
// token that leaked is of no use without the key. A peer without pins needs no certificate.
func (t *Tokens) PinPeers(pins map[string]tlsfile.Pins) { t.pins = pins }

// HasBearer tells whether a request wants to be known by a token, be it a good one or not.
func HasBearer(r *http.Request) bool { return len(r.Header.Values("Authorization")) > 0 }

// Caller finds whose token a request brings; nil when it is nobody's. Every token of the settings is
// compared, in constant time, before the database is asked: a bridge never waits for that.
func (t *Tokens) Caller(r *http.Request) (*access.Caller, error) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return nil, nil
	}
	hash := access.HashOf(secret)
	var found *access.Caller
	for i, k := range t.known {
		if subtle.ConstantTimeCompare(hash[:], k.hash[:]) == 1 {
			found = &t.known[i].caller
		}
	}
	if found != nil && found.Role == access.Peer && len(t.pins[found.Side]) > 0 && !t.pins[found.Side].Match(r.TLS) {
		t.unpinned.Do(func() {
			t.log.Warn("peer's token refused: the caller did not show a pinned certificate; further ones are not logged for a while", zap.String("caller", r.RemoteAddr))
		})
		return nil, nil
	}
	if found != nil {
		return found, nil
	}
	return t.issued.ByToken(r.Context(), secret)
}

type contextKey int

const (
	callerKey contextKey = iota
	requestIDKey
)

// Welcome makes known who a request comes from, and gives its body the time of a known caller.
func Welcome(w http.ResponseWriter, r *http.Request, c access.Caller) *http.Request {
	if c.Role != "" && r.ContentLength != 0 {
		extendBody(w)
	}
	return WithCaller(r, c)
}

// WithCaller makes known who a request comes from.
func WithCaller(r *http.Request, c access.Caller) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey, c))
}

// CallerOf is who a request comes from; the zero Caller when nobody is known.
func CallerOf(ctx context.Context) access.Caller {
	c, _ := ctx.Value(callerKey).(access.Caller)
	return c
}

// RoleOf is the caller's role.
func RoleOf(ctx context.Context) access.Role { return CallerOf(ctx).Role }

// ByOf tells who does what the request asks for.
func ByOf(r *http.Request) orders.By {
	return orders.By{Actor: CallerOf(r.Context()).Actor, RequestID: RequestID(r.Context())}
}

// Authenticate lets only callers with a known token through.
func (t *Tokens) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := t.Caller(r)
		switch {
		case err != nil:
			Fail(w, r, t.log, err)
			return
		case c == nil:
			t.Refuse(w, r)
			return
		}
		next.ServeHTTP(w, Welcome(w, r, *c))
	})
}

// Refuse answers a caller who is not known.
func (t *Tokens) Refuse(w http.ResponseWriter, r *http.Request) {
	t.refused.Do(func() {
		t.log.Warn("a caller without a known token was refused; further ones are not logged for a while",
			zap.String("caller", r.RemoteAddr), zap.String("request_id", RequestID(r.Context())))
	})
	w.Header().Set("WWW-Authenticate", `Bearer realm="orderbridge"`)
	WriteProblem(w, r, http.StatusUnauthorized, "unauthorized", "a known bearer token is needed")
}

// Allow lets only some roles through.
func Allow(roles ...access.Role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.Contains(roles, RoleOf(r.Context())) {
				Forbid(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Forbid answers a caller whose role is not enough.
func Forbid(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, http.StatusForbidden, "forbidden", "the caller's role may not do that")
}
