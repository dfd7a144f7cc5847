package ordersync

import (
	"fmt"
	"maps"
	"strings"
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
func epochs(v Vector, side string, from, to int, w func(Vector) Writer) Vector {
	for i := from; i <= to; i++ {
		v = Written(Head{Version: v}, "x", false, Dot{fmt.Sprintf("%s.e%03d", side, i), int64(i)}, w(v)).Version
	}
	return v
}

func count(v Vector, side string) (n int) {
	for _, d := range v.Dots() {
		if strings.HasPrefix(d.Key, side+".") {
			n++
		}
	}
	return n
}

func TestVersionsStaySmall(t *testing.T) {
	settled := func(Vector) Writer { return Writer{Links: []Link{{State: OK}}} }
	v := epochs(Vector{}, "a", 1, headsFrom, settled)
	require.Nil(t, v.Heads(), "an ordinary version looks as it always did")
	require.Len(t, v.Dots(), headsFrom)
	v = epochs(v, "a", headsFrom+1, 400, settled)
	require.Equal(t, []string{"a.e400"}, v.Heads())
	require.LessOrEqual(t, count(v, "a"), keepOwn+1, "what every peer has acknowledged goes")

	// A peer that has acknowledged none of it needs all of it, up to the limit of the wire.
	agreed := mustParse(t, "a.e001:1")
	away := func(Vector) Writer { return Writer{Links: []Link{{State: Upd, Agreed: agreed}}} }
	v = epochs(agreed, "a", 2, sideMax, away)
	require.Equal(t, sideMax, count(v, "a"))
	require.Equal(t, Newer, v.Compare(agreed))
	v = epochs(v, "a", sideMax+1, 400, away)
	require.Equal(t, sideMax, count(v, "a"))
	require.Equal(t, Newer, v.Compare(agreed), "what the peer is known to have goes last")

	// Nor do other sides grow without end, and strangers go.
	w := Writer{Sides: []string{"a", "b"}, Links: []Link{{State: OK}}}
	poisoned := epochs(mustParse(t, "c.1:1,c.2:1"), "b", 1, 400, func(Vector) Writer { return Writer{limits: limits{500, 500, 500}} })
	require.Equal(t, 400, count(poisoned, "b"))
	healed := Written(Head{Version: poisoned}, "x", false, Dot{"a.1", 1}, w).Version
	require.Equal(t, sideMax, count(healed, "b"))
	require.Zero(t, count(healed, "c"))
	require.Equal(t, []string{"a.1"}, healed.Heads())
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
			lim := limits{rapid.IntRange(0, 2).Draw(t, "heads"), rapid.IntRange(1, 3).Draw(t, "own"), rapid.IntRange(1, 4).Draw(t, "most")}
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
				now[s] = known{base.Join(now[other].Vector), union(base.seen, now[other].seen)}
			default:
				if do == "resolve" {
					base = known{base.Join(now[other].Vector), union(base.seen, now[other].seen)}
				}
				writes++
				number[s]++
				stamp := Dot{fmt.Sprintf("%c.%d", "abc"[s], epoch[s]), int64(number[s])}
				now[s] = known{Writer{limits: lim}.write(base.Vector, base.Vector, stamp), union(base.seen, map[int]bool{writes: true})}
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
