package gather

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatComesMeanwhileIsDoneAtOnce: one piece of work is under way while others come; they are one piece.
func TestWhatComesMeanwhileIsDoneAtOnce(t *testing.T) {
	var g Group[int]
	var pieces [][]int
	work := func(all []int) { pieces = append(pieces, all) } // never twice at the same time
	under, goOn := make(chan bool), make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		g.Do(0, func(all []int) {
			close(under)
			<-goOn
			work(all)
		})
	})
	<-under
	for i := range 3 {
		all.Go(func() { g.Do(i+1, work) })
		for waiting := 0; waiting <= i; {
			g.mu.Lock()
			waiting = len(g.waiting)
			g.mu.Unlock()
		}
	}
	close(goOn)
	all.Wait()
	require.Equal(t, [][]int{{0}, {1, 2, 3}}, pieces)
	g.Do(4, work)
	require.Equal(t, []int{4}, pieces[2])
}

func TestEachIsDoneOnce(t *testing.T) {
	const callers, times = 40, 100
	var g Group[int]
	var done []int
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range times {
				g.Do(i*times+n, func(list []int) { done = append(done, list...) })
			}
		})
	}
	all.Wait()
	slices.Sort(done)
	require.Len(t, slices.Compact(done), callers*times)
	require.False(t, g.busy)
}

// TestAPanicKeepsNobodyWaiting: whoever gathered the work of others has a fault.
func TestAPanicKeepsNobodyWaiting(t *testing.T) {
	var g Group[int]
	under, goOn := make(chan bool), make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		defer func() { _ = recover() }()
		g.Do(0, func([]int) {
			close(under)
			<-goOn
			panic("a fault")
		})
	})
	<-under
	did := false
	all.Go(func() { g.Do(1, func([]int) { did = true }) })
	close(goOn)
	all.Wait()
	require.True(t, did)
}
