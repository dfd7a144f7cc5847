package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// head reads of an entry what the bridge needs and leaves the rest, the order above all, as it came:
// entries are handed on byte for byte. It has all fields of contracts.Entry, as an unknown one is refused.
type head struct {
	ItemID      string             `json:"itemId"`
	State       string             `json:"state"`
	Version     jsontext.Value     `json:"version"`
	Fingerprint string             `json:"fingerprint"`
	UpdatedAt   time.Time          `json:"updatedAt"`
	ItemURI     string             `json:"itemURI"`
	Deleted     bool               `json:"deleted"`
	Refused     *contracts.Refusal `json:"refused"`
	AnswerTo    jsontext.Value     `json:"answerTo"`
	Order       jsontext.Value     `json:"order"`
}

// entry is one that goes to the remote side.
type entry struct {
	head
	raw   []byte
	order *order
}

// lookupResult is contracts.LookupResult with the entries as they came.
type lookupResult struct {
	Side     string           `json:"side"`
	Entries  []jsontext.Value `json:"entries"`
	Deferred []string         `json:"deferred"`
	Seen     map[string]int64 `json:"seen"`
}

// found is what a lookup told: the entries that the peer must be told, the orders with nothing pending,
// and what was seen of the peer.
type found struct {
	entries []entry
	done    []*order
	seen    map[string]int64
}

// readLookup reads the own service's answer about the orders of a piece. The orders that it names in
// neither list have nothing pending.
func readLookup(data []byte, side string, piece []*order) (*found, error) {
	// A service of an earlier version does not write entries in lines.
	var result lookupResult
	frame, lines, split := strictjson.SplitLines(data)
	if !split {
		frame = data
	}
	if err := strictjson.Decode(frame, &result); err != nil {
		return nil, err
	}
	for _, line := range lines {
		result.Entries = append(result.Entries, line)
	}
	switch {
	case result.Side != side:
		return nil, errors.New("speaks for another side")
	case result.Entries == nil: // not the same as none: that would settle everything
		return nil, errors.New("holds no list of entries")
	}
	asked := make(map[string]*order, len(piece))
	for _, o := range piece {
		asked[o.id] = o
	}
	named := func(id string) (*order, error) {
		o, ok := asked[id]
		if !ok {
			return nil, errors.New("names an id twice, or one that was not asked for")
		}
		delete(asked, id)
		return o, nil
	}
	out := &found{entries: make([]entry, len(result.Entries)), seen: result.Seen}
	var buffer []byte
	for i, raw := range result.Entries {
		e, read := entry{raw: raw}, []byte(raw)
		if split {
			buffer = strictjson.AppendHead(buffer[:0], raw)
			read = buffer // what is decoded is copied
		}
		err := strictjson.Decode(read, &e.head)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		if e.order, err = named(e.ItemID); err != nil {
			return nil, err
		}
		out.entries[i] = e
	}
	for _, id := range result.Deferred {
		if _, err := named(id); err != nil {
			return nil, err
		}
	}
	if len(result.Deferred) == len(piece) && len(piece) > 0 {
		return nil, errors.New("defers everything")
	}
	for _, o := range piece {
		if asked[o.id] != nil {
			out.done = append(out.done, o)
		}
	}
	return out, nil
}

// answered is what the remote side answered.
type answered struct {
	raws  [][]byte
	heads []head
	seen  map[string]int64
}

// readAnswers reads the remote side's answer: as many entries as were sent, in the same order, each
// for the same item and about the very version that was sent. Anything less is not an answer.
func readAnswers(data []byte, peer string, sent []entry) (*answered, error) {
	batch, err := strictjson.DecodeBatch(data, contracts.BatchEntriesMax)
	switch {
	case err != nil:
		return nil, err
	case batch.Side != peer:
		return nil, errors.New("speaks for another side")
	case len(batch.Entries) != len(sent):
		return nil, fmt.Errorf("%d answers to %d entries", len(batch.Entries), len(sent))
	}
	out := &answered{batch.Entries, make([]head, len(sent)), batch.Seen}
	for i, raw := range batch.Entries {
		h := &out.heads[i]
		if err := strictjson.Decode(raw, h); err != nil {
			return nil, fmt.Errorf("answer %d: %w", i, err)
		}
		switch {
		case h.ItemID != sent[i].ItemID:
			return nil, fmt.Errorf("answer %d is about another item", i)
		case h.State == "" || !slices.Contains(contracts.States[:], h.State):
			return nil, fmt.Errorf("answer %d has no known state", i)
		case !sameVersion(h.AnswerTo, sent[i].Version):
			return nil, fmt.Errorf("answer %d is about another version", i)
		}
	}
	return out, nil
}

// sameAs reports whether both sides have the same version of an order, with nothing left to send.
func (h *head) sameAs(o *head) bool {
	return h.State == o.State && (h.State == "OK" || h.State == "DEL_SYNCED") && h.Fingerprint == o.Fingerprint && h.Deleted == o.Deleted &&
		h.Refused == nil && sameVersion(h.Version, o.Version)
}

// sameVersion compares two vectors as they came; nearly always their bytes are equal.
func sameVersion(a, b jsontext.Value) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	var va, vb contracts.Version
	return strictjson.Decode(a, &va) == nil && strictjson.Decode(b, &vb) == nil && maps.Equal(va, vb)
}

// batchBody writes a contracts.Batch around entries as they are. Seen is nil but in a greeting.
func batchBody(side string, entries [][]byte, seen map[string]int64) []byte {
	size := len(side) + 30
	for _, e := range entries {
		size += len(e) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, `{"side":"`...)
	b = append(b, side...) // a name that Validate has seen needs no escapes
	b = append(b, `","entries":[`...)
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	b = append(b, ']')
	if seen != nil {
		told, err := json.Marshal(seen)
		if err != nil { // names and numbers always encode
			panic(err)
		}
		b = append(append(b, `,"seen":`...), told...)
	}
	return append(b, '}')
}

// fitting counts the first entries that fit into one request, at least one.
func fitting[E any](entries []E, raw func(E) []byte) int {
	size := 64
	for i, e := range entries {
		size += len(raw(e)) + 1
		if size > contracts.BatchBytesMax && i > 0 || i == contracts.BatchEntriesMax {
			return i
		}
	}
	return len(entries)
}
