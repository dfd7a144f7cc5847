package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// holder is a side that only tells what it has.
type holder struct {
	side    string
	entries map[string]contracts.Entry
	ids     []string // sorted
	twist   func(answer any) any
}

func holderOf(side string, n int) *holder {
	h := &holder{side: side, entries: map[string]contracts.Entry{}, twist: func(answer any) any { return answer }}
	for i := range n {
		h.put(fmt.Sprintf("%08x-0000-7000-8000-000000000000", i*7), contracts.Version{"a.x": int64(i + 1)})
	}
	return h
}

// put adds an order above all others, or changes one.
func (h *holder) put(id string, v contracts.Version) {
	if _, known := h.entries[id]; !known {
		h.ids = append(h.ids, id)
	}
	h.entries[id] = contracts.Entry{
		ItemID: id, State: "OK", Version: v, UpdatedAt: time.Unix(1, 0).UTC(), ItemURI: "/orders/" + id,
		Fingerprint: fmt.Sprintf("fp1:%x", sha256.Sum256(fmt.Append(nil, v))),
	}
}

func (h *holder) remove(id string) {
	delete(h.entries, id)
	h.ids = slices.Sorted(maps.Keys(h.entries))
}

func (h *holder) within(r *http.Request) []string {
	from, to := r.URL.Query().Get("from"), r.URL.Query().Get("to")
	first, _ := slices.BinarySearch(h.ids, from)
	last := len(h.ids)
	if to != "" {
		last, _ = slices.BinarySearch(h.ids, to)
	}
	return h.ids[first:last]
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/orders/fingerprints":
		answer = h.ranges(r)
	case "/orders/entries":
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		page := contracts.EntryPage{Side: h.side, Entries: []contracts.Entry{}}
		for i, id := range h.within(r) {
			if i == limit {
				page.Next = "/orders/entries?from=" + id
				break
			}
			page.Entries = append(page.Entries, h.entries[id])
		}
		answer = page
	}
	body, err := strictjson.Encode(h.twist(answer))
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (h *holder) ranges(r *http.Request) contracts.RangeList {
	q, ids := r.URL.Query(), h.within(r)
	starts := []string{q.Get("from")}
	if starts[0] == "" {
		starts[0] = "00000000-0000-0000-0000-000000000000"
	}
	if q.Get("bounds") != "" {
		starts = append(starts, strings.Split(q.Get("bounds"), ",")...)
	} else if parts, _ := strconv.Atoi(q.Get("parts")); len(ids) > 0 {
		step := (len(ids) + parts - 1) / parts
		for i := step; i < len(ids); i += step {
			starts = append(starts, ids[i])
		}
	}
	list := contracts.RangeList{Side: h.side}
	for i, from := range starts {
		to := q.Get("to")
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		var sum [16]byte
		one := contracts.Range{From: from, To: to}
		for _, id := range ids {
			if id >= from && (to == "" || id < to) {
				hash := sha256.Sum256(fmt.Append(nil, id, h.entries[id].Version))
				for j := range sum {
					sum[j] ^= hash[j]
				}
				one.Count++
			}
		}
		one.Hash = hex.EncodeToString(sum[:])
		list.Ranges = append(list.Ranges, one)
	}
	return list
}

func compare(t *testing.T, a, b *holder) (found map[string]string, c *comparison, err error) {
	t.Helper()
	c = &comparison{
		here: testClient(t, serve(t, a).URL), there: testClient(t, serve(t, b).URL), sideHere: "a", sideThere: "b", requestID: "r", logMost: -1, step: func() {},
	}
	found = map[string]string{}
	err = c.run(context.Background(), func(list []difference) {
		for _, d := range list {
			require.Empty(t, found[d.id], "each once")
			found[d.id] = d.kind()
		}
	})
	return found, c, err
}

// TestDifferencesAreFoundAmongMany: with so many orders the ranges have to be cut more than once.
func TestDifferencesAreFoundAmongMany(t *testing.T) {
	const n = 40_000
	a, b := holderOf("a", n), holderOf("b", n)
	none, c, err := compare(t, a, b)
	require.NoError(t, err)
	require.Empty(t, none)
	require.True(t, c.same)
	require.EqualValues(t, 2, c.here.requests.Load()+c.there.requests.Load())

	id := func(i int) string { return a.ids[i] }
	want := map[string]string{id(5): newerHere, id(6): newerThere, id(20_000): concurrent, id(39_999): onlyHere, id(31_313): onlyThere}
	a.put(id(5), contracts.Version{"a.x": 6, "a.y": 1})
	b.put(id(6), contracts.Version{"a.x": 7, "b.y": 1})
	a.put(id(20_000), contracts.Version{"a.x": 20_001, "a.y": 2})
	b.put(id(20_000), contracts.Version{"a.x": 20_001, "b.y": 2})
	gone := id(31_313)
	b.remove(id(39_999))
	a.remove(gone)
	found, c, err := compare(t, a, b)
	require.NoError(t, err)
	require.Equal(t, want, found)
	require.False(t, c.same)
	require.Zero(t, c.moving)
	require.LessOrEqual(t, c.here.requests.Load(), int64(20), "of each side")
}

// TestTwoSidesThatShareNothing: all of both is found, however the ranges fall.
func TestTwoSidesThatShareNothing(t *testing.T) {
	a, b := holderOf("a", 600), holderOf("b", 0)
	for i := range 600 {
		b.put(fmt.Sprintf("%08x-0000-7000-8000-000000000001", i*7), contracts.Version{"b.y": 1})
	}
	found, _, err := compare(t, a, b)
	require.NoError(t, err)
	require.Len(t, found, 1200)
}

func TestAComparisonIsNotLedAstray(t *testing.T) {
	ranges := func(twist func(*contracts.RangeList)) func(any) any {
		return func(answer any) any {
			if l, ok := answer.(contracts.RangeList); ok {
				twist(&l)
				return l
			}
			return answer
		}
	}
	entries := func(twist func(*contracts.EntryPage)) func(any) any {
		return func(answer any) any {
			if p, ok := answer.(contracts.EntryPage); ok {
				twist(&p)
				return p
			}
			return answer
		}
	}
	for name, twist := range map[string]func(any) any{
		"another side's ranges":  ranges(func(l *contracts.RangeList) { l.Side = "a" }),
		"another side's entries": entries(func(p *contracts.EntryPage) { p.Side = "a" }),
		"no ranges":              ranges(func(l *contracts.RangeList) { l.Ranges = nil }),
		"a hash that is none":    ranges(func(l *contracts.RangeList) { l.Ranges[0].Hash = "x" }),
		"entries of another range": entries(func(p *contracts.EntryPage) {
			p.Entries = append(p.Entries, contracts.Entry{ItemID: "ffffffff-0000-7000-8000-00000000000z"})
		}),
		"pages without end":           entries(func(p *contracts.EntryPage) { p.Next = "http://elsewhere/orders/entries?from=zzzz" }),
		"a next page before this one": entries(func(p *contracts.EntryPage) { p.Next = "/orders/entries?from=00000000-0000-0000-0000-000000000000" }),
		"ranges that become no smaller": ranges(func(l *contracts.RangeList) {
			for i := range l.Ranges {
				l.Ranges[i].Count, l.Ranges[i].Hash = 1_000_000, strings.Repeat("f", 32)
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			a, b := holderOf("a", 3), holderOf("b", 2)
			b.twist = twist
			_, _, err := compare(t, a, b)
			require.Error(t, err)
			t.Log(err)
		})
	}
}

func TestAnOrderWithoutHintsCanBeGivenBack(t *testing.T) {
	o := &order{id: "x"}
	require.Positive(t, o.delay(time.Second))
	require.NoError(t, o.giveBack(time.Second))
	require.NoError(t, o.acknowledge())
}

// TestWhatWasToldAndChangedNothingWaits: it is not told for ever.
func TestWhatWasToldAndChangedNothingWaits(t *testing.T) {
	r := newReconciler(&pipe{local: testClient(t, "http://127.0.0.1:1"), remote: testClient(t, "http://127.0.0.1:1")})
	d := difference{id: orderID(1), here: &contracts.Entry{Version: contracts.Version{"a.x": 1}}}
	planned := func() int {
		r.toSend = nil
		r.sort([]difference{d})
		return len(r.toSend)
	}
	require.Equal(t, 1, planned())
	require.Equal(t, 1, planned(), "the plan has told nothing")
	for id, m := range r.met {
		m.told = m.planned
		r.met[id] = m
	}
	require.Zero(t, planned())
	require.Equal(t, 1, r.Report().Waiting)
	d.here = &contracts.Entry{Version: contracts.Version{"a.x": 2}}
	require.Equal(t, 1, planned(), "edited since, so told again")
	require.Equal(t, 1, planned(), "that plan could not be carried out")
	require.Equal(t, map[string]int{onlyHere: 1}, r.Report().Found, "counted once")
}
