package ordersync

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The worlds of several sides that are searched completely. A letter or two on the wire at a time is what makes
// that affordable: it is every order in which edges get their turn. What crosses is tried by the walks, and by the
// search of two sides.
var (
	graphWorlds = []graphBounds{
		{name: "from nothing, an edit a side", graph: chain3, edits: 1, lost: true, lettersMax: 1},
		{name: "three writes, deletions", graph: chain3, known: true, edits: 2, total: 3, deletes: true, lost: true, lettersMax: 1},
		{name: "three writes", graph: triangle, known: true, edits: 2, total: 3, lettersMax: 1},
		{name: "two writes, two letters", graph: triangle, known: true, edits: 1, total: 2, lettersMax: 2},
		{name: "A writes and B refuses, two letters", graph: triangle, known: true, edits: 2, people: 1, refuses: 1 << 1, late: true, lettersMax: 2},
		{name: "B refuses", graph: triangle, edits: 2, total: 2, refuses: 1 << 1, late: true, lettersMax: 1},
		{name: "peers leave and return", graph: triangle, edits: 1, total: 2, parting: true, lettersMax: 1},
		{name: "restarts, old elements left out", graph: chain3, known: true, edits: 4, total: 4, people: 1, restarts: 3, calmRestarts: true, lettersMax: 1, limits: limits{0, 2}},
		{name: "two writes", graph: ring4, known: true, edits: 2, total: 2, deletes: true, lettersMax: 1},
		{name: "two writes", graph: star4, known: true, edits: 2, total: 2, deletes: true, lost: true, lettersMax: 1},
	}
	deepGraphWorlds = []graphBounds{
		{name: "three writes, the same content", graph: triangle, edits: 1, common: true, lost: true, lettersMax: 1},
		{name: "two writes, deletions, two letters", graph: triangle, known: true, edits: 1, total: 2, deletes: true, lost: true, lettersMax: 2},
		{name: "three writes, deletions", graph: triangle, known: true, edits: 2, total: 3, deletes: true, lost: true, lettersMax: 1},
		{name: "four writes", graph: chain3, known: true, edits: 3, total: 4, lost: true, lettersMax: 1},
		{name: "three writes", graph: ring4, known: true, edits: 1, total: 3, lettersMax: 1},
		{name: "three writes", graph: star4, known: true, edits: 1, total: 3, lettersMax: 1},
		{name: "a restore", graph: triangle, known: true, edits: 1, total: 2, restores: 1, lettersMax: 1},
	}
)

func TestGraphSearch(t *testing.T) {
	all := graphWorlds
	if *deep {
		all = append(all, deepGraphWorlds...)
	}
	for _, b := range all {
		t.Run(b.graph.name+", "+b.name, func(t *testing.T) {
			t.Parallel()
			if raceDetector {
				t.Skip("takes minutes with the race detector")
			}
			x := exploreGraph(b)
			require.Empty(t, x.story())
			longest := x.calm()
			require.Empty(t, x.story())
			t.Logf("%d worlds, %d steps, at most %d without people and faults until all is quiet", len(x.worlds), x.steps, longest)
		})
	}
}

// graphSearch visits every world within the bounds, nearest first.
type graphSearch struct {
	*graphModel
	worlds  []graphWorld
	found   map[graphWorld]uint32
	parent  []uint32
	via     []graphStep
	steps   int
	failure string
	at      uint32 // where the failure is
}

func exploreGraph(b graphBounds) *graphSearch {
	x := &graphSearch{graphModel: newGraphModel(b), found: map[graphWorld]uint32{}}
	x.add(x.start(), 0, graphStep{})
	for i := 0; i < len(x.worlds) && x.failure == ""; i++ {
		x.each(x.worlds[i], false, func(st graphStep, o *graphOpen) {
			x.steps++
			x.add(o.close(), uint32(i), st)
			if o.wrong != "" && x.failure == "" {
				x.failure, x.at = o.wrong, x.found[o.close()]
			}
		})
	}
	return x
}

func (x *graphSearch) add(w graphWorld, parent uint32, st graphStep) {
	if _, known := x.found[w]; known {
		return
	}
	id := uint32(len(x.worlds))
	x.found[w] = id
	x.worlds, x.parent, x.via = append(x.worlds, w), append(x.parent, parent), append(x.via, st)
	o := x.open(w)
	if wrong := o.check(); wrong != "" && x.failure == "" {
		x.failure, x.at = wrong, id
	}
}

// each tries every step that can happen in a world; calm leaves out people and faults.
func (m *graphModel) each(w graphWorld, calm bool, visit func(graphStep, *graphOpen)) {
	start := m.open(w)
	var o graphOpen
	try := func(st graphStep) {
		o = start
		if o.take(st) {
			visit(st, &o)
		}
	}
	for e := range m.ends {
		for do := range firstPersonal {
			if do.ofSide() || calm && !start.calm(do, e) {
				continue
			}
			args := 1
			if do >= requestArrives && do <= answerIsLost {
				args = m.slots
			}
			for arg := range args {
				try(graphStep{do, uint8(e), uint8(arg)})
			}
		}
		if !calm {
			try(graphStep{do: leaves, at: uint8(e)})
			try(graphStep{do: returns, at: uint8(e)})
		}
	}
	if calm {
		return
	}
	for s := range m.graph.sides {
		for _, do := range []deed{brokerIsLost, isBackedUp, isRestored, isStartedAnew} {
			try(graphStep{do: do, at: uint8(s)})
		}
		for _, p := range m.personal(w, &start, s) {
			if p.side.written > start.s[s].written && m.total > 0 && start.writes() >= m.total {
				continue
			}
			o = start
			o.s[s] = p.side
			for nr, e := range m.of[s] {
				if p.hinted>>nr&1 == 1 {
					o.detach(e)
				}
			}
			o.fail(p.wrong)
			visit(p.graphStep, &o)
		}
	}
}

// calm says which steps happen without people and without faults.
func (o *graphOpen) calm(do deed, e int) bool {
	switch do {
	case requestArrives, answerIsWritten, answerArrives, heals, reconciles:
		return true
	case sends: // unless the hint is being worked on
		for kind := range o.wire {
			for _, l := range o.wire[kind][e] {
				if l&1 == 1 {
					return false
				}
			}
		}
		return true
	default:
		return false
	}
}

// story tells how a failure came about, step by step.
func (x *graphSearch) story() string {
	if x.failure == "" {
		return ""
	}
	text := ""
	for id := x.at; id != 0; id = x.parent[id] {
		o := x.open(x.worlds[id])
		text = x.stepText(x.via[id]) + "\n" + o.text() + text
	}
	return fmt.Sprintf("%s: %s:\n%s", x.graph.name, x.failure, text)
}

// calm walks on from every world without people and without faults. Whatever comes first, it must end, and end in
// a quiet world. It returns the number of steps of the longest such walk.
func (x *graphSearch) calm() (longest int) {
	depths := make([]uint16, len(x.worlds))
	for id := range x.worlds {
		x.settle(uint32(id), depths)
		longest = max(longest, int(depths[id])-1)
	}
	return longest
}

// settle finds the longest way from a world to a quiet one; depths holds it, plus one.
func (x *graphSearch) settle(id uint32, depths []uint16) {
	if depths[id] == underway && x.failure == "" {
		x.failure, x.at = "without people and faults the sides never come to an end", id
	}
	if depths[id] != 0 || x.failure != "" {
		return
	}
	depths[id] = underway
	var next []uint32
	x.each(x.worlds[id], true, func(st graphStep, o *graphOpen) {
		n, known := x.found[o.close()]
		if !known {
			panic("a world was not found: " + x.stepText(st))
		}
		next = append(next, n)
	})
	depth := uint16(0)
	for _, n := range next {
		x.settle(n, depths)
		depth = max(depth, depths[n])
	}
	if o := x.open(x.worlds[id]); len(next) == 0 && !o.quiet() && x.failure == "" {
		x.failure, x.at = "without people nothing more happens, and it is not quiet", id
	}
	depths[id] = depth + 1
}
