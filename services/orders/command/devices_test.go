package command

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// attack guesses at a name from many addresses, among them the given one, until none is looked at any more.
func (s *side) attack(name, address string) {
	s.t.Helper()
	b := s.browser()
	for i := range 8 {
		from := fmt.Sprintf("203.0.113.%d", i)
		if i == 0 {
			from = address
		}
		for range 6 {
			b.do("POST", "/admin/api/session", `{"name":"`+name+`","password":"wrong"}`, "X-Forwarded-For", from)
		}
	}
}

// TestNobodyIsLockedOutOfTheirDevice: whoever guesses at a name from elsewhere, or from next door, does not keep
// a person out of the device on which they logged in before; but the device is no way to guess.
func TestNobodyIsLockedOutOfTheirDevice(t *testing.T) {
	s := startSide(t, func(c *Config) { c.TrustedProxies = "127.0.0.1" })
	s.addUser("bert", access.Viewer)
	const home = "198.51.100.1"
	anna := s.person("anna", access.Admin)
	s.attack("anna", home)
	logIn := func(b *browser, name, password string) int {
		return b.do("POST", "/admin/api/session", `{"name":"`+name+`","password":"`+password+`"}`, "X-Forwarded-For", home).status
	}
	require.Equal(t, http.StatusTooManyRequests, logIn(s.browser(), "anna", password("anna")), "a device that nobody knows")
	require.Equal(t, http.StatusOK, logIn(anna, "anna", password("anna")))
	require.Equal(t, http.StatusSeeOther, anna.do("POST", "/admin/login", "name=anna&password="+password("anna"),
		"X-Forwarded-For", home, "Content-Type", "application/x-www-form-urlencoded").status)

	// Somebody else's device, or one that is made up, is none.
	bert := s.browser()
	require.Equal(t, http.StatusOK, bert.logIn("bert", password("bert")).status)
	for _, c := range bert.jar.Cookies(bert.site()) {
		c.Name = strings.Replace(c.Name, "bert", "anna", 1)
		bert.jar.SetCookies(bert.site(), []*http.Cookie{{Name: c.Name, Value: c.Value, Secure: true, Path: "/"}})
	}
	require.Equal(t, http.StatusTooManyRequests, logIn(bert, "anna", password("anna")))

	// On the device itself guesses end too, and the session that was begun goes on.
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, logIn(anna, "anna", "wrong"))
	}
	require.Equal(t, http.StatusTooManyRequests, logIn(anna, "anna", password("anna")))
	require.Equal(t, http.StatusOK, anna.do("GET", "/admin/api/status", "").status)
}

// TestAPasswordCanBeChangedUnderAttack, and the device stays known by the new one.
func TestAPasswordCanBeChangedUnderAttack(t *testing.T) {
	s := startSide(t, func(c *Config) { c.TrustedProxies = "127.0.0.1" })
	anna := s.person("anna", access.Viewer)
	s.attack("anna", "127.0.0.1")
	got := anna.do("POST", "/admin/password", "password="+password("anna")+"&newPassword=a+better+password&again=a+better+password",
		"Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusSeeOther, got.status, "%s", got.body)
	require.Equal(t, http.StatusTooManyRequests, s.browser().logIn("anna", "a better password").status)
	require.Equal(t, http.StatusOK, anna.logIn("anna", "a better password").status)
}
