package strictjson

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// A list of entries may be written with each entry on a line of its own and the entry's order last in it. It is
// JSON like any other; and who hands entries on finds each of them, and the end of its head, without reading
// contents. Compact JSON has no line breaks, and the bytes of a member's name with its comma before it
// cannot be part of a string.
var (
	listOpen    = []byte(`"entries":[`)
	listEmpty   = []byte(`"entries":[]`)
	orderMember = []byte(`,"order":`)
)

// EncodeLines writes frame, which encodes to an object with an empty list "entries", with these entries in it.
// Each has its head, an object, and the bytes of its order, nil for none.
func EncodeLines(frame any, heads, orders [][]byte) ([]byte, error) {
	around, err := Encode(frame)
	if err != nil {
		return nil, err
	}
	before, after, ok := bytes.Cut(around, listEmpty)
	if !ok {
		return nil, errors.New("encode lines: there is no empty list of entries to fill")
	}
	size := len(around) + 2
	for i := range heads {
		size += len(heads[i]) + len(orderMember) + len(orders[i]) + 2
	}
	out := append(append(make([]byte, 0, size), before...), listOpen...)
	for i, head := range heads {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '\n')
		if orders[i] == nil {
			out = append(out, head...)
			continue
		}
		out = append(append(out, head[:len(head)-1]...), orderMember...)
		if out, err = appendLine(out, orders[i]); err != nil {
			return nil, err
		}
		out = append(out, '}')
	}
	return append(append(out, '\n', ']'), after...), nil
}

// appendLine appends a value, which only somebody's own statement can have stored with line breaks.
func appendLine(out, value []byte) ([]byte, error) {
	if bytes.IndexByte(value, '\n') < 0 {
		return append(out, value...), nil
	}
	compact := jsontext.Value(bytes.Clone(value))
	err := compact.Compact()
	return append(out, compact...), err
}

// SplitLines takes apart what EncodeLines has written: the object with its list empty, and the entries. It
// reports false where data is written in another way. Whether the entries are well-formed is not known.
func SplitLines(data []byte) (frame []byte, entries [][]byte, ok bool) {
	first, last := bytes.IndexByte(data, '\n'), bytes.LastIndexByte(data, '\n')
	if first < 0 || !bytes.HasSuffix(data[:first], listOpen) || !bytes.HasPrefix(data[last+1:], []byte("]")) {
		return nil, nil, false
	}
	frame = append(append(make([]byte, 0, first+len(data)-last), data[:first]...), data[last+1:]...)
	if first == last {
		return frame, nil, true
	}
	entries = bytes.Split(data[first+1:last], []byte("\n"))
	for i, e := range entries {
		if i < len(entries)-1 {
			if e, ok = bytes.CutSuffix(e, []byte(",")); !ok {
				return nil, nil, false
			}
		}
		if !bytes.HasPrefix(e, []byte("{")) || !bytes.HasSuffix(e, []byte("}")) {
			return nil, nil, false
		}
		entries[i] = e
	}
	return frame, entries, true
}

// AppendHead appends an entry without its order.
func AppendHead(out, entry []byte) []byte {
	if head, _, has := bytes.Cut(entry, orderMember); has {
		return append(append(out, head...), '}')
	}
	return append(out, entry...)
}

// OrderOf is the bytes of the order of an entry that has it last, without blanks; nil when it has none.
func OrderOf(entry []byte) []byte {
	if _, order, has := bytes.Cut(entry, orderMember); has {
		return order[:len(order)-1]
	}
	return nil
}
