package ordersync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// twin is a version the naive way.
type twin map[string]int64

func (t twin) join(o twin) twin {
	out := maps.Clone(t)
	for k, n := range o {
		out[k] = max(out[k], n)
	}
	return out
}

func (t twin) compare(o twin) Relation {
	more, less := false, false
	for k := range t.join(o) {
		more = more || t[k] > o[k]
		less = less || t[k] < o[k]
	}
	switch {
	case more && less:
		return Concurrent
	case more:
		return Newer
	case less:
		return Older
	default:
		return Equal
	}
}

func (t twin) vector() Vector {
	var v Vector
	for k, n := range t {
		v = v.With(Dot{k, n})
	}
	return v
}

func twinOf(v Vector) twin {
	t := twin{}
	for _, d := range v.Dots() {
		t[d.Key] = d.N
	}
	return t
}

// inverse is how the second stands to the first.
var inverse = map[Relation]Relation{Equal: Equal, Newer: Older, Older: Newer, Concurrent: Concurrent}

// tinyTwins are all versions of three keys with numbers up to two.
func tinyTwins() (all []twin) {
	for n := range 27 {
		t := twin{}
		for i, k := range []string{"a.1", "a.2", "b"} {
			if d := n / [...]int{1, 3, 9}[i] % 3; d > 0 {
				t[k] = int64(d)
			}
		}
		all = append(all, t)
	}
	return all
}

// checkPair holds what is true of any two versions.
func checkPair(t require.TestingT, x, y twin) {
	v, w := x.vector(), y.vector()
	before := v.String() + " " + w.String()
	joined := v.Join(w)
	require.Equal(t, x.compare(y), v.Compare(w), before)
	require.Equal(t, inverse[v.Compare(w)], w.Compare(v), before)
	require.Equal(t, v.Compare(w) == Equal, v.String() == w.String(), before)
	require.Equal(t, x.join(y), twinOf(joined), before)
	require.Equal(t, joined, w.Join(v), "commutes: %s", before)
	require.Equal(t, v.String(), v.Join(v).String(), "a repeat changes nothing")
	require.Contains(t, []Relation{Equal, Newer}, joined.Compare(v))
	require.Contains(t, []Relation{Equal, Newer}, joined.Compare(w))
	require.Equal(t, before, v.String()+" "+w.String(), "operands are never changed")

	common := false
	for k := range x {
		common = common || y[k] > 0
	}
	require.Equal(t, common, v.hasCommonHistory(w), before)
}

func TestEveryTinyVector(t *testing.T) {
	all := tinyTwins()
	for _, x := range all {
		checkText(t, x.vector())
		for _, y := range all {
			checkPair(t, x, y)
			for _, z := range all {
				v, w, u := x.vector(), y.vector(), z.vector()
				require.True(t, v.Join(w).Join(u).Compare(v.Join(w.Join(u))) == Equal, "associates: %v %v %v", v, w, u)
				if v.Compare(w) == Newer && w.Compare(u) == Newer {
					require.Equal(t, Newer, v.Compare(u), "%v %v %v", v, w, u)
				}
			}
		}
	}
}

func drawTwin(t *rapid.T, label string) twin {
	key := rapid.SampledFrom([]string{"a.7kq2mz", "a.7kq2m", "a", "b.x81mqq", "b.zzz", "c.1", "é.1"})
	return rapid.MapOf(key, rapid.Int64Range(1, 1<<62)).Draw(t, label)
}

func TestVectorLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawTwin(t, "x"), drawTwin(t, "y")
		checkPair(t, x, y)
		checkText(t, x.vector())
		if len(x) > 0 { // half of the pairs of any two are concurrent; these are near to each other
			y = maps.Clone(x)
			y[rapid.SampledFrom(slices.Sorted(maps.Keys(x))).Draw(t, "key")] += rapid.Int64Range(0, 2).Draw(t, "more")
			checkPair(t, x, y)
		}
	})
}

func checkText(t require.TestingT, v Vector) {
	got, err := ParseVector(v.String())
	require.NoError(t, err)
	require.Equal(t, v.String(), got.String())
	require.Equal(t, Equal, v.Compare(got))
	require.Equal(t, v.IsZero(), v.String() == "")
	made, err := NewVector(v.Dots()...)
	require.NoError(t, err)
	require.Equal(t, Equal, v.Compare(made))
}

func TestWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawTwin(t, "x")
		v := x.vector()
		before := v.String()
		d := Dot{rapid.SampledFrom([]string{"a", "b.x81mqq"}).Draw(t, "key"), rapid.Int64Range(1, 1<<62).Draw(t, "n")}
		require.Equal(t, x.join(twin{d.Key: d.N}), twinOf(v.With(d)))
		require.Equal(t, before, v.String())
	})
}

// Vectors share nothing: growing one copy must not be seen in another.
func TestWithout(t *testing.T) {
	for text, want := range map[string]string{
		"a.x:3,b.x:2":               "b.x:2",
		"a.x:4,b.x:2":               "a.x:4,b.x:2",
		"a.x:3":                     "",
		"a.x:3!,b.x:2,b.y:1":        "b.x:2,b.y:1",
		"a.x:3!,b.x:2!,b.y:1":       "b.x:2!,b.y:1",
		"a.x:3,b.x:2!,b.y:1,c.z:9!": "b.x:2!,b.y:1,c.z:9!",
	} {
		v, err := ParseVector(text)
		require.NoError(t, err)
		require.Equal(t, want, v.Without([]Dot{{"a.x", 3}, {"d.x", 1}}).String(), text)
		require.Equal(t, text, v.String(), "it is not changed in place")
	}
}

func TestVectorsDoNotAlias(t *testing.T) {
	dots := []Dot{{"b", 2}, {"a", 1}}
	v, err := NewVector(dots...)
	require.NoError(t, err)
	require.Equal(t, []Dot{{"b", 2}, {"a", 1}}, dots, "what was given is not sorted in place")
	dots[0].N = 9
	require.Equal(t, "a:1,b:2", v.String())

	x, y := v.With(Dot{"c", 3}), v.With(Dot{"d", 4})
	require.Equal(t, "a:1,b:2 a:1,b:2,c:3 a:1,b:2,d:4", fmt.Sprint(v, x, y))
	joined := v.Join(Vector{})
	joined.Dots()[0].N = 7 // which nobody may do; but it stays where it is done
	require.Equal(t, "a:1,b:2", v.String())
}

func TestZeroVector(t *testing.T) {
	var zero Vector
	require.True(t, zero.IsZero())
	require.Equal(t, Equal, zero.Compare(Vector{}))
	require.Equal(t, Older, zero.Compare(vector("a:1")))
	require.Equal(t, "a:1", zero.With(Dot{"a", 1}).String())
	require.Equal(t, Equal, zero.Join(zero).Compare(zero))
}

func TestParseVectorRefuses(t *testing.T) {
	for _, text := range []string{
		"a", "a:", "a:x", "a:0", "a:-1", "a:1,", ",a:1", "a:1,a:2", ":1", "a:1 ,b", "a:9223372036854775808", "a:1,,b:2",
	} {
		_, err := ParseVector(text)
		require.ErrorContains(t, err, "version: ", text)
	}
	got, err := ParseVector("b:2,a:1")
	require.NoError(t, err)
	require.Equal(t, "a:1,b:2", got.String(), "the canonical text is sorted")
}

func TestNewVectorRefuses(t *testing.T) {
	for _, dots := range [][]Dot{{{"a", 0}}, {{"a", -1}}, {{"", 1}}, {{"a", 1}, {"b", 1}, {"a", 1}}} {
		_, err := NewVector(dots...)
		require.Error(t, err)
		require.True(t, strings.HasPrefix(err.Error(), "version: "))
	}
}

// Meet is what both have: the greatest version that both are newer than, or equal to.
func TestMeet(t *testing.T) {
	for _, v := range versions() {
		for _, w := range versions() {
			m := v.Meet(w)
			require.Equal(t, m, w.Meet(v))
			require.True(t, within(m, v) && within(m, w), "%v and %v have %v", v, w, m)
			for _, x := range versions() {
				require.Equal(t, within(x, v) && within(x, w), within(x, m), "%v is in %v and %v", x, v, w)
			}
		}
	}
	require.True(t, vector("a:1").Meet(vector("b:1")).IsZero())
}
