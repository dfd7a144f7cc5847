package command

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// bridgeStandIn reports to a side as a bridge does, until it is stopped.
type bridgeStandIn struct {
	mu     sync.Mutex
	report contracts.BridgeReport
	stop   func()
}

func (b *bridgeStandIn) set(change func(*contracts.BridgeReport)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.report)
}

// runBridge has a bridge report that all is well.
func (s *side) runBridge() *bridgeStandIn {
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword))
	require.NoError(s.t, err)
	now := time.Now().UTC()
	b := &bridgeStandIn{report: contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed", Since: now, At: now, HandshakeAt: now}}
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			b.set(func(r *contracts.BridgeReport) {
				if data, err := strictjson.Encode(r); err == nil {
					_ = nc.Publish(contracts.BridgeSubjectPrefix+"b", data) // the broker may be gone by now
				}
			})
			select {
			case <-ending:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	b.stop = sync.OnceFunc(func() {
		close(ending)
		<-ended
		nc.Close()
	})
	s.t.Cleanup(b.stop)
	return b
}

// stuckStates are the ways in which changes may not get to the peer, and a part of the alarm that each raises.
var stuckStates = map[string]struct {
	limits func(*Config)
	stuck  func(s *side, b *bridgeStandIn)
	alarm  string
}{
	"bridge dead": {nil, func(_ *side, b *bridgeStandIn) { b.stop() }, "bridge one has not reported for "},
	"peer dead": {nil, func(_ *side, b *bridgeStandIn) {
		b.set(func(r *contracts.BridgeReport) {
			r.State, r.LastError = "waiting", "remote: connection refused"
			r.HandshakeFailing = &contracts.HandshakeFailure{Since: time.Now().Add(-time.Minute), Count: 30, Reason: "remote: connection refused"}
		})
	}, "handshakes with b have failed for 1m"},
	"token refused": {nil, func(_ *side, b *bridgeStandIn) {
		b.set(func(r *contracts.BridgeReport) { r.State, r.LastError = "unauthorized", "remote: status 401" })
	}, "bridge one is not authorized: remote: status 401"},
	"circuit open": {nil, func(_ *side, b *bridgeStandIn) {
		b.set(func(r *contracts.BridgeReport) {
			r.State, r.Circuit, r.LastError = "waiting", "open", "remote: status 502"
		})
	}, "bridge one waits, circuit open: remote: status 502"},
	"order refused by a filter": {func(c *Config) { c.AlarmDeliveries = 6 }, func(s *side, b *bridgeStandIn) {
		id := s.create(newOrder(s.t, "<script>")).ID
		b.set(func(r *contracts.BridgeReport) { r.Retried = []contracts.RetriedOrder{retriedOrder(id, 7)} })
	}, "failed 7 times: the last attempt, delivery 7, failed "},
	"pending for too long": {func(c *Config) { c.AlarmAge = time.Second }, func(s *side, _ *bridgeStandIn) {
		s.create(newOrder(s.t, "slow"))
	}, "longer than 1s: no bridge has reported a failed attempt"},
	"outbox stuck": {func(c *Config) { c.AlarmAge = time.Minute }, func(s *side, _ *bridgeStandIn) {
		// The broker takes no message of that size.
		execute(s.t, s.cfg.DatabaseURL, `INSERT INTO outbox (order_id, peer, version, state, at)
			VALUES ('01890000-0000-7000-8000-000000000001', 'b', repeat('x', 70000), 1, now() - interval '1 hour')`)
	}, "the broker has not taken 1 hints, the oldest for 1h0m"},
	"held": {nil, func(s *side, _ *bridgeStandIn) {
		execute(s.t, s.cfg.DatabaseURL, "UPDATE peers SET held_at = now(), held_reason = 'b knows more'")
	}, "held: b knows more"},
	"paused": {nil, func(s *side, _ *bridgeStandIn) { s.operator(0, cli.Pause, "b") }, "paused: nothing is sent to b"},
	"brake": {nil, func(s *side, _ *bridgeStandIn) {
		execute(s.t, s.cfg.DatabaseURL, "UPDATE peers SET brake_tripped = 3")
	}, "brake: changes of b are held"},
}

func retriedOrder(id string, deliveries int64) contracts.RetriedOrder {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return contracts.RetriedOrder{
		ID: id, Deliveries: deliveries, Since: now.Add(-time.Minute), At: now, RetryAt: now.Add(time.Minute), Target: "remote", Status: 403,
		Reason: "status 403, not an answer of an Orders service; an empty batch passes", Verdict: "blocked",
	}
}

// TestEachStuckStateRaisesAnAlarm in status, exit code, metrics and on the overview, and none of them looks
// like everything is well.
func TestEachStuckStateRaisesAnAlarm(t *testing.T) {
	for name, c := range stuckStates {
		t.Run(name, func(t *testing.T) {
			s := startSide(t, func(cfg *Config) {
				if c.limits != nil {
					c.limits(cfg)
				}
			})
			s.awaitConsumer()
			b := s.runBridge()
			require.Eventually(t, func() bool { return len(s.peerStatus().Alarms) == 0 }, time.Minute, 50*time.Millisecond, "all is well at first")
			s.operator(0, cli.Status)
			viktor := s.person("viktor", access.Viewer)
			require.Contains(t, string(viktor.do("GET", "/admin", "").body), "Everything is in step")
			require.Contains(t, string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body), "\norderbridge_alarms{peer=\"b\"} 0\n")

			c.stuck(s, b)
			require.Eventually(t, func() bool { return strings.Contains(strings.Join(s.peerStatus().Alarms, "\n"), c.alarm) }, time.Minute, 100*time.Millisecond, c.alarm)
			require.Contains(t, s.operator(cli.ExitPerson, cli.Status), c.alarm)
			require.NotContains(t, string(viktor.do("GET", "/admin", "").body), "Everything is in step")
			require.Regexp(t, `\norderbridge_alarms\{peer="b"\} [1-9]`, string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body))
		})
	}
}

// TestABrokerThatIsAwayRaisesAnAlarm: without it no bridge can report either.
func TestABrokerThatIsAwayRaisesAnAlarm(t *testing.T) {
	s := startSide(t, func(c *Config) { c.NatsURL = "nats://" + freeAddr(t) })
	require.Contains(t, s.operator(cli.ExitPerson, cli.Status), "broker: not connected")
}

// TestExplainSaysWhatHoldsAnOrder, and does not say that it is on its way.
func TestExplainSaysWhatHoldsAnOrder(t *testing.T) {
	s := startSide(t, func(c *Config) { c.AlarmAge, c.AlarmDeliveries = time.Second, 6 })
	s.awaitConsumer()
	b := s.runBridge()
	id := s.create(newOrder(t, "<script>")).ID
	require.Eventually(t, func() bool { return s.peerStatus().Oldest != nil && s.peerStatus().Oldest.Overdue }, time.Minute, 50*time.Millisecond)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Explain, id), "A bridge is running, and ")

	b.set(func(r *contracts.BridgeReport) { r.Retried = []contracts.RetriedOrder{retriedOrder(id, 7)} })
	require.Eventually(t, func() bool { return len(s.peerStatus().Bridges[0].Retried) == 1 }, time.Minute, 50*time.Millisecond)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Explain, id), "The bridge failed to send it 7 times, last ")
	require.Regexp(t, `status 403, not an answer of an Orders service; an empty batch passes`, strings.Join(s.peerStatus().Alarms, "\n"))
	viktor := s.person("viktor", access.Viewer)
	require.Contains(t, string(viktor.do("GET", "/admin/orders/"+id, "").body), "status 403, not an answer of an Orders service")
	require.Contains(t, string(viktor.do("GET", "/admin", "").body), id)
	require.Contains(t, string(viktor.do("GET", "/admin/peers", "").body), `href="/admin/orders/`+id)
	require.Contains(t, string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body), "\norderbridge_retried_deliveries_max{peer=\"b\"} 7\n")

	b.stop()
	require.Eventually(t, func() bool { return s.peerStatus().Bridges[0].State == "silent" }, time.Minute, 100*time.Millisecond)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Status), "one silent for ")
	require.Contains(t, string(viktor.do("GET", "/admin/peers", "").body), "Silent: last report ")
}

// TestAProofIsShownWithWhatHappenedSince: an old one says nothing of orders that were made after it.
func TestAProofIsShownWithWhatHappenedSince(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	first := s.claim(true)
	report := equalReport(0)
	report.Position, report.PositionThere = 0, 8
	s.progress(first.ID, "r1", "done", report)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Status), "at that time 0 orders, at a:0 / b:8; no change since")
	for range 3 {
		s.create(newOrder(t, "after it"))
	}
	require.EqualValues(t, 3, s.peerStatus().ChangesSinceProof)
	require.Contains(t, s.operator(cli.ExitPerson, cli.Status), "at that time 0 orders, at a:0 / b:8; 3 changes since")
	viktor := s.person("viktor", access.Viewer)
	require.Contains(t, string(viktor.do("GET", "/admin", "").body), "3\u00a0changes since")
}

// TestExplainKnowsOnlyWhatWasAcknowledged: whether the peer still has it is what a comparison shows.
func TestExplainKnowsOnlyWhatWasAcknowledged(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	out := s.operator(0, cli.Explain, st.id)
	require.NotContains(t, out, "the same here and at b")
	require.Contains(t, out, "b acknowledged this version")
	require.Contains(t, out, "No comparison has shown yet that b still has it")
	s.progress(s.claim(true).ID, "r1", "done", equalReport(1))
	require.Contains(t, s.operator(0, cli.Explain, st.id), "All orders were verified equal after that, ")
	st.edit("ours")
	require.NotContains(t, s.operator(0, cli.Explain, st.id), "verified equal after that")
}

// TestAnOpenReconciliationIsNamedAndJoined: who asks for another one learns which is open, or waits for it.
func TestAnOpenReconciliationIsNamedAndJoined(t *testing.T) {
	s := startSide(t)
	ask := contracts.ReconciliationRequest{Peer: "b"}
	var open contracts.Reconciliation
	s.want(http.StatusAccepted, "admin", "POST", "/admin/api/reconciliations", ask).into(t, &open)
	detail := s.want(http.StatusConflict, "admin", "POST", "/admin/api/reconciliations", ask).problem(t).Detail
	require.Contains(t, detail, "reconciliation "+open.ID+" with b is requested already")
	_, err := run(t, s, "admin", cli.Reconciliations, "start")
	require.ErrorContains(t, err, open.ID)
	_, err = run(t, s, "admin", cli.Reconciliations, "start", "--wait", "--dry-run")
	require.ErrorContains(t, err, open.ID, "a dry run is another thing")

	require.Equal(t, open.ID, s.claim(false).ID)
	ended := make(chan string)
	go func() {
		out, err := run(t, s, "admin", cli.Reconciliations, "start", "--wait")
		if err != nil {
			out += err.Error()
		}
		ended <- out
	}()
	select {
	case out := <-ended:
		t.Fatal("it did not wait: " + out)
	case <-time.After(2 * time.Second):
	}
	s.progress(open.ID, "r1", "done", equalReport(0))
	out := <-ended
	require.Contains(t, out, "reconciliation "+open.ID+" is open already, requested by admin:token at ")
	require.Contains(t, out, "proved equal")
}
