package command

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestPages opens every page as each role, and sends the forms of administrators.
func TestPages(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	id := s.create(newOrder(t, "one")).ID
	root, viktor := s.person("root", access.Admin), s.person("viktor", access.Viewer)
	for _, path := range []string{
		"/admin", "/admin/orders", "/admin/orders/" + id, "/admin/collisions", "/admin/errors", "/admin/peers", "/admin/audit", "/admin/audit?action=login",
		"/admin/states", "/admin/reference", "/admin/orders?search=web&state=NEW&status=pending", "/admin/orders?deleted=true",
	} {
		for _, b := range []*browser{root, viktor} {
			got := b.do("GET", path, "")
			require.Equal(t, http.StatusOK, got.status, "%s: %s", path, got.body)
			require.Contains(t, got.header.Get("Content-Security-Policy"), "script-src 'self'")
			require.Contains(t, string(got.body), `<main id="main"`)
			require.NotContains(t, string(got.body), "ZgotmplZ", "%s: a template puts text where none may be", path)
			require.NotRegexp(t, `<script>|style="|\son[a-z]+="`, string(got.body), path)
		}
	}
	require.Equal(t, http.StatusBadRequest, root.do("GET", "/admin/orders?cursor=x", "").status)
	require.Equal(t, http.StatusNotFound, root.do("GET", "/admin/orders/"+"01890000-0000-7000-8000-000000000001", "").status)
	require.Equal(t, http.StatusForbidden, viktor.do("GET", "/admin/people", "").status)
	require.Contains(t, string(root.do("GET", "/admin/audit/export?as=csv", "").body), "root")

	send := func(path string, fields ...string) *answer {
		t.Helper()
		v := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		return root.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	require.Equal(t, http.StatusSeeOther, send("/admin/peers/b/pause").status)
	require.Contains(t, string(root.do("GET", "/admin", "").body), "Paused: nothing is sent to b")
	require.Equal(t, http.StatusSeeOther, send("/admin/peers/b/resume").status)
	require.Equal(t, http.StatusSeeOther, send("/admin/peers/b/brake", "off", "1").status)
	require.Contains(t, string(root.do("GET", "/admin/peers", "").body), "The brake is off until")
	started := send("/admin/peers/b/reconcile", "dryRun", "1")
	require.Equal(t, http.StatusSeeOther, started.status)
	at, err := url.Parse(started.header.Get("Location"))
	require.NoError(t, err)
	one := at.Path
	require.Contains(t, string(root.do("GET", one, "").body), "Requested; the bridge will start it")
	require.Equal(t, http.StatusSeeOther, send(one+"/drop").status)
	require.Contains(t, string(root.do("GET", one, "").body), "Dropped")
	require.Equal(t, http.StatusConflict, send(one+"/confirm").status)

	secret := regexp.MustCompile(`<code class="secret">(\w+)</code>`)
	require.Regexp(t, secret, string(send("/admin/people/add", "name", "otto", "role", "viewer").body))
	require.Contains(t, string(send("/admin/people/add", "name", "otto", "role", "viewer").body), "note bad")
	require.Equal(t, http.StatusSeeOther, send("/admin/people/role", "name", "otto", "role", "operator").status)
	require.Equal(t, http.StatusSeeOther, send("/admin/people/disable", "name", "otto").status)
	require.Equal(t, http.StatusSeeOther, send("/admin/people/enable", "name", "otto").status)
	require.Regexp(t, secret, string(send("/admin/people/password", "name", "otto").body))
	require.Regexp(t, secret, string(send("/admin/people/token", "name", "shop", "role", "client").body))
	require.NotRegexp(t, secret, string(root.do("GET", "/admin/people", "").body), "shown once")
	require.Equal(t, http.StatusSeeOther, send("/admin/people/revoke", "name", "shop").status)
	require.Contains(t, string(root.do("GET", "/admin/people", "").body), "revoked")
}
