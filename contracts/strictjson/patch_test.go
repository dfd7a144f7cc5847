package strictjson_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// TestMergePatch takes the examples of RFC 7396, appendix A, whose patch is an object.
func TestMergePatch(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `{"a":"b"}`, `{"a":"b"}`},
		{`{"e":1}`, `{"a":1}`, `{"a":1,"e":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":9007199254740993}`, `{"b":1}`, `{"a":9007199254740993,"b":1}`}, // stays exact
	} {
		got, err := strictjson.MergePatch([]byte(c[0]), []byte(c[1]))
		require.NoError(t, err)
		require.Equal(t, c[2], string(got), c[1])
	}
}

func TestMergePatchRefuses(t *testing.T) {
	for patch, detail := range map[string]string{
		``:                           "must not be empty",
		`[]`:                         "must be an object",
		`null`:                       "must be an object",
		`{"a":1}x`:                   "must be one JSON value with nothing after it",
		`{"a":1,"a":2}`:              "appears twice",
		`{"a":{"b":1,"b":2}}`:        "appears twice",
		"{\"a\":\"\xff\"}":           "is not valid UTF-8",
		strings.Repeat(`{"a":`, 100): "is nested deeper than 32 levels",
	} {
		_, err := strictjson.MergePatch([]byte(`{}`), []byte(patch))
		require.Equal(t, detail, problemOf(t, err).Errors[0].Detail, patch)
	}
}
