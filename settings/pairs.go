package settings

import (
	"fmt"
	"strings"
)

// Pair is a name with its value, of a setting that holds several.
type Pair struct{ Name, Value string }

// Pairs reads names with values, separated by blanks or line ends: "b=https://b c=https://c". No error repeats a value,
// which may be a secret.
func Pairs(text string) ([]Pair, error) {
	var out []Pair
	named := map[string]bool{}
	for i, word := range strings.Fields(text) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("must be pairs NAME=VALUE, separated by blanks; pair %d is none", i+1)
		}
		if named[name] {
			return nil, fmt.Errorf("must name %s once", name)
		}
		named[name] = true
		out = append(out, Pair{name, value})
	}
	return out, nil
}
