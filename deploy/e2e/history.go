//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// history is what both sides' timelines tell of an order.
type history struct {
	of   [2]contracts.Timeline
	rows map[string]bool // rules that the table has, "UPD/OK"
}

// requireHistory asks that the timelines of an order tell of the writes that each side accepted, once
// each, and of nothing that should not be. Without accepted, the writes are not counted.
func (both *pair) requireHistory(t testing.TB, id string, accepted map[string]int, mayCollide bool) {
	t.Helper()
	var h history
	for i, s := range both.sides() {
		var err error
		h.of[i], err = s.timeline(t.Context(), id)
		require.NoError(t, err)
	}
	table, err := both.a.states(t.Context())
	require.NoError(t, err)
	h.rows = map[string]bool{}
	for _, row := range table.Rows {
		h.rows[row.Received+"/"+row.Was] = true
	}
	if faults := h.faults(accepted, mayCollide); faults != nil {
		both.tell(t, id)
		require.Empty(t, faults, "history of %s", id)
	}
}

// writes are the events by which a side gives an order a version of its own.
var writes = []string{"created", "edited", "deleted", "resolved"}

// faults says in words what is wrong with a history.
func (h history) faults(accepted map[string]int, mayCollide bool) []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	contents := map[string]string{} // of a version: its fingerprint
	given := map[string]bool{}      // numbers of writes, with side and epoch
	for _, timeline := range h.of {
		side, count := timeline.Side, 0
		var version contracts.Version
		for i, e := range timeline.Events {
			where := fmt.Sprintf("event %d of %s, %s", i, side, e.Event)
			if slices.Contains(writes, e.Event) {
				count++
				key := keyOf(e.Version, side, e.Seq)
				if key == "" {
					add("%s: version %s has no number %d of its side", where, textOf(e.Version), e.Seq)
				}
				given[fmt.Sprintf("%s:%d", key, e.Seq)] = true
				if textOf(e.Version) == textOf(version) {
					add("%s: gave no new version", where)
				}
			}
			if !contains(e.Version, version) {
				add("%s: version went back from %s to %s", where, textOf(version), textOf(e.Version))
			}
			version = e.Version
			if known, ok := contents[textOf(version)]; ok && known != e.Fingerprint {
				add("%s: version %s has two contents", where, textOf(version))
			}
			contents[textOf(version)] = e.Fingerprint
			switch {
			case e.Becomes == "ERROR", e.Becomes == "ERROR_SYNCED":
				add("%s: error: %s", where, e.Reason)
			case e.Becomes == "COLLISION" && !mayCollide:
				add("%s: collision that nobody caused", where)
			}
			if e.Rule != "" && e.Rule != "versions" && !h.rows[e.Rule] {
				add("%s: rule %s is not in the table", where, e.Rule)
			}
		}
		if accepted != nil && count != accepted[side] {
			add("%s accepted %d writes and tells of %d", side, accepted[side], count)
		}
	}
	return append(faults, h.strangers(given)...)
}

// strangers finds numbers in the final versions that no write was given.
func (h history) strangers(given map[string]bool) []string {
	var faults []string
	for _, timeline := range h.of {
		if len(timeline.Events) == 0 {
			continue
		}
		last := timeline.Events[len(timeline.Events)-1].Version
		for _, key := range slices.Sorted(maps.Keys(last)) {
			if dot := fmt.Sprintf("%s:%d", elementOf(key), last[key]); !given[dot] {
				faults = append(faults, fmt.Sprintf("the version on %s has %s, which no write was given", timeline.Side, dot))
			}
		}
	}
	return faults
}
