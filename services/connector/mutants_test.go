package connector_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

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
	system  func(*faulty) foreign.System
	mapping func(foreign.Mapping) foreign.Mapping
}

var mutants = []mutant{
	{
		name: "no read before the write", in: habits{byPeer: true, byShop: true}, finds: "lost:",
		system: func(f *faulty) foreign.System { return &unread{faulty: f} },
	},
	{
		name: "the whole document is written", in: habits{byPeer: true, byShop: true}, finds: "lost:",
		mapping: func(m foreign.Mapping) foreign.Mapping { return whole{m} },
	},
	{
		name: "what was sent is the base", in: habits{byPeer: true, conditional: true, rewrites: true}, finds: "a collision that nobody caused",
		system: func(f *faulty) foreign.System { return &unverified{faulty: f} },
	},
	{
		name: "what has the same time is the same", in: habits{byPeer: true, byShop: true, conditional: true}, finds: "",
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
			for n := uint64(1); n <= walksMax; n++ {
				wrong := ""
				t.Run(strconv.FormatUint(n, 10), func(t *testing.T) { wrong = newWalk(t, n, &m).run() })
				if wrong != "" {
					require.Contains(t, wrong, m.finds, "seed %d", n)
					return
				}
			}
			require.Fail(t, "no walk finds it")
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
	return &foreign.Edit{Body: all.Body, Actions: edit.Actions, Fields: edit.Fields}, nil
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
	if _, lines := edit.Body["lines"]; err == nil && ok && !lines {
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
