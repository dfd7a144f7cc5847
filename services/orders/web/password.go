package web

import (
	"net/http"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// passwordPage is where a person changes their own password. It never shows what was typed.
type passwordPage struct {
	Problem *contracts.Problem
	Faults  map[string]string // by field
	Min     int
	Max     int
}

func (p *Pages) password(w http.ResponseWriter, r *http.Request) {
	p.showPassword(w, r, http.StatusOK, &passwordPage{})
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request) {
	v, ok := p.form(w, r)
	if !ok {
		return
	}
	if v.Get("newPassword") != v.Get("again") {
		p.showPassword(w, r, http.StatusUnprocessableEntity, &passwordPage{Faults: map[string]string{"again": "is not the same as the new one"}})
		return
	}
	a, err := p.call(r, http.MethodPost, "/admin/api/session/password", contracts.PasswordChange{Password: v.Get("password"), NewPassword: v.Get("newPassword")})
	if err != nil {
		problem := problemOf(err)
		body := &passwordPage{Problem: &problem, Faults: map[string]string{}}
		for _, f := range problem.Errors {
			body.Faults[strings.TrimPrefix(f.Pointer, "/")] = f.Detail
		}
		if len(body.Faults) > 0 {
			body.Problem = nil // it stands at the fields
		}
		p.showPassword(w, r, problem.Status, body)
		return
	}
	for _, cookie := range a.header.Values("Set-Cookie") { // all sessions have ended, and a new one began
		w.Header().Add("Set-Cookie", cookie)
	}
	done(w, r, "/admin", "password")
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request, status int, body *passwordPage) {
	body.Min, body.Max = contracts.PasswordLengthMin, contracts.PasswordLengthMax
	p.show(w, r, status, "password", "", "Your password", body)
}
