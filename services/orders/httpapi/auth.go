package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Role is what a bearer token allows.
type Role string

// The roles. The peer's and the bridge's token both bring news of the peer; with neither can one edit
// as a person of this side, or see the admin.
const (
	RoleClient  Role = "client"  // orders
	RolePeer    Role = "peer"    // the other side's bridge: requests about its orders
	RoleBridge  Role = "bridge"  // the own bridge: lookups, and the peer's answers
	RoleAdmin   Role = "admin"   // operators
	RoleMetrics Role = "metrics" // monitoring
)

// refusalLogEvery is how often at most a refused caller is logged: a guesser must not fill the disk.
const refusalLogEvery = 10 * time.Second

// Tokens knows which token has which role. It holds hashes only.
type Tokens struct {
	known   []token
	log     *zap.Logger
	refused rate.Sometimes
}

// NewTokens knows no token yet.
func NewTokens(log *zap.Logger) *Tokens {
	return &Tokens{log: log.Named("httpapi"), refused: rate.Sometimes{Interval: refusalLogEvery}}
}

type token struct {
	role Role
	hash [sha256.Size]byte
}

// Add gives a role to one token, or to several that are separated by commas: two are live while one
// is being rotated.
func (t *Tokens) Add(role Role, secrets string) {
	for s := range strings.SplitSeq(secrets, ",") {
		if s = strings.TrimSpace(s); s != "" {
			t.known = append(t.known, token{role, sha256.Sum256([]byte(s))})
		}
	}
}

// role finds the role of a request. Every known token is compared, in constant time.
func (t *Tokens) role(r *http.Request) (Role, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return "", false
	}
	hash := sha256.Sum256([]byte(secret))
	var role Role
	for _, k := range t.known {
		if subtle.ConstantTimeCompare(hash[:], k.hash[:]) == 1 {
			role = k.role
		}
	}
	return role, role != ""
}

type contextKey int

const (
	roleKey contextKey = iota
	requestIDKey
)

// RoleOf is the caller's role, behind Authenticate.
func RoleOf(ctx context.Context) Role {
	r, _ := ctx.Value(roleKey).(Role)
	return r
}

// Authenticate lets only callers with a known token through.
func (t *Tokens) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role, ok := t.role(r)
		if !ok {
			t.refused.Do(func() {
				t.log.Warn("a caller without a known token was refused; further ones are not logged for a while",
					zap.String("caller", r.RemoteAddr), zap.String("request_id", RequestID(r.Context())))
			})
			w.Header().Set("WWW-Authenticate", `Bearer realm="orderbridge"`)
			WriteProblem(w, r, http.StatusUnauthorized, "unauthorized", "a known bearer token is needed")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roleKey, role)))
	})
}

// Allow lets only some roles through.
func Allow(roles ...Role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, role := range roles {
				if RoleOf(r.Context()) == role {
					next.ServeHTTP(w, r)
					return
				}
			}
			WriteProblem(w, r, http.StatusForbidden, "forbidden", "this token's role may not do that")
		})
	}
}
