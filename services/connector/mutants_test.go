package connector_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// The tests of the test: each of these is a connector with one fault, made by what stands between it and the shop. Walks
// that do not find it would not find it in ours either.

// mutant replaces the shop, or the mapping, by one that makes a connector behave as a faulty one does.
type mutant struct {
	name    string
	in      habits
	finds   string
	from    uint64 // the first seed to try: those before it find nothing
	system  func(*faulty) foreign.System
	mapping func(foreign.Mapping) foreign.Mapping
}

var mutants = []mutant{
	{
		name: "no read before the write", in: habits{byPeer: true, byShop: true}, finds: "lost:",
		system: func(f *faulty) foreign.System { return &unread{faulty: f} },
	},
	{
		name: "the whole document is written", in: habits{byPeer: true, byShop: true}, finds: "lost:", from: 23,
		mapping: func(m foreign.Mapping) foreign.Mapping { return whole{m} },
	},
	{
		name: "what was sent is the base", in: habits{byPeer: true, conditional: true, rewrites: true}, finds: "a collision that nobody caused",
		system: func(f *faulty) foreign.System { return &unverified{faulty: f} },
	},
	{
		name: "posted again without a search", in: habits{byPeer: true, byShop: true, conditional: true, breaks: true}, finds: "are one of ours", from: 32,
		system: func(f *faulty) foreign.System { return unsearched{f} },
	},
	{
		name: "what has the same time is the same", in: habits{byPeer: true, byShop: true, conditional: true}, finds: "the shop holds", from: 38,
		system: func(f *faulty) foreign.System { return &unchanged{faulty: f} },
	},
	{
		name: "what has another time is an edit", in: habits{byPeer: true, conditional: true}, finds: "a collision that nobody caused",
		mapping: func(m foreign.Mapping) foreign.Mapping { return timed{m} },
	},
}

func TestWalksFindMutants(t *testing.T) {
	const walksMax = 100
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if *seed != 0 {
				require.Contains(t, newWalk(t, *seed, &m).run(), m.finds)
				return
			}
			for n := max(1, m.from); n < m.from+walksMax; n++ {
				wrong := ""
				t.Run(strconv.FormatUint(n, 10), func(t *testing.T) { wrong = newWalk(t, n, &m).run() })
				if strings.Contains(wrong, m.finds) {
					return
				}
			}
			require.Fail(t, "no walk finds it", m.finds)
		})
	}
}

// TestAbsenceIsNoDeletion: an order that was left out of a list of all is deleted by the mutant that trusts lists, and by
// nobody else.
func TestAbsenceIsNoDeletion(t *testing.T) {
	for name, trusts := range map[string]bool{"ours": false, "mutant": true} {
		t.Run(name, func(t *testing.T) {
			w := emptyWorld(t)
			f := newFaulty(w.shop)
			f.clock = clock
			w.system = f
			if trusts {
				w.system = &absent{faulty: f, listed: map[string]int{}}
			}
			w.start()
			w.sweep()
			left := w.shop.place("S-1")
			w.shop.place("S-2")
			w.settle()
			rec, err := w.store.Connector().RecordOf(t.Context(), left)
			require.NoError(t, err)
			f.plan(unlisted, 0, left)
			w.sweep()
			w.waits += time.Minute
			w.settle()
			require.Equal(t, trusts, w.peer.get(rec.OrderID).Head.Deleted)
		})
	}
}

// unread takes what was read last for what is there when it comes to a write.
type unread struct {
	*faulty
	known map[string]*foreign.Document
	wrote bool
}

// Get implements foreign.System.
func (u *unread) Get(ctx context.Context, id string) (*foreign.Document, error) {
	if u.known == nil {
		u.known = map[string]*foreign.Document{}
	}
	if was := u.known[id]; was != nil && u.carrying && !u.wrote {
		return was, nil
	}
	u.wrote = false
	doc, err := u.faulty.Get(ctx, id)
	if err == nil {
		is := *doc
		is.Version = ""
		u.known[id] = &is
	}
	return doc, err
}

// Update implements foreign.System.
func (u *unread) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	u.wrote = true
	return u.faulty.Update(ctx, was, edit)
}

// whole writes the whole order in place of what changes.
type whole struct{ foreign.Mapping }

// Write implements foreign.Mapping.
func (m whole) Write(doc *foreign.Document, want *contracts.Order, lines foreign.Lines) (*foreign.Edit, error) {
	edit, err := m.Mapping.Write(doc, want, lines)
	if err != nil || doc == nil || edit.Empty() {
		return edit, err
	}
	all, err := m.Mapping.Write(nil, want, nil)
	if err != nil {
		return nil, err
	}
	ids := all.Body["lines"].([]string)
	for foreignID, line := range lines {
		if at := slices.IndexFunc(want.Lines, func(l contracts.Line) bool { return l.LineID == line.String() }); at >= 0 {
			ids[at] = foreignID
		}
	}
	return &foreign.Edit{Body: all.Body, Actions: all.Actions, Fields: edit.Fields}, nil
}

// unverified takes a write for done as it was sent.
type unverified struct {
	*faulty
	sent map[string]*foreign.Document
}

// Update implements foreign.System.
func (u *unverified) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	err := u.faulty.Update(ctx, was, edit)
	set, ok := edit.Body["set"].(func(*contracts.Order))
	if _, lines := edit.Body["lines"]; err == nil && ok && !lines && edit.Actions == nil {
		o := copyOrder(*was.Body["order"].(*contracts.Order))
		set(&o)
		u.sent = map[string]*foreign.Document{was.ID: {ID: was.ID, Body: map[string]any{
			"order": &o, "lines": was.Body["lines"], "ref": was.Body["ref"], "trash": was.Body["trash"], "modified": was.Body["modified"],
		}}}
	}
	return err
}

// Get implements foreign.System.
func (u *unverified) Get(ctx context.Context, id string) (*foreign.Document, error) {
	if doc := u.sent[id]; doc != nil {
		u.sent = nil
		return doc, nil
	}
	return u.faulty.Get(ctx, id)
}

// unsearched never looks for what it may have created before.
type unsearched struct{ *faulty }

// Find implements foreign.System.
func (unsearched) Find(context.Context, uuid.UUID) ([]string, error) { return nil, nil }

// absent takes an order that was in one list of all, and is not in the next, for one that is gone.
type absent struct {
	*faulty
	lists  int
	whole  int            // the last list of which all pages were read
	listed map[string]int // the last list that an order was in, or after which it was read
}

// All implements foreign.System.
func (a *absent) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	if after == "" {
		a.lists++
	}
	page, next, err = a.faulty.All(ctx, after)
	for _, one := range page {
		a.listed[one.ID] = a.lists
	}
	if err == nil && next == "" {
		a.whole = a.lists
	}
	return page, next, err
}

// Get implements foreign.System.
func (a *absent) Get(ctx context.Context, id string) (*foreign.Document, error) {
	if last, ok := a.listed[id]; ok && last < a.whole {
		return nil, foreign.ErrGone
	}
	a.listed[id] = a.lists
	return a.faulty.Get(ctx, id)
}

// unchanged takes an order for the same as long as its time is the same.
type unchanged struct {
	*faulty
	known map[string]*foreign.Document
}

// Get implements foreign.System.
func (u *unchanged) Get(ctx context.Context, id string) (*foreign.Document, error) {
	doc, err := u.faulty.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.known == nil {
		u.known = map[string]*foreign.Document{}
	}
	if was := u.known[id]; was != nil && was.Body["modified"] == doc.Body["modified"] {
		is := *was
		is.Version = doc.Version
		return &is, nil
	}
	u.known[id] = doc
	return doc, nil
}

// timed takes an order with another time for another order.
type timed struct{ foreign.Mapping }

// Read implements foreign.Mapping.
func (m timed) Read(doc *foreign.Document, id uuid.UUID, kept *contracts.Order, lines foreign.Lines) (*contracts.Order, foreign.Lines, error) {
	o, lines, err := m.Mapping.Read(doc, id, kept, lines)
	if err == nil {
		o.Metadata = map[string]string{"modified": doc.Body["modified"].(string)}
	}
	return o, lines, err
}
