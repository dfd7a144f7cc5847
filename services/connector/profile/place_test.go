package profile

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatIsReadWithoutJQ: the short ways give what jq gives.
func TestWhatIsReadWithoutJQ(t *testing.T) {
	doc := map[string]any{"id": json.Number("7"), "name": "Anna", "list": []any{map[string]any{"a": "first"}}, "none": nil}
	for text, short := range map[string]bool{
		"true": true, "false": true, `"a text"`: true, ".id": true, ".list[0].a": true, ".none.more": true,
		`"#\(.id)"`: false, "false or true": false, `"a" + .name`: false, `"abc" | .[1:]`: false, "true | not": false, `"abc"[1:]`: false,
		"def f: false; f": false, "null": false, ".list[].a": false,
	} {
		e, err := Compile(text)
		require.NoError(t, err, text)
		require.Equal(t, short, e.path != nil || e.literal != nil, text)
		got, err := e.values(doc)
		require.NoError(t, err, text)
		want, err := (&Expression{code: e.code}).values(doc)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}
