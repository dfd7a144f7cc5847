package strictjson_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// FuzzDecodeOrder: what is taken is JSON to everybody else too, and comes back from Encode unchanged.
func FuzzDecodeOrder(f *testing.F) {
	batch, _ := typicalBatch(f)
	seed, err := strictjson.Encode(batch.Entries[0].Order)
	require.NoError(f, err)
	f.Add(seed)
	for _, s := range []string{
		`{}`, `null`, `[]`, ``, `{"lines":[{"totalMinor":0}],"totals":{"totalMinor":-0}}`,
		`{"placedAt":"0000-01-01T00:00:00Z","cancelledAt":"9999-12-31T23:59:59.999999999+23:59"}`,
		`{"metadata":{"a\u0000":"\ud83d\ude00"},"tags":[]}`, `{"orderNumber":"1","orderNumber":"2"}`,
		`{"customer":{"email":null}}`, "{\"source\":\"\xff\"}", `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var o contracts.Order
		if err := strictjson.Decode(data, &o); err != nil {
			require.Equal(t, 400, problemOf(t, err).Status)
			require.NotEmpty(t, problemOf(t, err).Errors)
			return
		}
		require.True(t, json.Valid(data))
		first, err := strictjson.Encode(&o)
		if err != nil {
			return // a time whose zone carries it out of the years that JSON can tell
		}
		var again contracts.Order
		require.NoError(t, strictjson.Decode(first, &again))
		second, err := strictjson.Encode(&again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

// FuzzDecodeBatch: a batch that Decode takes whole, DecodeBatch takes too, entry by entry and with the
// same result; and what DecodeBatch takes, Decode refuses only for its entries.
func FuzzDecodeBatch(f *testing.F) {
	batch, _ := typicalBatch(f)
	batch.Entries = batch.Entries[:2]
	seed, err := strictjson.Encode(batch)
	require.NoError(f, err)
	f.Add(seed)
	for _, s := range []string{
		`{"side":"a","entries":[]}`, ` { "entries" : [ 1 , null , "]" , {"a":1,"a":2} ] , "side" : "\u0061" } `,
		`{"side":"a","side":"b","entries":[]}`, `{"side":"a","entries":[],"seen":{"b.x":1}}`, `{"seen":{"b.x":1,"b.x":2},"side":"a","entries":[]}`, `{"seen":{"b.x":null},"side":"a","entries":[]}`,
		`{"side":"a","entries":[{]}}`, `{"side":"a","entries":[]}x`,
		`{"side":"a","entries":[{"version":{"a.1":1,"a.1":2}}]}`, `[`, `{"entries":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole contracts.Batch
		wholeErr := strictjson.Decode(data, &whole)
		batch, err := strictjson.DecodeBatch(data, contracts.BatchEntriesMax)
		if err != nil {
			require.NotEmpty(t, problemOf(t, err).Errors)
			if wholeErr == nil { // Decode does not ask for what must be there, nor count
				require.True(t, whole.Side == "" || whole.Entries == nil || len(whole.Entries) > contracts.BatchEntriesMax)
			}
			return
		}
		entries := make([]contracts.Entry, len(batch.Entries))
		var entryErr error
		for i, raw := range batch.Entries {
			if err := strictjson.Decode(raw, &entries[i]); err != nil {
				entryErr = err
			}
		}
		require.Equal(t, wholeErr == nil, entryErr == nil, "whole: %v, by entry: %v", wholeErr, entryErr)
		if wholeErr == nil {
			require.Equal(t, whole, contracts.Batch{Side: batch.Side, Entries: entries, Seen: batch.Seen})
		}
	})
}
