package visible

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestApart(t *testing.T) {
	for name, c := range map[string]struct{ texts, want []string }{
		"differ plainly":           {[]string{"Ada", "Bob"}, []string{"Ada", "Bob"}},
		"the same":                 {[]string{"Ada Özdemir", "Ada Özdemir"}, []string{"Ada Özdemir", "Ada Özdemir"}},
		"differ in case":           {[]string{"ada", "Ada"}, []string{"ada", "Ada"}},
		"no-break space":           {[]string{"Ada Sommer", "Ada\u00a0Sommer"}, []string{"Ada‹U+0020›Sommer", "Ada‹U+00A0›Sommer"}},
		"composed or not":          {[]string{"caf\u00e9 au lait", "cafe\u0301 au lait"}, []string{"caf\u00e9‹U+00E9› au lait", "cafe‹U+0301› au lait"}},
		"a blank at the end":       {[]string{"Ada", "Ada "}, []string{"Ada", "Ada‹U+0020›"}},
		"two blanks":               {[]string{"a b", "a  b"}, []string{"a b", "a ‹U+0020›b"}},
		"a line feed":              {[]string{"a b", "a\nb"}, []string{"a‹U+0020›b", "a‹U+000A›b"}},
		"nobody sees it":           {[]string{"Ada", "A\u200bda"}, []string{"Ada", "A‹U+200B›da"}},
		"right to left":            {[]string{"Ada", "Ada\u202e"}, []string{"Ada", "Ada‹U+202E›"}},
		"another alphabet":         {[]string{"Anna", "\u0410nna"}, []string{"Anna", "\u0410‹U+0410›nna"}},
		"two of the same letter":   {[]string{"\u00c5", "\u212b"}, []string{"\u00c5‹U+00C5›", "\u212b‹U+212B›"}},
		"a third one beside":       {[]string{"x", "a b", "a\u00a0b"}, []string{"x", "a‹U+0020›b", "a‹U+00A0›b"}},
		"nothing and nothing seen": {[]string{"", " "}, []string{"", "‹U+0020›"}},
	} {
		require.Equal(t, c.want, Apart(c.texts...), name)
	}
}

// TestWhatDiffersLooksDifferent: whatever two texts are, if they differ they do not look alike afterwards.
func TestWhatDiffersLooksDifferent(t *testing.T) {
	texts := rapid.StringOfN(rapid.RuneFrom([]rune("ae  \u00a0\u2009\n\t\u0301\u00e9\u200b\u00ad\ufe0f\u0430\u0435-\u2011\u2013\u202eÅ\u212b")), 0, 6, -1)
	rapid.Check(t, func(r *rapid.T) {
		x, y := texts.Draw(r, "x"), texts.Draw(r, "y")
		out := Apart(x, y)
		require.Equal(r, x == y, looks(out[0]) == looks(out[1]), "%q %q -> %q", x, y, out)
	})
}
