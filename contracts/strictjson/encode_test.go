package strictjson_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func TestEncode(t *testing.T) {
	east := time.FixedZone("east", 2*60*60)
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"nil list":              {contracts.Batch{Side: "a"}, `{"side":"a","entries":[]}`},
		"nil map":               {contracts.Refusal{Reason: "x"}, `{"version":{},"reason":"x"}`},
		"maps sorted":           {contracts.Version{"b.1": 2, "a.9": 1, "a.10": 3}, `{"a.10":3,"a.9":1,"b.1":2}`},
		"time in UTC":           {time.Date(2026, 11, 21, 10, 30, 0, 0, east), `"2026-11-21T08:30:00Z"`},
		"time in microseconds":  {time.Date(2026, 11, 21, 8, 30, 0, 123456789, time.UTC), `"2026-11-21T08:30:00.123456Z"`},
		"time behind a pointer": {contracts.ConsumerStatus{PausedUntil: new(time.Date(2026, 11, 21, 10, 30, 0, 0, east))}, `{"name":"","pending":0,"ackPending":0,"redelivered":0,"waitingPulls":0,"pausedUntil":"2026-11-21T08:30:00Z"}`},
		"time in a list":        {[]contracts.LinkView{{Peer: "b", State: "OK", Since: time.Date(2026, 11, 21, 10, 30, 0, 0, east)}}, `[{"peer":"b","state":"OK","since":"2026-11-21T08:30:00Z"}]`},
		"time in an embedded":   {struct{ contracts.LinkView }{contracts.LinkView{Since: time.Date(2026, 11, 21, 10, 30, 0, 0, east)}}, `{"peer":"","state":"","since":"2026-11-21T08:30:00Z"}`},
		"time in a map":         {map[string]time.Time{"at": time.Date(2026, 11, 21, 10, 30, 0, 0, east)}, `{"at":"2026-11-21T08:30:00Z"}`},
		"time in anything":      {[]any{time.Date(2026, 11, 21, 10, 30, 0, 0, east)}, `["2026-11-21T08:30:00Z"]`},
		"nothing":               {nil, `null`},
		"no HTML escapes":       {"<a&b>\u2028", "\"<a&b>\u2028\""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := strictjson.Encode(c.value)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"invalid UTF-8": contracts.Batch{Side: "\xff"},
		"year 10000":    time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"year before 0": time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strictjson.Encode(v)
			require.Error(t, err)
		})
	}
}
