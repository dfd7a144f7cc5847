package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// peoplePage is who may do what: people, and the tokens of programs.
type peoplePage struct {
	contracts.UserList
	contracts.TokenList
	Secret  string // a password or a token, shown this once
	Of      string // whose it is
	Problem *contracts.Problem
	Roles   []option
	Allowed []option // roles of tokens
}

func (p *Pages) people(w http.ResponseWriter, r *http.Request) {
	p.showPeople(w, r, http.StatusOK, &peoplePage{})
}

func (p *Pages) showPeople(w http.ResponseWriter, r *http.Request, status int, body *peoplePage) {
	var err error
	if body.UserList, err = read[contracts.UserList](p, r, "/admin/api/users"); err == nil {
		body.TokenList, err = read[contracts.TokenList](p, r, "/admin/api/tokens")
	}
	if err != nil {
		p.fail(w, r, "people", err)
		return
	}
	body.Roles = []option{{"viewer", "Viewer: reads"}, {"operator", "Operator: changes orders, resolves"}, {"admin", "Admin: manages people and plans"}}
	body.Allowed = append([]option{{"client", "Client: orders only"}}, body.Roles...)
	p.show(w, r, status, "people", "people", "People", body)
}

// doPeople does one thing to a person or a token. What is made is shown, once; the rest is told of.
func (p *Pages) doPeople(w http.ResponseWriter, r *http.Request) {
	v, ok := p.form(w, r)
	if !ok {
		return
	}
	name := v.Get("name")
	user, token := "/admin/api/users/"+url.PathEscape(name), "/admin/api/tokens/"+url.PathEscape(name)
	var made struct {
		Password string `json:"password"`
		Secret   string `json:"secret"`
	}
	var a *reply
	var err error
	switch chi.URLParam(r, "do") {
	case "add":
		a, err = p.call(r, http.MethodPost, "/admin/api/users", contracts.NewUser{Name: name, Role: v.Get("role")})
	case "role":
		_, err = p.call(r, http.MethodPut, user, contracts.UserEdit{Role: v.Get("role")})
	case "password":
		a, err = p.call(r, http.MethodPost, user+"/password", contracts.PasswordReset{})
	case "disable":
		_, err = p.call(r, http.MethodPost, user+"/disable", nil)
	case "enable":
		_, err = p.call(r, http.MethodPost, user+"/enable", nil)
	case "token":
		in := contracts.NewToken{Name: name, Role: v.Get("role")}
		if day, ferr := time.Parse(time.DateOnly, v.Get("expires")); ferr == nil {
			in.ExpiresAt = &day
		}
		a, err = p.call(r, http.MethodPost, "/admin/api/tokens", in)
	case "revoke":
		_, err = p.call(r, http.MethodPost, token+"/revoke", nil)
	default:
		err = &refusal{Problem: contracts.Problem{Status: http.StatusNotFound, Title: "Not found"}}
	}
	if err == nil && a != nil {
		err = decode(a, &made)
	}
	switch {
	case err != nil:
		problem := problemOf(err)
		p.showPeople(w, r, problem.Status, &peoplePage{Problem: &problem})
	case made.Password+made.Secret != "":
		p.showPeople(w, r, http.StatusOK, &peoplePage{Secret: made.Password + made.Secret, Of: name})
	default:
		done(w, r, "/admin/people", "people")
	}
}
