package admin

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

var (
	//go:embed login.html
	loginHTML string
	//go:embed login.css
	loginCSS []byte

	loginTemplate = template.Must(template.New("login").Parse(loginHTML))
	againTemplate = template.Must(template.New("again").Parse(`<!doctype html><meta charset="utf-8"><title>orderbridge</title>` +
		`<meta http-equiv="refresh" content="0;url={{.}}"><a href="{{.}}">Continue</a>`))
)

// formBytesMax bounds a form of the login page.
const formBytesMax = 4 << 10

// loginView is what the login page shows.
type loginView struct{ Side, Name, Next, Message string }

// nextPage is where a login leads: a page below /admin, whatever a link says.
func nextPage(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(next, "\\\r\n\t") ||
		u.Path != "/admin" && !strings.HasPrefix(u.Path, "/admin/") || strings.HasPrefix(u.Path, "/admin/log") || strings.Contains(u.Path, "..") {
		return "/admin"
	}
	return u.RequestURI()
}

func (p *People) loginPage(w http.ResponseWriter, r *http.Request) {
	next := nextPage(r.URL.Query().Get("next"))
	if httpapi.CallerOf(r.Context()).Role != "" {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	v := loginView{Side: p.cookie.Side, Next: next}
	if r.URL.Query().Has("lost") {
		v.Message = "You are not logged in any more, and what you sent was not taken. Log in, then send it again."
	}
	if r.URL.Query().Has("done") { // the password was right, and still nobody is logged in
		v.Message = "Your browser did not keep the session. Open this page over https, or on the machine itself as http://127.0.0.1, and allow cookies."
	}
	p.showLogin(w, r, http.StatusOK, v)
}

func (p *People) showLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	var b bytes.Buffer
	if err := loginTemplate.Execute(&b, v); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	writeHTML(w, status, b.Bytes())
}

func writeHTML(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller is gone; there is nobody to tell
}

func (p *People) loginForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formBytesMax)
	if err := r.ParseForm(); err != nil {
		p.showLogin(w, r, http.StatusBadRequest, loginView{Side: p.cookie.Side, Next: "/admin", Message: "The form could not be read. Try again."})
		return
	}
	v := loginView{Side: p.cookie.Side, Name: r.PostForm.Get("name"), Next: nextPage(r.PostForm.Get("next"))}
	opened, err := p.access.Login(r.Context(), p.from(r), v.Name, r.PostForm.Get("password"))
	tooMany, waits := errors.AsType[*access.TooMany](err)
	switch {
	case err == nil:
		p.cookie.write(w, opened)
		http.Redirect(w, r, "/admin/login?"+url.Values{"done": {""}, "next": {v.Next}}.Encode(), http.StatusSeeOther)
	case errors.Is(err, access.ErrCredentials):
		v.Message = "The name or the password is wrong."
		p.showLogin(w, r, http.StatusUnauthorized, v)
	case waits:
		wait := tooMany.Wait.Truncate(time.Second) + time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		v.Message = "Too many tries. Wait " + wait.String() + ", then try again."
		p.showLogin(w, r, http.StatusTooManyRequests, v)
	default:
		httpapi.Fail(w, r, p.log, err)
	}
}

func (p *People) logoutForm(w http.ResponseWriter, r *http.Request) {
	if err := p.end(r); err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	p.cookie.clear(w)
	http.Redirect(w, r, "/admin/login", http.StatusSeeOther)
}

func loginStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(loginCSS) // the caller is gone; there is nobody to tell
}

// again has a browser ask for the same page once more, now from here.
func again(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := againTemplate.Execute(&b, r.URL.RequestURI()); err != nil {
		panic(err) // one text into one page always works
	}
	writeHTML(w, http.StatusOK, b.Bytes())
}
