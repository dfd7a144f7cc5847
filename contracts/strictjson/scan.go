package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// deeperThan tells whether data nests deeper than levels, without parsing it. It only has to be right
// as far as data is well-formed: up to the first fault it counts as the parser does, and there the
// parser stops.
func deeperThan(levels int, data []byte) bool {
	if bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) <= levels {
		return false
	}
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > levels {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// firstNull finds the first null in data. Of a fault that stands before it, the parser will tell.
func firstNull(data []byte) (at jsontext.Pointer, found bool) {
	if !bytes.Contains(data, []byte("null")) {
		return "", false
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return "", false
		}
		if token.Kind() == 'n' {
			return d.StackPointer(), true
		}
	}
}
