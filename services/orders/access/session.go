package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders"
)

// How long a session holds: without a request, and in all.
const (
	SessionIdle = 2 * time.Hour
	SessionMax  = 12 * time.Hour
)

// seenEvery is how exactly the last request of a session is kept.
const seenEvery = time.Minute

// Session is a person who is logged in.
type Session struct {
	User  string
	Role  Role
	Begun time.Time
	Seen  time.Time
}

// Expires is when a session ends if no more requests come.
func (s *Session) Expires() time.Time {
	idle, most := s.Seen.Add(SessionIdle), s.Begun.Add(SessionMax)
	if idle.Before(most) {
		return idle
	}
	return most
}

// From is where a login comes from.
type From struct{ Address, RequestID string }

// Login begins a session and returns its secret. The error is ErrCredentials, a *TooMany, or tells that
// it could not be looked at.
func (a *Access) Login(ctx context.Context, from From, name, password string) (string, *Session, error) {
	user, err := a.prove(ctx, from, name, password)
	if err != nil {
		return "", nil, err
	}
	return a.open(ctx, user, orders.By{Actor: "user:" + user.Name, RequestID: from.RequestID}, from.Address)
}

// prove finds the user who has a name and a password, within the limits of tries.
func (a *Access) prove(ctx context.Context, from From, name, password string) (*User, error) {
	back, err := a.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer back()
	name = strings.ToLower(strings.TrimSpace(name))
	keys := keysOf(name, from.Address)
	if err := a.begin(ctx, keys); err != nil {
		return nil, err
	}
	user, known, err := a.verify(ctx, name, password)
	if errors.Is(err, ErrCredentials) {
		a.note(ctx, from, known)
	}
	if err != nil {
		return nil, err
	}
	return user, a.succeed(ctx, keys)
}

// verify finds the user whose name and password these are. Known is the name if there is such a user.
func (a *Access) verify(ctx context.Context, name, password string) (user *User, known string, err error) {
	user, err = a.store.User(ctx, name)
	hash := nobody
	switch {
	case err == nil:
		known, hash = user.Name, user.PasswordHash
	case orders.KindOf(err) != orders.NotFound:
		return nil, "", err
	}
	ok, err := fits(password, hash)
	if err != nil {
		return nil, known, err
	}
	if !ok || user == nil || user.Disabled {
		return nil, known, ErrCredentials
	}
	return user, known, nil
}

// note tells the audit of a failed login, unless there are very many. A name that nobody has is not
// kept: people type their passwords there.
func (a *Access) note(ctx context.Context, from From, known string) {
	if !a.noted.Allow() {
		return
	}
	subject := ""
	if known != "" {
		subject = "user:" + known
	}
	if err := a.store.Record(ctx, a.event(orders.By{Actor: "anonymous", RequestID: from.RequestID}, "login.failed", subject, from.Address)); err != nil {
		a.log.Warn("a failed login cannot be recorded", zap.Error(err), zap.String("request_id", from.RequestID))
	}
}

// open begins a session of a user. Its secret is always a new one: nobody can have planted it.
func (a *Access) open(ctx context.Context, user *User, by orders.By, address string) (string, *Session, error) {
	secret, now := newSecret(), a.now()
	s := Session{User: user.Name, Role: user.Role, Begun: now, Seen: now}
	if err := a.store.AddSession(ctx, HashOf(secret), user, s, a.event(by, "login", "user:"+user.Name, address)); err != nil {
		return "", nil, err
	}
	return secret, &s, nil
}

// Find tells whose session a secret is; nil when it is none, or none any more. What a person does keeps
// their session; what an open page asks by itself does not.
func (a *Access) Find(ctx context.Context, secret string, person bool) (*Session, *Caller, error) {
	back, err := a.lookup(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer back()
	hash := HashOf(secret)
	s, err := a.store.Session(ctx, hash)
	if err != nil || s == nil {
		return nil, nil, err
	}
	now := a.now()
	if !now.Before(s.Expires()) {
		return nil, nil, nil
	}
	if person && now.Sub(s.Seen) >= seenEvery {
		if err := a.store.SeenSession(ctx, hash, now); err != nil {
			return nil, nil, err
		}
		s.Seen = now
	}
	return s, &Caller{Role: s.Role, Actor: "user:" + s.User, User: s.User, Session: hash}, nil
}

// Logout ends a session.
func (a *Access) Logout(ctx context.Context, c Caller, requestID string) error {
	return a.store.EndSession(ctx, c.Session, a.event(orders.By{Actor: c.Actor, RequestID: requestID}, "logout", c.Actor, ""))
}
