// Package gather does the work of several callers at once. While a piece of work is under way, whatever comes is
// gathered, and is the next piece: so that transactions that take long are few, and a single one does not wait.
package gather

import "sync"

// Group gathers. The zero value is ready.
type Group[T any] struct {
	mu      sync.Mutex
	pieces  int // under way
	waiting []*call[T]
}

type call[T any] struct {
	one  T
	turn chan []*call[T] // the piece that the caller is to do, its own call first; nil when somebody else did it
}

const (
	callsMax  = 64 // in a piece
	enough    = 8  // calls that make a piece beside those under way
	piecesMax = 4
)

// Do returns once work was called with one, and with what other callers of Do brought meanwhile, in the order in which
// they came. Work of one caller runs on behalf of others.
func (g *Group[T]) Do(one T, work func(all []T)) {
	c := &call[T]{one, make(chan []*call[T], 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if g.pieces == 0 || g.pieces < piecesMax && len(g.waiting) >= enough {
		g.pieces++
		g.begin()
	}
	g.mu.Unlock()
	piece := <-c.turn
	if piece == nil {
		return
	}
	defer g.pass(piece[1:]) // even if work panics: the others must not wait for ever
	all := make([]T, len(piece))
	for i, c := range piece {
		all[i] = c.one
	}
	work(all)
}

// begin has the first of those that wait do what waits.
func (g *Group[T]) begin() {
	n := min(callsMax, len(g.waiting))
	piece := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	piece[0].turn <- piece
}

// pass lets the callers go whose work was done, and begins with what waits.
func (g *Group[T]) pass(done []*call[T]) {
	for _, c := range done {
		c.turn <- nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 {
		g.begin()
	} else {
		g.pieces--
	}
}
