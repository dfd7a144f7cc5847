//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who writes on each side, and how fast: some 40 writes a second.
const (
	ownersEach  = 3
	ownerPace   = 80 * time.Millisecond
	ordersEach  = 6 // that an owner keeps in hand
	sharedEach  = 3 // orders that both sides write, from each side
	sharerPace  = 250 * time.Millisecond
	batons      = 4 // orders that are written on the one side and then on the other
	seenPatient = 40 * time.Millisecond
)

// load is what writers do to both sides, until it is stopped; it can be started again.
type load struct {
	both    *pair
	before  map[string]view // orders that were there already
	ledger  *ledger
	hot     *hot       // nil where there are no hot orders
	rand    *rand.Rand // for the choices of the test itself
	ctx     context.Context
	writers []writing
	past    []string // faults so far
	halt    context.CancelFunc
	running sync.WaitGroup
}

func newLoad(t testing.TB, both *pair) *load {
	t.Helper()
	l := &load{both: both, ledger: newLedger(), rand: rand.New(rand.NewPCG(seed, 1)), ctx: t.Context()}
	both.awaitRest(t)
	l.before = both.requireEqual(t, nil)
	var shared []*held
	for i, s := range both.sides() {
		w := newWriter(fmt.Sprintf("m%d", i), seed, l.ledger)
		for range sharedEach {
			shared = append(shared, w.create(l.ctx, s, true))
		}
	}
	require.NotContains(t, shared, (*held)(nil), "%v", l.ledger.violations)
	both.awaitRest(t)
	for i, s := range both.sides() {
		for j := range ownersEach {
			l.writers = append(l.writers, writing{s, (&owner{writer: newWriter(fmt.Sprintf("%s%d", s.name, j), seed, l.ledger), side: s}).run(l.ctx)})
		}
		l.writers = append(l.writers, writing{s, share(l.ctx, newWriter(fmt.Sprintf("s%d", i), seed, l.ledger), s, shared)})
	}
	for i := range batons {
		r := &relay{writer: newWriter(fmt.Sprintf("r%d", i), seed, l.ledger), at: both.sides()[i%2], next: both.sides()[1-i%2]}
		l.writers = append(l.writers, writing{nil, r.run(l.ctx)})
	}
	t.Cleanup(func() {
		if l.halt != nil {
			l.halt()
		}
		l.running.Wait()
		if t.Failed() {
			t.Logf("faults so far:\n%s", strings.Join(l.past, "\n"))
			t.Logf("violations so far:\n%s", strings.Join(l.ledger.violations, "\n"))
		}
	})
	return l
}

// writing is what a writer does until it is stopped, on one side, or on both where side is nil.
type writing struct {
	side *side
	run  func(stop context.Context)
}

// begin starts the writers.
func (l *load) begin() { l.beginOn(nil) }

// beginOn starts the writers of one side only, or all.
func (l *load) beginOn(only *side) {
	var stop context.Context
	stop, l.halt = context.WithCancel(l.ctx)
	for _, w := range l.writers {
		if only == nil || w.side == only {
			l.running.Go(func() { w.run(stop) })
		}
	}
}

// end stops the writers when each knows what became of its last write.
func (l *load) end() {
	l.halt()
	l.running.Wait()
}

// flow waits until both sides have accepted so many more writes each.
func (l *load) flow(t testing.TB, more int) {
	t.Helper()
	sides := l.both.sides()
	l.flowOn(t, sides[:], more)
}

// flowOn waits for writes on some sides.
func (l *load) flowOn(t testing.TB, sides []*side, more int) {
	t.Helper()
	for _, s := range sides {
		want := l.ledger.acceptedBy(s) + more
		eventually(t, 4*time.Minute, s.name+" accepts writes", func() bool { return l.ledger.acceptedBy(s) >= want || l.both.over() })
		require.False(t, l.both.over(), "what runs the sides has ended")
	}
}

// owner writes orders of its own on one side.
type owner struct {
	*writer
	side *side
	mine []*held
}

func (o *owner) run(ctx context.Context) func(context.Context) {
	return func(stop context.Context) {
		for sleep(stop, jitter(o.rand, ownerPace)) == nil {
			o.write(ctx)
		}
	}
}

func (o *owner) write(ctx context.Context) {
	switch dice := o.rand.IntN(100); {
	case len(o.mine) < ordersEach:
		if h := o.create(ctx, o.side, false); h != nil {
			o.mine = append(o.mine, h)
		}
	case dice < 4:
		at := o.rand.IntN(len(o.mine))
		o.remove(ctx, o.side, o.mine[at])
		o.mine = slices.Delete(o.mine, at, at+1)
	default:
		at := o.rand.IntN(len(o.mine))
		if o.edit(ctx, o.side, o.mine[at]); o.mine[at].full {
			o.mine = slices.Delete(o.mine, at, at+1)
		}
	}
}

// share writes orders that the other side writes too.
func share(ctx context.Context, w *writer, s *side, orders []*held) func(context.Context) {
	return func(stop context.Context) {
		for sleep(stop, jitter(w.rand, sharerPace)) == nil {
			h := &held{}
			id := orders[w.rand.IntN(len(orders))].view.ID
			if w.untilKnown(ctx, s, "read "+id, func() (err error) {
				h.view, h.tag, err = s.get(ctx, id)
				return err
			}) {
				w.edit(ctx, s, h)
			}
		}
	}
}

// relay writes one order on one side, waits until the other has it, and goes on there.
type relay struct {
	*writer
	at, next *side
	order    *held
}

func (r *relay) run(ctx context.Context) func(context.Context) {
	return func(stop context.Context) {
		for sleep(stop, ownerPace) == nil {
			if r.order == nil || r.order.full {
				if r.order = r.create(ctx, r.at, false); r.order == nil {
					return
				}
			} else {
				r.edit(ctx, r.at, r.order)
			}
			r.handOver(ctx, stop)
		}
	}
}

// handOver waits until the other side shows what this one wrote. When it is stopped before, the next
// write is here again.
func (r *relay) handOver(ctx, stop context.Context) {
	for sleep(stop, seenPatient) == nil {
		v, tag, err := r.next.get(ctx, r.order.view.ID)
		if err == nil && contains(v.Sync.Version, r.order.view.Sync.Version) {
			r.order.view, r.order.tag = v, tag
			r.at, r.next = r.next, r.at
			return
		}
	}
}
