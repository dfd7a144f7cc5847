//go:build linux

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	hotOrders = 4
	hotPace   = 100 * time.Millisecond
	hotEach   = 2 // writers on each side
)

// hot is a few orders that both sides edit, resolve and delete at the same time. An edit may go only by an act that
// had seen it: a deletion, or a resolution that took a version without it.
type hot struct {
	mu    sync.Mutex
	ids   []string
	edits map[string][]hotEdit // acknowledged, by order
	drops map[string][]hotDrop // by order
}

type hotEdit struct {
	token   string
	version contracts.Version
}

// hotDrop is an act that may have taken tokens out of an order.
type hotDrop struct {
	seen contracts.Version // all that the act knew of
	kept []string          // the tokens of the version that it left
}

// heat adds hot orders to a load, and writers for them on both sides.
func (l *load) heat(t testing.TB) {
	t.Helper()
	l.hot = &hot{edits: map[string][]hotEdit{}, drops: map[string][]hotDrop{}}
	for i, s := range l.both.sides() {
		for j := range hotEach {
			a := &hotWriter{writer: newWriter(fmt.Sprintf("h%d%d", i, j), seed, l.ledger), hot: l.hot, side: s}
			for range hotOrders / 2 / hotEach {
				require.True(t, a.add(l.ctx), "%v", l.ledger.violations)
			}
			l.writers = append(l.writers, writing{s, a.run(l.ctx)})
		}
	}
	l.both.awaitRest(t)
}

// hotWriter works on the hot orders on one side.
type hotWriter struct {
	*writer
	hot  *hot
	side *side
}

func (w *hotWriter) run(ctx context.Context) func(context.Context) {
	return func(stop context.Context) {
		for sleep(stop, jitter(w.rand, hotPace)) == nil {
			id := w.hot.any(w.rand)
			switch dice := w.rand.IntN(100); {
			case dice < 3:
				w.remove(ctx, id)
			case dice < 30:
				w.resolve(ctx, id)
			default:
				w.edit(ctx, id)
			}
		}
	}
}

func (h *hot) any(r *rand.Rand) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids[r.IntN(len(h.ids))]
}

// add makes a hot order.
func (w *hotWriter) add(ctx context.Context) bool {
	made := w.create(ctx, w.side, true)
	if made == nil {
		return false
	}
	w.ledger.heat(made.view.ID)
	w.hot.mu.Lock()
	defer w.hot.mu.Unlock()
	w.hot.ids = append(w.hot.ids, made.view.ID)
	return true
}

// retire replaces an order that is deleted.
func (w *hotWriter) retire(ctx context.Context, id string) {
	w.hot.mu.Lock()
	at := slices.Index(w.hot.ids, id)
	last := len(w.hot.ids) <= hotOrders
	if at >= 0 && !last {
		w.hot.ids = slices.Delete(w.hot.ids, at, at+1)
	}
	w.hot.mu.Unlock()
	if at >= 0 && last {
		w.add(ctx)
	}
}

// attempt does something until it is known whether the side did it. Another writer may be quicker: that is no fault.
func (w *hotWriter) attempt(ctx context.Context, what string, do func() error) (refusal int) {
	w.untilKnown(ctx, w.side, what, func() error {
		err := do()
		refusal = statusOf(err)
		if slices.Contains([]int{http.StatusPreconditionFailed, http.StatusGone, http.StatusNotFound, http.StatusConflict}, refusal) {
			return nil
		}
		return err
	})
	return refusal
}

func (w *hotWriter) edit(ctx context.Context, id string) {
	token := w.token()
	w.attempt(ctx, "edit hot "+id, func() error {
		v, tag, err := w.side.get(ctx, id)
		if statusOf(err) == http.StatusGone {
			w.retire(ctx, id)
		}
		if err != nil {
			return err
		}
		o := editable(v.Order)
		if !holds(&v.Order, token) { // an attempt without an answer may have put it there
			if !carry(&o, token, w.rand) {
				return nil // full
			}
			if v, _, err = w.side.put(ctx, o, tag); err != nil {
				return err
			}
		}
		w.hot.mu.Lock()
		defer w.hot.mu.Unlock()
		w.hot.edits[id] = append(w.hot.edits[id], hotEdit{token, v.Sync.Version})
		return nil
	})
}

func (w *hotWriter) remove(ctx context.Context, id string) {
	w.attempt(ctx, "delete hot "+id, func() error {
		v, tag, err := w.side.get(ctx, id)
		if err != nil {
			return err
		}
		w.hot.mayDrop(id, hotDrop{seen: v.Sync.Version})
		return w.side.delete(ctx, id, tag)
	})
}

func (w *hotWriter) resolve(ctx context.Context, id string) {
	w.attempt(ctx, "resolve hot "+id, func() error {
		c, err := w.side.collision(ctx, id)
		if err != nil {
			return err
		}
		return w.hot.resolve(ctx, w.side, c, w.rand)
	})
}

// mayDrop is called before the act, whose answer may never come.
func (h *hot) mayDrop(id string, d hotDrop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drops[id] = append(h.drops[id], d)
}

// resolve takes one version, or one with the tokens of both.
func (h *hot) resolve(ctx context.Context, s *side, c openCase, r *rand.Rand) error {
	seen := maps.Clone(c.Ours.Version)
	for key, n := range c.Theirs.Version {
		seen[key] = max(seen[key], n)
	}
	if c.Ours.Order != nil && c.Theirs.Order != nil && r.IntN(2) == 0 {
		merged, fits := editable(*c.Ours.Order), true
		for _, token := range tokensOf(c.Theirs.Order) {
			fits = fits && (holds(&merged, token) || carry(&merged, token, r))
		}
		if fits {
			return s.resolve(ctx, c.ID, contracts.Resolution{Order: &merged}, c.etag)
		}
	}
	take, kept := "ours", c.Ours.Order
	if r.IntN(2) == 0 {
		take, kept = "theirs", c.Theirs.Order
	}
	drop := hotDrop{seen: seen}
	if kept != nil {
		drop.kept = tokensOf(kept)
	}
	h.mayDrop(c.ID, drop)
	return s.resolve(ctx, c.ID, contracts.Resolution{Take: take}, c.etag)
}

// String counts what was done so far.
func (h *hot) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	edits, drops := 0, 0
	for _, list := range h.edits {
		edits += len(list)
	}
	for _, list := range h.drops {
		drops += len(list)
	}
	return fmt.Sprintf("hot orders: %d edits acknowledged, %d deletions and resolutions tried", edits, drops)
}

// settle resolves what is left of the hot orders' cases, once nothing moves.
func (h *hot) settle(t testing.TB, l *load) {
	t.Helper()
	found, err := l.both.a.collisions(t.Context())
	require.NoError(t, err)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if !l.ledger.records[id].hot {
			continue
		}
		s := l.both.sides()[l.rand.IntN(2)]
		c, err := s.collision(t.Context(), id)
		require.NoError(t, err)
		require.NoError(t, h.resolve(t.Context(), s, c, l.rand))
	}
	l.both.awaitRest(t)
}

// requireEdits demands that each acknowledged edit is there, or that whoever took it out had seen it.
func (h *hot) requireEdits(t testing.TB, both *pair, id string, v view) {
	t.Helper()
	var present []string
	if !v.Sync.Deleted {
		present = tokensOf(&v.Order)
	}
	for _, e := range h.edits[id] {
		explained := slices.Contains(present, e.token) || slices.ContainsFunc(h.drops[id], func(d hotDrop) bool {
			return contains(d.seen, e.version) && !slices.Contains(d.kept, e.token)
		})
		if !explained {
			both.tell(t, id)
			require.FailNow(t, "an acknowledged edit is lost", "%s of order %s, version %s", e.token, id, textOf(e.version))
		}
	}
}
