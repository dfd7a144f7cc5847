//go:build linux

package e2e

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// requireEqual compares both sides order by order, but for those in a case, and returns them.
func (both *pair) requireEqual(t testing.TB, inCase map[string]bool) map[string]view {
	t.Helper()
	onA, err := both.a.all(t.Context())
	require.NoError(t, err)
	onB, err := both.b.all(t.Context())
	require.NoError(t, err)
	var differing, faults []string
	for _, id := range slices.Sorted(maps.Keys(union(onA, onB))) {
		if inCase[id] {
			continue
		}
		if why := difference(onA, onB, id); why != "" {
			differing, faults = append(differing, id), append(faults, id+": "+why)
		}
	}
	both.tell(t, differing...)
	require.Empty(t, strings.Join(faults, "\n"), "the sides differ")
	if len(inCase) == 0 {
		both.requireSameRanges(t)
	}
	return onA
}

// requireSameRanges asks both sides what ranges of their orders come to: the one to make some, and the
// other for the same.
func (both *pair) requireSameRanges(t testing.TB) {
	t.Helper()
	const path = "/orders/fingerprints"
	onA, err := read[contracts.RangeList](t.Context(), both.a, http.MethodGet, path+"?parts=16", nil)
	require.NoError(t, err)
	query := ""
	if len(onA.Ranges) > 1 {
		var bounds []string
		for _, r := range onA.Ranges[1:] {
			bounds = append(bounds, r.From)
		}
		query = "?bounds=" + strings.Join(bounds, ",")
	}
	onB, err := read[contracts.RangeList](t.Context(), both.b, http.MethodGet, path+query, nil)
	require.NoError(t, err)
	require.Equal(t, onA.Ranges, onB.Ranges, "what the sides' orders come to")
}

func union(x, y map[string]view) map[string]view {
	all := maps.Clone(x)
	maps.Copy(all, y)
	return all
}

// difference says how an order differs between two sides.
func difference(onA, onB map[string]view, id string) string {
	a, hasA := onA[id]
	b, hasB := onB[id]
	switch {
	case !hasA:
		return "missing on a"
	case !hasB:
		return "missing on b"
	case a.Sync.Deleted != b.Sync.Deleted:
		return "deleted on one side"
	case !maps.Equal(a.Sync.Version, b.Sync.Version):
		return "versions differ"
	case a.Sync.Fingerprint != b.Sync.Fingerprint:
		return "fingerprints differ"
	case !a.Sync.Deleted && !bytes.Equal(a.content, b.content):
		return "contents differ"
	}
	return ""
}

const toldMax = 5

// tell logs all that both sides know of an order.
func (both *pair) tell(t testing.TB, ids ...string) {
	t.Helper()
	for i, id := range ids {
		if i == toldMax {
			t.Logf("… and %d more orders", len(ids)-toldMax)
			return
		}
		for _, s := range both.sides() {
			v, _, err := s.get(context.WithoutCancel(t.Context()), id)
			t.Logf("order %s on %s: sync %s, error %v", id, s.name, encode(v.Sync), err)
			events, err := s.timeline(context.WithoutCancel(t.Context()), id)
			if err != nil {
				t.Logf("  no timeline: %v", err)
				continue
			}
			t.Log(storyOf(events))
		}
	}
}

// storyOf is a timeline as lines of text.
func storyOf(events contracts.Timeline) string {
	var b strings.Builder
	for _, e := range events.Events {
		b.WriteString("\n  ")
		b.Write(encode(e))
	}
	return b.String()
}

// tellUnrest logs what is not settled on either side.
func (both *pair) tellUnrest(t testing.TB) {
	t.Helper()
	for _, s := range both.sides() {
		status, err := s.status(t.Context())
		t.Logf("status of %s, error %v: %s", s.name, err, encode(status))
		for _, p := range status.Peers {
			if p.Oldest != nil {
				both.tell(t, p.Oldest.ID)
			}
		}
	}
}
