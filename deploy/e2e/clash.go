//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// deed is what one side does to an order while the sides cannot hear each other.
type deed string

const (
	creates deed = "create"
	edits   deed = "edit"
	deletes deed = "delete"
)

// clash is one order to which each side does something that the other has not seen.
type clash struct {
	onA, onB deed
	id       string
	number   string
	sent     [2]*contracts.Order // what each side was given, whole; nil when it deleted the order
	stored   [2][]byte           // and the bytes with which it answered
	version  [2]contracts.Version
}

// prepare makes the order that both sides know before.
func (c *clash) prepare(t testing.TB, both *pair, r *rand.Rand) {
	t.Helper()
	o := newOrder(r)
	c.id, c.number = o.ID, o.OrderNumber
	if c.onA == creates {
		return
	}
	_, _, err := both.sides()[r.IntN(2)].createAt(t.Context(), o)
	require.NoError(t, err)
}

// happen does each side's deed.
func (c *clash) happen(t testing.TB, both *pair, r *rand.Rand) {
	t.Helper()
	for i, s := range both.sides() {
		c.act(t, i, s, [2]deed{c.onA, c.onB}[i], r)
	}
}

func (c *clash) act(t testing.TB, i int, s *side, what deed, r *rand.Rand) {
	t.Helper()
	var v view
	var err error
	switch what {
	case creates:
		o := newOrder(r)
		o.ID = c.id
		c.sent[i] = &o
		v, _, err = s.createAt(t.Context(), o)
	case edits:
		var seen etag
		v, seen, err = s.get(t.Context(), c.id)
		require.NoError(t, err)
		o := editable(v.Order)
		o.InternalNote = fmt.Sprintf("%s was here, %x", s.name, r.Uint64())
		touch(&o, r)
		c.sent[i] = &o
		v, _, err = s.put(t.Context(), o, seen)
	case deletes:
		require.NoError(t, s.delete(t.Context(), c.id, `*`))
		return
	}
	require.NoError(t, err)
	c.stored[i], c.version[i] = v.content, v.Sync.Version
	c.sent[i].Complete()
	require.Equal(t, string(encode(c.sent[i])), string(v.content), "what %s stored is what it was sent", s.name)
}

// requireKept asks that both sides keep both versions whole.
func (c *clash) requireKept(t testing.TB, both *pair) {
	t.Helper()
	a, b := both.mustCases(t, c.id)
	requireMirror(t, a, b)
	for i, kept := range []struct {
		version contracts.CaseVersion
		content []byte
	}{{a.Ours, a.ours}, {b.Ours, b.ours}} {
		deed := [2]deed{c.onA, c.onB}[i]
		require.Equal(t, deed == deletes, kept.version.Deleted)
		require.Equal(t, string(c.stored[i]), string(kept.content))
		if deed != deletes {
			require.Equal(t, c.version[i], kept.version.Version)
		}
	}
}

// way is how a case is settled on one side.
type way string

const (
	ours   way = "ours"
	theirs way = "theirs"
	given  way = "an order"
)

// settle resolves the case on one side.
func (c *clash) settle(t testing.TB, s *side, w way, r *rand.Rand) {
	t.Helper()
	found, err := s.collision(t.Context(), c.id)
	require.NoError(t, err)
	resolution := contracts.Resolution{Take: string(w)}
	if w == given {
		resolution = contracts.Resolution{Order: c.third(found, s, r)}
	}
	require.NoError(t, s.resolve(t.Context(), c.id, resolution, found.etag))
	c.requireSettled(t, s, w, found)
}

// third is an order that is neither side's, with the number that cannot be changed.
func (c *clash) third(found openCase, s *side, r *rand.Rand) *contracts.Order {
	o := newOrder(r)
	o.ID, o.Customer.Name = c.id, "Settled on "+s.name
	switch {
	case found.Ours.Order != nil:
		o.OrderNumber = found.Ours.Order.OrderNumber
	case found.Theirs.Order != nil:
		o.OrderNumber = found.Theirs.Order.OrderNumber
	default:
		o.OrderNumber = c.number
	}
	return &o
}

// requireSettled asks that the side has what was chosen.
func (c *clash) requireSettled(t testing.TB, s *side, w way, found openCase) {
	t.Helper()
	chosen, content := found.Ours, found.ours
	if w == theirs {
		chosen, content = found.Theirs, found.theirs
	}
	v, _, err := s.get(t.Context(), c.id)
	switch {
	case w == given:
		require.NoError(t, err)
		require.Equal(t, "Settled on "+s.name, v.Customer.Name)
	case chosen.Deleted:
		require.Equal(t, 410, statusOf(err), "%v", err)
	default:
		require.NoError(t, err)
		require.Equal(t, string(content), string(v.content))
	}
}
