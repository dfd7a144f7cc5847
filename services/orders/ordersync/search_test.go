package ordersync

import (
	"flag"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var deep = flag.Bool("deep", false, "search the worlds too that take minutes and gigabytes")

// The worlds that are searched. Each search is complete: every world within its bounds is visited.
var (
	// smallWorlds are also searched with the race detector, which makes it slow.
	smallWorlds = []bounds{
		{name: "an edit a side, everything else", edits: [2]int{1, 1}, brokerLoss: true, common: true, refuses: true},
		{name: "an edit a side, two letters at a time", edits: [2]int{1, 1}, brokerLoss: true, inFlight: 2},
		{name: "an edit a side, answers written late", edits: [2]int{1, 1}, brokerLoss: true, lateTexts: true},
		{name: "three edits in all", edits: [2]int{2, 1}, brokerLoss: true},
		{name: "three edits in all, brokers that lose nothing", edits: [2]int{2, 1}},
		{name: "three edits in all, merging, nothing twice", edits: [2]int{2, 1}, merges: true, noDup: true},
		{name: "an edit a side, a restore", edits: [2]int{1, 1}, brokerLoss: true, restores: 1},
		// Where a version may have one element of a side only, everything else is forgotten at once.
		{name: "three edits in all, restarts, one element a side", edits: [2]int{2, 1}, restarts: 2, limits: limits{0, 1}},
		{name: "three edits in all, restarts, one element a side, the same content, nothing twice", edits: [2]int{2, 1}, restarts: 2, common: true, noDup: true, limits: limits{0, 1}},
		{name: "two edits of one side, a restart and a restore, one element a side", edits: [2]int{2, 0}, restarts: 1, restores: 1, limits: limits{0, 1}},
	}
	worlds = []bounds{
		{name: "two edits a side", edits: [2]int{2, 2}, brokerLoss: true},
		{name: "three edits in all, the same content on both sides", edits: [2]int{2, 1}, brokerLoss: true, common: true},
		{name: "three edits in all, refused content", edits: [2]int{2, 1}, refuses: true},
		{name: "three edits in all, content that the door refuses", edits: [2]int{2, 1}, door: true},
		{name: "an edit a side, a restore, the same content on both sides", edits: [2]int{1, 1}, brokerLoss: true, restores: 1, common: true},
		{name: "three edits in all, merging", edits: [2]int{2, 1}, brokerLoss: true, merges: true},
		{name: "three edits in all, merging, the same content on both sides", edits: [2]int{2, 1}, merges: true, common: true},
		{name: "an edit a side, two restores, nothing twice", edits: [2]int{1, 1}, restores: 2, noDup: true},
		{name: "four edits in all, restarts, old elements left out", edits: [2]int{3, 1}, restarts: 2, calmRestarts: true, limits: limits{0, 2}},
		{name: "three edits in all, restarts, merging, two elements a side, nothing twice", edits: [2]int{2, 1}, restarts: 2, merges: true, noDup: true, limits: limits{0, 2}},
		{name: "an edit of one side, a restore, refused content", edits: [2]int{1, 0}, brokerLoss: true, restores: 1, refuses: true},
	}
	deepWorlds = []bounds{
		{name: "four edits in all, restarts, merging, old elements left out, nothing twice", edits: [2]int{3, 1}, restarts: 2, calmRestarts: true, merges: true, noDup: true, limits: limits{0, 2}},
		{name: "five edits in all, restarts, old elements left out, nothing twice", edits: [2]int{3, 2}, restarts: 2, calmRestarts: true, noDup: true, limits: limits{0, 2}},
		{name: "four edits in all, restarts, one element a side, nothing twice", edits: [2]int{3, 1}, restarts: 2, noDup: true, limits: limits{0, 1}},
		{name: "three edits of one side, restarts, one element a side, refused content, nothing twice", edits: [2]int{3, 0}, restarts: 2, refuses: true, noDup: true, limits: limits{0, 1}},
		{name: "two edits of one side, a restore, refused content, nothing twice", edits: [2]int{2, 0}, restores: 1, refuses: true, noDup: true},
		{name: "three edits in all, answers written late, nothing twice", edits: [2]int{2, 1}, lateTexts: true, noDup: true},
		{name: "three edits in all, everything else", edits: [2]int{2, 1}, brokerLoss: true, common: true, refuses: true},
		{name: "three edits in all, answers written late", edits: [2]int{2, 1}, brokerLoss: true, lateTexts: true},
		{name: "an edit a side, everything else, answers written late", edits: [2]int{1, 1}, brokerLoss: true, common: true, refuses: true, door: true, lateTexts: true},
		{name: "three edits in all, a restore", edits: [2]int{2, 1}, brokerLoss: true, restores: 1},
	}
)

func TestSearch(t *testing.T) {
	all := smallWorlds
	if !raceDetector {
		all = append(all, worlds...)
	}
	if *deep {
		all = append(all, deepWorlds...)
	}
	decided := make([]map[Rule]bool, len(all))
	t.Run("worlds", func(t *testing.T) {
		for i, b := range all {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				x := explore(b, Observe)
				require.Empty(t, x.story())
				longest := x.calm()
				require.Empty(t, x.story())
				decided[i] = x.rules
				t.Logf("%d worlds, %d steps, at most %d without people and faults until all is quiet", len(x.worlds), x.steps, longest)
			})
		}
	})
	if ranAll := !slices.ContainsFunc(decided, func(rules map[Rule]bool) bool { return rules == nil }); ranAll && !raceDetector {
		checkAllDecided(t, decided)
	}
}

// checkAllDecided: there is no row of the table and no extension that never decides anything, but for
// the ones about numbers that were given out twice, which they never are, and about reserved states.
func checkAllDecided(t *testing.T, decided []map[Rule]bool) {
	t.Helper()
	for rule := range ExtApart + 1 {
		_, isRow := rule.Row()
		if !isRow && rule < ExtTakeOver {
			continue
		}
		somewhere := slices.ContainsFunc(decided, func(rules map[Rule]bool) bool { return rules[rule] })
		require.Equal(t, rule != ExtRestored && rule != ExtUnexpected, somewhere, "%d %s: %s", rule, rule, rule.Remark())
	}
}
