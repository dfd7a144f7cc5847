package command

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// browser keeps cookies as a person's browser does: over plain HTTP on this machine too.
type browser struct {
	*side
	jar *cookiejar.Jar
}

func (s *side) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	return &browser{s, jar}
}

// site is the side as the jar sees it: a safe place.
func (b *browser) site() *url.URL { return &url.URL{Scheme: "https", Host: b.cfg.HTTPAddr, Path: "/"} }

// do calls as a page of the side does; headers are pairs of names and values.
func (b *browser) do(method, path, body string, headers ...string) *answer {
	b.t.Helper()
	req, err := http.NewRequest(method, "http://"+b.cfg.HTTPAddr+path, strings.NewReader(body))
	require.NoError(b.t, err)
	for _, c := range b.jar.Cookies(b.site()) {
		req.AddCookie(c)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := contract{b.t}.RoundTrip(req) // follows no redirect
	require.NoError(b.t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	b.jar.SetCookies(b.site(), res.Cookies())
	return &answer{res.StatusCode, res.Header, out}
}

// form sends a form as a page of the side does.
func (b *browser) form(path string, fields ...string) *answer {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return b.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// cookies are the secrets of sessions that the browser holds.
func (b *browser) cookies() (out []string) {
	for _, c := range b.jar.Cookies(b.site()) {
		if !strings.Contains(c.Name, ".device.") {
			out = append(out, c.Value)
		}
	}
	return out
}

// cookieHeader is the header by which the browser sends its cookies.
func (b *browser) cookieHeader() string {
	var out []string
	for _, c := range b.jar.Cookies(b.site()) {
		out = append(out, c.Name+"="+c.Value)
	}
	return strings.Join(out, "; ")
}

// device is the mark by which the browser is known as a device of a person.
func (b *browser) device(name string) string {
	b.t.Helper()
	for _, c := range b.jar.Cookies(b.site()) {
		if strings.HasSuffix(c.Name, ".device."+name) {
			return c.Value
		}
	}
	require.Fail(b.t, "no mark of a device")
	return ""
}

// password is a person's password in tests.
func password(name string) string { return name + "-has-a-password" }

// withAccess does something with the people of a side as the command line does.
func (s *side) withAccess(do func(*access.Access) error) {
	s.t.Helper()
	store, err := postgres.Open(context.Background(), s.cfg.DatabaseURL, 2)
	require.NoError(s.t, err)
	defer store.Close()
	require.NoError(s.t, do(access.New(store, now, zaptest.NewLogger(s.t))))
}

// addUser makes a person.
func (s *side) addUser(name string, role access.Role) {
	s.t.Helper()
	s.withAccess(func(a *access.Access) error {
		_, _, err := a.CreateUser(context.Background(), orders.By{Actor: "test"}, name, role, password(name))
		return err
	})
}

// person makes a person and logs them in.
func (s *side) person(name string, role access.Role) *browser {
	s.t.Helper()
	s.addUser(name, role)
	b := s.browser()
	got := b.logIn(name, password(name))
	require.Equal(s.t, http.StatusOK, got.status, "%s", got.body)
	return b
}

func (b *browser) logIn(name, password string) *answer {
	b.t.Helper()
	return b.do("POST", "/admin/api/session", `{"name":"`+name+`","password":"`+password+`"}`)
}
