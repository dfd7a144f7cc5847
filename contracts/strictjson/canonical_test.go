package strictjson_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// requireCanonicalMeansEncoded demands that Decode reads the same of what is found canonical, and that Encode makes
// the same bytes of it.
func requireCanonicalMeansEncoded[T any](t *testing.T, data []byte) (canonical bool) {
	t.Helper()
	var got, want T
	if !strictjson.DecodeCanonical(data, &got) {
		return false
	}
	require.NoError(t, strictjson.Decode(data, &want), "%s", data)
	require.Equal(t, want, got)
	again, err := strictjson.Encode(&got)
	require.NoError(t, err)
	require.Equal(t, string(again), string(data))
	return true
}

func TestWhatIsEncodedIsCanonical(t *testing.T) {
	batch, _ := typicalBatch(t)
	e := batch.Entries[0]
	at := time.Date(2026, 11, 21, 8, 30, 0, 120_000_000, time.UTC)
	total := int64(0)
	e.Refused = &contracts.Refusal{Version: contracts.Version{}, Reason: "\"quoted\" \\ and \n, \u0001, \u2028, <é> 😀"}
	e.AnswerTo = contracts.Version{"b.1": 1, "b.10!": 10, "b.2": 1<<53 - 1}
	e.Order.Status, e.Order.CancelReason, e.Order.CancelledAt = contracts.StatusCancelled, "staff", at
	e.Order.Lines[0].TotalMinor, e.Order.Lines[1].DiscountMinor = &total, -5
	e.Order.Refunds = []contracts.Refund{{ID: e.ItemID, AmountMinor: 5, At: at, Lines: []contracts.RefundLine{{LineID: e.ItemID, Quantity: 1}}}}
	e.Order.Totals = &contracts.Totals{}
	e.Order.Tags, e.Order.Tracking = []string{}, []contracts.Tracking{{Carrier: "c", Number: "1"}}
	e.Order.Metadata = map[string]string{"\uffff": "1", "😀": "2", "": "3", "a\"": "4", "Z": "5"}
	for _, one := range append(batch.Entries, e) {
		data, err := strictjson.Encode(&one)
		require.NoError(t, err)
		require.True(t, requireCanonicalMeansEncoded[contracts.Entry](t, data), "%s", data)
	}
}

// Every byte of an entry is left out, doubled and replaced: what is canonical after that is what Encode writes.
func TestWhatIsChangedIsSeldomCanonical(t *testing.T) {
	batch, _ := typicalBatch(t)
	e := batch.Entries[0]
	e.Order.CustomerNote = "a \"b\"\nä"
	data, err := strictjson.Encode(&e)
	require.NoError(t, err)
	for i := range data {
		requireCanonicalMeansEncoded[contracts.Entry](t, append(append([]byte{}, data[:i]...), data[i+1:]...))
		for _, c := range []byte("\x00 \"\\,:{}[]-+.09aeEnuZ\x7f\xc3\xff") {
			changed := append([]byte{}, data...)
			changed[i] = c
			requireCanonicalMeansEncoded[contracts.Entry](t, changed)
			requireCanonicalMeansEncoded[contracts.Entry](t, append(append(append([]byte{}, data[:i]...), c), data[i:]...))
		}
	}
}

func TestOtherWritingIsNotCanonical(t *testing.T) {
	batch, _ := typicalBatch(t)
	o := batch.Entries[0].Order
	o.CustomerNote = "a/b"
	whole, err := strictjson.Encode(o)
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"blank":              {`"currency":`, `"currency": `},
		"blank behind":       {`"campaign":"autumn"}}`, `"campaign":"autumn"}} `},
		"other order":        {`"source":"web","status":"confirmed"`, `"status":"confirmed","source":"web"`},
		"unknown field":      {`"source":"web"`, `"source":"web","sauce":"x"`},
		"twice":              {`"source":"web"`, `"source":"web","source":"web"`},
		"zero that is given": {`"source":"web"`, `"externalRef":"","source":"web"`},
		"null":               {`"source":"web"`, `"externalRef":null,"source":"web"`},
		"missing":            {`"currency":"EUR",`, ``},
		"needless escape":    {`a/b`, `a\/b`},
		"needless unicode":   {`a/b`, `\u0061/b`},
		"surrogate alone":    {`a/b`, `\ud800`},
		"NUL":                {`a/b`, "a\x00b"},
		"broken UTF-8":       {`a/b`, "a\xffb"},
		"fraction":           {`"shippingMinor":490`, `"shippingMinor":490.0`},
		"leading zero":       {`"shippingMinor":490`, `"shippingMinor":0490`},
		"negative zero":      {`"shippingMinor":490`, `"shippingMinor":-0`},
		"too many digits":    {`"shippingMinor":490`, `"shippingMinor":9223372036854775808`},
		"other zone":         {`"placedAt":"2026-11-21T08:30:00Z"`, `"placedAt":"2026-11-21T09:30:00+01:00"`},
		"needless digits":    {`"placedAt":"2026-11-21T08:30:00Z"`, `"placedAt":"2026-11-21T08:30:00.000Z"`},
		"finer digits":       {`"placedAt":"2026-11-21T08:30:00Z"`, `"placedAt":"2026-11-21T08:30:00.0000001Z"`},
		"year 0 of no time":  {`"placedAt":"2026-11-21T08:30:00Z"`, `"placedAt":"0001-01-01T00:00:00Z"`},
		"cut":                {`"campaign":"autumn"}}`, `"campaign":"autumn"}`},
		"unsorted map":       {`"metadata":{"campaign":"autumn"}`, `"metadata":{"campaign":"autumn","a":"b"}`},
		"map with a twin":    {`"metadata":{"campaign":"autumn"}`, `"metadata":{"campaign":"autumn","campaign":"autumn"}`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(string(whole), change[0], change[1], 1)
			require.NotEqual(t, string(whole), changed)
			require.False(t, strictjson.DecodeCanonical([]byte(changed), new(contracts.Order)))
		})
	}
	require.True(t, strictjson.DecodeCanonical(whole, new(contracts.Order)))
	require.False(t, strictjson.DecodeCanonical([]byte(`{"x":1}`), &struct {
		X any `json:"x"`
	}{}), "a type that is not known")
}

func BenchmarkDecodeBatchCanonical(b *testing.B) {
	_, data := typicalBatch(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	batch, err := strictjson.DecodeBatch(data, contracts.BatchEntriesMax)
	require.NoError(b, err)
	for b.Loop() {
		for _, raw := range batch.Entries {
			var e contracts.Entry
			require.True(b, strictjson.DecodeCanonical(raw, &e))
		}
	}
}
