//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// holdFor is about how long one fault of a mix lasts.
var holdFor = 1500 * time.Millisecond

// TestTorture has several faults at once, on both sides and on every line, while writers write, and hot orders are
// edited, resolved and deleted on both sides. After each mix, when all is up again, every accepted write is on both
// sides, once, and requests that arrive late change nothing. Each fault comes once; E2E_MINUTES goes on with others.
func TestTorture(t *testing.T) {
	t.Parallel() // it waits more than it works
	if soak > 0 {
		holdFor, repeatedLate = 5*time.Second, 2*time.Minute
	}
	g := startRig(t, nil)
	l := newLoad(t, g.pair)
	l.heat(t)
	faults := append(g.faultsOf(0), g.faultsOf(1)...)
	faults = append(faults, rigFault{"power cut at both", func(_ *rand.Rand, hold func()) {
		g.powerCut(g.rigs[0], g.rigs[1])
		hold()
	}})
	for start, round := time.Now(), 1; round == 1 || time.Since(start) < soak; round++ {
		l.rand.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		for i, mixed := range mixes(faults, 5) {
			if !t.Run(fmt.Sprintf("round %d mix %d", round, i+1), func(t *testing.T) { g.torture(t, l, mixed) }) {
				return
			}
		}
	}
}

// mixes cuts a list into parts of n or a little more.
func mixes(list []rigFault, n int) [][]rigFault {
	var all [][]rigFault
	for len(list) >= 2*n {
		all, list = append(all, list[:n]), list[n:]
	}
	return append(all, list)
}

// torture has some faults begin one soon after the other, under load, and holds both sides against the ledger.
func (g *rig) torture(t *testing.T, l *load, mixed []rigFault) {
	names := make([]string, len(mixed))
	for i, f := range mixed {
		names[i] = f.name
	}
	l.past = append(l.past, clock()+"  "+strings.Join(names, "; "))
	t.Log(l.past[len(l.past)-1])
	l.ledger.takeTroubles()
	l.begin()
	l.flow(t, 20)
	var broken sync.WaitGroup
	for _, f := range mixed {
		r := rand.New(rand.NewPCG(l.rand.Uint64(), 1))
		broken.Go(func() { f.do(r, func() { time.Sleep(jitter(r, holdFor)) }) })
		time.Sleep(jitter(r, holdFor/3))
	}
	broken.Wait()
	g.startAll(t)
	l.flow(t, 20)
	l.end()
	for _, trouble := range l.ledger.takeTroubles() {
		require.NotContains(t, trouble.err.Error(), "without a problem document")
	}
	g.awaitLate(t)
	l.verify(t)
	g.awaitNoAlarms(t)
}

// awaitNoAlarms waits until both sides report nothing any more: what is well again must not keep an operator busy.
func (g *rig) awaitNoAlarms(t testing.TB) {
	t.Helper()
	began, last := time.Now(), ""
	defer func() {
		if took := time.Since(began); took > worthTelling {
			t.Logf("%s  alarms for %s; the last was %s", clock(), took.Round(time.Second), last)
		}
	}()
	for _, s := range g.sides() {
		eventually(t, restPatience, s.name+" has no alarms", func() bool {
			status, err := s.status(t.Context())
			alarms := ""
			if err == nil {
				alarms = strings.Join(status.Peers[0].Alarms, "; ")
			} else {
				alarms = err.Error()
			}
			if alarms != "" {
				last = s.name + ": " + alarms
			}
			return alarms == ""
		})
	}
}
