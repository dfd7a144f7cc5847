package command

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// slowBodies opens connections that announce a body, send a bit of it, and stay until the test ends.
func (s *side) slowBodies(n int, path, contentType, headers string) {
	s.t.Helper()
	for range n {
		c, err := net.Dial("tcp", s.cfg.HTTPAddr)
		require.NoError(s.t, err)
		s.t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n%s\r\nname=", path, s.cfg.HTTPAddr, contentType, headers)
		require.NoError(s.t, err)
	}
}

// TestSlowBodiesKeepNobodyFromLoggingIn: who is not known and sends a body slowly holds up no login, from the
// same address either.
func TestSlowBodiesKeepNobodyFromLoggingIn(t *testing.T) {
	s := startSide(t)
	s.addUser("anna", access.Viewer)
	s.slowBodies(100, "/admin/api/session", "application/json", "")
	s.slowBodies(100, "/admin/login", "application/x-www-form-urlencoded", "")
	for range 5 {
		require.Equal(t, http.StatusOK, s.browser().logIn("anna", password("anna")).status)
	}
}

// TestSlowBodiesOfOneTokenHoldUpNoOther: a client's slow bodies are its own trouble.
func TestSlowBodiesOfOneTokenHoldUpNoOther(t *testing.T) {
	s := startSide(t)
	var token contracts.TokenSecret
	s.want(http.StatusCreated, "admin", "POST", "/admin/api/tokens", contracts.NewToken{Name: "slow", Role: "client"}).into(t, &token)
	s.slowBodies(100, "/orders", "application/json", "Authorization: Bearer "+token.Secret+"\r\n")
	for range 5 {
		s.create(newOrder(t, "one"))
	}
}

// TestASlowAnonymousBodyIsGivenUp: the body of a caller who is not known has seconds, that of a client more.
func TestASlowAnonymousBodyIsGivenUp(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	ask := func(header string) *net.TCPConn {
		c, err := net.Dial("tcp", s.cfg.HTTPAddr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "POST /admin/api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n%s\r\n{", header)
		require.NoError(t, err)
		return c.(*net.TCPConn)
	}
	known, anonymous := ask("Authorization: Bearer "+secret("admin")+"\r\n"), ask("")
	answer := make([]byte, 12)
	require.NoError(t, anonymous.SetReadDeadline(time.Now().Add(20*time.Second))) // far below what a known caller has
	_, err := anonymous.Read(answer)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 408", string(answer))
	require.NoError(t, known.SetReadDeadline(time.Now().Add(time.Second)))
	_, err = known.Read(answer)
	require.Error(t, err, "still waited for")
}

// TestLongAnonymousBodies: who is not known has nothing long to say.
func TestLongAnonymousBodies(t *testing.T) {
	s := startSide(t)
	p := s.do("", "POST", "/admin/api/session", `{"name":"`+string(make([]byte, 20<<10))+`"}`).problem(t)
	require.Equal(t, http.StatusRequestEntityTooLarge, p.Status)
}

// TestKeysOfOneClientAreNoOthers: an idempotency key belongs to the token that used it.
func TestKeysOfOneClientAreNoOthers(t *testing.T) {
	s := startSide(t)
	var token contracts.TokenSecret
	s.want(http.StatusCreated, "admin", "POST", "/admin/api/tokens", contracts.NewToken{Name: "other", Role: "client"}).into(t, &token)
	o := newOrder(t, "one")
	o.ID = ""
	create := func(headers ...string) string {
		t.Helper()
		var v contracts.OrderView
		s.want(http.StatusCreated, "client", "POST", "/orders", o, append(headers, "Idempotency-Key", "key")...).into(t, &v)
		return v.ID
	}
	mine := create()
	require.Equal(t, mine, create())
	theirs := create("Authorization", "Bearer "+token.Secret)
	require.NotEqual(t, mine, theirs)
	require.Equal(t, theirs, create("Authorization", "Bearer "+token.Secret))

	// A replica of before kept keys without their clients.
	execute(t, s.cfg.DatabaseURL, `UPDATE idempotency_keys SET key = 'old' WHERE order_id = '`+mine+`'`)
	var v contracts.OrderView
	s.want(http.StatusCreated, "client", "POST", "/orders", o, "Idempotency-Key", "old").into(t, &v)
	require.Equal(t, mine, v.ID)
}
