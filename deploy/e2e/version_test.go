//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestHistoryKnowsHeadsOfVersions(t *testing.T) {
	t.Parallel()
	event := func(name string, seq int64, v contracts.Version) contracts.TimelineEvent {
		return contracts.TimelineEvent{Event: name, Seq: seq, Version: v, Fingerprint: textOf(v)}
	}
	of := func(side string, events ...contracts.TimelineEvent) contracts.Timeline {
		return contracts.Timeline{Side: side, Events: events}
	}
	old, newer := contracts.Version{"a.1": 1}, contracts.Version{"a.1": 1, "a.2!": 2}
	newest := contracts.Version{"a.2!": 3} // a.1 was left out
	sound := history{of: [2]contracts.Timeline{
		of("a", event("created", 1, old), event("edited", 2, newer), event("edited", 3, newest)), of("b", event("received", 9, newest)),
	}}
	require.Empty(t, sound.faults(map[string]int{"a": 3}, false))
	back := history{of: [2]contracts.Timeline{of("a", event("created", 1, old), event("edited", 2, newer), event("received", 8, old)), of("b")}}
	require.Contains(t, back.faults(map[string]int{"a": 2}, false)[0], "version went back")
}
