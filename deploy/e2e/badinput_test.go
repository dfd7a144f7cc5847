//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// badCall is a request that must be refused.
type badCall struct {
	name    string
	as      string // role whose token is sent; client unless given
	method  string // POST unless given
	path    string // /orders unless given
	header  map[string]string
	body    string
	want    int
	pointer string // of a field that the problem must name
}

// marker stands in values that are sent and must not come back.
const marker = "xyzzy-never-told"

// TestBadInput sends what is wrong to a running side: each is refused with a reason that names the
// field, changes nothing, and tells nothing of what is inside.
func TestBadInput(t *testing.T) {
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 8))
	known, tag, err := d.a.createAt(t.Context(), newOrder(r))
	require.NoError(t, err)
	gone, _, err := d.a.createAt(t.Context(), newOrder(r))
	require.NoError(t, err)
	require.NoError(t, d.a.delete(t.Context(), gone.ID, `*`))
	d.awaitRest(t)
	before, orders := d.mustFigures(t), d.requireEqual(t, nil)
	for name, calls := range map[string][]badCall{
		"tokens": badTokens(d), "roles": badRoles(), "new orders": badNewOrders(r, known.ID),
		"changes": badChanges(known, gone, tag), "queries": badQueries(), "sync": badSync(known.ID), "admin": badAdmin(known.ID),
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range calls {
				t.Run(c.name, func(t *testing.T) { c.requireRefused(t, d) })
			}
		})
	}
	d.awaitRest(t)
	require.Equal(t, before, d.mustFigures(t))
	require.Equal(t, orders, d.requireEqual(t, nil))
	d.requireHealthy(t, 0)
	t.Run("one bad entry among good ones", func(t *testing.T) { badEntry(t, d, r) })
}

func (d *demo) mustFigures(t *testing.T) figures {
	t.Helper()
	f, moving := d.look(t.Context())
	require.Empty(t, moving)
	return f
}

// tokenOf is the token of a role on a side; what is no role is taken for a token.
func tokenOf(s *side, role string) string {
	at := s.access.Load()
	switch role {
	case "", "client":
		return at.client
	case "admin":
		return at.admin
	case "peer":
		return at.peer
	case "bridge":
		return at.bridge
	case "metrics":
		return at.metrics
	case "nobody":
		return ""
	}
	return role
}

func (c badCall) requireRefused(t *testing.T, d *demo) {
	t.Helper()
	request := call{method: c.method, path: c.path, token: tokenOf(d.a, c.as), header: c.header}
	if request.method == "" {
		request.method = http.MethodPost
	}
	if request.path == "" {
		request.path = "/orders"
	}
	if request.method != http.MethodGet && request.method != http.MethodDelete {
		request.body = []byte(c.body)
	}
	a, err := d.a.send(t.Context(), request)
	require.NoError(t, err)
	requireProblem(t, d, a, c.want, c.pointer)
}

// requireProblem reads a problem document and looks into every corner of the answer.
func requireProblem(t *testing.T, d *demo, a *answer, status int, pointer string) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p contracts.Problem
	require.NoError(t, strictjson.Decode(a.body, &p))
	require.Equal(t, status, p.Status)
	require.True(t, strings.HasPrefix(p.Type, "/problems/"), p.Type)
	require.NotEmpty(t, p.Title)
	require.Equal(t, a.header.Get("X-Request-Id"), p.Instance)
	if pointer != "" {
		var named []string
		for _, e := range p.Errors {
			require.NotEmpty(t, e.Detail)
			named = append(named, e.Pointer)
		}
		require.Contains(t, named, pointer, "%s", a.body)
	}
	requireDiscreet(t, d, string(a.body))
}

// requireDiscreet asks that a text tells nothing of the inside, nor a value that was sent.
func requireDiscreet(t *testing.T, d *demo, text string) {
	t.Helper()
	inside := []string{marker, "SELECT ", "SQLSTATE", "pgx", "postgres", "jetstream", "goroutine", "panic", ".go:", d.dir}
	for _, s := range d.sides() {
		for _, role := range []string{"client", "admin", "peer", "bridge", "metrics"} {
			inside = append(inside, tokenOf(s, role))
		}
	}
	for _, secret := range inside {
		require.False(t, strings.Contains(strings.ToLower(text), strings.ToLower(secret)), "%q is told: %s", secret, text)
	}
}

func badTokens(d *demo) []badCall {
	own := d.a.access.Load()
	header := func(value string) map[string]string { return map[string]string{"Authorization": value} }
	return []badCall{
		{name: "none", as: "nobody", want: 401},
		{name: "unknown", as: "3q2-7wEjIqS0iqTVyoQ6pXH5sYb0x1iVb3mXk1a", want: 401},
		{name: "of the other side", as: d.b.access.Load().client, want: 401},
		{name: "cut short", as: own.client[:len(own.client)-1], want: 401},
		{name: "with more behind", as: own.client + "x", want: 401},
		{name: "in another case", as: strings.Map(otherCase, own.client), want: 401},
		{name: "two with a comma", as: own.client + "," + own.admin, want: 401},
		{name: "basic", header: header("Basic " + own.client), want: 401},
		{name: "without a scheme", header: header(own.client), want: 401},
		{name: "unknown path", as: "nobody", path: "/wp-login.php", want: 401},
		{name: "unknown method", as: "nobody", method: "PATCH", want: 401},
	}
}

func otherCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

// badRoles tries every endpoint with every token that it is not for.
func badRoles() []badCall {
	const id = "019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c04"
	endpoints := []struct{ method, path, allowed string }{
		{"POST", "/orders", "client admin"},
		{"GET", "/orders", "client admin"},
		{"GET", "/orders/" + id, "client admin peer"},
		{"PUT", "/orders/" + id, "client admin"},
		{"DELETE", "/orders/" + id, "client admin"},
		{"PUT", "/orders/transactions", "peer bridge"},
		{"POST", "/orders/transactions/lookup", "bridge"},
		{"GET", "/metrics", "metrics admin"},
		{"GET", "/admin/api/status", "admin"},
		{"GET", "/admin/api/orders", "admin"},
		{"GET", "/admin/api/orders/" + id + "/timeline", "admin"},
		{"GET", "/admin/api/collisions", "admin"},
		{"GET", "/admin/api/collisions/" + id, "admin"},
		{"POST", "/admin/api/collisions/" + id + "/resolve", "admin"},
		{"GET", "/admin/api/conflict-policy", "admin"},
		{"POST", "/admin/api/conflict-policy/preview", "admin"},
		{"GET", "/admin/api/errors", "admin"},
		{"POST", "/admin/api/errors/" + id + "/retry", "admin"},
		{"GET", "/admin/api/peers", "admin"},
		{"POST", "/admin/api/peers/b/pause", "admin"},
		{"POST", "/admin/api/peers/b/resume", "admin"},
		{"GET", "/admin/api/states", "admin"},
	}
	var calls []badCall
	for _, e := range endpoints {
		for _, role := range []string{"client", "admin", "peer", "bridge", "metrics"} {
			if !strings.Contains(e.allowed, role) {
				calls = append(calls, badCall{name: e.method + " " + e.path + " as " + role, as: role, method: e.method, path: e.path, body: "{}", want: 403})
			}
		}
	}
	return calls
}
