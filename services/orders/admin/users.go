package admin

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

func userView(u *access.User) contracts.User {
	return contracts.User{Name: u.Name, Role: string(u.Role), Disabled: u.Disabled, CreatedAt: u.Created.UTC()}
}

func (p *People) listUsers(w http.ResponseWriter, r *http.Request) {
	if err := httpapi.NewQuery(r).Err(); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	users, err := p.access.Users(r.Context())
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	out := contracts.UserList{Users: []contracts.User{}}
	for i := range users {
		out.Users = append(out.Users, userView(&users[i]))
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// user answers with a user or with what went wrong.
func (p *People) user(w http.ResponseWriter, r *http.Request, u *access.User, err error) {
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, userView(u)))
}

func (p *People) getUser(w http.ResponseWriter, r *http.Request) {
	u, err := p.access.User(r.Context(), chi.URLParam(r, "name"))
	p.user(w, r, u, err)
}

func (p *People) createUser(w http.ResponseWriter, r *http.Request) {
	var in contracts.NewUser
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	u, password, err := p.access.CreateUser(r.Context(), httpapi.ByOf(r), in.Name, access.Role(in.Role), in.Password)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/admin/api/users/"+u.Name)
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusCreated, contracts.UserPassword{User: userView(u), Password: password}))
}

func (p *People) editUser(w http.ResponseWriter, r *http.Request) {
	var in contracts.UserEdit
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	u, err := p.access.SetRole(r.Context(), httpapi.ByOf(r), chi.URLParam(r, "name"), access.Role(in.Role))
	p.user(w, r, u, err)
}

func (p *People) setDisabled(disabled bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, err := p.access.SetDisabled(r.Context(), httpapi.ByOf(r), chi.URLParam(r, "name"), disabled)
		p.user(w, r, u, err)
	}
}

func (p *People) resetPassword(w http.ResponseWriter, r *http.Request) {
	var in contracts.PasswordReset
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	u, password, err := p.access.ResetPassword(r.Context(), httpapi.ByOf(r), chi.URLParam(r, "name"), in.Password)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, contracts.UserPassword{User: userView(u), Password: password}))
}
