package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestPasswordPage: faults stand at the fields, nothing typed comes back, and who changes their password
// stays logged in here only.
func TestPasswordPage(t *testing.T) {
	s := startSide(t)
	anna := s.person("anna", access.Viewer)
	elsewhere := s.browser()
	require.Equal(t, http.StatusOK, elsewhere.logIn("anna", password("anna")).status)
	require.Contains(t, string(anna.do("GET", "/admin", "").body), `href="/admin/password"`)
	require.Contains(t, string(anna.do("GET", "/admin/password", "").body), "At least 12 characters")

	const fresh = "a-new-one-that-is-long-enough"
	for _, c := range []struct{ present, password, again, field string }{
		{password("anna"), fresh, fresh + "x", "again"},
		{"not the present one", fresh, fresh, "password"},
		{password("anna"), "short", "short", "newPassword"},
	} {
		got := anna.form("/admin/password", "password", c.present, "newPassword", c.password, "again", c.again)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s", got.body)
		require.Contains(t, string(got.body), `id="`+c.field+`-fault"`)
		require.NotContains(t, string(got.body), c.password+`"`)
		require.NotContains(t, string(got.body), c.present+`"`)
	}
	got := anna.form("/admin/password", "password", password("anna"), "newPassword", fresh, "again", fresh)
	require.Equal(t, http.StatusSeeOther, got.status, "%s", got.body)
	require.Equal(t, http.StatusOK, anna.do("GET", "/admin", "").status)
	require.Equal(t, http.StatusSeeOther, elsewhere.do("GET", "/admin", "").status)
	require.Equal(t, http.StatusUnauthorized, elsewhere.logIn("anna", password("anna")).status)
	require.Equal(t, http.StatusOK, elsewhere.logIn("anna", fresh).status)
	require.Contains(t, string(s.do("admin", "GET", "/admin/password", nil).body), "logged in with a token")
}

// TestPolicyPage shows what is settled by itself, and what another policy would settle.
func TestPolicyPage(t *testing.T) {
	s := startSide(t, func(c *Config) {
		c.ConflictRules = "/internalNote=side:a /shippingAddress=side:b /lines/*/quantity=max"
	})
	anna, viktor := s.person("anna", access.Operator), s.person("viktor", access.Viewer)
	made := s.create(newOrder(t, "ours"))
	theirs := made.Order
	theirs.CustomerNote = "theirs"
	ours := made.Order
	ours.CustomerNote = "ours again"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+made.ID, ours, "If-Match", "*")
	s.put(http.StatusConflict, entry(t, made.ID, "UPD", and(made.Sync.Version, b(1)), &theirs))

	shown := string(viktor.do("GET", "/admin/policy", "").body)
	for _, text := range []string{"a person resolves every collision", "our value is kept", "the value of b is used", "the larger value is used"} {
		require.Contains(t, shown, text)
	}
	require.NotContains(t, shown, "<form method=\"post\" action=\"/admin/policy\"")
	form := fieldsOf(t, anna.do("GET", "/admin/policy", "").body)
	require.Equal(t, "manual", form.Get("policy"))
	require.Equal(t, s.cfg.ConflictRules, form.Get("rules"))
	got := anna.form("/admin/policy", "policy", "merge", "rules", "/customerNote=side:a")
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, string(got.body), "1 of 1 collisions would need no person")
	require.Contains(t, string(got.body), "/admin/collisions/"+made.ID)
	got = anna.form("/admin/policy", "policy", "manual")
	require.Contains(t, string(got.body), "0 of 1 collisions would need no person")
	got = anna.form("/admin/policy", "policy", "merge", "rules", "<nonsense>")
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, string(got.body), "&lt;nonsense&gt;")
	require.Equal(t, "COLLISION", s.state(made.ID), "nothing is changed by it")
	var now contracts.ConflictPolicy
	s.want(http.StatusOK, "admin", "GET", "/admin/api/conflict-policy", nil).into(t, &now)
	require.Equal(t, "manual", now.Policy)
}
