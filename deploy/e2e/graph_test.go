//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// graph is a demo of three sides.
type graph struct {
	*demo
	sides []*side
}

// startGraph starts three sides with an empty folder and no orders.
func startGraph(t *testing.T, topology string) *graph {
	t.Helper()
	d := &demo{owner: t, dir: dataDir(t), base: freeBaseOf(t, 3)}
	d.pair = newPair(func() bool { return d.ended() })
	d.start(t, "--sides", "3", "--topology", topology)
	g := &graph{d, []*side{d.a, d.b, newSide("c")}}
	g.sides[2].learn(d.env(t))
	return g
}

// edit changes an order at a side.
func (g *graph) edit(t *testing.T, at *side, id, note string) {
	t.Helper()
	eventually(t, time.Minute, "an edit at "+at.name, func() bool {
		v, tag, err := at.get(t.Context(), id)
		if err != nil {
			return false
		}
		o := v.Order
		o.CustomerNote = note
		_, _, err = at.put(t.Context(), o, tag)
		return err == nil
	})
}

// awaitNote waits until sides have an edit.
func awaitNote(t *testing.T, id, note string, sides ...*side) {
	t.Helper()
	for _, s := range sides {
		eventually(t, time.Minute, fmt.Sprintf("%q is at %s", note, s.name), func() bool {
			v, _, err := s.get(t.Context(), id)
			return err == nil && v.CustomerNote == note
		})
	}
}

// delivered counts the entries that the bridges have delivered, and reports whether nothing is pending.
func (g *graph) delivered(ctx context.Context) (n int64, rest bool) {
	rest = true
	for _, s := range g.sides {
		st, err := s.status(ctx)
		if err != nil {
			return 0, false
		}
		rest = rest && st.Outbox == 0
		for _, p := range st.Peers {
			rest = rest && p.Pending == 0 && len(p.Bridges) > 0
			for _, b := range p.Bridges {
				n += b.Delivered
			}
		}
	}
	return n, rest
}

// awaitQuiet waits until nothing is pending anywhere, and demands that nothing is sent for a while after that.
func (g *graph) awaitQuiet(t *testing.T, quiet time.Duration) {
	t.Helper()
	var before int64
	var since time.Time
	eventually(t, 2*time.Minute, "nothing is pending or sent any more", func() bool {
		n, rest := g.delivered(t.Context())
		if !rest || n != before || since.IsZero() {
			before, since = n, time.Now()
		}
		return rest && time.Since(since) > 5*time.Second
	})
	time.Sleep(quiet)
	n, rest := g.delivered(t.Context())
	require.True(t, rest)
	require.Equal(t, before, n, "orders were sent though nothing had changed")
}

func (g *graph) created(t *testing.T) string {
	t.Helper()
	o := newOrder(rand.New(rand.NewPCG(seed, 0)))
	v, _, err := g.a.create(t.Context(), o, "graph")
	require.NoError(t, err)
	awaitNote(t, v.ID, v.CustomerNote, g.sides...)
	return v.ID
}

// TestTriangle: what is edited at each side is at all others, then nothing more is sent; a collision of two sides that a third one
// has heard of from both ends everywhere with one resolution.
func TestTriangle(t *testing.T) {
	g := startGraph(t, "ring")
	a, b, c := g.sides[0], g.sides[1], g.sides[2]
	id := g.created(t)
	for _, s := range g.sides {
		g.edit(t, s, id, "of "+s.name)
		awaitNote(t, id, "of "+s.name, g.sides...)
	}
	g.awaitQuiet(t, 30*time.Second)

	for _, pause := range [][2]*side{{b, c}, {c, b}, {b, a}, {a, c}, {c, a}} {
		require.NoError(t, pause[0].setPaused(t.Context(), pause[1], true))
	}
	g.edit(t, a, id, "collides, at a")
	g.edit(t, c, id, "collides, at c")
	require.NoError(t, a.setPaused(t.Context(), c, false))
	require.NoError(t, c.setPaused(t.Context(), a, false))
	resolution := "/admin/api/collisions/" + id + "/resolve?peer="
	eventually(t, time.Minute, "a and c collide", func() bool {
		list, err := a.collisions(t.Context())
		return err == nil && list[id]
	})
	require.NoError(t, b.setPaused(t.Context(), a, false))
	resolve := func(s *side, peer, take string) (int, error) {
		res, err := s.send(t.Context(), call{method: http.MethodPost, path: resolution + peer, token: s.access.Load().admin, body: []byte(`{"take":"` + take + `"}`)})
		if err != nil {
			return 0, err
		}
		return res.status, nil
	}
	status, err := resolve(a, "c", "theirs")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	awaitNote(t, id, "collides, at c", g.sides...)
	require.NoError(t, b.setPaused(t.Context(), c, false))
	require.NoError(t, c.setPaused(t.Context(), b, false))
	g.awaitQuiet(t, time.Second)
	for _, s := range g.sides {
		list, err := s.collisions(t.Context())
		require.NoError(t, err)
		require.Empty(t, list, s.name)
	}
	g.edit(t, a, id, "later")
	awaitNote(t, id, "later", g.sides...)
	status, err = resolve(b, "c", "theirs")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, status, "there is no case any more")
}

// TestChainWithItsMiddleAway: both ends go on, and all are equal once it is back.
func TestChainWithItsMiddleAway(t *testing.T) {
	g := startGraph(t, "chain")
	a, b, c := g.sides[0], g.sides[1], g.sides[2]
	id := g.created(t)
	other, _, err := c.create(t.Context(), newOrder(rand.New(rand.NewPCG(seed, 1))), "graph of c")
	require.NoError(t, err)
	awaitNote(t, other.ID, other.CustomerNote, g.sides...)
	g.signalPart(t, syscall.SIGSTOP, "B_SERVICE_PID", "B_BRIDGE_PID")
	g.edit(t, a, id, "a goes on")
	g.edit(t, c, other.ID, "c goes on")
	time.Sleep(5 * time.Second)
	g.signalPart(t, syscall.SIGCONT, "B_SERVICE_PID", "B_BRIDGE_PID")
	awaitNote(t, id, "a goes on", b, c)
	awaitNote(t, other.ID, "c goes on", b, a)
	for _, s := range g.sides {
		list, err := s.collisions(t.Context())
		require.NoError(t, err)
		require.Empty(t, list, s.name)
	}
}

// TestPeerLeavesAndReturns: what was made while c was no peer arrives at once when it is one again, and what both changed collides.
func TestPeerLeavesAndReturns(t *testing.T) {
	g := startGraph(t, "ring")
	a, c := g.sides[0], g.sides[2]
	id := g.created(t)
	g.awaitQuiet(t, time.Second)
	again := func(flags ...string) {
		t.Helper()
		env := g.env(t)
		g.signal(t, syscall.SIGINT)
		g.requireGone(t, env)
		g.start(t, flags...)
		if len(flags) > 0 {
			c.learn(g.env(t))
		}
	}
	require.NoError(t, c.setPaused(t.Context(), a, true))
	require.NoError(t, c.setPaused(t.Context(), g.sides[1], true))
	g.edit(t, c, id, "of c")
	again()
	g.edit(t, a, id, "of a")
	made, _, err := a.create(t.Context(), newOrder(rand.New(rand.NewPCG(seed, 2))), "graph, made meanwhile")
	require.NoError(t, err)
	for _, s := range g.sides[:2] {
		awaitNote(t, made.ID, made.CustomerNote, s)
		answer, err := s.send(t.Context(), call{method: http.MethodPost, path: "/admin/api/peers/c/forget", token: s.access.Load().admin})
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, answer.status, "%s", answer.body)
	}
	again("--sides", "3", "--topology", "ring")
	awaitNote(t, made.ID, made.CustomerNote, c)
	eventually(t, time.Minute, "what both changed collides", func() bool {
		list, err := a.collisions(t.Context())
		return err == nil && list[id]
	})
}
