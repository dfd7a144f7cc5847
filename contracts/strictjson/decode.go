package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// entryDepth is how deep an entry already stands within its batch.
const entryDepth = 2

// DecodeBatch reads the outer object of a contracts.Batch strictly, but leaves each entry as it came,
// for Decode to read: a bad entry then spoils only itself. The whole batch is refused when it is not
// well-formed, is nested too deep anywhere, or (status 413) holds over contracts.BatchEntriesMax
// entries. The entries share data's memory.
func DecodeBatch(data []byte) (side string, entries [][]byte, err error) {
	// Names twice and broken UTF-8 within an entry are that entry's own fault.
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '{' {
		if _, err := d.ReadValue(); err != nil {
			return "", nil, explain(data, err)
		}
		return "", nil, malformed("", "must be an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return "", nil, explain(data, err)
	}
	var sideSeen, entriesSeen bool
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return "", nil, explain(data, err)
		}
		switch key := name.String(); {
		case key == "side" && !sideSeen:
			sideSeen = true
			if side, err = readSide(data, d); err != nil {
				return "", nil, err
			}
		case key == "entries" && !entriesSeen:
			entriesSeen = true
			if entries, err = readEntries(data, d); err != nil {
				return "", nil, err
			}
		case key == "side", key == "entries":
			return "", nil, malformed("/"+key, appearsTwice)
		default:
			return "", nil, malformed(string(jsontext.Pointer("").AppendToken(key)), unknownField)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return "", nil, explain(data, err)
	}
	if len(bytes.TrimLeft(data[d.InputOffset():], " \t\r\n")) > 0 {
		return "", nil, malformed("", trailingData)
	}
	switch {
	case !sideSeen:
		return "", nil, malformed("/side", "is required")
	case !entriesSeen:
		return "", nil, malformed("/entries", "is required")
	}
	return side, entries, nil
}

func readSide(data []byte, d *jsontext.Decoder) (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", explain(data, err)
	}
	var side string
	if raw.Kind() != '"' || json.Unmarshal(raw, &side, decodeOptions) != nil {
		return "", malformed("/side", "must be a string")
	}
	return side, nil
}

func readEntries(data []byte, d *jsontext.Decoder) ([][]byte, error) {
	if d.PeekKind() != '[' {
		if _, err := d.ReadValue(); err != nil {
			return nil, explain(data, err)
		}
		return nil, malformed("/entries", "must be an array")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, explain(data, err)
	}
	entries := [][]byte{}
	for d.PeekKind() != ']' {
		raw, err := d.ReadValue()
		if err != nil {
			return nil, explain(data, err)
		}
		if len(entries) == contracts.BatchEntriesMax {
			return nil, tooMany()
		}
		if deeperThan(contracts.DepthMax-entryDepth, raw) {
			return nil, tooDeep()
		}
		end := d.InputOffset()
		start := end - int64(len(raw))
		entries = append(entries, data[start:end:end])
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, explain(data, err)
	}
	return entries, nil
}
