package strictjson_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func TestLines(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	frame := contracts.LookupResult{Side: "a", Entries: []contracts.Entry{}, Deferred: []string{"x"}}
	var heads [][]byte
	// What looks like a content's beginning, or like another line, is only that within a string.
	for _, reason := range []string{"", `","order":{`, "two\nlines", `},{"entries":[`} {
		e := contracts.Entry{ItemID: "1", State: "ERROR", Version: contracts.Version{"a.x": 1}, UpdatedAt: at, Refused: &contracts.Refusal{Version: contracts.Version{}, Reason: reason}}
		head, err := strictjson.Encode(e)
		require.NoError(t, err)
		heads = append(heads, head)
	}
	orders := [][]byte{[]byte(`{"id":"1","customerNote":"a,\"order\":b"}`), nil, []byte("{\n \"id\": \"3\"\n}"), []byte(`{"id":"4"}`)}
	data, err := strictjson.EncodeLines(frame, heads, orders)
	require.NoError(t, err)

	around, entries, ok := strictjson.SplitLines(data)
	require.True(t, ok)
	require.JSONEq(t, `{"side":"a","entries":[],"deferred":["x"]}`, string(around))
	require.Len(t, entries, len(heads))
	for i, e := range entries {
		require.Equal(t, string(heads[i]), string(strictjson.AppendHead(nil, e)))
	}
	require.Equal(t, string(orders[0]), string(strictjson.OrderOf(entries[0])), "byte for byte")
	require.Nil(t, strictjson.OrderOf(entries[1]))
	require.JSONEq(t, `{"id":"3"}`, string(strictjson.OrderOf(entries[2])))

	var whole contracts.LookupResult
	require.NoError(t, strictjson.Decode(data, &whole), "and it is JSON like any other")
	require.Len(t, whole.Entries, len(heads))
	require.Equal(t, `a,"order":b`, whole.Entries[0].Order.CustomerNote)
	require.Equal(t, "two\nlines", whole.Entries[2].Refused.Reason)

	empty, err := strictjson.EncodeLines(contracts.LookupResult{Side: "a", Entries: []contracts.Entry{}}, nil, nil)
	require.NoError(t, err)
	around, entries, ok = strictjson.SplitLines(empty)
	require.True(t, ok)
	require.Empty(t, entries)
	require.JSONEq(t, `{"side":"a","entries":[]}`, string(around))

	_, err = strictjson.EncodeLines(contracts.Batch{Side: "a", Entries: []contracts.Entry{{}}}, nil, nil)
	require.Error(t, err, "no list to fill")
}

func TestSplitLinesLeavesOtherFormsAlone(t *testing.T) {
	for name, data := range map[string]string{
		"on one line":          `{"side":"a","entries":[{"itemId":"1"}]}`,
		"indented":             "{\n  \"side\": \"a\",\n  \"entries\": [\n    {}\n  ]\n}",
		"no comma between":     "{\"entries\":[\n{}\n{}\n]}",
		"a comma at the end":   "{\"entries\":[\n{},\n{},\n]}",
		"an entry on two":      "{\"entries\":[\n{\"a\":1,\n\"b\":2}\n]}",
		"another list":         "{\"list\":[\n{}\n]}",
		"the end on its line":  "{\"entries\":[\n{}]}",
		"nothing":              "",
		"cut off":              "{\"entries\":[\n{},\n{\"itemId\"",
		"more after the list":  "{\"entries\":[\n{}\n]}\n",
		"entries in a line":    "{\"entries\":[{},\n{}\n]}",
		"no end of the object": "{\"entries\":[\n{}\n",
	} {
		_, _, ok := strictjson.SplitLines([]byte(data))
		require.False(t, ok, name)
	}
}
