package outbox

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestOnlyABridgeThatCouldCarryIsReady: where none could, the broker is not to blame for what is pending.
func TestOnlyABridgeThatCouldCarryIsReady(t *testing.T) {
	const id = "01890000-0000-7000-8000-000000000001"
	now := time.Now().UTC().Truncate(time.Microsecond)
	for name, c := range map[string]struct {
		change func(*contracts.BridgeReport)
		age    time.Duration
		ready  bool
	}{
		"running":           {func(*contracts.BridgeReport) {}, 0, true},
		"finds no consumer": {func(r *contracts.BridgeReport) { r.State = "waiting" }, 0, true},
		"silent":            {func(*contracts.BridgeReport) {}, silentAfter + time.Second, false},
		"circuit open":      {func(r *contracts.BridgeReport) { r.State, r.Circuit = "waiting", "open" }, 0, false},
		"not let in":        {func(r *contracts.BridgeReport) { r.State = "unauthorized" }, 0, false},
		"peer away": {func(r *contracts.BridgeReport) {
			r.State, r.HandshakeFailing = "waiting", &contracts.HandshakeFailure{Since: now, Count: 3, Reason: "refused"}
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed", Retried: []contracts.RetriedOrder{
				{ID: id, Deliveries: 2, Since: now, At: now, RetryAt: now, Target: "remote", Reason: "status 403", Verdict: "blocked"},
			}}
			c.change(&r)
			data, err := json.Marshal(r)
			require.NoError(t, err)
			b := &Broker{monitor: newMonitor()}
			b.monitor.report(data, time.Now().Add(-c.age))
			delivered, failing := b.readyBridges("b")
			require.Equal(t, c.ready, delivered != nil)
			require.Equal(t, c.ready, failing[id], "it comes again by itself")
		})
	}
}
