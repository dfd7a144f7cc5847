package bridge

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// reporterOf is the reporter of a pipe with nothing pending.
func reporterOf(p *pipe) *reporter {
	return &reporter{
		instance: p.instance, peer: p.peer, circuit: p.circuit, missing: func() string { return "" }, delivered: p.delivered.Load,
		failed: p.local.failed.last, retried: p.retried.last, handshakes: p.handshakes.state, log: p.log,
	}
}

// TestHandshakesThatKeepFailingAreReported: where nothing is pending, nothing else shows that the peer is away.
func TestHandshakesThatKeepFailingAreReported(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		state  string
		reason string
	}{
		"down":    {rejected(http.StatusBadGateway), stateWaiting, "remote: status 502, not an answer of an Orders service"},
		"refused": {func(w http.ResponseWriter) { refuse(w, http.StatusUnauthorized, "Unauthorized", "") }, stateUnauthorized, "remote: Unauthorized"},
		"held":    {func(w http.ResponseWriter) { refuse(w, http.StatusServiceUnavailable, "Held", "") }, stateWaiting, "remote: Held"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.log = zap.NewNop()
				greeter, r := &clerk{pipe: p.pipe}, reporterOf(p.pipe)
				require.True(t, greeter.greet(t.Context()))
				b := r.report(time.Now())
				require.Equal(t, stateRunning, b.State)
				require.Equal(t, time.Now().UTC(), b.HandshakeAt)
				p.remote.set(func() { breaking(p.remote, "", c.answer) })
				began := time.Now().UTC()
				for range 2 {
					require.False(t, greeter.greet(t.Context()))
					time.Sleep(claimEvery)
				}
				require.Equal(t, stateRunning, r.report(time.Now()).State, "one that fails is no alarm")
				for range 28 {
					greeter.greet(t.Context())
					time.Sleep(claimEvery)
				}
				b = r.report(time.Now())
				require.Equal(t, c.state, b.State)
				require.Equal(t, circuitClosed, b.Circuit)
				require.Equal(t, c.reason, b.LastError)
				require.Equal(t, &contracts.HandshakeFailure{Since: began, Count: 30, Reason: c.reason}, b.HandshakeFailing)
				p.remote.set(func() { p.remote.instead = nil })
				require.True(t, greeter.greet(t.Context()))
				b = r.report(time.Now())
				require.Equal(t, stateRunning, b.State)
				require.Nil(t, b.HandshakeFailing)
			})
		})
	}
}

// TestAHandshakeThatNobodyAnswersIsReportedAfterItsTime, without two more of the kind.
func TestAHandshakeThatNobodyAnswersIsReportedAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.log = zap.NewNop()
		p.remote.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		require.False(t, (&clerk{pipe: p.pipe}).greet(t.Context()))
		require.EqualValues(t, 1, reporterOf(p.pipe).report(time.Now()).HandshakeFailing.Count)
	})
}

// TestOrdersThatFailAloneAreReported until they get through, or do not come again.
func TestOrdersThatFailAloneAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
		r := reporterOf(p.pipe)
		fails := func(deliveries int, ids ...int) {
			var all []*hintOf
			for _, n := range ids {
				all = append(all, hint(orderID(n), deliveries))
			}
			p.edit(all, 1)
			p.run(all)
		}
		p.remote.poison = map[string]bool{}
		breaking(p.remote, orderID(0)[:30], rejected(http.StatusForbidden))
		fails(1, 3)
		began := time.Now().UTC()
		time.Sleep(time.Second)
		fails(7, 3)
		fails(2, 1, 2)
		got := r.report(time.Now()).Retried
		require.Len(t, got, 3)
		require.Equal(t, orderID(3), got[0].ID, "the most often delivered first")
		require.EqualValues(t, 7, got[0].Deliveries)
		require.Equal(t, began, got[0].Since)
		require.Equal(t, "blocked", got[0].Verdict)
		require.Equal(t, "status 403, not an answer of an Orders service; an empty batch passes", got[0].Reason)
		for i := range got {
			require.Empty(t, got[i].Validate())
			require.True(t, got[i].RetryAt.After(got[i].At))
		}
		p.remote.set(func() { p.remote.instead = nil })
		fails(8, 3)
		require.Len(t, r.report(time.Now()).Retried, 2, "one got through")
		time.Sleep(2 * retriedOverdue)
		require.Empty(t, r.report(time.Now()).Retried, "another bridge has them by now")
	})
}

// TestAReportOfManyFailuresFits.
func TestAReportOfManyFailuresFits(t *testing.T) {
	f := &retriedOrders{}
	for i := range 2 * retriedMax {
		f.failed(&order{id: orderID(i)}, "remote", response{verdict: blocked}, "why", time.Second)
	}
	require.Len(t, f.byID, retriedMax)
	require.Len(t, f.last(), contracts.RetriedOrdersMax)
}
