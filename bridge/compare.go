package bridge

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const (
	compareParts = 64  // ranges that one request tells apart
	compareLeaf  = 256 // orders of a range that are looked at one by one
	// underWayWait is how long a change that is due is left to the bridges before it counts.
	underWayWait = 2 * time.Second
)

// difference is an order that is not the same on both sides, as they tell it; nil where a side has nothing.
type difference struct {
	id          string
	here, there *contracts.Entry
}

// Kinds of a difference, as reports name them.
const (
	onlyHere   = "onlyHere"
	onlyThere  = "onlyThere"
	newerHere  = "newerHere"
	newerThere = "newerThere"
	concurrent = "concurrent"  // each has something that the other lacks
	sameNumber = "sameVersion" // one version, two contents: a side was put back
)

var differenceKinds = []string{onlyHere, onlyThere, newerHere, newerThere, concurrent, sameNumber}

func (d difference) kind() string {
	switch {
	case d.there == nil:
		return onlyHere
	case d.here == nil:
		return onlyThere
	}
	h, t := d.here.Version, d.there.Version
	switch here, there := covers(h, t), covers(t, h); {
	case here && there:
		return sameNumber
	case here:
		return newerHere
	case there:
		return newerThere
	}
	return concurrent
}

// covers tells that a version has all that another one has.
func covers(v, other contracts.Version) bool {
	for key, n := range other {
		if v[key] < n {
			return false
		}
	}
	return true
}

// waitsForPerson tells of a conflict that both sides know of: nothing is to be sent, somebody decides.
func (d difference) waitsForPerson() bool {
	conflict := func(e *contracts.Entry) bool {
		return e != nil && (e.State == "COLLISION" || e.State == "ERROR" || e.State == "ERROR_SYNCED")
	}
	return conflict(d.here) && conflict(d.there)
}

// underWay tells of a change that one side has still to tell.
func (d difference) underWay() bool {
	due := func(e *contracts.Entry) bool {
		return e != nil && (e.State == "NEW" || e.State == "UPD" || e.State == "DEL")
	}
	return due(d.here) || due(d.there)
}

// equal holds two entries of an order against each other.
func equal(x, y *contracts.Entry) bool {
	return x.Fingerprint == y.Fingerprint && x.Deleted == y.Deleted && maps.Equal(x.Version, y.Version)
}

// comparison is one look at both sides.
type comparison struct {
	here, there *client
	requestID   string
	ordersHere  int64
	ordersThere int64
	hash        string // what all orders here come to
	requests    int
	bytes       int64
	still       bool // what was due was not told while it was waited for: nobody carries it
}

// run finds all differences and hands them on, range by range. From the whole of both sides it goes
// down into the ranges whose fingerprints differ.
func (c *comparison) run(ctx context.Context, found func([]difference) error) error {
	type span struct{ from, to string }
	spans := []span{{}}
	for first := true; len(spans) > 0; first = false {
		next := spans[0]
		spans = spans[1:]
		here, there, err := c.ranges(ctx, next.from, next.to)
		if err != nil {
			return err
		}
		if first {
			c.total(here, there)
		}
		for i := range here {
			switch {
			case here[i] == there[i]:
			case max(here[i].Count, there[i].Count) > compareLeaf:
				spans = append(spans, span{here[i].From, here[i].To})
			default:
				list, err := c.leaf(ctx, here[i].From, here[i].To)
				if err == nil && len(list) > 0 {
					err = found(list)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *comparison) total(here, there []contracts.Range) {
	var sum [16]byte
	for i := range here {
		c.ordersHere += here[i].Count
		c.ordersThere += there[i].Count
		for j := range sum {
			b, _ := strconv.ParseUint(here[i].Hash[2*j:2*j+2], 16, 8) // checked when it was read
			sum[j] ^= byte(b)
		}
	}
	c.hash = fmt.Sprintf("%x", sum)
}

// ranges asks the side that has something in the span to cut it, and the other for the same ranges.
func (c *comparison) ranges(ctx context.Context, from, to string) (here, there []contracts.Range, err error) {
	query := url.Values{"parts": {strconv.Itoa(compareParts)}}
	span(query, from, to)
	if here, err = c.rangeList(ctx, c.here, query); err != nil {
		return nil, nil, err
	}
	if len(here) > 1 {
		there, err = c.rangeList(ctx, c.there, boundsOf(here, from, to))
		return here, there, sameRanges(here, there, err)
	}
	// Little or nothing here: the other side knows better where to cut.
	if there, err = c.rangeList(ctx, c.there, query); err != nil || len(there) == 1 {
		return here, there, sameRanges(here, there, err)
	}
	here, err = c.rangeList(ctx, c.here, boundsOf(there, from, to))
	return here, there, sameRanges(here, there, err)
}

func span(query url.Values, from, to string) {
	if from != "" {
		query.Set("from", from)
	}
	if to != "" {
		query.Set("to", to)
	}
}

func boundsOf(ranges []contracts.Range, from, to string) url.Values {
	var bounds []string
	for _, r := range ranges[1:] {
		bounds = append(bounds, r.From)
	}
	query := url.Values{"bounds": {strings.Join(bounds, ",")}}
	span(query, from, to)
	return query
}

func sameRanges(x, y []contracts.Range, err error) error {
	if err != nil {
		return err
	}
	same := len(x) == len(y)
	for i := 0; same && i < len(x); i++ {
		same = x[i].From == y[i].From && x[i].To == y[i].To
	}
	if !same {
		return fmt.Errorf("the sides tell of different ranges")
	}
	return nil
}

func (c *comparison) rangeList(ctx context.Context, of *client, query url.Values) ([]contracts.Range, error) {
	var list contracts.RangeList
	if err := c.get(ctx, of, "/orders/fingerprints?"+query.Encode(), &list); err != nil {
		return nil, err
	}
	if len(list.Ranges) == 0 {
		return nil, fmt.Errorf("%s: tells of no range", of.target)
	}
	for _, r := range list.Ranges {
		if len(r.Hash) != 32 || strings.Trim(r.Hash, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%s: a hash is none", of.target)
		}
	}
	return list.Ranges, nil
}

// leaf lists a range on both sides, twice: an order that moved between the two lists is under way and
// no difference. Where changes are due it gives the bridges time to tell them, unless nobody does.
func (c *comparison) leaf(ctx context.Context, from, to string) ([]difference, error) {
	found, err := c.listBoth(ctx, from, to)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if found, err = c.stillThere(ctx, from, to, found); err != nil {
		return nil, err
	}
	due := 0
	for _, d := range found {
		if d.underWay() {
			due++
		}
	}
	if due > 0 && !c.still {
		if err := sleep(ctx, underWayWait, nil); err != nil {
			return nil, err
		}
		before := len(found)
		if found, err = c.stillThere(ctx, from, to, found); err != nil {
			return nil, err
		}
		c.still = len(found) == before
	}
	return slices.Collect(maps.Values(found)), nil
}

// stillThere looks again and keeps the differences that are as they were.
func (c *comparison) stillThere(ctx context.Context, from, to string, before map[string]difference) (map[string]difference, error) {
	now, err := c.listBoth(ctx, from, to)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(now, func(id string, d difference) bool {
		was, there := before[id]
		return !there || !sameEntry(was.here, d.here) || !sameEntry(was.there, d.there)
	})
	return now, nil
}

func sameEntry(x, y *contracts.Entry) bool {
	if x == nil || y == nil {
		return x == y
	}
	return equal(x, y)
}

func (c *comparison) listBoth(ctx context.Context, from, to string) (map[string]difference, error) {
	here, err := c.list(ctx, c.here, from, to)
	if err != nil {
		return nil, err
	}
	there, err := c.list(ctx, c.there, from, to)
	if err != nil {
		return nil, err
	}
	out := map[string]difference{}
	for id, h := range here {
		if t := there[id]; t == nil || !equal(h, t) {
			out[id] = difference{id, h, t}
		}
	}
	for id, t := range there {
		if here[id] == nil {
			out[id] = difference{id, nil, t}
		}
	}
	return out, nil
}

// list reads how a range of orders stands on one side. A page that says where the next one begins is
// believed only that it is further on: no address of a peer is followed.
func (c *comparison) list(ctx context.Context, of *client, from, to string) (map[string]*contracts.Entry, error) {
	out := map[string]*contracts.Entry{}
	for {
		query := url.Values{"limit": {strconv.Itoa(contracts.BatchEntriesMax)}}
		span(query, from, to)
		var page contracts.EntryPage
		if err := c.get(ctx, of, "/orders/entries?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			if len(e.Validate()) > 0 || out[e.ItemID] != nil || e.ItemID < from || to != "" && e.ItemID >= to {
				return nil, fmt.Errorf("%s: an entry is not valid, or is of another range", of.target)
			}
			out[e.ItemID] = e
		}
		if page.Next == "" {
			return out, nil
		}
		next, err := url.Parse(page.Next)
		if err != nil || next.Query().Get("from") <= from {
			return nil, fmt.Errorf("%s: the next page does not go on", of.target)
		}
		from = next.Query().Get("from")
	}
}

const getTries = 5

// get reads an answer of one side; what may pass by is tried again.
func (c *comparison) get(ctx context.Context, of *client, path string, into any) error {
	for try := 1; ; try++ {
		r := of.get(ctx, path, c.requestID)
		c.requests++
		c.bytes += int64(len(r.data))
		if r.status == http.StatusOK && r.body == answers {
			if err := strictjson.Decode(r.data, into); err != nil {
				return fmt.Errorf("%s: %w", of.target, err)
			}
			return nil
		}
		if try == getTries || !passes(r) {
			return fmt.Errorf("%s: %s", of.target, r.reason)
		}
		if err := sleep(ctx, max(r.retryAfter, time.Duration(try)*backoffBase), nil); err != nil {
			return err
		}
	}
}

// passes tells of a fault that may be gone soon.
func passes(r response) bool {
	return r.lost || r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError
}
