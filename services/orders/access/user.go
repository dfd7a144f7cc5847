package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// User is a person of this side. Users are never deleted, so that a name in the log always means one.
type User struct {
	Name         string
	Role         Role
	PasswordHash string
	Disabled     bool
	Created      time.Time
}

// UserChange is what changes of a user; nil stays.
type UserChange struct {
	Role         *Role
	PasswordHash *string
	Disabled     *bool
}

var namePattern = regexp.MustCompile(contracts.UserNamePattern)

func invalid(pointer, format string, args ...any) error {
	return &orders.Error{
		Kind: orders.Invalid, Message: "the content is not valid",
		Fields: []contracts.FieldError{{Pointer: pointer, Detail: fmt.Sprintf(format, args...)}},
	}
}

func checkName(name string) error {
	if !namePattern.MatchString(name) {
		return invalid("/name", "must begin with a small letter and have at most 32 small letters, digits, dots, hyphens and underscores")
	}
	return nil
}

func checkRole(role Role, of []Role) error {
	if slices.Contains(of, role) {
		return nil
	}
	names := make([]string, len(of))
	for i, r := range of {
		names[i] = string(r)
	}
	return invalid("/role", "must be one of %s", strings.Join(names, ", "))
}

// CreateUser adds a person. An empty password has one made; it is returned, and cannot be seen again.
func (a *Access) CreateUser(ctx context.Context, by orders.By, name string, role Role, password string) (*User, string, error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	if err := checkRole(role, People); err != nil {
		return nil, "", err
	}
	hash, password, err := a.newPassword(ctx, name, password)
	if err != nil {
		return nil, "", err
	}
	u := User{Name: name, Role: role, PasswordHash: hash, Created: a.now()}
	return &u, password, a.store.AddUser(ctx, u, a.event(by, "user.created", "user:"+name, string(role)))
}

// newPassword checks a password that was given, or makes one. It returns the hash, and the password if
// it was made here.
func (a *Access) newPassword(ctx context.Context, name, given string) (hash, made string, err error) {
	if given == "" {
		made = strings.ToLower(rand.Text())
		given = made
	} else if err := checkPassword(name, given, "/password"); err != nil {
		return "", "", err
	}
	back, err := a.turn(ctx, true)
	if err != nil {
		return "", "", err
	}
	defer back()
	return hashPassword(given), made, nil
}

// Users lists everybody, by name.
func (a *Access) Users(ctx context.Context) ([]User, error) { return a.store.Users(ctx) }

// User finds a person.
func (a *Access) User(ctx context.Context, name string) (*User, error) {
	return a.store.User(ctx, name)
}

// SetRole gives a person another role, and ends their sessions.
func (a *Access) SetRole(ctx context.Context, by orders.By, name string, role Role) (*User, error) {
	if err := checkRole(role, People); err != nil {
		return nil, err
	}
	if err := notOneself(by, name); err != nil {
		return nil, err
	}
	return a.store.ChangeUser(ctx, name, UserChange{Role: &role}, a.event(by, "user.role", "user:"+name, string(role)))
}

// SetDisabled keeps a person out, sessions included, or lets them in again.
func (a *Access) SetDisabled(ctx context.Context, by orders.By, name string, disabled bool) (*User, error) {
	if err := notOneself(by, name); err != nil {
		return nil, err
	}
	action := "user.enabled"
	if disabled {
		action = "user.disabled"
	}
	return a.store.ChangeUser(ctx, name, UserChange{Disabled: &disabled}, a.event(by, action, "user:"+name, ""))
}

// notOneself keeps people from locking themselves out by a slip.
func notOneself(by orders.By, name string) error {
	if by.Actor == "user:"+name {
		return orders.Errorf(orders.Conflict, "nobody does that to themselves: ask another admin")
	}
	return nil
}

// ResetPassword gives a person another password, made here when empty, ends their sessions, and lets
// them try again at once.
func (a *Access) ResetPassword(ctx context.Context, by orders.By, name, password string) (*User, string, error) {
	hash, made, err := a.newPassword(ctx, name, password)
	if err != nil {
		return nil, "", err
	}
	u, err := a.store.ChangeUser(ctx, name, UserChange{PasswordHash: &hash}, a.event(by, "user.password", "user:"+name, ""))
	if err != nil {
		return nil, "", err
	}
	return u, made, a.store.ForgetTries(ctx, nameKey(name))
}

// ChangePassword lets a person change their own password. All their sessions end, and a new one
// begins. A wrong present password counts as a failed login.
func (a *Access) ChangePassword(ctx context.Context, c Caller, from From, present, password string) (*Opened, error) {
	if c.User == "" {
		return nil, orders.Errorf(orders.Conflict, "a token has no password")
	}
	if err := checkPassword(c.User, password, "/newPassword"); err != nil {
		return nil, err
	}
	// Known by the present password: a session that somebody left open must not be enough.
	if _, err := a.prove(ctx, from, c.User, present); err != nil {
		return nil, err
	}
	hash, _, err := a.newPassword(ctx, c.User, password)
	if err != nil {
		return nil, err
	}
	by := orders.By{Actor: c.Actor, RequestID: from.RequestID}
	u, err := a.store.ChangeUser(ctx, c.User, UserChange{PasswordHash: &hash}, a.event(by, "user.password", c.Actor, ""))
	if err != nil {
		return nil, err
	}
	return a.open(ctx, u, by, from.Address)
}
