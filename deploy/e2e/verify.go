//go:build linux

package e2e

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// verify waits for rest and holds both sides against the ledger; it settles the cases of the shared
// orders on the way.
func (l *load) verify(t testing.TB) {
	t.Helper()
	l.verifyContents(t)
	l.requireHistories(t)
}

// verifyContents is verify without the histories, of which a database that was put back has lost some.
func (l *load) verifyContents(t testing.TB) {
	t.Helper()
	require.Empty(t, strings.Join(l.ledger.violations, "\n"))
	l.both.awaitRest(t)
	if l.hot != nil {
		l.hot.settle(t, l)
		t.Logf("%s  %s", clock(), l.hot)
	}
	cases := l.requireCases(t)
	t.Logf("%s  %d in collision; accepted so far: %d on a, %d on b", clock(), len(cases), l.ledger.acceptedBy(l.both.a), l.ledger.acceptedBy(l.both.b))
	l.requireTokens(t, l.both.requireEqual(t, cases), cases)
	if len(cases) > 0 {
		l.settle(t, cases)
		l.both.awaitRest(t)
		l.requireTokens(t, l.both.requireEqual(t, nil), nil)
	}
	l.both.requireHealthy(t, 0)
}

// requireCases asks that both sides have the same cases, each as the mirror of the other, and none
// that could not be, and returns their orders.
func (l *load) requireCases(t testing.TB) map[string]bool {
	t.Helper()
	onA, err := l.both.a.collisions(t.Context())
	require.NoError(t, err)
	onB, err := l.both.b.collisions(t.Context())
	require.NoError(t, err)
	require.Equal(t, onA, onB, "orders in collision")
	for id := range onA {
		a, b := l.both.mustCases(t, id)
		requireMirror(t, a, b)
		if !l.ledger.records[id].shared {
			l.both.tell(t, id)
			require.FailNow(t, "an order collided that is written on one side only", id)
		}
		l.requireTokensOf(t, id, slices.Concat(tokensOf(a.Ours.Order), tokensOf(a.Theirs.Order)))
	}
	return onA
}

// mustCases reads the case of an order on both sides.
func (both *pair) mustCases(t testing.TB, id string) (onA, onB openCase) {
	t.Helper()
	onA, err := both.a.collision(t.Context(), id)
	require.NoError(t, err)
	onB, err = both.b.collision(t.Context(), id)
	require.NoError(t, err)
	return onA, onB
}

// requireMirror asks that what is ours on one side is theirs on the other, byte for byte.
func requireMirror(t testing.TB, a, b openCase) {
	t.Helper()
	same := func(x, y contracts.CaseVersion) {
		t.Helper()
		require.Equal(t, x.Version, y.Version, a.ID)
		require.Equal(t, x.Fingerprint, y.Fingerprint, a.ID)
		require.Equal(t, x.Deleted, y.Deleted, a.ID)
	}
	same(a.Ours, b.Theirs)
	same(a.Theirs, b.Ours)
	require.True(t, bytes.Equal(a.ours, b.theirs) && bytes.Equal(a.theirs, b.ours), "the contents in the case of %s differ", a.ID)
	require.Equal(t, differing(a), differing(b), a.ID)
	for _, c := range []openCase{a, b} {
		if c.Base != nil {
			require.True(t, contains(c.Ours.Version, c.Base.Version) && contains(c.Theirs.Version, c.Base.Version), "the base of %s was never common", a.ID)
		}
	}
}

// differing are the fields of a case in which the sides differ. Which of them are contested is not
// compared: a side that has missed an acknowledgement has an older base.
func differing(c openCase) []string {
	fields := make([]string, len(c.Differs))
	for i, f := range c.Differs {
		fields[i] = f.Pointer
	}
	return fields
}

// requireTokens asks that the orders hold the tokens of all accepted edits and no others.
func (l *load) requireTokens(t testing.TB, present map[string]view, inCase map[string]bool) {
	t.Helper()
	for id, r := range l.ledger.records {
		if inCase[id] {
			continue
		}
		v, there := present[id]
		require.True(t, there, "order %s is lost", id)
		if r.hot {
			l.hot.requireEdits(t, l.both, id, v)
			continue
		}
		require.Equal(t, r.deleted, v.Sync.Deleted, "deletion of %s", id)
		if !r.deleted {
			l.requireTokensOf(t, id, tokensOf(&v.Order))
		}
	}
	for id, v := range present {
		if before, there := l.before[id]; there {
			require.Equal(t, before, v, "an order that nobody has written")
			continue
		}
		require.Contains(t, l.ledger.records, id, "nobody has made this order")
	}
}

// requireTokensOf asks that an order has the tokens of its accepted edits.
func (l *load) requireTokensOf(t testing.TB, id string, got []string) {
	t.Helper()
	want := slices.Clone(l.ledger.records[id].tokens)
	slices.Sort(want)
	if l.ledger.records[id].shared { // both versions of a case hold what was there before
		slices.Sort(got)
		got = slices.Compact(got)
	}
	if !slices.Equal(want, got) {
		l.both.tell(t, id)
		require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"), "tokens of %s", id)
	}
}

// settle resolves cases, in turn on either side, with an order that holds the tokens of both.
func (l *load) settle(t testing.TB, cases map[string]bool) {
	t.Helper()
	turn := l.rand.IntN(2)
	for _, id := range slices.Sorted(maps.Keys(cases)) {
		l.settleOn(t, l.both.sides()[turn], map[string]bool{id: true})
		turn = 1 - turn
	}
}

// settleOn resolves cases on one side.
func (l *load) settleOn(t testing.TB, s *side, cases map[string]bool) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(cases)) {
		c, err := s.collision(t.Context(), id)
		require.NoError(t, err)
		merged := editable(*c.Ours.Order)
		for _, token := range tokensOf(c.Theirs.Order) {
			if !holds(&merged, token) {
				require.True(t, carry(&merged, token, l.rand), "order %s is full", id)
			}
		}
		require.NoError(t, s.resolve(t.Context(), id, contracts.Resolution{Order: &merged}, c.etag))
		l.ledger.resolved(s, id)
	}
}

// requireHistories reads the timelines of the orders that were written since the last time.
func (l *load) requireHistories(t testing.TB) {
	t.Helper()
	for id, r := range l.ledger.records {
		if r.touched || r.hot {
			accepted := r.accepted
			if r.hot {
				accepted = nil // writers that came too late count nothing
			}
			l.both.requireHistory(t, id, accepted, r.shared)
			r.touched = false
		}
	}
}
