package strictjson

import (
	"github.com/go-json-experiment/json"

	"github.com/orderbridge/orderbridge/contracts"
)

var decodeOptions = json.JoinOptions(json.DefaultOptionsV2(), json.RejectUnknownMembers(true))

// Decode reads data, one JSON value and nothing else, into v, a pointer to a zero value.
// Its error is a *contracts.Problem of status 400.
func Decode(data []byte, v any) error {
	if deeperThan(contracts.DepthMax, data) {
		return tooDeep()
	}
	if at, found := firstNull(data); found {
		return malformed(string(at), notNull)
	}
	if err := json.Unmarshal(data, v, decodeOptions); err != nil {
		return explain(data, err)
	}
	return nil
}
