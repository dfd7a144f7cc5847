package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// entryPage and transactionPage are the pages of contracts with the entries as they came, so that one that
// cannot be read stands alone.
type entryPage struct {
	Side    string           `json:"side"`
	Entries []jsontext.Value `json:"entries"`
	Next    string           `json:"next"`
}

type transactionPage struct {
	entryPage
	Cursor string `json:"cursor"`
}

// invalidReasonMax bounds what is kept of why an entry is not valid.
const invalidReasonMax = 300

// take reads an entry of a page into the entries of a side. One that is not valid is reported with its id;
// the order is left out of the comparison, whatever the other side says of it.
func (c *comparison) take(raw []byte, side string, into map[string]*contracts.Entry) (*contracts.Entry, error) {
	var e contracts.Entry
	var reason string
	if err := readEntry(raw, &e); err != nil {
		reason = err.Error()
		e = contracts.Entry{ItemID: idOf(raw)}
	} else if errs := e.Validate(); len(errs) > 0 {
		reason = strings.TrimPrefix(errs[0].Pointer+" "+errs[0].Detail, "/")
	}
	if !idForm.MatchString(e.ItemID) {
		return nil, errors.New("an entry names no order")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == "" {
		delete(c.invalid, side+" "+e.ItemID)
		into[e.ItemID] = &e
		return &e, nil
	}
	if c.invalid == nil {
		c.invalid = map[string]contracts.InvalidEntry{}
	}
	c.invalid[side+" "+e.ItemID] = contracts.InvalidEntry{ID: e.ItemID, Side: side, Reason: cut(shorten(reason), invalidReasonMax)}
	return &e, nil
}

// readEntry reads an entry strictly.
func readEntry(raw []byte, e *contracts.Entry) error {
	if strictjson.DecodeCanonical(raw, e) { // as a service of the same contract writes it
		return nil
	}
	*e = contracts.Entry{}
	return strictjson.Decode(raw, e)
}

// idOf finds the id in an entry that breaks the rules.
func idOf(raw []byte) string {
	var e struct {
		ItemID string `json:"itemId"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return ""
	}
	return e.ItemID
}

// withoutInvalid leaves out the orders of which a side's entry was not valid.
func (c *comparison) withoutInvalid(list map[string]difference) map[string]difference {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.invalid {
		delete(list, e.ID)
	}
	return list
}

// invalidEntries lists what was not valid, some of it where there is much.
func (c *comparison) invalidEntries() []contracts.InvalidEntry {
	keys := slices.Sorted(maps.Keys(c.invalid))
	var out []contracts.InvalidEntry
	for _, key := range keys[:min(len(keys), contracts.InvalidMax)] {
		out = append(out, c.invalid[key])
	}
	return out
}

func invalidText(e contracts.InvalidEntry) string {
	return fmt.Sprintf("the entry of %s is not valid: %s", e.Side, e.Reason)
}
