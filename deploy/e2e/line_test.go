//go:build linux

package e2e

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestLine damages the line from a bridge to the peer's service in many ways. Nothing counts as told
// that was not answered, and nothing takes effect twice that was.
func TestLine(t *testing.T) {
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 6))
	d.signalPart(t, syscall.SIGSTOP, "A_BRIDGE_PID")
	eventually(t, restPatience, "the demo's own bridge asks for nothing any more", func() bool {
		status, err := d.a.status(t.Context())
		return err == nil && status.Peers[0].Consumer.WaitingPulls == 0
	})
	p := startProxy(t, d.b)
	d.startBridge(t, d.a, p.url)
	for _, line := range lines {
		t.Run(line.name, func(t *testing.T) {
			writes := writeThrough(t, d, p, line.fault, line.before, line.through, r)
			d.awaitRest(t)
			for id, n := range writes {
				d.requireHistory(t, id, map[string]int{"a": n}, false)
			}
		})
	}
	t.Run("401", func(t *testing.T) { lineUnauthorized(t, d, p, r) })
	d.requireEqual(t, nil)
	d.requireHealthy(t, 0)
}

// lineUnauthorized has b's answers say that the token is not accepted: that is no fault of any order,
// and operators are told.
func lineUnauthorized(t *testing.T, d *demo, p *proxy, r *rand.Rand) {
	p.damage(instead("401 Unauthorized", "", ""), true)
	defer p.heal()
	o := newOrder(r)
	_, _, err := d.a.createAt(t.Context(), o)
	require.NoError(t, err)
	eventually(t, restPatience, "the bridge is reported as unauthorized", func() bool {
		status, err := d.a.status(t.Context())
		require.NoError(t, err)
		reports := status.Peers[0].Bridges
		return slices.ContainsFunc(reports, func(b contracts.BridgeReport) bool { return b.State == "unauthorized" }) &&
			slices.ContainsFunc(status.Peers[0].Alarms, func(alarm string) bool { return strings.Contains(alarm, "not authorized") })
	})
	p.heal()
	d.awaitRest(t)
	d.requireHistory(t, o.ID, map[string]int{"a": 1}, false)
}

// writeThrough creates, edits and deletes on a while the line is bad, until it has hit some exchanges.
// It tells how many writes each order has had.
func writeThrough(t *testing.T, d *demo, p *proxy, f lineFault, before, through bool, r *rand.Rand) (writes map[string]int) {
	const edited = 4 // of which the last is deleted, too
	writes = map[string]int{}
	var held []view
	create := func() {
		v, _, err := d.a.createAt(t.Context(), newOrder(r))
		require.NoError(t, err)
		held, writes[v.ID] = append(held, v), 1
	}
	for range edited {
		create()
	}
	d.awaitRest(t)
	p.damage(f, before)
	defer p.heal()
	create()
	for i, v := range held[:edited] {
		o := editable(v.Order)
		o.InternalNote = "edited"
		_, seen, err := d.a.put(t.Context(), o, `*`)
		require.NoError(t, err)
		writes[v.ID]++
		if i == edited-1 {
			require.NoError(t, d.a.delete(t.Context(), o.ID, seen))
			writes[v.ID]++
		}
	}
	eventually(t, time.Minute, "the line hits an exchange", func() bool { return p.hits() > 0 })
	if !through {
		eventually(t, time.Minute, "and another one", func() bool { return p.hits() > 1 })
		status, err := d.a.status(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, edited+1, status.Peers[0].Pending, "nothing was answered")
		require.Zero(t, status.Peers[0].States["ERROR"])
	}
	return writes
}
