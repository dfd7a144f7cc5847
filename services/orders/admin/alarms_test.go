package admin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestAlarmsOfBridges(t *testing.T) {
	now := time.Unix(1000, 0)
	running := contracts.BridgeReport{Instance: "new", State: "running", Circuit: "closed", At: now}
	silent := contracts.BridgeReport{Instance: "old", State: "silent", Circuit: "closed", At: now.Add(-8 * time.Second)}
	of := func(bridges ...contracts.BridgeReport) []string {
		return bridgeAlarms(&contracts.PeerStatus{Peer: "b", Bridges: bridges}, now)
	}
	require.Empty(t, of(running))
	require.Empty(t, of(silent, running), "it was restarted")
	require.Equal(t, []string{"bridge old has not reported for 8s: it is dead, or cut off from the broker"}, of(silent))
	require.Equal(t, []string{"no bridge to b has reported"}, of())
}

// TestAlarmsByAge name each order once, with what is known of its last attempt.
func TestAlarmsByAge(t *testing.T) {
	now := time.Unix(10_000, 0)
	retried := func(id string, deliveries int64) contracts.RetriedOrder {
		return contracts.RetriedOrder{ID: id, Deliveries: deliveries, At: now.Add(-9 * time.Second), Target: "remote", Reason: "status 403"}
	}
	s := &contracts.PeerStatus{
		Peer: "b", Oldest: &contracts.OldestPending{ID: "one", State: "NEW", Since: now.Add(-10 * time.Minute), Overdue: true},
		Bridges: []contracts.BridgeReport{
			{Instance: "x", Retried: []contracts.RetriedOrder{retried("one", 9), retried("two", 7)}},
			{Instance: "y", Retried: []contracts.RetriedOrder{retried("three", 6)}},
		},
	}
	since := now.Add(-6 * time.Minute)
	side := &contracts.Status{At: now, Outbox: 4, OutboxSince: &since}
	limits := Limits{Age: 5 * time.Minute, Deliveries: 6}
	require.Equal(t, []string{
		"order one has been pending for 10m0s (NEW), longer than 5m0s: the last attempt, delivery 9, failed 9s ago: remote: status 403",
		"the broker has not taken 4 hints, the oldest for 6m0s, longer than 5m0s",
		"order two failed 7 times: the last attempt, delivery 7, failed 9s ago: remote: status 403",
	}, ageAlarms(s, side, nil, limits))

	s.Bridges = nil
	calls := []contracts.BridgeFailures{{Instance: "x", Calls: []contracts.FailedCall{
		{At: now.Add(-time.Minute), Target: "remote", Reason: "status 502", Orders: []string{"two", "one"}},
	}}}
	require.Equal(t, "order one has been pending for 10m0s (NEW), longer than 5m0s: a call about it failed 1m0s ago: remote: status 502", ageAlarms(s, side, calls, limits)[0])
	s.Oldest.Overdue = false
	require.Empty(t, ageAlarms(s, side, calls, Limits{}), "the zero value never raises an alarm")
}
