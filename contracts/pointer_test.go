package contracts_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestPointers: the examples of RFC 6901, section 5.
func TestPointers(t *testing.T) {
	var document any
	require.NoError(t, json.Unmarshal([]byte(`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`), &document))
	require.Equal(t, document, contracts.ValueAt(document, ""))
	for pointer, want := range map[string]any{
		"/foo": []any{"bar", "baz"}, "/foo/0": "bar", "/": 0.0, "/a~1b": 1.0, "/c%d": 2.0, "/e^f": 3.0, "/g|h": 4.0,
		"/i\\j": 5.0, "/k\"l": 6.0, "/ ": 7.0, "/m~0n": 8.0,
		"/none": nil, "/foo/2": nil, "/foo/-1": nil, "/foo/x": nil, "/foo/0/deeper": nil,
	} {
		require.Equal(t, want, contracts.ValueAt(document, pointer), pointer)
	}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.String().Draw(r, "name")
		require.Equal(r, []string{"x", name}, contracts.PointerTokens("/x/"+contracts.PointerToken(name)))
	})
}
