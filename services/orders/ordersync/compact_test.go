package ordersync

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustParse(t *testing.T, s string) Vector {
	t.Helper()
	v, err := ParseVector(s)
	require.NoError(t, err)
	require.Equal(t, s, v.String(), "the text is canonical")
	return v
}

func TestNamedHeads(t *testing.T) {
	for _, c := range []struct {
		v, w  string
		is    Relation
		joins string
	}{
		{"a.1:1,a.2:2!", "a.1:1", Newer, "a.1:1,a.2:2!"},
		{"a.2:2", "a.1:1,a.2:2!", Equal, "a.1:1,a.2:2!"},                   // the older elements of the second went from the first
		{"a.2:2,b.1:3!", "a.1:1,a.2:2!", Newer, "a.1:1,a.2:2,b.1:3!"},      // without a.1, which is no head
		{"a.2:2,b.1:3!", "a.1:1,a.2:2", Concurrent, "a.1:1!,a.2:2,b.1:3!"}, // where nothing says that it is none
		{"a.1:1,b.1:3!", "a.1:1,a.2:2!", Concurrent, "a.1:1,a.2:2!,b.1:3!"},
		{"a.1:1,a.2:5!", "a.1:1,a.2:2!", Newer, "a.1:1,a.2:5!"},
	} {
		v, w := mustParse(t, c.v), mustParse(t, c.w)
		require.Equal(t, c.is, v.Compare(w), "%s and %s", c.v, c.w)
		require.Equal(t, inverse[c.is], w.Compare(v), "%s and %s", c.w, c.v)
		require.Equal(t, c.joins, v.Join(w).String())
		require.Equal(t, c.joins, w.Join(v).String())
	}
	require.Equal(t, "a.1:1,a.2:2,a.3:3!", mustParse(t, "a.1:1,a.2:2!").With(Dot{"a.3", 3}).String())
	for _, text := range []string{"a.1:1!!", "a.1:!", "a.1!"} {
		_, err := ParseVector(text)
		require.Error(t, err, text)
	}
	_, err := mustParse(t, "a.1:1,b.1:1").WithHeads("c.1")
	require.Error(t, err)
	_, err = mustParse(t, "a.1:1,b.1:1").WithHeads("a.1", "a.1")
	require.Error(t, err)
}

// epochs writes once in each of some epochs of a side, as a process that is started anew does.
func epochs(v Vector, side string, from, to int, w Writer) Vector {
	for i := from; i <= to; i++ {
		v = Written(Head{Version: v}, "x", false, Dot{fmt.Sprintf("%s.e%03d", side, i), int64(i)}, w).Version
	}
	return v
}

func TestVersionsStaySmall(t *testing.T) {
	v := epochs(Vector{}, "a", 1, headsFrom, Writer{})
	require.Nil(t, v.Heads(), "an ordinary version looks as it always did")
	require.Len(t, v.Dots(), headsFrom)
	v = epochs(v, "a", headsFrom+1, 400, Writer{})
	require.Equal(t, []string{"a.e400"}, v.Heads())
	require.Len(t, elementsOf(v, "a"), keepEach)
	require.Equal(t, int64(400-keepEach+1), elementsOf(v, "a")[0].N, "the oldest go")

	// What a peer had last is told to it, and is not stored.
	agreed := mustParse(t, "a.e001:1")
	require.Equal(t, Concurrent, v.Compare(agreed), "as stored it is not recognised")
	r := Record{Head: Head{Version: v, Fingerprint: "x"}, Link: Link{State: Upd, Due: true, Agreed: agreed}}
	told := r.Towards().Version
	require.Equal(t, Newer, told.Compare(agreed))
	require.Equal(t, Equal, told.Compare(v))
	require.Len(t, told.Dots(), keepEach+1)
	o := Observe(Record{Head: Head{Version: agreed, Fingerprint: "y"}, Link: Link{State: OK, Agreed: agreed}}, says(Upd, Head{Version: told, Fingerprint: "x"}))
	require.Equal(t, OK, o.State)
	require.Equal(t, v.String(), o.Version.String(), "both store the same")
	require.Equal(t, v.String(), o.Agreed.String())

	// And its older version is recognised in what it tells.
	o = Observe(r, says(OK, Head{Version: agreed, Fingerprint: "y"}))
	require.Equal(t, Upd, o.State)
	require.Equal(t, v.String(), o.Version.String(), "what was told is not stored")

	// Nor do other sides grow without end, and strangers go.
	w := Writer{Sides: []string{"a", "b"}}
	poisoned := epochs(mustParse(t, "c.1:1,c.2:1"), "b", 1, 400, Writer{limits: limits{500, 500}})
	require.Len(t, elementsOf(poisoned, "b"), 400)
	healed := Written(Head{Version: poisoned}, "x", false, Dot{"a.1", 1}, w).Version
	require.Len(t, elementsOf(healed, "b"), keepEach)
	require.Empty(t, elementsOf(healed, "c"))
	require.Equal(t, []string{"a.1"}, healed.Heads())
}

// TestLongVersionsAreTrimmedWhenSeen: those of a program that kept more of them.
func TestLongVersionsAreTrimmedWhenSeen(t *testing.T) {
	long := epochs(Vector{}, "a", 1, 40, Writer{limits: limits{headsFrom, 100}})
	require.Len(t, long.Dots(), 40)
	h := Head{Version: long, Fingerprint: "x"}
	peers := Head{Version: long.trimmed(keepEach), Fingerprint: "x"}
	o := Observe(Record{Head: h, Link: Link{State: OK, Agreed: long}}, says(OK, peers))
	require.Equal(t, OK, o.State)
	require.Equal(t, peers.Version.String(), o.Version.String())
	require.Equal(t, peers.Version.String(), o.Agreed.String())
}

// TestBaseIsNotGuessed: where a version may have seen what only the other one lists, no base is found.
func TestBaseIsNotGuessed(t *testing.T) {
	first := mustParse(t, "a.1:1,b.1:1")
	known := []Vector{first}
	ours, theirs := mustParse(t, "a.1:1,a.7:7!,b.1:1"), mustParse(t, "a.1:1,a.3:3,b.1:1,b.2:2!")
	_, ok := base(ours, theirs, known, 3)
	require.True(t, ok, "nothing went from ours")
	_, ok = base(ours, theirs, known, 2)
	require.True(t, ok, "a.3 is newer than what may have gone")
	ours = mustParse(t, "a.6:6,a.7:7!,b.1:1")
	_, ok = base(ours, theirs, []Vector{mustParse(t, "b.1:1")}, 2)
	require.False(t, ok, "ours may have seen a.3, which is no part of the base")
	_, ok = base(theirs, ours, []Vector{mustParse(t, "b.1:1")}, 2)
	require.False(t, ok)
}

// TestNoVersionClaimsTooMuch: whatever three sides leave out of versions, and however they write, join,
// restart and are restored, a version never compares as having seen what its authors had not.
func TestNoVersionClaimsTooMuch(t *testing.T) {
	type known struct {
		Vector
		seen map[int]bool // writes
	}
	union := func(x, y map[int]bool) map[int]bool {
		out := maps.Clone(x)
		maps.Copy(out, y)
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		var all []known // that ever were
		now := [3]known{{seen: map[int]bool{}}, {seen: map[int]bool{}}, {seen: map[int]bool{}}}
		var epoch, number [3]int
		writes := 0
		for range 40 {
			s, other := rapid.IntRange(0, 2).Draw(t, "side"), rapid.IntRange(0, 2).Draw(t, "other")
			lim := limits{rapid.IntRange(0, 2).Draw(t, "heads"), rapid.IntRange(1, 4).Draw(t, "keep")}
			base := now[s]
			switch do := rapid.SampledFrom([]string{"write", "write", "resolve", "take", "join", "restart", "restore"}).Draw(t, "do"); do {
			case "restart":
				epoch[s]++
				continue
			case "restore":
				if len(all) > 0 {
					now[s] = rapid.SampledFrom(all).Draw(t, "backup")
				}
				epoch[s]++
				number[s] = rapid.IntRange(0, number[s]).Draw(t, "number")
				continue
			case "take":
				if now[other].contains(now[s].Vector) {
					now[s] = now[other]
				}
				continue
			case "join":
				now[s] = known{base.Join(now[other].Vector).trimmed(lim.keep()), union(base.seen, now[other].seen)}
			default:
				if do == "resolve" {
					base = known{base.Join(now[other].Vector), union(base.seen, now[other].seen)}
				}
				writes++
				number[s]++
				stamp := Dot{fmt.Sprintf("%c.%d", "abc"[s], epoch[s]), int64(number[s])}
				now[s] = known{Writer{limits: lim}.write(base.Vector, stamp), union(base.seen, map[int]bool{writes: true})}
			}
			all = append(all, now[s])
		}
		for _, v := range all {
			read, err := ParseVector(v.String())
			require.NoError(t, err)
			require.Equal(t, v.String(), read.String())
			for _, w := range all {
				has := len(union(v.seen, w.seen)) == len(v.seen)
				require.False(t, v.contains(w.Vector) && !has, "{%s} and {%s}", v, w)
			}
		}
	})
}

// TestEqualVersionsHaveOneText: however versions came about, if two are equal they list the same. Hashes of many
// orders are made of these texts, so that sides with equal orders find them equal.
func TestEqualVersionsHaveOneText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sides = 4
		lim := limits{rapid.IntRange(0, 1).Draw(t, "heads"), rapid.IntRange(1, 2).Draw(t, "keep")}
		var now [sides]Vector
		var epoch, number [sides]int
		for range 40 {
			s, other := rapid.IntRange(0, sides-1).Draw(t, "side"), rapid.IntRange(0, sides-1).Draw(t, "other")
			is := now[other].Compare(now[s])
			seen := now[s]
			switch do := rapid.SampledFrom([]string{"write", "write", "resolve", "take", "join", "join", "join", "restart"}).Draw(t, "do"); {
			case do == "restart":
				epoch[s]++
				continue
			case do == "take" && is == Newer:
				now[s] = now[other]
				continue
			case do == "join" && is == Concurrent:
				now[s] = seen.Join(now[other]).trimmed(lim.keep())
				continue
			case do == "resolve" && is == Concurrent:
				seen = seen.Join(now[other])
			case do != "write":
				continue
			}
			number[s]++
			now[s] = Writer{limits: lim}.write(seen, Dot{fmt.Sprintf("%c.%d", "abcd"[s], epoch[s]), int64(number[s])})
		}
		for _, v := range now {
			for _, w := range now {
				if v.Compare(w) == Equal {
					require.Equal(t, v.String(), w.String())
				}
			}
		}
	})
}
