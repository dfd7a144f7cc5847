package command

import (
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// report tells the service what a bridge would tell of itself, until it has heard it.
func (s *side) report(b contracts.BridgeReport) {
	s.t.Helper()
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword), nats.CustomInboxPrefix(contracts.ServiceInbox))
	require.NoError(s.t, err)
	s.t.Cleanup(nc.Close)
	data, err := strictjson.Encode(b)
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		require.NoError(s.t, nc.Publish(contracts.BridgeSubjectPrefix+b.Peer, data))
		require.NoError(s.t, nc.Flush())
		var st contracts.Status
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(s.t, &st)
		return len(st.Peers[0].Bridges) == 1
	}, time.Minute, 50*time.Millisecond)
}

// TestPeersPageTellsTheLastError: of a bridge that runs again, too, with when it was.
func TestPeersPageTellsTheLastError(t *testing.T) {
	s := startSide(t)
	viktor := s.person("viktor", access.Viewer)
	s.report(contracts.BridgeReport{
		Instance: "one", Peer: "b", State: "running", Circuit: "closed", Since: time.Now(), At: time.Now(),
		LastError: "remote: status 502, <not> an answer", LastErrorAt: time.Now().Add(-time.Hour),
	})
	page := string(viktor.do("GET", "/admin/peers", "").body)
	require.Contains(t, page, "Running")
	require.Regexp(t, `remote: status 502, &lt;not&gt; an answer</bdi>, <time [^>]*>1.hour.ago`, page)
}

// TestFailedCallsOfABridge: told by a call of their own and on the page, where nothing that a service
// answered is taken for a part of it. Viewers may look.
func TestFailedCallsOfABridge(t *testing.T) {
	s := startSide(t)
	viktor := s.person("viktor", access.Viewer)
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	call := contracts.FailedCall{
		At: at, Since: at.Add(-time.Hour), Count: 12, Call: "tell", Target: "remote", Method: "PUT", Path: "/orders/transactions",
		RequestID: `one-7"><script>`, Entries: 9, Orders: []string{"01890000-0000-7000-8000-000000000001"}, SentBytes: 2048, ElapsedMs: 41, Status: 502,
		ContentType: "text/<i>html", RetryAfter: "<i>soon", Reason: "status 502, <i>not</i> an answer", Said: "</dd><script>alert(1)</script>", Verdict: "retry",
	}
	lookup := call
	lookup.Call, lookup.Target, lookup.Status, lookup.Orders, lookup.Since, lookup.Verdict = "lookup", "local", 0, nil, at, "unauthorized"
	greeting := call
	greeting.Entries, greeting.Orders, greeting.Since = 0, nil, at.Add(time.Second)
	unknown := call
	unknown.Verdict = "<b>" // of a bridge that is none
	s.report(contracts.BridgeReport{
		Instance: `one"><i>`, Peer: "b", State: "running", Circuit: "closed", Since: at, At: at, Failed: []contracts.FailedCall{call, unknown, lookup, greeting},
	})

	var list contracts.FailedCallList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/peers/b/failed-calls", nil).into(t, &list)
	require.Equal(t, []contracts.BridgeFailures{{Instance: `one"><i>`, Calls: []contracts.FailedCall{call, lookup, greeting}}}, list.Bridges)
	s.want(http.StatusNotFound, "admin", "GET", "/admin/api/peers/c/failed-calls", nil).problem(t)
	require.Equal(t, http.StatusOK, viktor.do("GET", "/admin/api/peers/b/failed-calls", "").status)
	require.NotContains(t, string(viktor.do("GET", "/admin/api/status", "").body), "not an answer")

	page := string(viktor.do("GET", "/admin/peers", "").body)
	require.Contains(t, page, ": 3")
	require.Regexp(t, `PUT of changes at b: <b>502 Bad Gateway</b>, <time [^>]*>1.hour.ago</time> <span class="muted">\(12 times since`, page)
	require.Regexp(t, `Lookup of pending orders here: <b>incomplete answer</b>`, page)
	require.Contains(t, page, "Greeting at b: <b>502 Bad Gateway")
	require.Contains(t, page, "tried again")
	require.Contains(t, page, "our token is refused")
	require.Contains(t, page, "9\u00a0orders, 2.0\u00a0kB, named")
	require.Contains(t, page, "and 8 more")
	require.Contains(t, page, "&lt;/dd&gt;&lt;script&gt;alert(1)")
	for _, foreign := range []string{"<i>", "<script>alert", `7"><s`} {
		require.NotContains(t, page, foreign)
	}
}
