package strictjson

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
)

// MergePatch applies a JSON merge patch (RFC 7396) to target, which is well-formed. A null in the patch removes the
// field. The result is for Decode to read. Its error is a *contracts.Problem of status 400.
func MergePatch(target, patch []byte) ([]byte, error) {
	if deeperThan(contracts.DepthMax, patch) {
		return nil, tooDeep()
	}
	var value jsontext.Value
	if err := json.Unmarshal(patch, &value, decodeOptions); err != nil { // names twice and broken UTF-8 too
		return nil, explain(patch, err)
	}
	if value.Kind() != '{' {
		return nil, malformed("", "must be an object")
	}
	return merged(target, value)
}

func merged(target, patch jsontext.Value) (jsontext.Value, error) {
	if patch.Kind() != '{' {
		return patch, nil
	}
	var fields, changes map[string]jsontext.Value
	if err := json.Unmarshal(patch, &changes, decodeOptions); err != nil {
		return nil, explain(patch, err)
	}
	if target.Kind() == '{' {
		if err := json.Unmarshal(target, &fields, decodeOptions); err != nil {
			return nil, explain(target, err)
		}
	}
	if fields == nil {
		fields = map[string]jsontext.Value{}
	}
	for name, change := range changes {
		if change.Kind() == 'n' {
			delete(fields, name)
			continue
		}
		field, err := merged(fields[name], change)
		if err != nil {
			return nil, err
		}
		fields[name] = field
	}
	out, err := json.Marshal(fields, encodeOptions)
	if err != nil {
		return nil, malformed("", "cannot be applied to the order")
	}
	return out, nil
}
