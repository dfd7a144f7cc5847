package bridge

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func jsonNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func TestHeadHasAllFieldsOfTheContract(t *testing.T) {
	require.Equal(t, jsonNames(reflect.TypeFor[contracts.Entry]()), jsonNames(reflect.TypeFor[head]()))
	require.Equal(t, jsonNames(reflect.TypeFor[contracts.LookupResult]()), jsonNames(reflect.TypeFor[lookupResult]()))
}

func TestSameVersion(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a.e1":1}`, `{"a.e1":1}`, true},
		{`{"a.e1":1,"b.e1":2}`, `{ "b.e1": 2, "a.e1": 1 }`, true},
		{`{"a.e1":1}`, `{"a.e1":2}`, false},
		{`{"a.e1":1}`, `{"a.e1":1,"b.e1":2}`, false},
		{`{"a.e1":1}`, `["a.e1"]`, false},
		{``, ``, false},
	} {
		require.Equal(t, c.want, sameVersion([]byte(c.a), []byte(c.b)), "%s %s", c.a, c.b)
	}
}

func TestReadLookup(t *testing.T) {
	piece := someOrders(3)
	entry := func(n int) string {
		return `{"itemId":"` + orderID(n) + `","state":"NEW","version":{"a.e1":1},"updatedAt":"2026-11-21T08:30:00Z","itemURI":"/orders/x","order":{"any":["thing"]}}`
	}
	got, err := readLookup([]byte(`{"side":"a","entries":[`+entry(2)+`],"deferred":["`+orderID(0)+`"],"seen":{"b.x":3}}`), "a", piece)
	require.NoError(t, err)
	require.Len(t, got.entries, 1)
	require.Same(t, piece[2], got.entries[0].order)
	require.Equal(t, entry(2), string(got.entries[0].raw), "as it came")
	require.Equal(t, []*order{piece[1]}, got.done, "neither pending nor deferred")
	require.Equal(t, map[string]int64{"b.x": 3}, got.seen)

	inLines := "{\"side\":\"a\",\"entries\":[\n" + entry(1) + ",\n" + entry(2) + "\n],\"deferred\":[\"" + orderID(0) + "\"]}"
	got, err = readLookup([]byte(inLines), "a", piece)
	require.NoError(t, err)
	require.Len(t, got.entries, 2)
	require.Same(t, piece[1], got.entries[0].order)
	require.Equal(t, entry(1), string(got.entries[0].raw), "as it came")
	require.Equal(t, entry(2), string(got.entries[1].raw), "as it came")
	require.Empty(t, got.done)

	for name, body := range map[string]string{
		"lines with another field": "{\"side\":\"a\",\"entries\":[\n],\"more\":1}",
		"a line that is no entry":  "{\"side\":\"a\",\"entries\":[\n{\"itemId\":7}\n]}",
		"a line that is two":       "{\"side\":\"a\",\"entries\":[\n" + entry(1)[:len(entry(1))-len(`,"order":{"any":["thing"]}}`)] + "},{}\n]}",
		"an order twice in lines":  "{\"side\":\"a\",\"entries\":[\n" + entry(1) + ",\n" + entry(1) + "\n]}",
		"another side":             `{"side":"b","entries":[]}`,
		"nothing said":             `{"side":"a"}`,
		"no entries":               `[]`,
		"an id not asked for":      `{"side":"a","entries":[` + entry(7) + `]}`,
		"an id twice":              `{"side":"a","entries":[` + entry(1) + `,` + entry(1) + `]}`,
		"pending and deferred":     `{"side":"a","entries":[` + entry(1) + `],"deferred":["` + orderID(1) + `"]}`,
		"everything deferred":      `{"side":"a","entries":[],"deferred":["` + orderID(0) + `","` + orderID(1) + `","` + orderID(2) + `"]}`,
		"an unknown field":         `{"side":"a","entries":[],"more":1}`,
		"an entry that is none":    `{"side":"a","entries":[7]}`,
		"cut short":                `{"side":"a","entries":[`,
	} {
		_, err := readLookup([]byte(body), "a", piece)
		require.Error(t, err, name)
	}
}

func TestBatchBodyIsABatch(t *testing.T) {
	var b contracts.Batch
	raw := []byte(`{"itemId":"x","state":"OK","version":{},"updatedAt":"2026-11-21T08:30:00Z","itemURI":"/orders/x"}`)
	require.NoError(t, strictjson.Decode(batchBody("a", [][]byte{raw, raw}, map[string]int64{"b.x": 3}), &b))
	require.Equal(t, "a", b.Side)
	require.Len(t, b.Entries, 2)
	require.Equal(t, map[string]int64{"b.x": 3}, b.Seen)
}

func TestFittingKeepsToTheLimits(t *testing.T) {
	raw := func(n int) []byte { return make([]byte, n) }
	require.Equal(t, 0, fitting(nil, raw))
	require.Equal(t, 1, fitting([]int{contracts.BatchBytesMax + 1, 1}, raw), "one at least")
	require.Equal(t, 3, fitting([]int{1 << 20, 1 << 20, 1 << 20, 1 << 20, 1}, raw))
	require.Equal(t, contracts.BatchEntriesMax, fitting(make([]int, 600), raw))
}

func FuzzReadAnswers(f *testing.F) {
	f.Add([]byte(rightAnswer(asIs)))
	f.Add([]byte(rightAnswer(func(b *contracts.Batch) { b.Entries[1] = b.Entries[0] })))
	f.Add([]byte(`{"side":"b","entries":[{},{},{}]}`))
	var sent []entry
	for i := range 3 {
		sent = append(sent, entry{head: head{ItemID: orderID(i), Version: []byte(`{"a.e1":5}`)}})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := readAnswers(data, "b", sent)
		if err != nil {
			return
		}
		require.Len(t, batch.raws, 3)
		for i, raw := range batch.raws {
			var e struct {
				ItemID   string            `json:"itemId"`
				AnswerTo contracts.Version `json:"answerTo"`
			}
			require.NoError(t, json.Unmarshal(raw, &e), "another reader agrees")
			require.Equal(t, orderID(i), e.ItemID)
			require.Equal(t, contracts.Version{"a.e1": 5}, e.AnswerTo)
		}
	})
}
