// Package gather does the work of several callers at once. While one piece of work is under way, whatever comes is
// gathered, and is the next piece: so that transactions that take long are few, and a single one does not wait.
package gather

import "sync"

// Group gathers. The zero value is ready.
type Group[T any] struct {
	mu      sync.Mutex
	busy    bool
	waiting []*call[T]
}

type call[T any] struct {
	one   T
	leads chan bool // whether it does the work that waits; otherwise it was done
}

// most bounds how many callers' work is done at once.
const most = 64

// Do returns once work was called with one, and with what other callers of Do brought meanwhile, in the order in which
// they came. Work of one caller runs on behalf of others, but never twice at the same time.
func (g *Group[T]) Do(one T, work func(all []T)) {
	c := &call[T]{one, make(chan bool, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if g.busy {
		g.mu.Unlock()
		if !<-c.leads {
			return
		}
		g.mu.Lock()
	}
	g.busy = true
	n := min(most, len(g.waiting))
	calls := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.mu.Unlock()
	defer g.pass(calls[1:]) // even if work panics: the others must not wait for ever
	all := make([]T, n)
	for i, c := range calls {
		all[i] = c.one
	}
	work(all)
}

// pass lets the callers go whose work was done, and one of those that wait do what waits.
func (g *Group[T]) pass(done []*call[T]) {
	for _, c := range done {
		c.leads <- false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy = len(g.waiting) > 0; g.busy {
		g.waiting[0].leads <- true
	}
}
