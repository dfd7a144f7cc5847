package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// People lets people log in and out, and administrators say who may do what.
type People struct {
	access  *access.Access
	auditor Auditor
	cookie  Cookie
	log     *zap.Logger
}

// NewPeople makes what people log in by.
func NewPeople(a *access.Access, auditor Auditor, cookie Cookie, log *zap.Logger) *People {
	return &People{a, auditor, cookie, log.Named("admin")}
}

// Pages puts the pages of the login below r, which is /admin.
func (p *People) Pages(r chi.Router) {
	r.Get("/login", p.loginPage)
	r.Post("/login", p.loginForm)
	r.Get("/login.css", loginStyle)
	r.Post("/logout", p.logoutForm)
}

// Routes puts everything that can be called below r, which is /admin/api. Body demands JSON, and bounds
// it.
func (p *People) Routes(r chi.Router, body func(http.Handler) http.Handler) {
	r.With(body).Post("/session", p.login)
	r.Get("/session", p.session)
	r.Post("/session/end", p.logout)
	r.With(body).Post("/session/password", p.changePassword)
	r.Get("/users", p.listUsers)
	r.With(body).Post("/users", p.createUser)
	r.Get("/users/{name}", p.getUser)
	r.With(body).Put("/users/{name}", p.editUser)
	r.Post("/users/{name}/disable", p.setDisabled(true))
	r.Post("/users/{name}/enable", p.setDisabled(false))
	r.With(body).Post("/users/{name}/password", p.resetPassword)
	r.Get("/tokens", p.listTokens)
	r.With(body).Post("/tokens", p.createToken)
	r.Post("/tokens/{name}/revoke", p.revokeToken)
	r.Get("/audit", p.audit)
}

// from tells where a request comes from.
func (p *People) from(r *http.Request) access.From {
	device := func(name string) string { return p.cookie.device(r, name) }
	return access.From{Address: httpapi.AddressOf(r), RequestID: httpapi.RequestID(r.Context()), Device: device}
}

func (p *People) login(w http.ResponseWriter, r *http.Request) {
	var in contracts.Login
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	opened, err := p.access.Login(r.Context(), p.from(r), in.Name, in.Password)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.cookie.write(w, opened)
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, sessionView(&opened.Session)))
}

// fail answers a login that failed.
func (p *People) fail(w http.ResponseWriter, r *http.Request, err error) {
	tooMany, is := errors.AsType[*access.TooMany](err)
	switch {
	case errors.Is(err, access.ErrCredentials):
		httpapi.WriteProblem(w, r, http.StatusUnauthorized, "unauthorized", err.Error())
	case is:
		w.Header().Set("Retry-After", strconv.Itoa(int(tooMany.Wait/time.Second)+1))
		httpapi.WriteProblem(w, r, http.StatusTooManyRequests, "too-many-requests", err.Error())
	default:
		httpapi.Fail(w, r, p.log, err)
	}
}

func sessionView(s *access.Session) contracts.Session {
	expires := s.Expires().UTC()
	return contracts.Session{Actor: "user:" + s.User, User: s.User, Role: string(s.Role), ExpiresAt: &expires}
}

func (p *People) session(w http.ResponseWriter, r *http.Request) {
	c := httpapi.CallerOf(r.Context())
	out := contracts.Session{Actor: c.Actor, Role: string(c.Role)}
	if c.User != "" {
		s, _, err := p.access.Find(r.Context(), p.cookie.read(r), false)
		if err == nil && s == nil {
			err = orders.Errorf(orders.Conflict, "the session has ended meanwhile")
		}
		if err != nil {
			httpapi.Fail(w, r, p.log, err)
			return
		}
		out = sessionView(s)
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// end ends the caller's session, if it is one.
func (p *People) end(r *http.Request) error {
	c := httpapi.CallerOf(r.Context())
	if c.User == "" {
		return orders.Errorf(orders.Conflict, "a token has no session: revoke it instead")
	}
	return p.access.Logout(r.Context(), c, httpapi.RequestID(r.Context()))
}

func (p *People) logout(w http.ResponseWriter, r *http.Request) {
	if err := p.end(r); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	p.cookie.clear(w)
	w.WriteHeader(http.StatusNoContent)
}

func (p *People) changePassword(w http.ResponseWriter, r *http.Request) {
	var in contracts.PasswordChange
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	opened, err := p.access.ChangePassword(r.Context(), httpapi.CallerOf(r.Context()), p.from(r), in.Password, in.NewPassword)
	if errors.Is(err, access.ErrCredentials) { // the caller is known; it is the field that is wrong
		err = &orders.Error{
			Kind: orders.Invalid, Message: "the password cannot be changed",
			Fields: []contracts.FieldError{{Pointer: "/password", Detail: "is not the present one"}},
		}
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.cookie.write(w, opened)
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, sessionView(&opened.Session)))
}

// answer logs what went wrong while an answer was made; before that nothing has been sent.
func (p *People) answer(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
	}
}
