//go:build linux

package e2e

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// reconcile runs the command for a side; it tells whether the command was content.
func (d *demo) reconcile(t *testing.T, s *side, flags ...string) (r contracts.ReconcileReport, content bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"reconcile", "-o", "json"}, flags...)...)
	cmd.Env = d.bridgeEnv(s, d.peerOf(s).access.Load().url, "127.0.0.1:1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, strictjson.Decode(out.Bytes(), &r), "%s", errs.String())
	t.Logf("%s  reconcile %v: %s%s", clock(), flags, encode(r), errs.String())
	return r, err == nil
}

// TestReconcile makes two sides equal that do not hear each other, and finds nothing the second time.
func TestReconcile(t *testing.T) {
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 8))
	var shared []*clash
	for range 40 {
		c := &clash{onA: edits, onB: edits}
		c.prepare(t, d.pair, r)
		shared = append(shared, c)
	}
	d.awaitRest(t)
	first, content := d.reconcile(t, d.a)
	require.True(t, content)
	require.True(t, first.Equal)
	require.EqualValues(t, 40, first.Orders)
	require.Empty(t, first.Found)
	require.EqualValues(t, 2, first.Requests, "equal sides are proved equal at once")

	d.pause(t, true)
	for range 3 {
		_, _, err := d.a.createAt(t.Context(), newOrder(r))
		require.NoError(t, err)
	}
	for range 2 {
		_, _, err := d.b.createAt(t.Context(), newOrder(r))
		require.NoError(t, err)
	}
	shared[0].act(t, 0, d.a, edits, r)
	shared[1].act(t, 0, d.a, deletes, r)
	shared[2].act(t, 1, d.b, edits, r)
	shared[3].act(t, 1, d.b, deletes, r)
	shared[4].act(t, 1, d.b, deletes, r)
	shared[5].happen(t, d.pair, r)
	want := map[string]int{"onlyHere": 3, "onlyThere": 2, "newerHere": 2, "newerThere": 3, "concurrent": 1}

	dry, content := d.reconcile(t, d.a, "--dry-run")
	require.True(t, content)
	require.False(t, dry.Equal)
	require.Equal(t, want, dry.Found)
	require.Equal(t, map[string]int{"createsThere": 3, "createsHere": 2, "replacesThere": 1, "deletesThere": 1, "replacesHere": 1, "deletesHere": 2, "collides": 1}, dry.Effects)
	require.Len(t, dry.Plan, 11)
	require.Contains(t, dry.Plan, contracts.PlannedOrder{ID: shared[5].id, Kind: "concurrent", Effect: "collides"})
	require.Zero(t, dry.Sent)
	byRanges, _ := d.reconcile(t, d.a, "--dry-run", "--strategy", "ranges")
	require.Equal(t, "log", dry.Strategy)
	require.Equal(t, "ranges", byRanges.Strategy)
	require.Equal(t, want, byRanges.Found, "both strategies find the same")
	require.ElementsMatch(t, dry.Plan, byRanges.Plan)
	again, _ := d.reconcile(t, d.a, "--dry-run")
	require.Equal(t, want, again.Found, "a dry run changes nothing")

	done, content := d.reconcile(t, d.a)
	require.False(t, content, "one order waits for a person")
	require.Equal(t, want, done.Found)
	require.Equal(t, 11, done.Sent)
	require.Equal(t, 1, done.Waiting)
	inCase := map[string]bool{shared[5].id: true}
	d.requireEqual(t, inCase)
	shared[5].requireKept(t, d.pair)

	seen, _ := d.mustCases(t, shared[5].id)
	require.NoError(t, d.a.resolve(t.Context(), shared[5].id, contracts.Resolution{Take: "ours"}, seen.etag))
	settled, content := d.reconcile(t, d.b) // whichever side looks
	require.True(t, content)
	require.Equal(t, map[string]int{"newerThere": 1}, settled.Found)
	d.requireEqual(t, nil)
	nothing, content := d.reconcile(t, d.a)
	require.True(t, content)
	require.Zero(t, nothing.Sent)
	require.EqualValues(t, 2, nothing.Requests)
	for _, s := range d.sides() { // and both know of the proof
		status, err := s.status(t.Context())
		require.NoError(t, err)
		proof := status.Peers[0].Proof
		require.Equal(t, nothing.Hash, proof.Hash)
		require.Equal(t, nothing.Orders, proof.Orders)
		here, there := nothing.Position, nothing.PositionThere
		if s == d.b {
			here, there = there, here
		}
		require.Equal(t, here, proof.Position)
		require.Equal(t, there, proof.PeerPosition)
	}

	d.pause(t, false)
	d.awaitRest(t)
	d.requireEqual(t, nil)
	d.requireHealthy(t, 0)
}

// TestReconcileUnderEdits compares while both sides are written: what is under way is no difference.
func TestReconcileUnderEdits(t *testing.T) {
	d := startDemo(t)
	l := newLoad(t, d.pair)
	l.begin()
	l.flow(t, 100)
	for range 5 {
		looked, content := d.reconcile(t, d.a, "--dry-run")
		require.True(t, content)
		for _, o := range looked.Plan {
			d.tell(t, o.ID)
		}
		require.Empty(t, looked.Found, "no false difference")
		l.flow(t, 20)
	}
	beside, _ := d.reconcile(t, d.b) // of no harm to the bridges
	if beside.Equal {
		require.Equal(t, beside.Orders, beside.OrdersThere, "what is proved equal is")
	}
	l.end()
	l.verify(t)
	at, content := d.reconcile(t, d.a)
	require.True(t, content)
	require.True(t, at.Equal)
	require.Equal(t, at.Orders, at.OrdersThere)
	require.Zero(t, at.Sent)
}
