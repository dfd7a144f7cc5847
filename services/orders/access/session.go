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
type From struct {
	Address, RequestID string
	Device             func(name string) string // the mark that the device has of a user, or empty
}

// Opened is a session that has begun, with its secret and the mark for the device.
type Opened struct {
	Session
	Secret, Device string
}

// Login begins a session. The error is ErrCredentials, a *TooMany, or why the login could not be checked.
func (a *Access) Login(ctx context.Context, from From, name, password string) (*Opened, error) {
	user, err := a.prove(ctx, from, name, password)
	if err != nil {
		return nil, err
	}
	return a.open(ctx, user, orders.By{Actor: "user:" + user.Name, RequestID: from.RequestID}, from.Address)
}

// prove finds the user who has a name and a password, within the limits of tries.
func (a *Access) prove(ctx context.Context, from From, name, password string) (*User, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	user, err := a.known(ctx, name)
	if err != nil {
		return nil, err
	}
	device := deviceOf(user, from.Device(name))
	back, err := a.turn(ctx, device != "")
	if err != nil {
		return nil, err
	}
	defer back()
	keys := keysOf(name, from.Address, device)
	if err := a.begin(ctx, keys); err != nil {
		return nil, err
	}
	err = verify(user, password)
	if errors.Is(err, ErrCredentials) {
		a.note(ctx, from, user)
	}
	if err != nil {
		return nil, err
	}
	return user, a.succeed(ctx, keys)
}

// known finds the user of a name, or nil. What cannot be a name is not asked for.
func (a *Access) known(ctx context.Context, name string) (*User, error) {
	if checkName(name) != nil {
		return nil, nil
	}
	user, err := a.store.User(ctx, name)
	if orders.KindOf(err) == orders.NotFound {
		return nil, nil
	}
	return user, err
}

// verify demands that a password is the user's. It takes as long when there is no user.
func verify(user *User, password string) error {
	hash := nobody
	if user != nil {
		hash = user.PasswordHash
	}
	ok, err := fits(password, hash)
	if err == nil && (!ok || user == nil || user.Disabled) {
		err = ErrCredentials
	}
	return err
}

// note tells the audit of a failed login, unless there are very many. A name that nobody has is not
// kept: people type their passwords there.
func (a *Access) note(ctx context.Context, from From, user *User) {
	if !a.noted.Allow() {
		return
	}
	subject := ""
	if user != nil {
		subject = "user:" + user.Name
	}
	if err := a.store.Record(ctx, a.event(orders.By{Actor: "anonymous", RequestID: from.RequestID}, "login.failed", subject, from.Address)); err != nil {
		a.log.Warn("a failed login cannot be recorded", zap.Error(err), zap.String("request_id", from.RequestID))
	}
}

// open begins a session of a user. Its secret is always a new one: nobody can have planted it.
func (a *Access) open(ctx context.Context, user *User, by orders.By, address string) (*Opened, error) {
	secret, now := newSecret(), a.now()
	s := Session{User: user.Name, Role: user.Role, Begun: now, Seen: now}
	hash := HashOf(secret)
	if err := a.store.AddSession(ctx, hash, user, s, a.event(by, "login", "user:"+user.Name, address)); err != nil {
		return nil, err
	}
	a.recent.good(hash, now)
	return &Opened{s, secret, newDevice(user)}, nil
}

// Find tells whose session a secret is; nil when it is none, or none any more. What a person does keeps
// their session; what an open page asks by itself does not.
func (a *Access) Find(ctx context.Context, secret string, person bool) (*Session, *Caller, error) {
	if !isSecret(secret) {
		return nil, nil, nil
	}
	hash := HashOf(secret)
	back, err := a.lookup(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	defer back()
	s, err := a.store.Session(ctx, hash)
	if err != nil {
		return nil, nil, err
	}
	now := a.now()
	if s == nil || !now.Before(s.Expires()) {
		a.recent.bad(hash)
		return nil, nil, nil
	}
	a.recent.good(hash, now)
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
