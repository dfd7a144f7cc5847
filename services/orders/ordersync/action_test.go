package ordersync

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var stamp = Dot{"a", 9}

func TestWritten(t *testing.T) {
	for _, before := range []Head{{}, mine, deletedA} {
		was := before
		edited := Written(before, "new", false, stamp, Writer{})
		require.Equal(t, Newer, edited.Version.Compare(before.Version))
		require.Equal(t, before.Version.With(stamp), edited.Version)
		require.Equal(t, "new", edited.Fingerprint)
		require.False(t, edited.Deleted)
		require.True(t, Written(before, Tombstone, true, stamp, Writer{}).Deleted)
		require.Equal(t, was, before)
	}
}

// Every state, edited and deleted: the state that follows, the version that is agreed then, and
// whether what is kept stays.
func TestRewritten(t *testing.T) {
	type next struct {
		State
		agreed string
		keeps  bool
	}
	settled, before := "a:2,b:1", "a:1,b:1"
	cases := map[string][2]next{
		"-":                     {{New, "", false}, {Del, "", false}},
		"-, of a known order":   {{New, "", false}, {Del, "", false}},
		"-, of a deleted order": {{New, "", false}, {Del, "", false}},
		"NEW":                   {{New, "", false}, {Del, "", false}},
		"UPD":                   {{Upd, before, false}, {Del, before, false}},
		"UPD, to tell that a refusal or conflict is over": {{Upd, settled, false}, {Del, settled, false}},
		"UPD, retried":                      {{Upd, before, false}, {Del, before, false}},
		"OK":                                {{Upd, settled, false}, {Del, settled, false}},
		"DEL":                               {{Upd, before, false}, {Del, before, false}},
		"DEL_SYNCED":                        {{Upd, settled, false}, {Del, settled, false}},
		"COLLISION":                         {{Collision, before, true}, {Collision, before, true}},
		"COLLISION, deleted here":           {{Collision, before, true}, {Collision, before, true}},
		"ERROR, a newer version is refused": {{Upd, before, false}, {Del, before, false}},
		"ERROR, something unexpected came":  {{Upd, before, false}, {Del, before, false}},
		"ERROR_SYNCED, a newer version is refused": {{Upd, before, false}, {Del, before, false}},
		"ERROR_SYNCED, the peer refuses ours":      {{Upd, before, false}, {Del, before, false}},
	}
	require.Len(t, cases, len(stands()))
	for _, s := range stands() {
		for i, deleted := range []bool{false, true} {
			want, was := cases[s.name][i], s.Record
			got := s.Link.Rewritten(s.Head, Written(s.Head, "new", deleted, Dot{"a", 9}, Writer{}))
			require.Equal(t, want.State, got.State, s.name)
			require.Equal(t, want.agreed, got.Agreed.String(), s.name)
			require.Equal(t, want.keeps, got.Theirs != nil, s.name)
			require.True(t, got.Due, s.name)
			require.Equal(t, was, s.Record, "the record is not changed in place")
			if !want.keeps {
				require.Empty(t, got.Reason)
			}
		}
	}
}

// What another peer brought ends a conflict with this one only if it has what is kept of it, and ends no
// error about a version that has all of it.
func TestRewrittenByAnotherPeer(t *testing.T) {
	kept, other := standing(Collision, mine, theirsOnly), head("a:2,b:1,c:1")
	got := kept.Link.Rewritten(kept.Head, other)
	require.Equal(t, Collision, got.State, "the kept version is not in it")
	resolved := Head{Version: other.Version.Join(theirsOnly.Version), Fingerprint: "x"}
	got = kept.Link.Rewritten(kept.Head, resolved)
	require.Equal(t, Upd, got.State)
	require.Nil(t, got.Theirs)

	for _, state := range []State{Error, ErrorSynced} {
		refused := standing(state, mine, both)
		between := Head{Version: mine.Version, Fingerprint: "x"}
		require.Equal(t, refused.Link, refused.Link.Rewritten(head("a:1"), between))
		got = refused.Link.Rewritten(refused.Head, resolved)
		require.Equal(t, both.Version.contains(resolved.Version), got.State == state)
		got = refused.Link.Rewritten(refused.Head, both)
		require.Equal(t, Upd, got.State, "another peer brought what was refused, and it was taken over")
		require.Nil(t, got.Theirs)
	}
}

func TestResolve(t *testing.T) {
	for _, s := range stands() {
		for _, deleted := range []bool{false, true} {
			o, err := Resolve(s.Record, "chosen", deleted, stamp, Writer{})
			switch {
			case !s.State.InConflict():
				require.ErrorIs(t, err, ErrNotInConflict, s.name)
				require.Equal(t, Outcome{}, o)
			case s.Theirs == nil:
				require.ErrorIs(t, err, ErrNothingKept, s.name)
				require.Equal(t, Outcome{}, o)
			default:
				require.NoError(t, err, s.name)
				require.Equal(t, Newer, o.Version.Compare(s.Version), "contains ours")
				require.Equal(t, Newer, o.Version.Compare(s.Theirs.Version), "and theirs")
				require.Equal(t, s.Version.Join(s.Theirs.Version).With(stamp), o.Version)
				want := Link{State: Upd, Due: true, Agreed: s.Agreed}
				if deleted {
					want.State = Del
				}
				require.Equal(t, want, o.Link)
				require.Equal(t, []bool{true, true, false}, []bool{o.Take, o.Hint, o.Keep})
				require.Equal(t, Head{o.Version, "chosen", deleted}, o.Head)
			}
		}
	}
}

func TestRetry(t *testing.T) {
	for _, s := range stands() {
		for _, refusal := range []string{"", "refused"} {
			o, err := Retry(s.Record, refusal)
			refused := s.Theirs != nil && s.Theirs.Version.Compare(s.Version) == Newer
			switch {
			case s.State != Error && s.State != ErrorSynced:
				require.ErrorIs(t, err, ErrNotInError, s.name)
			case refused && refusal != "":
				require.ErrorIs(t, err, ErrStillRefused, s.name)
			case refused:
				require.NoError(t, err)
				require.Equal(t, *s.Theirs, o.Head, "theirs is taken over")
				require.Equal(t, Link{State: Upd, Due: true, Agreed: s.Theirs.Version}, o.Link, "and the peer, which has it, is told")
				require.Equal(t, []bool{true, true}, []bool{o.Take, o.Hint})
			default:
				require.NoError(t, err)
				require.Equal(t, s.Head, o.Head, "ours is sent again")
				require.Equal(t, Link{State: Upd, Due: true, Agreed: s.Agreed, Theirs: s.Theirs}, o.Link)
				require.Equal(t, []bool{false, true}, []bool{o.Take, o.Hint})
			}
			if err != nil {
				require.Equal(t, Outcome{}, o)
			}
		}
	}
}

func TestRetryOfWhatThePeerNeverHad(t *testing.T) {
	o, err := Retry(Record{Head: createdA, Link: Link{State: ErrorSynced}}, "")
	require.NoError(t, err)
	require.Equal(t, New, o.State)

	o, err = Retry(Record{Head: deletedA, Link: Link{State: ErrorSynced}}, "")
	require.NoError(t, err)
	require.Equal(t, Del, o.State)
}

// An order that is not here because its first content was refused.
func TestRetryOfWhatIsNotHere(t *testing.T) {
	r := Record{Link: Link{State: Error, Theirs: &createdB, Reason: "why"}}
	_, err := Retry(r, "refused")
	require.ErrorIs(t, err, ErrStillRefused)
	o, err := Retry(r, "")
	require.NoError(t, err)
	require.Equal(t, createdB, o.Head)
	require.Equal(t, Upd, o.State, "the peer has it, so it is not new to it")

	r.Theirs = nil
	_, err = Retry(r, "")
	require.ErrorIs(t, err, ErrNothingKept)
}

func TestRetryOfADeletion(t *testing.T) {
	o, err := Retry(Record{Head: minesParts, Link: Link{State: Error, Theirs: &deletedB}}, "")
	require.NoError(t, err)
	require.Equal(t, Del, o.State)
	require.True(t, o.Take)

	older := createdA
	o, err = Retry(Record{Head: mine, Link: Link{State: Error, Theirs: &older, Agreed: createdA.Version}}, "")
	require.NoError(t, err)
	require.Nil(t, o.Theirs, "what our version contains need not be kept")
}
