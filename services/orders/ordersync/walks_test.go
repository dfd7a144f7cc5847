package ordersync

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("seed", 0, "walk this seed only")

// Long histories cannot be tried completely, so they are tried at random: many edits, everything that
// can go wrong, and then a calm that must end in a quiet world. A failure names its seed.
const (
	walkSteps    = 80
	calmStepsMax = 300
)

// walkers are bounds far beyond what a search could cover.
var walkers = []bounds{
	{name: "everything", edits: [2]int{12, 12}, brokerLoss: true, common: true, refuses: true, lateTexts: true, inFlight: 2, restores: 2},
	{name: "no restore", edits: [2]int{12, 12}, brokerLoss: true, common: true, refuses: true, lateTexts: true, inFlight: 2},
	{name: "no restore, and a door", edits: [2]int{12, 12}, brokerLoss: true, common: true, refuses: true, door: true, inFlight: 2},
	{name: "merging", edits: [2]int{12, 12}, brokerLoss: true, merges: true, common: true, refuses: true, lateTexts: true, inFlight: 2},
	{name: "merging, and restores", edits: [2]int{12, 12}, merges: true, common: true, inFlight: 2, restores: 2},
	{name: "restarts, and versions of few elements", edits: [2]int{12, 12}, brokerLoss: true, common: true, refuses: true, inFlight: 2, restarts: 8, limits: limits{1, 2}},
	{name: "brokers that lose nothing", edits: [2]int{12, 12}, common: true, lateTexts: true, inFlight: 2},
}

func TestWalks(t *testing.T) {
	walks := uint64(3000)
	if raceDetector {
		walks = 200
	}
	for _, b := range walkers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			first, last := uint64(1), walks
			if *seed != 0 {
				first, last = *seed, *seed
			}
			for s := first; s <= last; s++ {
				if wrong := newWalk(b, s).run(false); wrong != "" {
					require.Empty(t, newWalk(b, s).run(true), "again with -run '%s' -seed %d", t.Name(), s)
				}
			}
		})
	}
}

// walk is one history.
type walk struct {
	*model
	*rand.Rand
	at    world
	tell  bool
	story strings.Builder
}

func newWalk(b bounds, seed uint64) *walk {
	return &walk{model: newModel(b, Observe), Rand: rand.New(rand.NewPCG(seed, 0))}
}

// run returns what went wrong, with the story of it on demand; or nothing.
func (w *walk) run(tell bool) string {
	w.tell = tell
	for range walkSteps {
		if wrong := w.step(w.any); wrong != "" {
			return w.story.String() + wrong
		}
	}
	for range calmStepsMax {
		if o := w.open(w.at); o.quiet() {
			return ""
		}
		if wrong := w.step(w.calm); wrong != "" {
			return w.story.String() + wrong
		}
	}
	return w.story.String() + "without people and faults the sides never come to an end"
}

// step does something that can happen.
func (w *walk) step(choose func() step) string {
	const tries = 1000
	for range tries {
		st := choose()
		o := w.open(w.at)
		if done := o.try(st); !done {
			continue
		}
		w.at = o.close()
		if w.tell {
			fmt.Fprintf(&w.story, "%s\n%s", st.text(), w.text(w.at))
		}
		return firstOf(o.wrong, w.wrong(w.at))
	}
	return nothingMore
}

// try does a step of machines or of people.
func (o *open) try(st step) bool {
	if st.do < firstPersonal {
		return o.take(st)
	}
	done := o.person(st)
	if done && st.do.hints() {
		o.hint(int(st.side))
	}
	return done
}

// any lets the machines work more often than people, and accidents happen now and then.
func (w *walk) any() step {
	st := step{do: deed(w.IntN(int(deedsEnd))), side: uint8(w.IntN(2))}
	switch st.do {
	case isBackedUp, isRestored, isStartedAnew, brokerIsLost, reconciles, accepts, switches:
		if w.IntN(4) > 0 {
			st.do = sends
		}
	case edits, resolves:
		st.arg = uint8(w.IntN(int(contentsEnd)))
	default:
		st.arg = 0
	}
	if st.do >= requestArrives && st.do <= answerIsLost {
		st.arg = uint8(w.IntN(w.inFlight))
	}
	return st
}

func (w *walk) calm() step {
	o := w.open(w.at)
	for {
		st := step{do: deed(w.IntN(int(firstPersonal))), side: uint8(w.IntN(2))}
		if st.do >= requestArrives && st.do <= answerIsLost {
			st.arg = uint8(w.IntN(w.inFlight))
		}
		if o.calm(st.do, int(st.side)) {
			return st
		}
	}
}
