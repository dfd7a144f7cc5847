package ordersync

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// everyEntry calls visit with all that can come to what stands here.
func everyEntry(visit func(stand, Entry)) {
	for _, s := range stands() {
		for _, v := range versions() {
			for _, received := range receivable {
				for _, c := range []byte(contents) {
					for _, w := range []byte(ways) {
						for _, a := range []byte(acceptances) {
							if e, ok := s.came(received, v, variant{c, w, a}); ok {
								visit(s, e)
							}
						}
					}
				}
			}
		}
	}
}

// A peer may be wrong, or of another mind for ever: whatever it always answers, it is asked a few
// times at most.
func TestNoPeerIsAskedForEver(t *testing.T) {
	const roundsMax = 4
	everyEntry(func(s stand, e Entry) {
		r := s.Record
		for round := 0; ; round++ {
			o := Observe(r, e.answering(r))
			if !o.Hint {
				return
			}
			require.Less(t, round, roundsMax, "%s is told %s of %v for ever", s.name, e.State, e.Version)
			r = o.Record
		}
	})
}

// What comes twice does no more the second time: the order stays, and in or out of a conflict. There are
// three exceptions, where the same words mean another thing when they come to what they left; they
// do no harm, since the peer is asked then and what it answers ends it.
func TestRepeats(t *testing.T) {
	everyEntry(func(s stand, e Entry) {
		first := Observe(s.Record, e)
		inError := e.State == Error || e.State == ErrorSynced
		switch {
		case inError && first.Take, inError && first.Rule == ExtRefused, first.Rule == ExtConflictEnd && e.AnswerTo != nil:
			return
		}
		second := Observe(first.Record, e)
		require.Equal(t, first.Head, second.Head, "%s: %+v", s.name, e)
		require.Equal(t, first.State.InConflict(), second.State.InConflict(), "%s: %+v", s.name, e)
	})
}

// Nothing but versions, states and fingerprints decides, and nothing that is given is changed.
func TestObserveIsPure(t *testing.T) {
	everyEntry(func(s stand, e Entry) {
		before, came := s.Record.text(), e
		first := Observe(s.Record, e)
		require.Equal(t, before, s.Record.text())
		require.Equal(t, came, e)

		other := s.Record
		other.Reason, e.Why = "another reason", "another reason"
		if e.Refusal != "" {
			e.Refusal = "another reason"
		}
		second := Observe(other, e)
		first.Reason, second.Reason = "", ""
		require.Equal(t, first, second)
	})
}

func (r Record) text() string {
	return holding{Record: r}.text() + r.Agreed.String() + r.Reason
}

// TestAnEntryOfNothingChangesNothing: a reconciliation asks for an order that is not here by saying so.
func TestAnEntryOfNothingChangesNothing(t *testing.T) {
	version, err := NewVector(Dot{"a.x", 1})
	require.NoError(t, err)
	kept, err := NewVector(Dot{"b.y", 2})
	require.NoError(t, err)
	for _, state := range []State{New, Upd, OK, Del, DelSynced, Collision, Error, ErrorSynced} {
		r := Record{Head: Head{Version: version, Fingerprint: "fp1:x", Deleted: state == Del || state == DelSynced}, Link: Link{State: state}}
		if state == Collision || state == Error || state == ErrorSynced {
			r.Theirs = &Head{Version: kept, Fingerprint: "fp1:y"}
		}
		o := Observe(r, Entry{State: ErrorSynced})
		require.Equal(t, state, o.State)
		require.Equal(t, r.Head, o.Head)
		require.Equal(t, r.Theirs, o.Theirs)
		require.False(t, o.Hint, state)
	}
}

// A merge that is offered counts where both sides have an open change and nothing else is the matter,
// and nowhere else; it contains both versions, and is told.
func TestMergeSettlesOpenChangesOnly(t *testing.T) {
	merged, joined, people := 0, 0, 0
	everyEntry(func(s stand, e Entry) {
		without := Observe(s.Record, e)
		e.Merge = &Merge{Fingerprint: "merged", Stamp: Dot{"a", 9}}
		o := Observe(s.Record, e)
		switch {
		case o.Rule != ExtMerge:
			require.Equal(t, without, o, "%s: %+v", s.name, e)
			if MayMerge(s.Record, e) {
				require.Equal(t, ExtJoin, o.Rule, "%s: %+v", s.name, e)
			} else if o.State == Collision {
				people++
			}
			return
		case s.Deleted:
			joined++
			require.Equal(t, Head{Version: s.Version.Join(e.Version), Fingerprint: s.Fingerprint, Deleted: true}, o.Head)
			require.False(t, o.Take)
			require.Equal(t, Del, o.State)
		default:
			merged++
			require.Equal(t, Head{Version: s.Version.Join(e.Version).With(Dot{"a", 9}), Fingerprint: "merged"}, o.Head)
			require.True(t, o.Take)
			require.Equal(t, Upd, o.State)
		}
		require.True(t, MayMerge(s.Record, e), "%s: %+v", s.name, e)
		require.NotEqual(t, ExtJoin, without.Rule)
		require.Equal(t, Collision, without.State, "without it, a person's")
		require.True(t, o.Due && o.Hint && o.Sync && o.Theirs == nil && !o.Keep)
		require.Empty(t, malformed(holding{Record: o.Record, content: contentOf(o.Head)}, limits{}))
		again := Observe(o.Record, e)
		require.Equal(t, o.Head, again.Head, "what comes again is older now")
	})
	require.Positive(t, merged)
	require.Positive(t, joined)
	require.Positive(t, people)
}

// TestWhatTheOtherSideLostIsKept: a side that was put back comes to a conflict without its own version.
// What is kept of it may be all that is left, so the conflict stays, whatever it has instead.
func TestWhatTheOtherSideLostIsKept(t *testing.T) {
	lost := Head{Version: vector("a:1,b:2"), Fingerprint: "lost"}
	r := Record{Head: Head{Version: vector("a:2,b:1"), Fingerprint: "ours"}, Link: Link{State: Collision, Agreed: vector("a:1,b:1"), Theirs: &lost}}
	for name, c := range map[string]struct {
		came Entry
		head Head
		due  bool
	}{
		"the same as ours": {Entry{Head: r.Head, State: OK}, r.Head, false},
		"newer":            {Entry{Head: Head{Version: vector("a:2,b:1,c:1"), Fingerprint: "newer"}, State: Upd}, Head{Version: vector("a:2,b:1,c:1"), Fingerprint: "newer"}, false},
		"concurrent":       {Entry{Head: Head{Version: vector("a:2,c:1"), Fingerprint: "concurrent"}, State: Upd}, r.Head, false},
		"older":            {Entry{Head: Head{Version: vector("a:2"), Fingerprint: "older"}, State: OK}, r.Head, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observe(r, c.came)
			require.Equal(t, Collision, o.State)
			require.Equal(t, &lost, o.Theirs)
			require.Equal(t, c.head, o.Head)
			want := ExtForgot
			if name == "concurrent" { // that is the table's
				_, want, _ = rowRule(Upd, Collision)
			}
			require.Equal(t, want, o.Rule)
			require.Equal(t, c.due, o.Due)
		})
	}
	contained := r
	contained.Theirs = &Head{Version: vector("a:1"), Fingerprint: "lost"}
	require.Equal(t, OK, Observe(contained, Entry{Head: r.Head, State: OK}).State, "what ours contains is not lost")
}
