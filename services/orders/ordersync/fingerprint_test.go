package ordersync

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// These are on the wire and in databases: they never change under the prefix fp1. They were computed
// by another program from the description of the encoding.
func TestFingerprintsStay(t *testing.T) {
	golden := []struct {
		write func(*Fingerprinter)
		want  string
	}{
		{func(*Fingerprinter) {}, "fp1:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{func(f *Fingerprinter) { f.String("deleted") }, "fp1:aa49fd02c41e886686c71ffc2e0a82480adbd77bc0aab99e71ead0866d0c90a3"},
		{func(f *Fingerprinter) {
			f.String("")
			f.String("zażółć")
			f.String(strings.Repeat("x", 200))
			f.Int(-1)
			f.Int(math.MaxInt64)
		}, "fp1:4bce5f7008b99f2e30cfd77ce8bd465a377ad4657fca11bcccc8f321328e69a7"},
		{func(f *Fingerprinter) { f.Bool(true); f.Bool(false); f.Time(time.Time{}); f.Time(time.UnixMicro(1)) }, "fp1:3f88ddc0f035499056c12a836b543f7f4f1921ba40246d738c0193b04b8e801b"},
		{func(f *Fingerprinter) { f.Set([]string{"b", "a"}); f.Map(map[string]string{"k": "v", "j": ""}) }, "fp1:0b2332825ef248983c9e5b1861c43fa48b8bce8e873c82c881e855681a4e81db"},
	}
	for i, g := range golden {
		f := NewFingerprinter()
		g.write(f)
		require.Equal(t, g.want, f.Sum(), "%d", i)
	}
	require.Equal(t, golden[1].want, Tombstone)
}

// field is one field of some content, as a type and a value.
type field struct {
	kind byte
	text string
	n    int64
	set  []string
	m    map[string]string
}

func (f field) write(to *Fingerprinter) {
	switch f.kind {
	case 's':
		to.String(f.text)
	case 'i':
		to.Int(f.n)
	case 'b':
		to.Bool(f.n%2 == 1)
	case 't':
		to.Time(time.UnixMicro(f.n))
	case 'S':
		to.Set(f.set)
	case 'm':
		to.Map(f.m)
	}
}

func (f field) same(g field) bool {
	return f.text == g.text && f.n == g.n && slices.Equal(f.set, g.set) && maps.Equal(f.m, g.m)
}

// fields draws values for a sequence of types; texts are short and alike, so that boundaries could
// be mistaken.
func fields(t *rapid.T, kinds []byte, label string) (out []field) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00\x01\x02")), 0, 4, -1)
	for i, kind := range kinds {
		label := fmt.Sprintf("%s%d", label, i)
		f := field{kind: kind}
		switch kind {
		case 's':
			f.text = text.Draw(t, label)
		case 'b':
			f.n = rapid.Int64Range(0, 1).Draw(t, label)
		case 'S':
			f.set = rapid.SliceOfN(text, 0, 3).Draw(t, label)
			slices.Sort(f.set)
		case 'm':
			f.m = rapid.MapOfN(text, text, 0, 3).Draw(t, label)
		default:
			f.n = rapid.Int64Range(-2, 2).Draw(t, label)
		}
		out = append(out, f)
	}
	return out
}

func sum(all []field) string {
	f := NewFingerprinter()
	for _, x := range all {
		x.write(f)
	}
	return f.Sum()
}

// Two contents of one contract have the same fields in the same order, so what must differ is any
// two lists of values of the same types.
func TestFingerprintTellsContentsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]byte("sibtSm")), 1, 5).Draw(t, "kinds")
		x, y := fields(t, kinds, "x"), fields(t, kinds, "y")
		require.Equal(t, slices.EqualFunc(x, y, field.same), sum(x) == sum(y), "%v %v", x, y)
		require.Equal(t, sum(x), sum(x))
	})
}

func TestOrderOfSetsAndMapsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOf(rapid.String()).Draw(t, "set")
		shuffled := rapid.Permutation(set).Draw(t, "shuffled")
		given := slices.Clone(shuffled)
		require.Equal(t, sum([]field{{kind: 'S', set: set}}), sum([]field{{kind: 'S', set: shuffled}}))
		require.Equal(t, given, shuffled, "what was given is not sorted in place")
		m := map[string]string{}
		for i, s := range shuffled {
			m[s] = fmt.Sprint(i)
		}
		n := map[string]string{}
		for k := len(shuffled) - 1; k >= 0; k-- {
			n[shuffled[k]] = m[shuffled[k]]
		}
		require.Equal(t, sum([]field{{kind: 'm', m: m}}), sum([]field{{kind: 'm', m: n}}))
	})
}

func TestFingerprintOfTimes(t *testing.T) {
	at := time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.UTC)
	of := func(at time.Time) string {
		f := NewFingerprinter()
		f.Time(at)
		return f.Sum()
	}
	require.Equal(t, of(at), of(at.In(time.FixedZone("", 7200))), "the zone does not matter")
	require.Equal(t, of(at), of(at.Truncate(time.Microsecond)), "nor what the database would cut off")
	require.NotEqual(t, of(at), of(at.Add(time.Microsecond)))
	require.NotEqual(t, of(time.Time{}), of(time.Unix(0, 0)), "absent is not 1970")
}

func TestLargeContent(t *testing.T) {
	large := string(bytes.Repeat([]byte("x"), 1<<20))
	require.NotEqual(t, sum([]field{{kind: 's', text: large}}), sum([]field{{kind: 's', text: large + "x"}}))
}
