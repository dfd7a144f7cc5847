//go:build linux

package demo

import (
	"context"
	"net/http"
	"slices"

	"github.com/orderbridge/orderbridge/contracts"
)

// personName is who can log in to the admin of each side, with a password that is new at each start.
const personName = "demo"

func (d *demo) addPeople(ctx context.Context) error {
	return d.each(func(i int) error {
		return persist(ctx, func() error { return addPerson(ctx, d.sides[i]) })
	})
}

// addPerson makes the person, or gives them the new password if they exist.
func addPerson(ctx context.Context, s *side) error {
	var all contracts.UserList
	if err := call(ctx, s, s.secrets.admin, http.MethodGet, "/admin/api/users", "", nil, &all); err != nil {
		return err
	}
	if slices.ContainsFunc(all.Users, func(u contracts.User) bool { return u.Name == personName }) {
		reset := contracts.PasswordReset{Password: s.secrets.person}
		return call(ctx, s, s.secrets.admin, http.MethodPost, "/admin/api/users/"+personName+"/password", "", reset, nil)
	}
	u := contracts.NewUser{Name: personName, Role: "admin", Password: s.secrets.person}
	return call(ctx, s, s.secrets.admin, http.MethodPost, "/admin/api/users", "", u, nil)
}
