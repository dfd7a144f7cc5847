package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	compareParts = 64  // ranges that one request tells apart
	compareLeaf  = 256 // orders of a range that are looked at one by one
	// denseLeaf is the same where one side has much more than the other, as of a side that is empty:
	// cutting such a range would only make more requests.
	denseLeaf = 2048
	// listMost bounds what is read of a range, which may have grown since it was counted.
	listMost = 50 * denseLeaf
	// underWayWait is how long what is due is left to the peer's bridge, where delivery is paused here.
	underWayWait = 2 * time.Second
)

// Bounds of a comparison, whatever a peer tells.
const (
	depthMax    = 12
	requestsMax = 1_000_000
)

// comparison is one look at both sides.
type comparison struct {
	here, there         *client
	sideHere, sideThere string
	requestID           string
	ordersHere          int64
	ordersThere         int64
	posHere, posThere   int64  // of both logs, at the first look
	logMost             int64  // longest log that is rather read whole; below 0 for none
	leaveDue            bool   // what is due is the bridges' work: it is only counted
	delivered           bool   // nothing keeps bridges from carrying what is due: it is handed on without a wait
	step                func() // is called now and then
	hash                string // what all orders here come to
	same                bool   // at the first look, over all orders

	mu       sync.Mutex                        // of what follows: both sides are read at once, and some ranges
	compared int64                             // orders here that were dealt with
	invalid  map[string]contracts.InvalidEntry // by side and id
	moving   int                               // differences that were gone, or others, at a second look: under way
	waiting  []due
}

// leavesAtOnce bounds how many ranges are listed at once: while a side lists one, the bridge reads another. Each is in
// memory.
const leavesAtOnce = 2

// span is a range of ids, from one on and below the other; "" is the beginning, and the end.
type span struct {
	from, to string
	depth    int
}

// due is a span with differences that one side has still to tell.
type due struct {
	span
	list map[string]difference
}

// run finds all differences and hands them on, range by range, one at a time. From the whole of both sides it goes
// down into the ranges whose fingerprints differ. What is due is given time, once, at the end.
func (c *comparison) run(ctx context.Context, found func([]difference)) error {
	c.step()
	if err := c.total(ctx); err != nil {
		return err
	}
	if c.same {
		c.compared = c.ordersHere
		return nil
	}
	if max(c.posHere, c.posThere) <= c.logMost {
		return errByLog
	}
	for open := []span{{}}; len(open) > 0; {
		next := open[0]
		open = open[1:]
		c.step()
		here, there, err := c.ranges(ctx, next)
		if err != nil {
			return err
		}
		g, leaves := errgroup.WithContext(ctx)
		g.SetLimit(leavesAtOnce)
		for i := range here {
			at, leaf := span{here[i].From, here[i].To, next.depth + 1}, leafOf(here[i].Count, there[i].Count)
			switch {
			case here[i] == there[i]:
				c.count(here[i].Count)
			case max(here[i].Count, there[i].Count) <= leaf:
				g.Go(func() error { return c.leaf(leaves, at, [2]contracts.Range{here[i], there[i]}, found) })
			case at.depth > depthMax:
				return errors.Join(errors.New("the ranges of a side become no smaller"), g.Wait())
			default:
				open = append(open, at)
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	if c.leaveDue {
		for _, w := range c.waiting {
			c.moving += len(w.list)
		}
		return nil
	}
	if len(c.waiting) == 0 {
		return nil
	}
	if !c.delivered {
		if err := sleep(ctx, underWayWait, nil); err != nil {
			return err
		}
	}
	for _, w := range c.waiting {
		still, err := c.stillThere(ctx, w.span, w.list)
		if err != nil {
			return err
		}
		found(slices.Collect(maps.Values(still)))
	}
	return nil
}

// leafOf is how many orders of a range that differs are rather listed than cut again.
func leafOf(here, there int64) int64 {
	if most := max(here, there); most-min(here, there) > most/4 {
		return denseLeaf
	}
	return compareLeaf
}

// total asks both sides what all their orders come to, without ranges: most comparisons need no more, and that is one
// plain read of each side's orders.
func (c *comparison) total(ctx context.Context) error {
	now, err := c.whole(ctx, span{})
	if err != nil {
		return err
	}
	here, there := now[0], now[1]
	c.posHere, c.posThere = here.Position, there.Position
	c.ordersHere, c.ordersThere, c.hash = here.Ranges[0].Count, there.Ranges[0].Count, here.Ranges[0].Hash
	c.same = slices.Equal(here.Ranges, there.Ranges)
	return sameRanges(here.Ranges, there.Ranges, nil)
}

// whole asks both sides at once what a span comes to, as one range.
func (c *comparison) whole(ctx context.Context, in span) (now [2]*contracts.RangeList, err error) {
	now[0], now[1], err = both(ctx, func(ctx context.Context) (*contracts.RangeList, error) {
		return c.rangeList(ctx, c.here, c.sideHere, in, 1, url.Values{"parts": {"1"}})
	}, func(ctx context.Context) (*contracts.RangeList, error) {
		return c.rangeList(ctx, c.there, c.sideThere, in, 1, url.Values{"parts": {"1"}})
	})
	return now, err
}

// both asks the two sides at once; the first error ends the other request.
func both[T any](ctx context.Context, here, there func(context.Context) (T, error)) (x, y T, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { x, err = here(ctx); return err })
	g.Go(func() (err error) { y, err = there(ctx); return err })
	err = g.Wait()
	return x, y, err
}

// ranges asks the side that has something in the span to cut it, and the other for the same ranges.
func (c *comparison) ranges(ctx context.Context, in span) (here, there []contracts.Range, err error) {
	ask := func(of *client, side string, query url.Values) ([]contracts.Range, error) {
		list, err := c.rangeList(ctx, of, side, in, compareParts, query)
		if err != nil {
			return nil, err
		}
		return list.Ranges, nil
	}
	parts := url.Values{"parts": {strconv.Itoa(compareParts)}}
	if here, err = ask(c.here, c.sideHere, parts); err != nil {
		return nil, nil, err
	}
	if len(here) > 1 {
		there, err = ask(c.there, c.sideThere, boundsOf(here))
		return here, there, sameRanges(here, there, err)
	}
	// Little or nothing here: the other side knows better where to cut.
	if there, err = ask(c.there, c.sideThere, parts); err != nil || len(there) == 1 {
		return here, there, sameRanges(here, there, err)
	}
	here, err = ask(c.here, c.sideHere, boundsOf(there))
	return here, there, sameRanges(here, there, err)
}

func (s span) put(query url.Values) {
	if s.from != "" {
		query.Set("from", s.from)
	}
	if s.to != "" {
		query.Set("to", s.to)
	}
}

func boundsOf(ranges []contracts.Range) url.Values {
	var bounds []string
	for _, r := range ranges[1:] {
		bounds = append(bounds, r.From)
	}
	return url.Values{"bounds": {strings.Join(bounds, ",")}}
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

func (c *comparison) rangeList(ctx context.Context, of *client, side string, in span, most int, query url.Values) (*contracts.RangeList, error) {
	in.put(query)
	list, err := fetchPage[contracts.RangeList](ctx, c, of, "/orders/fingerprints?"+query.Encode())
	if err != nil {
		return nil, err
	}
	if list.Side != side {
		return nil, fmt.Errorf("%s: speaks for another side", of.target)
	}
	if len(list.Ranges) == 0 || len(list.Ranges) > most {
		return nil, fmt.Errorf("%s: tells of no range, or of more than were asked for", of.target)
	}
	for _, r := range list.Ranges {
		if len(r.Hash) != 32 || strings.Trim(r.Hash, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%s: a hash is none", of.target)
		}
	}
	return &list, nil
}

// count counts orders here that were dealt with.
func (c *comparison) count(orders int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compared += orders
	c.step()
}

// leaf lists a range on both sides, whose fingerprints were taken before, and takes these again: an order that moved
// meanwhile is under way and no difference. Differences that are due wait, for the bridges to be given time.
func (c *comparison) leaf(ctx context.Context, in span, before [2]contracts.Range, found func([]difference)) error {
	list, err := c.listBoth(ctx, in)
	stood := len(list) == 0
	if err == nil && !stood {
		stood, err = c.stood(ctx, in, before)
	}
	if err == nil && !stood { // then each is looked at twice
		list, err = c.stillThere(ctx, in, list)
	}
	if err != nil {
		return err
	}
	late := map[string]difference{}
	var settled []difference
	for id, d := range list {
		if d.underWay() {
			late[id] = d
		} else {
			settled = append(settled, d)
		}
	}
	c.count(before[0].Count)
	c.mu.Lock()
	defer c.mu.Unlock()
	found(settled)
	if len(late) > 0 {
		c.waiting = append(c.waiting, due{in, late})
	}
	return nil
}

// stood reports whether a range has on both sides what it had before.
func (c *comparison) stood(ctx context.Context, in span, before [2]contracts.Range) (bool, error) {
	now, err := c.whole(ctx, in)
	if err != nil {
		return false, err
	}
	for i, list := range now {
		if list.Ranges[0].Count != before[i].Count || list.Ranges[0].Hash != before[i].Hash {
			return false, nil
		}
	}
	return true, nil
}

// stillThere looks again and keeps the differences that are as they were.
func (c *comparison) stillThere(ctx context.Context, in span, before map[string]difference) (map[string]difference, error) {
	now, err := c.listBoth(ctx, in)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(now, func(id string, d difference) bool {
		was, there := before[id]
		return !there || !sameEntry(was.here, d.here) || !sameEntry(was.there, d.there)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moving += len(before) - len(now)
	return now, nil
}

func (c *comparison) listBoth(ctx context.Context, in span) (map[string]difference, error) {
	here, there, err := both(ctx, func(ctx context.Context) (map[string]*contracts.Entry, error) {
		return c.list(ctx, c.here, c.sideHere, in)
	}, func(ctx context.Context) (map[string]*contracts.Entry, error) {
		return c.list(ctx, c.there, c.sideThere, in)
	})
	if err != nil {
		return nil, err
	}
	return c.withoutInvalid(differences(here, there)), nil
}

// pageOf begins the query of a page. The own service has to know towards whom the states are wanted; the peer's does.
func (c *comparison) pageOf(of *client) url.Values {
	query := url.Values{"limit": {strconv.Itoa(contracts.BatchEntriesMax)}}
	if of == c.here {
		query.Set("peer", c.sideThere)
	}
	return query
}

var idForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// list reads how a range of orders stands on one side. Of the address of a next page only the id is
// taken at which it begins: no address of a peer is followed.
func (c *comparison) list(ctx context.Context, of *client, side string, in span) (map[string]*contracts.Entry, error) {
	out := map[string]*contracts.Entry{}
	for {
		query := c.pageOf(of)
		in.put(query)
		page, err := fetchPage[entryPage](ctx, c, of, "/orders/entries?"+query.Encode())
		if err != nil {
			return nil, err
		}
		if page.Side != side {
			return nil, fmt.Errorf("%s: speaks for another side", of.target)
		}
		for _, raw := range page.Entries {
			before := len(out)
			e, err := c.take(raw, side, out)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", of.target, err)
			case out[e.ItemID] != nil && len(out) == before, e.ItemID < in.from, in.to != "" && e.ItemID >= in.to:
				return nil, fmt.Errorf("%s: an entry is there twice, or is of another range", of.target)
			}
		}
		if page.Next == "" {
			return out, nil
		}
		if len(out) > listMost {
			return nil, fmt.Errorf("%s: a range has many more orders than were told of", of.target)
		}
		next, err := url.Parse(page.Next)
		if err != nil {
			return nil, fmt.Errorf("%s: the address of the next page is none", of.target)
		}
		from := next.Query().Get("from")
		if !idForm.MatchString(from) || from <= in.from || in.to != "" && from >= in.to || len(page.Entries) == 0 {
			return nil, fmt.Errorf("%s: the next page does not go on", of.target)
		}
		in.from = from
	}
}

// triesMax is how often a request of a reconciliation is made before the reconciliation fails; the pauses
// between add up to some six seconds.
const triesMax = 6

// fetchPage reads an answer of one side. What may pass is tried again.
func fetchPage[T any](ctx context.Context, c *comparison, of *client, path string) (T, error) {
	for try := 1; ; try++ {
		var got T
		if of.requests.Load() > requestsMax {
			return got, fmt.Errorf("%s: more than %d requests", of.target, requestsMax)
		}
		r := of.get(ctx, path, c.requestID)
		err := of.readAs(ctx, r, &got)
		if err == nil {
			return got, nil
		}
		if r.status == http.StatusOK && r.body == answers { // JSON of another shape
			r.body, r.reason = foreign, err.Error()
		}
		if err := tryAgain(ctx, of, try, r); err != nil {
			return got, err
		}
	}
}

// tryAgain waits before the next try, longer each time, or returns why there is none: the service itself
// refuses the request. Anything else may pass, whatever status a proxy in between gives it.
func tryAgain(ctx context.Context, of *client, try int, r response) error {
	if try == triesMax || final(r) {
		return fmt.Errorf("%s: %s", of.target, r.reason)
	}
	pause := backoffBase << (try - 1)
	return sleep(ctx, max(min(r.retryAfter, toldWaitMax), pause/2+rand.N(pause/2)), nil)
}

// final reports whether an answer stays the same however often it is asked for.
func final(r response) bool {
	passes := r.status == http.StatusRequestTimeout || r.status == http.StatusTooEarly || r.status == http.StatusTooManyRequests
	return r.body == problem && r.status < http.StatusInternalServerError && !passes
}
