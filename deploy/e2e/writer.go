//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// knownPatience is how long a writer tries to find out what became of a write.
const knownPatience = 2 * time.Minute

// writer is a client of one side. Each of its writes ends with a known outcome, however often the
// side does not answer.
type writer struct {
	name   string
	rand   *rand.Rand
	ledger *ledger
	tokens int
}

func newWriter(name string, seed uint64, l *ledger) *writer {
	h := seed
	for _, c := range name {
		h = h*31 + uint64(c)
	}
	return &writer{name: name, rand: rand.New(rand.NewPCG(seed, h)), ledger: l}
}

// held is an order as its writer last saw it.
type held struct {
	view  view
	tag   etag
	alone bool // nobody else writes it, so it never changes under our hands
	full  bool // no room for another token
}

func (w *writer) token() string {
	w.tokens++
	return tokenPrefix + w.name + "-" + strconv.FormatInt(int64(w.tokens), 36)
}

// create makes a new order on a side; nil when that was not to be.
func (w *writer) create(ctx context.Context, s *side, shared bool) *held {
	o := newOrder(w.rand)
	byKey := w.rand.IntN(2) == 0
	h := &held{alone: !shared}
	done := w.untilKnown(ctx, s, "create", func() error {
		var err error
		if byKey {
			h.view, h.tag, err = s.create(ctx, o, o.ID)
		} else if h.view, h.tag, err = s.createAt(ctx, o); statusOf(err) == http.StatusPreconditionFailed {
			h.view, h.tag, err = s.get(ctx, o.ID) // an attempt of ours without an answer
		}
		return err
	})
	if !done {
		return nil
	}
	w.ledger.created(s, o.ID, shared)
	return h
}

// edit adds a token to an order.
func (w *writer) edit(ctx context.Context, s *side, h *held) {
	token, certain := w.token(), h.alone
	o := editable(h.view.Order)
	if !carry(&o, token, w.rand) {
		h.full = true
		return
	}
	touch(&o, w.rand)
	what := fmt.Sprintf("edit %s with %s", o.ID, token)
	done := w.untilKnown(ctx, s, what, func() error {
		v, tag, err := s.put(ctx, o, h.tag)
		switch {
		case err == nil:
			h.view, h.tag = v, tag
			return nil
		case uncertain(err):
			certain = false
			return err
		case statusOf(err) != http.StatusPreconditionFailed || certain:
			return err
		}
		if v, tag, err = s.get(ctx, o.ID); err != nil {
			return err
		}
		h.view, h.tag = v, tag
		if holds(&v.Order, token) {
			return nil // an attempt of ours without an answer
		}
		o = addedTo(v.Order, token, w.rand)
		return errAgain
	})
	if done {
		w.ledger.edited(s, o.ID, token)
	}
}

// addedTo is an edit that only adds a token. An order that was not full a moment ago has room.
func addedTo(o contracts.Order, token string, r *rand.Rand) contracts.Order {
	o = editable(o)
	carry(&o, token, r)
	return o
}

// remove deletes an order.
func (w *writer) remove(ctx context.Context, s *side, h *held) {
	tried := false
	done := w.untilKnown(ctx, s, "delete "+h.view.ID, func() error {
		err := s.delete(ctx, h.view.ID, h.tag)
		if tried && statusOf(err) == http.StatusGone {
			return nil // by an attempt of ours without an answer
		}
		tried = tried || uncertain(err)
		return err
	})
	if done {
		w.ledger.deleted(s, h.view.ID)
	}
}

// errAgain asks untilKnown for another attempt at once.
var errAgain = fmt.Errorf("again")

// untilKnown makes attempts until one is answered. It tells whether the write was accepted; a refusal
// is none that a writer expects.
func (w *writer) untilKnown(ctx context.Context, s *side, what string, attempt func() error) bool {
	for deadline := time.Now().Add(knownPatience); ; {
		err := attempt()
		switch {
		case err == nil:
			return true
		case err == errAgain:
			continue
		case ctx.Err() != nil:
			return false
		case !uncertain(err):
			w.ledger.violation("%s on %s: %v", what, s.name, err)
			return false
		case time.Now().After(deadline):
			w.ledger.violation("%s on %s: not known for %s: %v", what, s.name, knownPatience, err)
			return false
		}
		w.ledger.trouble(s, err)
		if sleep(ctx, 50*time.Millisecond) != nil {
			return false
		}
	}
}

// sleep paces a writer.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// jitter is a time around d.
func jitter(r *rand.Rand, d time.Duration) time.Duration {
	return d/2 + time.Duration(r.Int64N(int64(d)))
}
