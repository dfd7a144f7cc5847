package strictjson

import (
	"errors"
	"reflect"

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
	err := json.Unmarshal(data, v, decodeOptions)
	if err == nil {
		return nil
	}
	if isNoInteger(err) {
		if plain, changed := plainIntegers(data); changed {
			reflect.ValueOf(v).Elem().SetZero()
			err = json.Unmarshal(plain, v, decodeOptions)
		}
	}
	if err != nil {
		return explain(data, err)
	}
	return nil
}

// isNoInteger reports whether a number of another form stands where an integer belongs.
func isNoInteger(err error) bool {
	e, ok := errors.AsType[*json.SemanticError](err)
	return ok && e.JSONKind == '0' && typeFault(e) == notInteger
}
