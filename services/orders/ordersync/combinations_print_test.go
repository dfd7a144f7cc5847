package ordersync

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const combinationsHelp = `What comes out for every state here, relation of the version that came, and state that came.
ERROR! names our present version as the one that is refused. After the states that came stand the
variants, a dot for any: content the same (s), different (d), deleted there and not here (x); in a
request (q), in an answer to our version (a), to an older one (o); accepted here (+) or refused (-).
Then the state that follows, and: take: theirs is taken over; join: the versions are joined; keep: theirs
is kept beside ours; drop: what was kept is not any more; sync: to be synced; due: the peer must be told
from now on; told: need not be any more; hint: by a new hint; and in brackets the row of the table or the
extension that decided.
`

// together prints names that have the same text once.
func together(names []string, text func(string) string) string {
	var b strings.Builder
	named := map[string][]string{}
	var order []string
	for _, n := range names {
		t := text(n)
		if named[t] == nil {
			order = append(order, t)
		}
		named[t] = append(named[t], n)
	}
	for _, t := range order {
		if t != "" {
			b.WriteString(strings.Join(named[t], "; ") + "\n" + t)
		}
	}
	return b.String()
}

// groups prints states that come to the same ends together.
func groups(byState map[string]map[variant]string) string {
	text := together(receivable, func(received string) string { return patterns(byState[received]) })
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// patterns prints the outcomes, each with few patterns that cover its variants and no others.
func patterns(outcomes map[variant]string) string {
	var texts []string
	for _, text := range outcomes {
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "    %-8s %s\n", strings.Join(cover(outcomes, text), " "), text)
	}
	return b.String()
}

func cover(outcomes map[variant]string, text string) (out []string) {
	covered := map[variant]bool{}
	for dots := 3; dots >= 0; dots-- {
		for _, c := range []byte("." + contents) {
			for _, w := range []byte("." + ways) {
				for _, a := range []byte("." + acceptances) {
					p := variant{c, w, a}
					if strings.Count(p.text(), ".") == dots && p.covers(outcomes, text, covered) {
						out = append(out, p.text())
					}
				}
			}
		}
	}
	return out
}

func (v variant) text() string { return string([]byte{v.content, v.by, v.accepted}) }

// covers tells that a pattern fits to that outcome alone, and to a variant not covered yet.
func (v variant) covers(outcomes map[variant]string, text string, covered map[variant]bool) bool {
	var news []variant
	for o, got := range outcomes {
		if (v.content == '.' || v.content == o.content) && (v.by == '.' || v.by == o.by) && (v.accepted == '.' || v.accepted == o.accepted) {
			if got != text {
				return false
			}
			if !covered[o] {
				news = append(news, o)
			}
		}
	}
	for _, o := range news {
		covered[o] = true
	}
	return len(news) > 0
}

// golden compares a text with a file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is meant, run the test with -update and read the difference")
}
