package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShownValuesLookDifferent(t *testing.T) {
	long := strings.Repeat("a", 60)
	for name, c := range map[string]struct{ values, want []string }{
		"short":            {[]string{"-", "x", "y"}, []string{"-", "x", "y"}},
		"a no-break space": {[]string{"a b", "a b", "a\u00a0b"}, []string{"a‹U+0020›b", "a‹U+0020›b", "a‹U+00A0›b"}},
		"far behind":       {[]string{long + "1", long + "1", long + "2"}, []string{"…" + long[:10] + "1", "…" + long[:10] + "1", "…" + long[:10] + "2"}},
		"one is longer":    {[]string{"-", long, long + "2"}, []string{"-", "…" + long[:10], "…" + long[:10] + "2"}},
		"two are the same": {[]string{long, long, "b"}, []string{long[:39] + "…", long[:39] + "…", "b"}},
		"differ at once":   {[]string{"-", "b" + long, "c" + long}, []string{"-", "b" + long[:38] + "…", "c" + long[:38] + "…"}},
	} {
		require.Equal(t, c.want, shown(c.values...), name)
	}
}
