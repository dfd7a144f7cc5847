// Package visible makes texts that are different look different, on pages and in terminals: those that differ
// in blanks, in how Unicode composes letters, in characters that nobody sees, or in letters of another alphabet
// that look the same.
package visible

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Apart returns the texts as they are unless two that differ look alike. Then the code points in which they
// differ are marked in all of them: a no-break space becomes ‹U+00A0›.
func Apart(texts ...string) []string {
	if !alike(texts) {
		return texts
	}
	runes := make([][]rune, len(texts))
	for i, t := range texts {
		runes[i] = []rune(t)
	}
	before, after := common(runes)
	out := make([]string, len(texts))
	for i, r := range runes {
		end := len(r) - after
		out[i] = string(r[:before]) + marked(r[before:end]) + string(r[end:])
	}
	return out
}

// alike reports whether two of the texts differ and look the same.
func alike(texts []string) bool {
	seen := map[string]string{}
	for _, t := range texts {
		look := looks(t)
		if other, known := seen[look]; known && other != t {
			return true
		}
		seen[look] = t
	}
	return false
}

// looks returns the same for texts that look the same.
func looks(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		if as, ok := twins[r]; ok {
			return as
		}
		return r
	}, norm.NFC.String(s))
	return strings.Join(strings.Fields(s), " ") // a page shows several blanks as one
}

// twins are characters that look like others.
var twins = func() map[rune]rune {
	out := map[rune]rune{}
	for as, like := range map[string]string{
		"ABEKMHOPCTXaeopcyxisj": "АВЕКМНОРСТХаеорсухіѕј", // Cyrillic
		"ABEZHIKMNOPTYXov":      "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον",      // Greek
		"-----":                 "‐‑‒–−",
		"''\"\"":                "‘’“”",
	} {
		to := []rune(as)
		for i, r := range []rune(like) {
			out[r] = to[i]
		}
	}
	return out
}()

// common counts the characters that all texts begin with, and of the rest those that all end with.
func common(texts [][]rune) (before, after int) {
	shortest := len(slices.MinFunc(texts, func(x, y []rune) int { return len(x) - len(y) }))
	same := func(at func([]rune) rune) bool {
		return !slices.ContainsFunc(texts, func(t []rune) bool { return at(t) != at(texts[0]) })
	}
	for before < shortest && same(func(t []rune) rune { return t[before] }) {
		before++
	}
	for after < shortest-before && same(func(t []rune) rune { return t[len(t)-1-after] }) {
		after++
	}
	return before, after
}

// marked writes the code point of whatever may look like something else or like nothing.
func marked(text []rune) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) {
			b.WriteRune(r)
		}
		if r <= ' ' || r > '~' {
			fmt.Fprintf(&b, "‹U+%04X›", r)
		}
	}
	return b.String()
}
