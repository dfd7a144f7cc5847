package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
)

// entryDepth is how deep an entry stands within its batch.
const entryDepth = 2

// Batch is a contracts.Batch whose entries were not read yet.
type Batch struct {
	Side    string
	Entries [][]byte // sharing the memory of what was read
	Seen    map[string]int64
}

// DecodeBatch reads the outer object of a contracts.Batch strictly, but leaves each entry as it came,
// for Decode to read: a bad entry then spoils only itself. The whole batch is refused when it is not
// well-formed, is nested too deep anywhere, or (status 413) holds over entriesMax entries.
func DecodeBatch(data []byte, entriesMax int) (*Batch, error) {
	// Names twice and broken UTF-8 within an entry are that entry's own fault.
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	b := batchReader{data: data, d: d, entriesMax: entriesMax}
	if p := b.read(); p != nil {
		return nil, p
	}
	return &b.Batch, nil
}

// batchReader reads one batch; its methods return nil when all is well.
type batchReader struct {
	Batch
	data                         []byte
	d                            *jsontext.Decoder
	entriesMax                   int
	hasSide, hasEntries, hasSeen bool
}

func (b *batchReader) read() *contracts.Problem {
	if p := b.open('{', "", "must be an object"); p != nil {
		return p
	}
	for b.d.PeekKind() != '}' {
		name, err := b.d.ReadToken()
		if err != nil {
			return explain(b.data, err)
		}
		if p := b.member(name.String()); p != nil {
			return p
		}
	}
	if p := b.next(); p != nil {
		return p
	}
	switch {
	case len(bytes.TrimLeft(b.data[b.d.InputOffset():], " \t\r\n")) > 0:
		return malformed("", trailingData)
	case !b.hasSide:
		return malformed("/side", "is required")
	case !b.hasEntries:
		return malformed("/entries", "is required")
	}
	return nil
}

func (b *batchReader) member(name string) *contracts.Problem {
	switch {
	case name == "side" && !b.hasSide:
		b.hasSide = true
		return b.readSide()
	case name == "entries" && !b.hasEntries:
		b.hasEntries = true
		return b.readEntries()
	case name == "seen" && !b.hasSeen:
		b.hasSeen = true
		return b.readSeen()
	case name == "side", name == "entries", name == "seen":
		return malformed("/"+name, appearsTwice)
	}
	return malformed(string(jsontext.Pointer("").AppendToken(name)), unknownField)
}

func (b *batchReader) readSide() *contracts.Problem {
	raw, err := b.d.ReadValue()
	if err != nil {
		return explain(b.data, err)
	}
	if raw.Kind() != '"' || json.Unmarshal(raw, &b.Side, decodeOptions) != nil {
		return malformed("/side", "must be a string")
	}
	return nil
}

func (b *batchReader) readSeen() *contracts.Problem {
	raw, err := b.d.ReadValue()
	if err != nil {
		return explain(b.data, err)
	}
	if err := Decode(raw, &b.Seen); err != nil {
		return malformed("/seen", "must hold an integer for each epoch, once")
	}
	return nil
}

func (b *batchReader) readEntries() *contracts.Problem {
	if p := b.open('[', "/entries", "must be an array"); p != nil {
		return p
	}
	b.Entries = [][]byte{}
	for b.d.PeekKind() != ']' {
		raw, err := b.d.ReadValue()
		switch {
		case err != nil:
			return explain(b.data, err)
		case len(b.Entries) == b.entriesMax:
			return tooMany(b.entriesMax)
		case deeperThan(contracts.DepthMax-entryDepth, raw):
			return tooDeep()
		}
		end := b.d.InputOffset()
		b.Entries = append(b.Entries, b.data[end-int64(len(raw)):end:end])
	}
	return b.next()
}

// open reads the bracket that begins an object or a list.
func (b *batchReader) open(bracket jsontext.Kind, pointer, otherwise string) *contracts.Problem {
	if b.d.PeekKind() == bracket {
		return b.next()
	}
	if _, err := b.d.ReadValue(); err != nil {
		return explain(b.data, err)
	}
	return malformed(pointer, otherwise)
}

// next reads a token that is only there.
func (b *batchReader) next() *contracts.Problem {
	if _, err := b.d.ReadToken(); err != nil {
		return explain(b.data, err)
	}
	return nil
}
