//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFaults has one thing after the other die or stand still under load. After each, when all is up
// again, every accepted write is on both sides, once.
func TestFaults(t *testing.T) {
	d := startDemo(t)
	l := newLoad(t, d.pair)
	for start, first := time.Now(), true; first || time.Since(start) < soak; first = false {
		for _, f := range shuffled(l.rand, d.faults()) {
			if !t.Run(f.name, func(t *testing.T) { l.round(t, f) }) {
				return
			}
		}
	}
}

// round is one fault under load, and what is left of it.
func (l *load) round(t *testing.T, f fault) {
	l.past = append(l.past, clock()+"  "+f.name)
	l.ledger.takeTroubles()
	l.begin()
	l.flow(t, 20)
	f.inject(t, l)
	l.flow(t, 20)
	l.end()
	for _, trouble := range l.ledger.takeTroubles() {
		require.Contains(t, f.mayFail, trouble.side, "%s  a client of %s was not served: %v", trouble.at.UTC().Format("15:04:05.000"), trouble.side, trouble.err)
		require.False(t, strings.Contains(trouble.err.Error(), "without a problem document"), "%v", trouble.err)
	}
	l.verify(t)
}
