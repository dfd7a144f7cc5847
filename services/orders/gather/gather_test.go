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
	work := func(all []int) { pieces = append(pieces, all) } // one piece after the other
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
	var mu sync.Mutex
	var done []int
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range times {
				g.Do(i*times+n, func(list []int) {
					mu.Lock()
					defer mu.Unlock()
					done = append(done, list...)
				})
			}
		})
	}
	all.Wait()
	slices.Sort(done)
	require.Len(t, slices.Compact(done), callers*times)
	require.Zero(t, g.pieces)
}

// TestManyDoNotWaitForOneAnother: while a piece takes long, enough others are a piece of their own.
func TestManyDoNotWaitForOneAnother(t *testing.T) {
	var g Group[int]
	under, goOn := make(chan bool), make(chan bool)
	var slow, others sync.WaitGroup
	slow.Go(func() {
		g.Do(0, func([]int) {
			close(under)
			<-goOn
		})
	})
	<-under
	var mu sync.Mutex
	sum := 0
	for range enough {
		others.Go(func() {
			g.Do(1, func(all []int) {
				mu.Lock()
				defer mu.Unlock()
				sum += len(all)
			})
		})
	}
	others.Wait()
	close(goOn)
	slow.Wait()
	require.Equal(t, enough, sum)
	require.Zero(t, g.pieces)
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
