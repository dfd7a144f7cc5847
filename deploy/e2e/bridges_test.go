//go:build linux

package e2e

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTwoBridges runs two bridges for each side. They share the work, and it makes no difference to
// the orders.
func TestTwoBridges(t *testing.T) {
	d := startDemo(t)
	l := newLoad(t, d.pair)
	second := [2]*process{}
	for i, s := range d.sides() {
		second[i] = d.startBridge(t, s, d.peerOf(s).access.Load().url)
	}
	l.begin()
	for _, s := range d.sides() {
		eventually(t, restPatience, "both bridges of "+s.name+" settle orders", func() bool {
			status, err := s.status(t.Context())
			require.NoError(t, err)
			busy := 0
			for _, b := range status.Peers[0].Bridges {
				if b.Delivered > 50 {
					busy++
				}
			}
			return busy == 2
		})
	}
	l.flow(t, 50)
	for _, p := range second {
		p.signal(t, syscall.SIGTERM)
		require.Zero(t, p.exitCode(t), "a bridge that is asked to end")
	}
	l.flow(t, 20)
	l.end()
	require.Empty(t, l.ledger.takeTroubles())
	l.verify(t)
}
