package command

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// bearer calls with a token that was made in the admin.
func (s *side) bearer(secret, method, path, body string, headers ...string) *answer {
	s.t.Helper()
	if body == "" {
		return s.do("", method, path, nil, append(headers, "Authorization", "Bearer "+secret)...)
	}
	return s.do("", method, path, body, append(headers, "Authorization", "Bearer "+secret)...)
}

func TestUsersOverREST(t *testing.T) {
	s := startSide(t)
	admin := s.person("root", access.Admin)
	made := admin.do("POST", "/admin/api/users", `{"name":"anna","role":"viewer"}`)
	require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
	require.Equal(t, "/admin/api/users/anna", made.header.Get("Location"))
	var u contracts.UserPassword
	made.into(t, &u)
	require.Len(t, u.Password, 26)
	require.Equal(t, http.StatusConflict, admin.do("POST", "/admin/api/users", `{"name":"anna","role":"admin"}`).status)
	for body, pointer := range map[string]string{
		`{"name":"Anna","role":"viewer"}`:                        "/name",
		`{"name":"","role":"viewer"}`:                            "/name",
		`{"name":"a:b","role":"viewer"}`:                         "/name",
		`{"name":"bert","role":"peer"}`:                          "/role",
		`{"name":"bert","role":""}`:                              "/role",
		`{"name":"bert","role":"viewer","password":"too short"}`: "/password",
	} {
		got := admin.do("POST", "/admin/api/users", body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, body)
		require.Equal(t, []string{pointer}, pointers(got.problem(t)), body)
	}
	anna := s.browser()
	in := func(password string) int { return anna.logIn("anna", password).status }
	may := func() int { return anna.do("GET", "/admin/api/status", "").status }
	require.Equal(t, http.StatusOK, in(u.Password))
	require.Equal(t, http.StatusOK, may())

	// Whatever changes who she is ends her sessions.
	require.Equal(t, http.StatusOK, admin.do("PUT", "/admin/api/users/anna", `{"role":"operator"}`).status)
	require.Equal(t, http.StatusUnauthorized, may())
	require.Equal(t, http.StatusOK, in(u.Password))
	require.Equal(t, http.StatusOK, admin.do("POST", "/admin/api/users/anna/disable", "").status)
	require.Equal(t, http.StatusUnauthorized, may())
	require.Equal(t, http.StatusUnauthorized, in(u.Password))
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM audit WHERE action = 'login.failed' AND subject = 'user:anna'`))
	require.Equal(t, http.StatusOK, admin.do("POST", "/admin/api/users/anna/enable", "").status)
	require.Equal(t, http.StatusUnauthorized, may(), "the old session does not come back")
	require.Equal(t, http.StatusOK, in(u.Password))
	var reset contracts.UserPassword
	admin.do("POST", "/admin/api/users/anna/password", `{}`).into(t, &reset)
	require.Equal(t, http.StatusUnauthorized, may())
	require.Equal(t, http.StatusUnauthorized, in(u.Password))
	require.Equal(t, http.StatusOK, in(reset.Password))

	// Who is held up after failures can try again with the new password.
	for range 6 {
		in("wrong")
	}
	require.Equal(t, http.StatusTooManyRequests, in(reset.Password))
	require.Equal(t, http.StatusOK, admin.do("POST", "/admin/api/users/anna/password", `{"password":"chosen by an admin"}`).status)
	require.Equal(t, http.StatusOK, in("chosen by an admin"))

	for _, path := range []string{"root/disable", "root/enable"} {
		require.Equal(t, http.StatusConflict, admin.do("POST", "/admin/api/users/"+path, "").status, path)
	}
	require.Equal(t, http.StatusConflict, admin.do("PUT", "/admin/api/users/root", `{"role":"viewer"}`).status)
	require.Equal(t, http.StatusNotFound, admin.do("POST", "/admin/api/users/nobody/disable", "").status)
	var list contracts.UserList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/users", nil).into(t, &list)
	require.Equal(t, []string{"anna", "root"}, []string{list.Users[0].Name, list.Users[1].Name})
	require.Equal(t, "operator", list.Users[0].Role)
}

func TestTokensOverREST(t *testing.T) {
	s := startSide(t)
	admin := s.person("root", access.Admin)
	create := func(body string) contracts.TokenSecret {
		got := admin.do("POST", "/admin/api/tokens", body)
		require.Equal(t, http.StatusCreated, got.status, "%s", got.body)
		var out contracts.TokenSecret
		got.into(t, &out)
		require.Equal(t, "user:root", out.Token.CreatedBy)
		return out
	}
	for body, pointer := range map[string]string{
		`{"name":"x","role":"peer"}`:                                      "/role",
		`{"name":"x","role":"bridge"}`:                                    "/role",
		`{"name":"x","role":"metrics"}`:                                   "/role",
		`{"name":"X","role":"client"}`:                                    "/name",
		`{"name":"x","role":"client","expiresAt":"2020-01-01T00:00:00Z"}`: "/expiresAt",
	} {
		require.Equal(t, []string{pointer}, pointers(admin.do("POST", "/admin/api/tokens", body).problem(t)), body)
	}
	shop := create(`{"name":"shop","role":"client"}`)
	watch := create(`{"name":"watch","role":"viewer"}`)
	operate := create(`{"name":"operate","role":"operator"}`)
	o := newOrder(t, "by a token")
	body, err := strictjson.Encode(o)
	require.NoError(t, err)
	for _, c := range []struct {
		secret, method, path, body string
		status                     int
	}{
		{shop.Secret, "POST", "/orders", string(body), 201},
		{shop.Secret, "GET", "/admin/api/status", "", 403},
		{shop.Secret, "GET", "/orders/transactions", "", 403},
		{watch.Secret, "GET", "/orders/" + o.ID, "", 200},
		{watch.Secret, "GET", "/admin/api/status", "", 200},
		{watch.Secret, "DELETE", "/orders/" + o.ID, "", 403},
		{watch.Secret, "POST", "/admin/api/peers/b/pause", "", 403},
		{watch.Secret, "GET", "/metrics", "", 403},
		{operate.Secret, "GET", "/orders/transactions", "", 403},
		{operate.Secret, "GET", "/admin/api/users", "", 403},
		{operate.Secret, "POST", "/admin/api/tokens", "{}", 403},
		{operate.Secret + "A", "GET", "/orders", "", 401},
		{"obt_", "GET", "/orders", "", 401},
	} {
		require.Equal(t, c.status, s.bearer(c.secret, c.method, c.path, c.body).status, "%s %s", c.method, c.path)
	}
	require.Equal(t, http.StatusNoContent, s.bearer(operate.Secret, "DELETE", "/orders/"+o.ID, "", "If-Match", "*").status)
	events := s.timeline(o.ID)
	require.Equal(t, []string{"token:shop", "token:operate"}, []string{events[0].Actor, events[1].Actor})
	var who contracts.Session
	s.bearer(watch.Secret, "GET", "/admin/api/session", "").into(t, &who)
	require.Equal(t, contracts.Session{Actor: "token:watch", Role: "viewer"}, who)

	require.Equal(t, http.StatusConflict, admin.do("POST", "/admin/api/tokens", `{"name":"shop","role":"client"}`).status)
	require.Equal(t, http.StatusOK, admin.do("POST", "/admin/api/tokens/shop/revoke", "").status)
	require.Equal(t, http.StatusUnauthorized, s.bearer(shop.Secret, "GET", "/orders", "").status, "at once")
	require.Equal(t, http.StatusOK, admin.do("POST", "/admin/api/tokens/shop/revoke", "").status)
	require.Equal(t, http.StatusNotFound, admin.do("POST", "/admin/api/tokens/nobody/revoke", "").status)

	execute(t, s.cfg.DatabaseURL, `UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE name = 'watch'`)
	require.Equal(t, http.StatusUnauthorized, s.bearer(watch.Secret, "GET", "/orders", "").status, "expired")

	list := s.want(http.StatusOK, "admin", "GET", "/admin/api/tokens", nil)
	for _, secret := range []string{shop.Secret, watch.Secret, operate.Secret} {
		require.NotContains(t, string(list.body), secret)
		require.Zero(t, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM api_tokens WHERE hash = '`+secret+`'::bytea OR name = '`+secret+`'`))
	}
	var tokens contracts.TokenList
	list.into(t, &tokens)
	require.Len(t, tokens.Tokens, 3)
	require.NotNil(t, tokens.Tokens[1].RevokedAt)
	require.NotNil(t, tokens.Tokens[1].UsedAt)
	require.Zero(t, tokens.Tokens[1].UsedAt.Minute()+tokens.Tokens[1].UsedAt.Second(), "to the hour")
}

// TestTheSyncNeedsNoPeople: what the bridges bring is let in without a question to the database.
func TestTheSyncNeedsNoPeople(t *testing.T) {
	s := startSide(t)
	execute(t, s.cfg.DatabaseURL, `ALTER TABLE api_tokens RENAME TO away; ALTER TABLE sessions RENAME TO away_too`)
	o := newOrder(t, "x")
	s.put(http.StatusOK, entry(t, o.ID, "NEW", b(1), &o))
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil)
	// Whoever cannot be looked up is not let in.
	require.Equal(t, http.StatusInternalServerError, s.bearer("obt_"+strings.Repeat("X", 52), "GET", "/orders", "").status)
}

func TestAudit(t *testing.T) {
	s := startSide(t)
	root := s.person("root", access.Admin)
	anna := s.person("anna", access.Operator)
	s.awaitConsumer()
	var token contracts.TokenSecret
	root.do("POST", "/admin/api/tokens", `{"name":"shop","role":"client"}`).into(t, &token)
	o := newOrder(t, "by a token")
	body, err := strictjson.Encode(o)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, s.bearer(token.Secret, "POST", "/orders", string(body)).status)
	s.create(newOrder(t, "by the settings' client, who is no one"))
	s.browser().logIn("anna", "wrong")
	require.Equal(t, http.StatusOK, anna.do("POST", "/admin/api/peers/b/pause", "", "X-Request-Id", "pause-1").status)
	require.Equal(t, http.StatusOK, anna.do("POST", "/admin/api/peers/b/resume", "").status)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/tokens/shop/revoke", nil)

	read := func(query string) (lines []string, page contracts.AuditPage) {
		got := anna.do("GET", "/admin/api/audit"+query, "")
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		got.into(t, &page)
		for _, e := range page.Events {
			lines = append(lines, e.Actor+" "+e.Action+" "+e.Subject)
		}
		return lines, page
	}
	all := []string{
		"admin:token token.revoked token:shop",
		"user:anna peer.resumed peer:b",
		"user:anna peer.paused peer:b",
		"anonymous login.failed user:anna",
		"token:shop order.created order:" + o.ID,
		"user:root token.created token:shop",
		"user:anna login user:anna",
		"test user.created user:anna",
		"user:root login user:root",
		"test user.created user:root",
	}
	got, page := read("")
	require.Equal(t, all, got)
	require.Empty(t, page.Next)
	require.Equal(t, "pause-1", page.Events[2].RequestID)
	require.Equal(t, "127.0.0.1", page.Events[3].Detail)

	// By pages of every size it is the same.
	for size := 1; size <= len(all); size++ {
		var paged []string
		for next := "?limit=" + string(rune('0'+size%10)); size < 10 && next != ""; {
			lines, page := read(next)
			paged = append(paged, lines...)
			_, query, more := strings.Cut(page.Next, "?")
			if next = ""; more {
				next = "?" + query
			}
		}
		if size < 10 {
			require.Equal(t, all, paged, "pages of %d", size)
		}
	}
	for query, want := range map[string][]string{
		"?actor=user:anna":                         {all[1], all[2], all[6]},
		"?actor=token:shop":                        {all[4]},
		"?action=order.created":                    {all[4]},
		"?action=login&actor=user:root":            {all[8]},
		"?order=" + o.ID:                           {all[4]},
		"?order=" + newOrder(t, "").ID:             nil,
		"?to=2020-01-01T00:00:00Z":                 nil,
		"?from=2999-01-01T00:00:00Z":               nil,
		"?action=peer.paused&order=" + o.ID:        nil,
		"?actor=" + url.QueryEscape("' OR 1=1 --"): nil,
	} {
		lines, _ := read(query)
		require.Equal(t, want, lines, query)
	}
	for _, bad := range []string{"?action=nonsense", "?after=x", "?after=zz.q1", "?limit=501", "?order=1", "?from=yesterday", "?x=1"} {
		require.Equal(t, http.StatusBadRequest, anna.do("GET", "/admin/api/audit"+bad, "").status, bad)
	}
}

func TestAuditOfPeering(t *testing.T) {
	s := startSide(t)
	anna := s.person("anna", access.Admin)
	require.Equal(t, http.StatusOK, anna.do("POST", "/admin/api/peers/b/brake", `{"offSeconds":60}`).status)
	require.Equal(t, http.StatusUnprocessableEntity, anna.do("POST", "/admin/api/peers/b/brake", `{"offSeconds":-1}`).status)
	require.Equal(t, http.StatusAccepted, anna.do("POST", "/admin/api/reconciliations", `{"peer":"b","dryRun":true}`).status)
	require.Equal(t, http.StatusConflict, anna.do("POST", "/admin/api/reconciliations", `{"peer":"b"}`).status)
	var page contracts.AuditPage
	anna.do("GET", "/admin/api/audit?actor=user:anna&limit=2", "").into(t, &page)
	require.Equal(t, []string{"reconciliation.requested peer:b dry run", "peer.brake peer:b off for 1m0s"}, []string{
		page.Events[0].Action + " " + page.Events[0].Subject + " " + page.Events[0].Detail,
		page.Events[1].Action + " " + page.Events[1].Subject + " " + page.Events[1].Detail,
	}, "what was refused is not told as done")
}

func TestAuditExport(t *testing.T) {
	s := startSide(t)
	anna := s.person("anna", access.Viewer)
	execute(t, s.cfg.DatabaseURL, `INSERT INTO audit (at, actor, action, subject, detail, request_id)
		SELECT now(), 'user:anna', 'logout', 'user:anna', CASE n WHEN 1 THEN '=1+1' WHEN 2 THEN '@SUM(A1)' WHEN 3 THEN '-1, "x"' ELSE 'n ' || n END, ''
		FROM generate_series(1, 2500) AS n`)
	get := func(accept string) []byte {
		req, err := http.NewRequest("GET", "http://"+s.cfg.HTTPAddr+"/admin/api/audit?action=logout", http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Accept", accept)
		req.AddCookie(anna.jar.Cookies(anna.site())[0])
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, accept+"; charset=utf-8", res.Header.Get("Content-Type"))
		require.Contains(t, res.Header.Get("Content-Disposition"), "attachment")
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		require.NoError(t, err)
		return b.Bytes()
	}
	rows, err := csv.NewReader(bytes.NewReader(get("text/csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2501)
	require.Equal(t, []string{"id", "at", "actor", "action", "subject", "detail", "requestId"}, rows[0])
	require.Equal(t, "'=1+1", rows[2500][5])
	require.Equal(t, "'@SUM(A1)", rows[2499][5])
	require.Equal(t, `'-1, "x"`, rows[2498][5])
	require.Equal(t, "n 2500", rows[1][5])

	lines := bufio.NewScanner(bytes.NewReader(get("application/x-ndjson")))
	seen := 0
	for ; lines.Scan(); seen++ {
		var e contracts.AuditEvent
		require.NoError(t, strictjson.Decode(lines.Bytes(), &e))
		require.Equal(t, rows[seen+1][0], e.ID)
	}
	require.Equal(t, 2500, seen)
}

func TestBehindAProxy(t *testing.T) {
	s := startSide(t, func(c *Config) { c.TrustedProxies = "127.0.0.1, 10.0.0.0/8" })
	s.addUser("anna", access.Viewer)
	b := s.browser()
	from := func(forwarded string) {
		body := `{"name":"anna","password":"wrong"}`
		b.do("POST", "/admin/api/session", body, "X-Forwarded-For", forwarded)
	}
	from("203.0.113.7, 198.51.100.9, 10.1.2.3")
	from("127.0.0.1, ::ffff:198.51.100.10")
	from("nonsense")
	var page contracts.AuditPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/audit?action=login.failed", nil).into(t, &page)
	var addresses []string
	for _, e := range page.Events {
		addresses = append(addresses, e.Detail)
	}
	require.Equal(t, []string{"127.0.0.1", "198.51.100.10", "198.51.100.9"}, addresses)
}

func TestInsecureCookies(t *testing.T) {
	s := startSide(t, func(c *Config) { c.InsecureCookies = true })
	s.addUser("anna", access.Viewer)
	cookie := s.browser().logIn("anna", password("anna")).header.Get("Set-Cookie")
	require.True(t, strings.HasPrefix(cookie, "orderbridge-a="))
	require.NotContains(t, cookie, "Secure")
	require.Contains(t, cookie, "HttpOnly; SameSite=Strict")
}

func TestSessionsEnd(t *testing.T) {
	s := startSide(t)
	b := s.person("anna", access.Viewer)
	ok := func() int { return b.do("GET", "/admin/api/status", "").status }
	age := func(begun, seen time.Duration) {
		execute(t, s.cfg.DatabaseURL, `UPDATE sessions SET begun_at = now() - interval '`+begun.String()+`', seen_at = now() - interval '`+seen.String()+`'`)
	}
	age(access.SessionMax-time.Minute, access.SessionIdle-time.Minute)
	require.Equal(t, http.StatusOK, ok())
	require.Equal(t, 1, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM sessions WHERE seen_at > now() - interval '1 minute'`), "the request keeps it")
	age(access.SessionIdle, access.SessionIdle-time.Minute)
	require.Equal(t, http.StatusOK, b.do("GET", "/admin/api/status", "", "Sec-Fetch-Mode", "cors").status)
	require.Zero(t, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM sessions WHERE seen_at > now() - interval '1 minute'`), "an open page does not keep it")
	age(access.SessionIdle+time.Minute, access.SessionIdle+time.Second)
	require.Equal(t, http.StatusUnauthorized, ok(), "too long without a request")
	age(access.SessionMax+time.Second, 0)
	require.Equal(t, http.StatusUnauthorized, ok(), "too long in all")
}
