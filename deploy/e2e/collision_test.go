//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// clashes are the ways in which two sides can get in each other's way.
var clashes = [][2]deed{{edits, edits}, {edits, deletes}, {deletes, edits}, {deletes, deletes}, {creates, creates}}

// settlements are the ways to settle a case: on one side, or on both before they hear of each other;
// "" is where nobody does anything.
var settlements = [][2]way{
	{ours, ""},
	{theirs, ""},
	{given, ""},
	{"", ours},
	{"", theirs},
	{"", given},
	{ours, ours},
	{theirs, theirs},
	{ours, theirs},
	{given, ours},
	{theirs, given},
	{given, given},
}

// TestCollisions has both sides change the same orders while they cannot hear each other: these and no
// others collide, with nothing of either side lost, and every way to settle them makes the sides equal.
func TestCollisions(t *testing.T) {
	collisionsOf(t, startDemo(t).pair)
}

func collisionsOf(t *testing.T, both *pair) {
	r := rand.New(rand.NewPCG(seed, 3))
	var list []*clash
	for _, deeds := range clashes {
		for range settlements {
			list = append(list, &clash{onA: deeds[0], onB: deeds[1]})
		}
	}
	bystanders := prepareClashes(t, both, list, r)
	both.pause(t, true)
	for _, c := range list {
		c.happen(t, both, r)
	}
	bystanders()
	both.pause(t, false)
	both.awaitRest(t)
	requireInCase(t, both, list)
	for _, c := range list {
		c.requireKept(t, both)
	}
	goOnWorking(t, both, list[0], r)
	settleAll(t, both, list, r)
}

// goOnWorking edits an order in collision on either side: the case stays and shows the newest versions,
// and whoever has only seen the older ones cannot settle it.
func goOnWorking(t *testing.T, both *pair, c *clash, r *rand.Rand) {
	seen, _ := both.mustCases(t, c.id)
	for i, s := range both.sides() {
		c.act(t, i, s, edits, r)
		both.awaitRest(t)
		c.requireKept(t, both)
		err := both.a.resolve(t.Context(), c.id, contracts.Resolution{Take: "ours"}, seen.etag)
		require.Equal(t, http.StatusPreconditionFailed, statusOf(err), "%v", err)
	}
}

// prepareClashes makes the orders, and some that are changed meanwhile but must not collide: those of
// one side, and those that both sides change in the same way.
func prepareClashes(t *testing.T, both *pair, list []*clash, r *rand.Rand) (bystanders func()) {
	for _, c := range list {
		c.prepare(t, both, r)
	}
	var others [2]*clash
	for i := range others {
		others[i] = &clash{onA: edits, onB: edits}
		others[i].prepare(t, both, r)
	}
	alike := &clash{onA: edits, onB: edits}
	alike.prepare(t, both, r)
	both.awaitRest(t)
	return func() {
		for i, s := range both.sides() {
			others[i].act(t, i, s, edits, r)
			v, seen, err := s.get(t.Context(), alike.id)
			require.NoError(t, err)
			o := editable(v.Order)
			o.CustomerNote = "the same on both sides"
			_, _, err = s.put(t.Context(), o, seen)
			require.NoError(t, err)
		}
	}
}

// requireInCase asks that exactly these orders are in collision, on both sides, and all others equal.
func requireInCase(t *testing.T, both *pair, list []*clash) {
	t.Helper()
	want := map[string]bool{}
	for _, c := range list {
		want[c.id] = true
	}
	for _, s := range both.sides() {
		got, err := s.collisions(t.Context())
		require.NoError(t, err)
		for id := range got {
			if !want[id] {
				both.tell(t, id)
				break
			}
		}
		require.Equal(t, want, got, "collisions on %s", s.name)
	}
	both.requireEqual(t, want)
	both.requireHealthy(t, len(list))
}

// settleAll settles the cases in all ways. Where both sides chose something different without knowing
// of each other there is a case again, which is settled on one side.
func settleAll(t *testing.T, both *pair, list []*clash, r *rand.Rand) {
	both.pause(t, true)
	var again []*clash
	for i, c := range list {
		ways := settlements[i%len(settlements)]
		for j, s := range both.sides() {
			if ways[j] != "" {
				c.settle(t, s, ways[j], r)
			}
		}
		if ways[0] != "" && ways[1] != "" && !sameChoice(t, both, c) {
			again = append(again, c)
		}
	}
	require.NotEmpty(t, again)
	require.Less(t, len(again), len(list))
	both.pause(t, false)
	both.awaitRest(t)
	requireInCase(t, both, again)
	for i, c := range again {
		c.settle(t, both.sides()[i%2], [...]way{ours, theirs, given}[i%3], r)
	}
	both.awaitRest(t)
	requireInCase(t, both, nil)
}

// sameChoice tells that both sides settled a case with the same content. To delete an order on both
// sides is a collision of its own.
func sameChoice(t *testing.T, both *pair, c *clash) bool {
	t.Helper()
	a, _, errA := both.a.get(t.Context(), c.id)
	b, _, errB := both.b.get(t.Context(), c.id)
	return errA == nil && errB == nil && string(a.content) == string(b.content)
}
