package profile

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDocumentationHasEveryKey holds the tables of docs/connectors.md equal to what is read.
func TestTheDocumentationHasEveryKey(t *testing.T) {
	data, err := os.ReadFile("../../../docs/connectors.md")
	require.NoError(t, err)
	for heading, v := range map[string]any{
		"a profile": file{}, "a field": field{}, "an entry": entry{}, "a transition": transition{}, "the lines": linesSpec{}, "a list": list{},
	} {
		require.ElementsMatch(t, keysOfType(reflect.TypeOf(v)), documented(t, string(data), heading), heading)
	}
	require.ElementsMatch(t, nestedKeys(reflect.TypeOf(REST{}), ""), documented(t, string(data), "rest"))
	for name := range layouts {
		require.Contains(t, string(data), name)
	}
	for _, names := range kinds {
		for _, name := range names {
			require.Contains(t, string(data), "`"+name+"`")
		}
	}
}

// documented are the keys in the first column of the table below a heading.
func documented(t *testing.T, page, heading string) (keys []string) {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n### Keys of "+heading+"\n")
	require.True(t, ok, heading)
	rest, _, _ = strings.Cut(rest, "\n#")
	for row := range strings.SplitSeq(rest, "\n") {
		if column, found := strings.CutPrefix(row, "| `"); found {
			column, _, _ = strings.Cut("`"+column, " |")
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(column, -1) {
				keys = append(keys, m[1])
			}
		}
	}
	return keys
}

func keysOfType(v reflect.Type) (keys []string) {
	for f := range fields(v) {
		keys = append(keys, f.name)
	}
	return keys
}

// nestedKeys are keys with those of the objects below them.
func nestedKeys(v reflect.Type, prefix string) (keys []string) {
	for f := range fields(v) {
		at, name := f.t, prefix+f.name
		if at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		if at.Kind() == reflect.Map && at.Elem().Kind() == reflect.Struct {
			at, name = at.Elem(), name+".NAME"
		}
		if at.Kind() == reflect.Struct {
			keys = append(keys, nestedKeys(at, name+".")...)
		} else {
			keys = append(keys, name)
		}
	}
	return keys
}

type key struct {
	name string
	t    reflect.Type
}

func fields(v reflect.Type) func(func(key) bool) {
	var all []key
	for i := range v.NumField() {
		f := v.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if option == "inline" {
			for inner := range fields(f.Type) {
				all = append(all, inner)
			}
			continue
		}
		all = append(all, key{name, f.Type})
	}
	return slices.Values(all)
}
