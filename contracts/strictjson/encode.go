package strictjson

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// timeLayout is RFC 3339 with the microseconds that there are; finer digits are cut off, as no store
// of ours keeps them.
const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

var (
	encodeOptions = json.JoinOptions(json.DefaultOptionsV2(), json.Deterministic(true))
	timeOptions   = json.JoinOptions(encodeOptions, json.WithMarshalers(json.MarshalToFunc(writeTime)))
)

// Encode writes v as JSON: always the same bytes for the same value, empty lists as [], times in UTC.
// It fails for strings that are not UTF-8 and for times outside of the years 0 to 9999.
func Encode(v any) ([]byte, error) {
	options := encodeOptions
	if !timesReady(v) {
		options = timeOptions
	}
	data, err := json.Marshal(v, options)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return data, nil
}

func writeTime(e *jsontext.Encoder, t time.Time) error {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("year %d is outside of 0 to 9999", y)
	}
	b := append(e.AvailableBuffer(), '"')
	b = t.AppendFormat(b, timeLayout)
	return e.WriteValue(append(b, '"'))
}
