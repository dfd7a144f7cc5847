package ordersync

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of the test for several sides: rules with one fault each, most of which two sides would not show.
var graphMutants = []struct {
	name   string
	bounds graphBounds
	finds  string
}{
	{
		"a change that came from a peer is not passed on",
		graphBounds{graph: chain3, known: true, edits: 1, total: 1, lettersMax: 1, faults: graphFaults{noRelay: true}},
		"",
	},
	{
		"a change gets a new number at each hop",
		graphBounds{graph: triangle, known: true, edits: 1, total: 1, lettersMax: 1, faults: graphFaults{restamp: true}},
		"merges without end",
	},
	{
		"a case is not sent what another peer brought",
		graphBounds{graph: chain3, known: true, edits: 2, total: 3, lettersMax: 1, faults: graphFaults{
			rewritten: func(l Link, before, after Head) Link {
				due := l.Due
				if l = l.Rewritten(before, after); l.State == Collision {
					l.Due = due
				}
				return l
			},
		}},
		"quiet, but",
	},
	{
		"a collision stays that was resolved by another way",
		graphBounds{graph: triangle, known: true, edits: 2, total: 3, lettersMax: 1, faults: graphFaults{
			rewritten: func(l Link, before, after Head) Link {
				if l.State == Collision {
					l.Due = true
					return l
				}
				return l.Rewritten(before, after)
			},
		}},
		"which was seen",
	},
	{
		"a known order without a link is as one that is not known",
		graphBounds{graph: chain3, known: true, edits: 1, total: 2, deletes: true, parting: true, lettersMax: 1, faults: graphFaults{
			observe: func(r Record, e Entry) Outcome {
				o := Outcome{Record: r}
				o.decide(r, e)
				o.owe(r, e)
				return o
			},
		}},
		"has no state",
	},
	{
		"the links to a peer that left are not forgotten",
		graphBounds{graph: triangle, edits: 1, total: 2, parting: true, lettersMax: 1, faults: graphFaults{keepLinks: true}},
		"never had it",
	},
	{
		"an error ends when another peer brings an older version than the refused one",
		graphBounds{graph: triangle, known: true, edits: 2, people: 1, refuses: 1 << 1, late: true, lettersMax: 2, faults: graphFaults{
			rewritten: func(l Link, before, after Head) Link {
				if l.State.inError() {
					l.Theirs = nil
				}
				return l.Rewritten(before, after)
			},
		}},
		"quiet, but",
	},
	{
		"an error stays when another peer brings the refused version, and it is taken over",
		graphBounds{graph: triangle, edits: 1, total: 1, refuses: 1 << 1, lettersMax: 1, faults: graphFaults{
			rewritten: func(l Link, before, after Head) Link {
				if l.State.inError() && l.Theirs != nil && l.Theirs.Version.contains(after.Version) {
					return l
				}
				return l.Rewritten(before, after)
			},
		}},
		"the same, and both a case of it",
	},
	{
		"a peer is told a version as it is stored",
		graphBounds{
			graph: chain3, known: true, edits: 4, people: 1, restarts: 3, calmRestarts: true, lettersMax: 1, limits: limits{0, 2},
			faults: graphFaults{asStored: true},
		},
		"one side has seen both",
	},
}

func TestGraphMutants(t *testing.T) {
	for _, m := range graphMutants {
		t.Run(m.name, func(t *testing.T) {
			x := exploreGraph(m.bounds)
			if x.failure == "" {
				x.calm()
			}
			require.NotEmpty(t, x.failure, "%d worlds and nothing found", len(x.worlds))
			require.Contains(t, x.failure, m.finds)
			t.Logf("found after %d worlds\n%s", len(x.worlds), x.story())
		})
	}
}
