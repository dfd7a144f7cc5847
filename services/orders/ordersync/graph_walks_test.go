package ordersync

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Long histories of several sides at random: people, machines and faults, with an edge cut now and then; then a calm
// that must end in a quiet world; and in the end people resolve one case after the other.
var graphWalkers = []graphBounds{
	{name: "edits and deletions", edits: 4, deletes: true, late: true},
	{name: "the same content, brokers that lose hints", edits: 4, deletes: true, common: true, broker: true, late: true},
	{name: "B refuses", edits: 4, deletes: true, refuses: 1 << 1, late: true},
	{name: "A and C refuse", edits: 4, deletes: true, common: true, refuses: 1 | 1<<2, broker: true},
	{name: "merging", known: true, edits: 4, deletes: true, common: true, merges: true, late: true},
	{name: "peers leave and return", edits: 4, deletes: true, parting: true},
	{name: "restores", edits: 4, deletes: true, restores: 2, broker: true},
	{name: "restarts, and versions of few elements", edits: 4, deletes: true, restarts: 8, limits: limits{1, 2}},
}

func TestGraphWalks(t *testing.T) {
	walks := uint64(60)
	switch {
	case raceDetector:
		walks = 5
	case *deep:
		walks = 3000
	}
	for _, g := range []topology{chain3, triangle, star4, ring4} {
		for _, b := range graphWalkers {
			b.graph, b.lost, b.twice, b.slots = g, true, true, 2
			t.Run(g.name+", "+b.name, func(t *testing.T) {
				t.Parallel()
				first, last := uint64(1), walks
				if *seed != 0 {
					first, last = *seed, *seed
				}
				for s := first; s <= last; s++ {
					if wrong := newGraphWalk(b, s).run(false); wrong != "" {
						again := newGraphWalk(b, s)
						again.run(true)
						t.Fatalf("%s\nagain with -run '%s' -seed %d: %s", again.story.String(), t.Name(), s, wrong)
					}
				}
			})
		}
	}
}

// TestRingOfFive: five sides of a ring edit one order at once. At most four resolutions make all the same again.
func TestRingOfFive(t *testing.T) {
	walks := uint64(200)
	if raceDetector {
		walks = 10
	}
	most := 0
	for s := uint64(1); s <= walks; s++ {
		w := newGraphWalk(graphBounds{graph: ring5, known: true, edits: 8, slots: 2}, s)
		for side := range uint8(5) {
			w.do(graphStep{do: edits, at: side})
		}
		require.Empty(t, w.rest(), "seed %d\n%s", s, w.story.String())
		took, wrong := w.resolveAll()
		require.Empty(t, wrong, "seed %d\n%s", s, w.story.String())
		require.LessOrEqual(t, took, 4, "seed %d", s)
		most = max(most, took)
		o := w.open(w.at)
		for side := range 5 {
			require.Equal(t, o.held(0).Version.String(), o.held(side).Version.String(), "what hashes are made of is the same")
			require.Equal(t, o.held(0).content, o.held(side).content)
		}
	}
	t.Logf("%d histories, at most %d resolutions", walks, most)
}

// graphWalk is one history.
type graphWalk struct {
	*graphModel
	*rand.Rand
	at    graphWorld
	busy  int // how often people do something, in per cent
	cut   int // an edge on which nothing moves until the calm; -1 for none
	tell  bool
	story strings.Builder
}

func newGraphWalk(b graphBounds, seed uint64) *graphWalk {
	m := newGraphModel(b)
	return &graphWalk{graphModel: m, Rand: rand.New(rand.NewPCG(seed, 1)), at: m.start(), cut: -1}
}

const (
	graphWalkSteps = 50 // for each side
	nothingMore    = "nothing more happens"
)

// run returns what went wrong, or nothing; it tells the story of it on demand.
func (w *graphWalk) run(tell bool) string {
	w.tell = tell
	if w.IntN(3) == 0 {
		w.cut = w.IntN(len(w.ends))
	}
	w.busy = []int{2, 5, 12, 30}[w.IntN(4)]
	for range graphWalkSteps * w.graph.sides {
		if wrong := w.step(w.any); wrong == nothingMore {
			break
		} else if wrong != "" {
			return wrong
		}
	}
	if wrong := w.rest(); wrong != "" {
		return wrong
	}
	_, wrong := w.resolveAll()
	return wrong
}

// step does something that can happen.
func (w *graphWalk) step(choose func() graphStep) string {
	const tries = 20000
	for range tries {
		if done, wrong := w.try(choose()); done {
			return wrong
		}
	}
	return nothingMore
}

// try does a step if it can happen.
func (w *graphWalk) try(st graphStep) (done bool, wrong string) {
	o := w.open(w.at)
	if isPersonal := st.do >= firstPersonal && st.do < deedsEnd; isPersonal && !o.person(st) || !isPersonal && !o.take(st) {
		return false, ""
	}
	wrong = o.check()
	if next := o.close(); next != w.at {
		w.at = next
		if w.tell {
			fmt.Fprintf(&w.story, "%s\n%s", w.stepText(st), o.text())
		}
	}
	return true, wrong
}

// do does a step that must be possible.
func (w *graphWalk) do(st graphStep) {
	if done, wrong := w.try(st); !done || wrong != "" {
		panic(w.stepText(st) + ": " + wrong)
	}
}

// any lets the machines work more often than people, and accidents happen now and then.
func (w *graphWalk) any() graphStep {
	var st graphStep
	switch n := w.IntN(100); {
	case n < w.busy:
		st.do = firstPersonal + deed(w.IntN(int(deedsEnd-firstPersonal)))
	case n < w.busy+6:
		st.do = [...]deed{brokerIsLost, isBackedUp, isRestored, isStartedAnew, leaves, returns}[w.IntN(6)]
	case n < w.busy+14:
		st.do = [...]deed{requestRepeats, requestIsLost, answerRepeats, answerIsLost, heals, reconciles}[w.IntN(6)]
	default:
		st.do = [...]deed{sends, requestArrives, answerIsWritten, answerArrives}[w.IntN(4)]
	}
	if st.do.ofSide() {
		st.at = uint8(w.IntN(w.graph.sides))
	} else {
		st.at = uint8(w.IntN(len(w.ends)))
		if at := int(st.at); w.cut >= 0 && (at == w.cut || w.ends[at].rev == w.cut) && st.do <= answerIsLost {
			st.do = heals
		}
	}
	switch {
	case st.do == edits, st.do == resolves:
		st.arg = uint8(w.IntN(int(contentsEnd)))
	case st.do >= requestArrives && st.do <= answerIsLost:
		st.arg = uint8(w.IntN(w.slots))
	}
	return st
}

// quietly chooses among what happens without people and without faults.
func (w *graphWalk) quietly() graphStep {
	o := w.open(w.at)
	for {
		st := graphStep{do: [...]deed{sends, requestArrives, answerIsWritten, answerArrives, heals, reconciles, returns}[w.IntN(7)], at: uint8(w.IntN(len(w.ends)))}
		if st.do >= requestArrives && st.do <= answerIsLost {
			st.arg = uint8(w.IntN(w.slots))
		}
		if st.do == returns && w.parting || o.calm(st.do, int(st.at)) {
			return st
		}
	}
}

// rest goes on until all is quiet, and all peers have returned.
func (w *graphWalk) rest() string {
	const calmStepsMax = 3000
	for range calmStepsMax {
		if o := w.open(w.at); o.quiet() && o.complete() {
			return ""
		}
		if wrong := w.step(w.quietly); wrong != "" {
			return wrong
		}
	}
	return "without people and faults the sides never come to an end"
}

func (o *graphOpen) complete() bool {
	for e := range o.m.ends {
		if !o.is(e) {
			return false
		}
	}
	return true
}

// resolveAll lets people resolve one case after the other, at any end, and counts how many they resolve. Where
// nobody refuses and nothing was restored it takes fewer than there are versions that stand against each other.
func (w *graphWalk) resolveAll() (took int, wrong string) {
	w.edits = writesMax
	start := w.open(w.at)
	fewer := start.apart() - 1
	strict := w.refuses == 0 && start.restores() == 0 && w.limits == (limits{})
	for {
		o := w.open(w.at)
		var cases []graphStep
		for e, x := range w.ends {
			if k := o.link(e); k.State.InConflict() && k.Theirs != nil && o.mayWrite(x.from) {
				cases = append(cases, graphStep{resolves, uint8(e), takeOurs}, graphStep{resolves, uint8(e), takeTheirs})
			}
		}
		w.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		done := false
		for _, st := range cases {
			if done, wrong = w.try(st); wrong != "" {
				return took, wrong
			} else if done {
				break
			}
		}
		if !done {
			break
		}
		if took++; strict && took > fewer {
			return took, fmt.Sprintf("%d resolutions, where %d versions stood against each other", took, fewer+1)
		}
		if wrong = w.rest(); wrong != "" {
			return took, wrong
		}
		if !strict && took > 2*writesMax {
			return took, ""
		}
	}
	if o := w.open(w.at); strict {
		for s := range w.graph.sides {
			if !o.contains(s, 0) || !o.contains(0, s) {
				return took, "no case is left, and not all sides are the same"
			}
		}
	}
	return took, ""
}
