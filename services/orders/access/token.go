package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/services/orders"
)

// Token lets a program in: it is made here, told once, and kept as a hash. Its name is never given
// again, so that a name in the log always means one token.
type Token struct {
	Name      string
	Role      Role
	Created   time.Time
	CreatedBy string
	Used      *time.Time // last time, to the hour
	Expires   *time.Time // never when nil
	Revoked   *time.Time
}

// Programs are the roles that a token can have. Bridges have theirs from the settings: those are
// compared in memory, and a database that is slow does not hold the sync up twice.
var Programs = []Role{Client, Viewer, Operator, Admin}

// tokenPrefix tells a token of ours from all others, for us and for whoever searches files for secrets.
const tokenPrefix = "obt_"

// usedEvery is how exactly the last use of a token is kept.
const usedEvery = time.Hour

// CreateToken makes a token and returns its secret, which cannot be seen again.
func (a *Access) CreateToken(ctx context.Context, by orders.By, name string, role Role, expires *time.Time) (*Token, string, error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	if err := checkRole(role, Programs); err != nil {
		return nil, "", err
	}
	now := a.now()
	if expires != nil && !expires.After(now) {
		return nil, "", invalid("/expiresAt", "must be in the future")
	}
	t, secret := Token{Name: name, Role: role, Created: now, CreatedBy: by.Actor, Expires: expires}, tokenPrefix+newSecret()
	return &t, secret, a.store.AddToken(ctx, HashOf(secret), t, a.event(by, "token.created", "token:"+name, string(role)))
}

// Tokens lists all tokens, by name.
func (a *Access) Tokens(ctx context.Context) ([]Token, error) { return a.store.Tokens(ctx) }

// RevokeToken ends a token at once, for good.
func (a *Access) RevokeToken(ctx context.Context, by orders.By, name string) (*Token, error) {
	return a.store.RevokeToken(ctx, name, a.event(by, "token.revoked", "token:"+name, ""))
}

// ByToken finds who has a token; nil when nobody does, or not any more. What does not look like a token
// of ours costs nothing.
func (a *Access) ByToken(ctx context.Context, secret string) (*Caller, error) {
	if rest, ours := strings.CutPrefix(secret, tokenPrefix); !ours || !isSecret(rest) {
		return nil, nil
	}
	hash := HashOf(secret)
	back, err := a.lookup(ctx, hash)
	if err != nil {
		return nil, err
	}
	defer back()
	t, err := a.store.Token(ctx, hash)
	if err != nil {
		return nil, err
	}
	now := a.now()
	if t == nil || t.Revoked != nil || t.Expires != nil && !now.Before(*t.Expires) || !slices.Contains(Programs, t.Role) {
		a.recent.bad(hash)
		return nil, nil
	}
	a.recent.good(hash, now)
	if hour := now.Truncate(usedEvery); t.Used == nil || t.Used.Before(hour) {
		if err := a.store.UsedToken(ctx, t.Name, hour); err != nil {
			return nil, err
		}
	}
	return &Caller{Role: t.Role, Actor: "token:" + t.Name}, nil
}
