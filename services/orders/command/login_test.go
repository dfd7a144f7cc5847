package command

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

func TestLogInWithoutJavaScript(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Operator)
	b := s.browser()

	page := b.do("GET", "/admin/login?next=/admin/orders%3Fstate=NEW", "")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, string(page.body), `value="/admin/orders?state=NEW"`)
	require.NotContains(t, string(page.body), "<script")
	require.NotContains(t, string(page.body), " style=")
	require.Equal(t, "text/css; charset=utf-8", b.do("GET", "/admin/login.css", "").header.Get("Content-Type"))

	wrong := b.form("/admin/login", "name", "anna", "password", "wrong", "next", "/admin/orders")
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	require.Contains(t, string(wrong.body), "The name or the password is wrong.")
	require.Empty(t, b.cookies())

	in := b.form("/admin/login", "name", " Anna ", "password", password("anna"), "next", "/admin/orders")
	require.Equal(t, http.StatusSeeOther, in.status)
	back, err := url.Parse(in.header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, "/admin/login", back.Path)
	done := b.do("GET", in.header.Get("Location"), "")
	require.Equal(t, http.StatusSeeOther, done.status)
	require.Equal(t, "/admin/orders", done.header.Get("Location"))

	sent := s.browser().do("POST", "/admin/orders/new", "x=y", "Referer", "http://"+s.cfg.HTTPAddr+"/admin/orders/new?copy=1")
	require.Equal(t, "/admin/login?lost=&next=%2Fadmin%2Forders%2Fnew%3Fcopy%3D1", sent.header.Get("Location"))
	require.Contains(t, string(s.browser().do("GET", sent.header.Get("Location"), "").body), "what you sent was not taken")

	lost := s.browser().do("GET", in.header.Get("Location"), "") // as a browser that keeps no cookie
	require.Contains(t, string(lost.body), "did not keep the session")

	out := b.form("/admin/logout")
	require.Equal(t, http.StatusSeeOther, out.status)
	require.Empty(t, b.cookies())
}

func TestTheCookie(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Viewer)
	b := s.browser()
	in := b.logIn("anna", password("anna"))
	cookie := in.header.Get("Set-Cookie")
	require.True(t, strings.HasPrefix(cookie, "__Host-orderbridge-a="), "the cookie's name")
	for _, part := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict", "; Max-Age=43200"} {
		require.Contains(t, cookie, part)
	}
	require.NotContains(t, cookie, "Domain")
	var who contracts.Session
	in.into(t, &who)
	require.Equal(t, "user:anna", who.Actor)
	require.Equal(t, "viewer", who.Role)
	b.do("GET", "/admin/api/session", "").into(t, &who)
	require.Equal(t, "anna", who.User)
	require.NotNil(t, who.ExpiresAt)

	s.want(http.StatusOK, "admin", "GET", "/admin/api/session", nil).into(t, &who)
	require.Equal(t, "admin:token", who.Actor)

	// It opens the admin only: the API of programs knows tokens.
	require.Equal(t, http.StatusUnauthorized, b.do("GET", "/orders", "").status)
}

func TestASessionCannotBePlanted(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Viewer)
	b := s.browser()
	planted := strings.Repeat("A", 52)
	b.jar.SetCookies(b.site(), []*http.Cookie{{Name: "__Host-orderbridge-a", Value: planted, Secure: true, Path: "/"}})
	require.Equal(t, http.StatusUnauthorized, b.do("GET", "/admin/api/status", "").status)
	require.Equal(t, http.StatusOK, b.logIn("anna", password("anna")).status)
	first := b.cookies()[0]
	require.NotEqual(t, planted, first)
	require.Equal(t, http.StatusOK, b.logIn("anna", password("anna")).status)
	require.NotEqual(t, first, b.cookies()[0], "each login has a session of its own")
	require.Zero(t, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM sessions WHERE hash = '`+first+`'::bytea`), "the secret itself is not kept")
	require.Equal(t, 2, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM sessions WHERE hash IN (sha256('`+first+`'::bytea), sha256('`+b.cookies()[0]+`'::bytea))`))
}

func TestLogout(t *testing.T) {
	s := startSide(t)
	b := s.person("anna", access.Viewer)
	secret := b.cookies()[0]
	require.Equal(t, http.StatusNoContent, b.do("POST", "/admin/api/session/end", "").status)
	require.Empty(t, b.cookies())
	b.jar.SetCookies(b.site(), []*http.Cookie{{Name: "__Host-orderbridge-a", Value: secret, Secure: true, Path: "/"}})
	require.Equal(t, http.StatusUnauthorized, b.do("GET", "/admin/api/status", "").status, "a kept cookie is worth nothing")
	require.Equal(t, http.StatusConflict, s.do("admin", "POST", "/admin/api/session/end", nil).status)
}

func TestOwnPassword(t *testing.T) {
	s := startSide(t)
	b := s.person("anna", access.Viewer)
	other := s.browser()
	require.Equal(t, http.StatusOK, other.logIn("anna", password("anna")).status)
	change := func(present, next string) *answer {
		return b.do("POST", "/admin/api/session/password", `{"password":"`+present+`","newPassword":"`+next+`"}`)
	}
	require.Equal(t, []string{"/password"}, pointers(change("wrong", "a better password").problem(t)))
	for _, weak := range []string{"short", "annaannaannaanna", strings.Repeat("x", 20), strings.Repeat("xy", 101)} {
		require.Equal(t, []string{"/newPassword"}, pointers(change(password("anna"), weak).problem(t)), weak)
	}
	got := change(password("anna"), "a better password")
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	require.Equal(t, http.StatusOK, b.do("GET", "/admin/api/status", "").status)
	require.Equal(t, http.StatusUnauthorized, other.do("GET", "/admin/api/status", "").status, "the other session has ended")
	require.Equal(t, http.StatusUnauthorized, s.browser().logIn("anna", password("anna")).status)
	require.Equal(t, http.StatusOK, s.browser().logIn("anna", "a better password").status)
}

// TestOtherSitesAreRefused: what changes something with a cookie must come from a page of this side.
func TestOtherSitesAreRefused(t *testing.T) {
	s := startSide(t)
	b := s.person("anna", access.Operator)
	s.awaitConsumer()
	pause := "/admin/api/peers/b/pause"
	for name, headers := range map[string][]string{
		"another site":            {"Sec-Fetch-Site", "cross-site"},
		"another host of ours":    {"Sec-Fetch-Site", "same-site"},
		"an origin, old browser":  {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"no origin, old browser":  {"Sec-Fetch-Site", "", "Origin", "null"},
		"another port of ours":    {"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:1"},
		"a host that only begins": {"Sec-Fetch-Site", "", "Origin", "http://" + s.cfg.HTTPAddr + ".evil.example"},
	} {
		for _, path := range []string{pause, "/admin/api/session", "/admin/api/session/end", "/admin/login", "/admin/logout"} {
			require.Equal(t, http.StatusForbidden, b.do("POST", path, "{}", headers...).status, "%s: %s", name, path)
		}
	}
	require.Equal(t, http.StatusOK, b.do("POST", pause, "", "Sec-Fetch-Site", "", "Origin", "http://"+s.cfg.HTTPAddr).status)
	require.Equal(t, http.StatusOK, b.do("POST", pause, "").status)
	// A token cannot be sent by another site's page.
	s.want(http.StatusOK, "admin", "POST", pause, nil, "Sec-Fetch-Site", "cross-site")
	// And a wrong token is not made good by a cookie.
	require.Equal(t, http.StatusUnauthorized, b.do("GET", "/admin/api/status", "", "Authorization", "Bearer wrong").status)

	// A link from elsewhere has the browser ask again, now with its cookie.
	again := s.browser().do("GET", "/admin/orders?x=%22%3E%3Cscript%3E", "", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusOK, again.status)
	require.Contains(t, string(again.body), `http-equiv="refresh"`)
	require.NotContains(t, string(again.body), "<script")
}

func TestWhereALoginLeads(t *testing.T) {
	s := startSide(t)
	for next, want := range map[string]string{
		"":                             "/admin",
		"/admin":                       "/admin",
		"/admin/orders?state=NEW":      "/admin/orders?state=NEW",
		"https://evil.example/admin/":  "/admin",
		"//evil.example/admin/":        "/admin",
		`/\evil.example/admin/`:        "/admin",
		"/admin/../orders":             "/admin",
		"/orders":                      "/admin",
		"/administration":              "/admin",
		"javascript:alert(1)//admin/x": "/admin",
		"/admin/logout":                "/admin",
		"/admin/\r\nSet-Cookie: x=y":   "/admin",
	} {
		page := s.browser().do("GET", "/admin/login?"+url.Values{"next": {next}}.Encode(), "")
		require.Contains(t, string(page.body), `name="next" value="`+want+`"`, "%q", next)
	}
}

func TestHeadersOfTheAdmin(t *testing.T) {
	s := startSide(t)
	for path, policy := range map[string]string{
		"/admin/login": "script-src 'self'", "/admin/nothing": "frame-ancestors 'none'", "/admin/api/session": "default-src 'none'",
	} {
		h := s.browser().do("GET", path, "").header
		require.Contains(t, h.Get("Content-Security-Policy"), policy, path)
		require.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"), path)
	}
}

// TestGuessing: who guesses is held up, whether the name exists or not, and nobody else is.
func TestGuessing(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Viewer)
	s.addUser("bert", access.Viewer)
	b := s.browser()
	answers := map[string][]string{}
	for _, name := range []string{"anna", "nobody"} {
		for range 7 {
			got := b.logIn(name, "wrong")
			p := got.problem(t)
			answers[name] = append(answers[name], got.header.Get("Retry-After")+" "+p.Title+" "+p.Detail)
		}
	}
	require.Equal(t, answers["nobody"], answers["anna"], "whether there is such a user cannot be seen")
	require.NotContains(t, answers["anna"][4], "Too many")
	require.Contains(t, answers["anna"][5], "Too many")
	require.Equal(t, http.StatusTooManyRequests, b.logIn("anna", password("anna")).status, "not even the right one is looked at")
	require.Equal(t, http.StatusOK, b.logIn("bert", password("bert")).status, "another name is not held up yet")

	require.Equal(t, 5, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM audit WHERE action = 'login.failed' AND subject = 'user:anna' AND detail = '127.0.0.1'`))
	require.Zero(t, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM audit WHERE subject LIKE '%nobody%' OR detail LIKE '%nobody%'`), "what is typed as a name may be a password")
}

// TestGuessingFromManyPlaces: who guesses at one address keeps nobody out elsewhere; but of one name, and
// from one address, only so many guesses are looked at.
func TestGuessingFromManyPlaces(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.TrustedProxies = "127.0.0.1" })
	s.addUser("anna", access.Viewer)
	guess := func(name, address, password string) int { // each time in a browser that has no mark of a device
		return s.browser().do("POST", "/admin/api/session", `{"name":"`+name+`","password":"`+password+`"}`, "X-Forwarded-For", address).status
	}
	for range 8 {
		guess("anna", "198.51.100.1", "wrong")
	}
	require.Equal(t, http.StatusTooManyRequests, guess("anna", "198.51.100.1", password("anna")))
	require.Equal(t, http.StatusOK, guess("anna", "198.51.100.2", password("anna")))

	looked := 5
	for i := range 12 {
		for range 5 {
			if guess("anna", fmt.Sprintf("203.0.113.%d", i), "wrong") == http.StatusUnauthorized {
				looked++
			}
		}
	}
	require.Equal(t, 30, looked, "of the name")
	looked = 0
	for i := range 40 {
		if guess(fmt.Sprintf("name%d", i), "192.0.2.1", "wrong") == http.StatusUnauthorized {
			looked++
		}
	}
	require.Equal(t, 30, looked, "from the address")
}

// TestManyGuessesAtOnce: guesses that come together get no more tries than one after the other.
func TestManyGuessesAtOnce(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Viewer)
	statuses := make(chan int, 40)
	for range cap(statuses) {
		go func() { statuses <- s.browser().logIn("anna", "wrong").status }()
	}
	got := map[int]int{}
	for range cap(statuses) {
		got[<-statuses]++
	}
	require.Equal(t, map[int]int{http.StatusUnauthorized: 5, http.StatusTooManyRequests: 35}, got)
	require.Equal(t, 3, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM login_tries`), "a refused try leaves nothing behind")
}

// TestNoSecretIsLoggedOrKept: neither what people type nor what they are given is found in the log of
// the service or in its database.
func TestNoSecretIsLoggedOrKept(t *testing.T) {
	core, seen := observer.New(zap.DebugLevel)
	s := startSide(t)
	s.stop()
	s.log = zap.New(core)
	s.start()
	root := s.person("root", access.Admin)
	secrets := []string{password("root"), "typed-wrongly-by-root", "typed-into-the-name-field", root.cookies()[0], root.device("root")}
	root.logIn("root", "typed-wrongly-by-root")
	root.logIn("typed-into-the-name-field", "x")
	root.form("/admin/login", "name", "typed-into-the-name-field", "password", "typed-wrongly-by-root")
	root.do("GET", "/admin/api/status?token=typed-wrongly-by-root", "")
	var made contracts.UserPassword
	root.do("POST", "/admin/api/users", `{"name":"anna","role":"viewer"}`).into(t, &made)
	var token contracts.TokenSecret
	root.do("POST", "/admin/api/tokens", `{"name":"shop","role":"client"}`).into(t, &token)
	s.bearer(token.Secret, "GET", "/orders", "")
	s.bearer(token.Secret+"typed-wrongly-by-root", "GET", "/orders", "")
	secrets = append(secrets, made.Password, token.Secret)
	s.stop()

	var log strings.Builder
	for _, e := range seen.All() {
		b, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(e.Entry, e.Context)
		require.NoError(t, err)
		log.Write(b.Bytes())
	}
	require.Contains(t, log.String(), "request", "the log is seen at all")
	var kept strings.Builder
	for _, table := range []string{"users", "sessions", "login_tries", "api_tokens", "audit", "log"} {
		kept.WriteString(text(t, s.cfg.DatabaseURL, `SELECT coalesce(string_agg(t::text, ' '), '') FROM `+table+` t`))
	}
	require.Contains(t, kept.String(), "user:anna", "the tables are seen at all")
	for _, secret := range secrets {
		require.NotContains(t, log.String(), secret)
		require.NotContains(t, kept.String(), secret)
		require.NotContains(t, kept.String(), hex.EncodeToString([]byte(secret)))
	}
}

// text asks a side's database for a text.
func text(t *testing.T, url, sql string) (out string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&out))
	return out
}
