package command

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// pair is two whole services that know each other; the test is their bridges.
type pair struct {
	t    *testing.T
	a, b *side
}

func startPair(t *testing.T, policyA, policyB, rules string) *pair {
	t.Helper()
	a := startSide(t, func(c *Config) { c.ConflictPolicy, c.ConflictRules = policyA, rules })
	b := startSide(t, func(c *Config) { c.Side, c.Peer, c.ConflictPolicy, c.ConflictRules = "b", "a", policyB, rules })
	return &pair{t, a, b}
}

// ask is what a bridge reads of its own side about an order.
func ask(s *side, id string) []contracts.Entry {
	var due contracts.LookupResult
	s.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: s.cfg.others()[0].name, IDs: []string{id}}).into(s.t, &due)
	return due.Entries
}

// tell passes what one side said on to the other one, as a request, and returns its answer.
func tell(from, to *side, said []contracts.Entry) []contracts.Entry {
	var answer contracts.Batch
	got := to.do("peer", "PUT", "/orders/transactions", contracts.Batch{Side: from.cfg.Side, Entries: said})
	require.Contains(from.t, []int{http.StatusOK, http.StatusConflict}, got.status, "%s", got.body)
	got.into(from.t, &answer)
	return answer.Entries
}

// heard gives a side the answer of the other one.
func heard(s *side, answer []contracts.Entry) {
	s.want(http.StatusNoContent, "bridge", "PUT", "/orders/transactions", contracts.Batch{Side: s.cfg.others()[0].name, Entries: answer}, "Prefer", "return=minimal")
}

// carry does what the bridge of a side does with one hint. It reports false when nothing is due.
func (p *pair) carry(from, to *side, id string) bool {
	said := ask(from, id)
	if len(said) == 0 {
		return false
	}
	heard(from, tell(from, to, said))
	return true
}

// settle lets both bridges work until nothing is due.
func (p *pair) settle(id string) {
	p.t.Helper()
	for range 10 {
		if !p.carry(p.a, p.b, id) && !p.carry(p.b, p.a, id) {
			return
		}
	}
	require.Fail(p.t, "the sides never come to an end")
}

// cross lets both sides ask at once: both requests are read before either answer is heard.
func (p *pair) cross(id string) {
	p.t.Helper()
	ofA, ofB := ask(p.a, id), ask(p.b, id)
	toA, toB := tell(p.a, p.b, ofA), tell(p.b, p.a, ofB)
	heard(p.a, toA)
	heard(p.b, toB)
	p.settle(id)
}

// agreed makes an order that both sides have.
func (p *pair) agreed() contracts.Order {
	p.t.Helper()
	o := newOrder(p.t, "agreed")
	p.a.create(o)
	p.settle(o.ID)
	require.Equal(p.t, []string{"OK", "OK"}, p.states(o.ID))
	return o
}

func edit(s *side, o contracts.Order, change func(*contracts.Order)) {
	s.t.Helper()
	now := s.get(o.ID).Order
	now.Totals = nil
	for i := range now.Lines {
		now.Lines[i].TotalMinor = nil
	}
	change(&now)
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, now, "If-Match", "*")
}

// states are how the order stands at a and at b.
func (p *pair) states(id string) []string {
	p.t.Helper()
	var out []string
	for _, s := range []*side{p.a, p.b} {
		events := s.timeline(id)
		last := events[len(events)-1]
		require.Equal(p.t, s.cfg.others()[0].name, last.Peer)
		out = append(out, last.Becomes)
	}
	return out
}

// same demands that both sides have the same order at the same version, and returns it.
func (p *pair) same(id string) contracts.OrderView {
	p.t.Helper()
	a, b := p.a.get(id), p.b.get(id)
	require.Equal(p.t, []string{"OK", "OK"}, p.states(id))
	require.Equal(p.t, a.Sync.Version, b.Sync.Version)
	require.Equal(p.t, a.Sync.Fingerprint, b.Sync.Fingerprint)
	require.Equal(p.t, a.Order, b.Order)
	return a
}

func note(text string) func(*contracts.Order) {
	return func(o *contracts.Order) { o.CustomerNote = text }
}

func quantity(n int64) func(*contracts.Order) {
	return func(o *contracts.Order) { o.Lines[0].Quantity, o.Lines[0].TaxMinor = n, 0 }
}

var exchanges = map[string]func(*pair, string){
	"one after the other": func(p *pair, id string) { p.settle(id) },
	"the other one first": func(p *pair, id string) { p.carry(p.b, p.a, id); p.settle(id) },
	"at once":             (*pair).cross,
}

// rowsOfVersions counts the written versions whose number is not the number of their row.
const rowsOfVersions = `SELECT count(*) FROM log WHERE rule = 113 AND NOT deleted AND version NOT LIKE '%:' || seq || '%'`

func TestMergeNeedsNoPerson(t *testing.T) {
	p := startPair(t, "merge", "merge", "")
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			o := p.agreed()
			edit(p.a, o, note("ring twice"))
			edit(p.b, o, quantity(7))
			exchange(p, o.ID)
			got := p.same(o.ID)
			require.Equal(t, "ring twice", got.CustomerNote)
			require.EqualValues(t, 7, got.Lines[0].Quantity)
			for _, s := range []*side{p.a, p.b} {
				for _, e := range s.timeline(o.ID) {
					require.NotEqual(t, "COLLISION", e.Becomes)
				}
				require.Zero(t, count(t, s.cfg.DatabaseURL, rowsOfVersions), "a row has the number that its version got")
			}
		})
	}
	require.Positive(t, count(t, p.a.cfg.DatabaseURL, `SELECT count(*) FROM log WHERE rule = 113`))
	require.Positive(t, count(t, p.b.cfg.DatabaseURL, `SELECT count(*) FROM log WHERE rule = 113`))
}

func TestMergeLeavesWhatIsContestedToPeople(t *testing.T) {
	p := startPair(t, "merge", "merge", "")
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			o := p.agreed()
			edit(p.a, o, note("of a"))
			edit(p.b, o, func(o *contracts.Order) { note("of b")(o); quantity(7)(o) })
			exchange(p, o.ID)
			require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
			c, tag := (&stage{side: p.a, id: o.ID}).collision()
			require.Equal(t, "agreed", c.Base.Order.CustomerNote)
			require.False(t, c.Settles)
			require.Equal(t, "of a", c.Merged.CustomerNote, "a person decides, and starts from ours")
			require.EqualValues(t, 7, c.Merged.Lines[0].Quantity, "what nobody contests is merged")
			c.Merged.CustomerNote = "of both"
			(&stage{side: p.a, id: o.ID}).resolve(http.StatusOK, contracts.Resolution{Order: c.Merged}, "If-Match", tag)
			p.settle(o.ID)
			got := p.same(o.ID)
			require.Equal(t, "of both", got.CustomerNote)
			require.EqualValues(t, 7, got.Lines[0].Quantity)
		})
	}
}

func TestRulesSettleWhatIsContested(t *testing.T) {
	p := startPair(t, "manual", "manual", "/customerNote=side:b /lines/*/quantity=max /lines/*/taxMinor=max")
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			o := p.agreed()
			edit(p.a, o, func(o *contracts.Order) { note("of a")(o); quantity(9)(o) })
			edit(p.b, o, func(o *contracts.Order) { note("of b")(o); quantity(7)(o) })
			exchange(p, o.ID)
			got := p.same(o.ID)
			require.Equal(t, "of b", got.CustomerNote, "b owns the note")
			require.EqualValues(t, 9, got.Lines[0].Quantity, "the larger one")

			edit(p.a, o, note("of a"))
			edit(p.b, o, func(o *contracts.Order) { o.InternalNote = "no rule for it" })
			exchange(p, o.ID)
			require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
		})
	}
}

func TestMergeSettlesTwoDeletions(t *testing.T) {
	p := startPair(t, "merge", "merge", "")
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			o := p.agreed()
			for _, s := range []*side{p.a, p.b} {
				s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+o.ID, nil, "If-Match", "*")
			}
			exchange(p, o.ID)
			for _, state := range p.states(o.ID) {
				require.Contains(t, []string{"DEL", "DEL_SYNCED"}, state, "an acknowledgement has no row")
			}
			for _, s := range []*side{p.a, p.b} {
				require.Zero(t, count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM links WHERE state <> 5 AND order_id = '`+o.ID+`'`))
			}
		})
	}
	o := p.agreed()
	p.a.want(http.StatusNoContent, "client", "DELETE", "/orders/"+o.ID, nil, "If-Match", "*")
	edit(p.b, o, note("still wanted"))
	p.cross(o.ID)
	require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID), "a deletion against a change is a person's")
}

// Where only one side merges, nothing is lost: the other one's case is ended by a version that holds
// both changes, or both have the case.
func TestMergeOnOneSideIsSafe(t *testing.T) {
	for _, policies := range [][2]string{{"merge", "manual"}, {"manual", "merge"}} {
		p := startPair(t, policies[0], policies[1], "")
		for name, exchange := range exchanges {
			t.Run(policies[0]+" and "+policies[1]+", "+name, func(t *testing.T) {
				o := p.agreed()
				edit(p.a, o, note("ring twice"))
				edit(p.b, o, quantity(7))
				exchange(p, o.ID)
				got := p.same(o.ID)
				require.Equal(t, "ring twice", got.CustomerNote)
				require.EqualValues(t, 7, got.Lines[0].Quantity)

				edit(p.a, o, note("of a"))
				edit(p.b, o, note("of b"))
				exchange(p, o.ID)
				require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
			})
		}
	}
}

// What does not fit together is a person's, though each change alone is right.
func TestMergeValidates(t *testing.T) {
	p := startPair(t, "merge", "merge", "")
	o := p.agreed()
	edit(p.a, o, func(o *contracts.Order) { o.Lines = o.Lines[:1] })
	edit(p.b, o, func(o *contracts.Order) { o.Lines = o.Lines[1:] })
	p.cross(o.ID)
	require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID), "no line would be left")
	c, _ := (&stage{side: p.a, id: o.ID}).collision()
	require.Nil(t, c.Merged)
	require.False(t, c.Settles)
}

// People on both sides work on while the merge of one side is on its way.
func TestMergeGoesOnUnderEdits(t *testing.T) {
	p := startPair(t, "merge", "merge", "")
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			o := p.agreed()
			edit(p.a, o, note("first"))
			edit(p.b, o, quantity(7))
			tell(p.b, p.a, ask(p.b, o.ID)) // a merges, and the answer is lost
			require.Equal(t, "UPD", p.a.state(o.ID))
			edit(p.a, o, func(o *contracts.Order) { o.Tags = []string{"second"} })
			edit(p.b, o, func(o *contracts.Order) { o.InternalNote = "third" })
			exchange(p, o.ID)
			got := p.same(o.ID)
			require.Equal(t, []any{"first", []string{"second"}, "third", int64(7)}, []any{got.CustomerNote, got.Tags, got.InternalNote, got.Lines[0].Quantity})
		})
	}
}

// TestMergeNeedsTheAgreedVersion: a side that is not known any more has its elements left out of what is written
// from then on. So an older version may look like the last one that both had; against it, what one side changed
// back would look as if nobody had touched it.
func TestMergeNeedsTheAgreedVersion(t *testing.T) {
	third := func(c *Config) { c.ConflictPolicy, c.Sides = "merge", "c" }
	p := &pair{t, startSide(t, third), startSide(t, third, func(c *Config) { c.Side, c.Peer = "b", "a" })}
	o := p.agreed()
	theirs := o
	theirs.Lines = slices.Clone(o.Lines)
	quantity(7)(&theirs)
	of := and(p.a.get(o.ID).Sync.Version, contracts.Version{"c.7kq2mz": 5})
	tell(p.a, p.b, []contracts.Entry{entry(t, o.ID, "UPD", of, &theirs)})
	tell(p.b, p.a, []contracts.Entry{entry(t, o.ID, "UPD", of, &theirs)})
	require.EqualValues(t, 7, p.same(o.ID).Lines[0].Quantity)
	for _, s := range []*side{p.a, p.b} {
		s.stop()
		s.cfg.Sides = ""
		s.start()
	}
	edit(p.a, o, quantity(o.Lines[0].Quantity)) // back
	edit(p.b, o, note("of b"))
	p.settle(o.ID)
	require.Equal(t, o.Lines[0].Quantity, p.a.get(o.ID).Lines[0].Quantity)
	require.Equal(t, []string{"COLLISION", "COLLISION"}, p.states(o.ID))
}
