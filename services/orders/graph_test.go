package orders_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// graph is several sides, each with a database of its own. What a side's bridges do is done by carry.
type graph struct {
	*testing.T
	sides map[string]*graphSide
}

type graphSide struct {
	*orders.Service
	store *postgres.Store
	url   string
	key   []byte
	peers []string
}

// newGraph makes the sides of edges such as "ab": a and b are peers.
func newGraph(t *testing.T, policy merge.Policy, edges ...string) *graph {
	g := &graph{t, map[string]*graphSide{}}
	for _, e := range edges {
		for _, name := range []string{e[:1], e[1:]} {
			if g.sides[name] == nil {
				g.sides[name] = &graphSide{}
			}
		}
		a, b := g.sides[e[:1]], g.sides[e[1:]]
		a.peers, b.peers = append(a.peers, e[1:]), append(b.peers, e[:1])
	}
	for name, s := range g.sides {
		s.url = pgtest.Template(t, "schema", func(url string) error {
			store, err := postgres.Open(context.Background(), url, 2)
			if err != nil {
				return err
			}
			defer store.Close()
			_, err = store.Migrate(context.Background())
			return err
		})
		var err error
		s.store, err = postgres.Open(t.Context(), s.url, 4)
		require.NoError(t, err)
		t.Cleanup(s.store.Close)
		s.key, err = s.store.EpochKey(t.Context())
		require.NoError(t, err)
		g.start(name, policy)
	}
	return g
}

// start starts the service of a side with the peers that it has now.
func (g *graph) start(name string, policy merge.Policy) {
	s := g.sides[name]
	var others []string
	for other := range g.sides {
		if other != name && !slices.Contains(s.peers, other) {
			others = append(others, other)
		}
	}
	s.Service = orders.NewService(orders.Options{
		Side: name, Peers: s.peers, Sides: others, Policy: policy, Notify: func([]orders.Hint) {},
		Now:   func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		Brake: orders.NewBrake(orders.Limit{}, orders.Limit{}, time.Minute, func(string, orders.BrakeState) {}),
		Judge: func(context.Context, string, []ordersync.Dot) ([]ordersync.Dot, error) { return nil, nil },
	}, s.store, orders.NewEpoch(name, s.key), zap.NewNop())
}

func (g *graph) create(name string) uuid.UUID {
	g.Helper()
	o := contracts.Order{
		OrderNumber: "G-1", Source: "web", Status: contracts.StatusPending, PaymentStatus: contracts.PaymentUnpaid,
		FulfillmentStatus: contracts.FulfillmentUnfulfilled, Currency: "EUR", Customer: contracts.Customer{Name: "Ada"},
		Lines: []contracts.Line{{SKU: "A", Name: "Apple", Quantity: 1, UnitPriceMinor: 100}}, PlacedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
	st, _, err := g.sides[name].Create(g.Context(), orders.By{Actor: "user:anna"}, &o, nil)
	require.NoError(g, err)
	return st.ID
}

func (g *graph) edit(name string, id uuid.UUID, patch string) {
	g.Helper()
	_, err := g.sides[name].Patch(g.Context(), orders.By{Actor: "user:anna"}, id, []byte(patch), orders.Condition{IfMatch: orders.Tags{"*"}})
	require.NoError(g, err)
}

// carry takes what is pending from one side to another, as a bridge does it, with the answer. It reports whether
// there was anything.
func (g *graph) carry(from, to string, id uuid.UUID) bool {
	g.Helper()
	a, b := g.sides[from], g.sides[to]
	found, _, err := a.Lookup(g.Context(), to, []uuid.UUID{id}, false, 1<<20)
	require.NoError(g, err)
	if len(found) == 0 {
		return false
	}
	in := []orders.Received{g.told(found[0], nil)}
	out, err := b.Receive(g.Context(), orders.By{Actor: "peer:" + from}, from, in)
	require.NoError(g, err)
	_, err = a.Receive(g.Context(), orders.By{Actor: "bridge:" + to}, to, []orders.Received{g.told(out[0], &in[0].Entry.Version)})
	require.NoError(g, err)
	return true
}

// told is what the one side makes of how an order stands at the other.
func (g *graph) told(p orders.Present, to *ordersync.Vector) orders.Received {
	g.Helper()
	r := ordersync.Record{Head: p.Head, Link: p.Link.Link}.Towards()
	in := orders.Received{ID: p.ID, UpdatedAt: p.UpdatedAt, Entry: ordersync.Entry{Head: r.Head, State: r.State, AnswerTo: to}}
	if r.State == ordersync.None {
		in.Entry.State = ordersync.ErrorSynced
	}
	if p.Body != nil {
		o := new(contracts.Order)
		require.NoError(g, strictjson.Decode(p.Body, o))
		var refusal string
		in.Content, in.Raw, refusal = orders.TakeContent(o, nil, p.Head.Fingerprint)
		require.Empty(g, refusal)
	} else if !p.Head.Deleted {
		in.Entry.Refusal = "the entry has no order"
	}
	return in
}

// settle carries until nothing is pending.
func (g *graph) settle(id uuid.UUID) {
	g.Helper()
	for again, rounds := true, 0; again; rounds++ {
		require.Less(g, rounds, 50, "the sides never come to an end")
		again = false
		for name, s := range g.sides {
			for _, peer := range s.peers {
				again = g.carry(name, peer, id) || again
			}
		}
	}
}

func (g *graph) get(name string, id uuid.UUID) *orders.Stored {
	g.Helper()
	st, err := g.sides[name].Get(g.Context(), id)
	require.NoError(g, err)
	return st
}

func (g *graph) note(name string, id uuid.UUID) string {
	g.Helper()
	o := new(contracts.Order)
	require.NoError(g, strictjson.Decode(g.get(name, id).Body, o))
	return o.CustomerNote
}

// collisions counts the links of all sides that are in collision.
func (g *graph) collisions(id uuid.UUID) (n int) {
	g.Helper()
	for name := range g.sides {
		for _, l := range g.get(name, id).Links {
			if l.State == ordersync.Collision {
				n++
			}
		}
	}
	return n
}

// TestRelayedChangesAreNotReceived: what a side passes on is no event of the peer that is to have it.
func TestRelayedChangesAreNotReceived(t *testing.T) {
	g := newGraph(t, merge.Policy{}, "ab", "bc", "bd")
	id := g.create("a")
	g.settle(id)
	g.edit("b", id, `{"customerNote": "of b"}`)
	g.settle(id)

	type row struct {
		event, peer string
		received    ordersync.State
		wrote       bool
	}
	log, err := g.sides["b"].store.Timeline(t.Context(), id)
	require.NoError(t, err)
	var rows []row
	for _, r := range log {
		rows = append(rows, row{r.Event.String(), r.Peer, r.Received, r.Wrote})
	}
	require.Equal(t, []row{
		{"received", "a", ordersync.New, true},
		{"relayed", "c", ordersync.None, false},
		{"relayed", "d", ordersync.None, false},
		{"edited", "a", ordersync.None, true},
		{"relayed", "c", ordersync.None, false},
		{"relayed", "d", ordersync.None, false},
	}, rows)
	byPeer, _, err := g.sides["b"].store.ReceivedSince(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"a": 1}, byPeer)
	require.Equal(t, "of b", g.note("d", id))
}

// TestOwnedFieldGoesByItsAuthor: a rule names the side that owns a field. Its value counts when it wrote it, and
// not when it only carried it.
func TestOwnedFieldGoesByItsAuthor(t *testing.T) {
	policy := func(t *testing.T) merge.Policy {
		rules, err := merge.ParseRules("/customerNote=side:a", "a", "b", "c")
		require.NoError(t, err)
		return merge.Policy{Merge: true, Rules: rules}
	}
	for _, first := range []string{"b", "c"} {
		t.Run("two leaves of the owner, "+first+" first", func(t *testing.T) {
			g := newGraph(t, policy(t), "ab", "ac")
			id := g.create("a")
			g.settle(id)
			g.edit("b", id, `{"customerNote": "of b"}`)
			g.edit("c", id, `{"customerNote": "of c"}`)
			g.carry(first, "a", id)
			g.settle(id)
			require.Equal(t, 2, g.collisions(id), "a owns the note, and wrote neither: a person decides")
		})
	}
	t.Run("the owner's value comes by way of another side", func(t *testing.T) {
		g := newGraph(t, policy(t), "ac", "cb")
		id := g.create("a")
		g.settle(id)
		g.edit("b", id, `{"customerNote": "of b"}`)
		g.edit("a", id, `{"customerNote": "of a"}`)
		g.settle(id)
		require.Zero(t, g.collisions(id))
		for name := range g.sides {
			require.Equal(t, "of a", g.note(name, id), name)
		}
	})
	t.Run("the owner and another side wrote one of the two", func(t *testing.T) {
		g := newGraph(t, policy(t), "ab", "bc")
		id := g.create("a")
		g.settle(id)
		g.edit("c", id, `{"customerNote": "of c"}`)
		g.edit("a", id, `{"internalNote": "of a"}`)
		g.carry("a", "b", id)
		g.edit("b", id, `{"customerNote": "of b"}`)
		g.settle(id)
		require.NotZero(t, g.collisions(id))
	})
}

// TestLongVersionsOfBefore: one side stores more elements of a version than the other, as a program of before did.
// An exchange of the order makes all sides store the same.
func TestLongVersionsOfBefore(t *testing.T) {
	g := newGraph(t, merge.Policy{}, "ab", "bc")
	id := g.create("a")
	g.settle(id)
	var long, short []string
	for i := range 40 {
		long = append(long, fmt.Sprintf("a.e%03d:%d", i, i+1))
	}
	long[39] += "!"
	short = long[8:]
	for name, version := range map[string][]string{"a": long, "b": short, "c": long} {
		conn, err := pgx.Connect(t.Context(), g.sides[name].url)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "UPDATE orders SET version = $1", strings.Join(version, ","))
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	for _, peer := range []string{"a", "c"} {
		found, _, err := g.sides["b"].Lookup(t.Context(), peer, []uuid.UUID{id}, true, 1<<20)
		require.NoError(t, err)
		_, err = g.sides[peer].Receive(t.Context(), orders.By{Actor: "peer:b"}, "b", []orders.Received{g.told(found[0], nil)})
		require.NoError(t, err)
	}
	g.settle(id)
	for name := range g.sides {
		require.Equal(t, strings.Join(short, ","), g.get(name, id).Head.Version.String(), name)
	}
	require.Zero(t, g.collisions(id))
}

// TestPeersThatAreAddedMeet: orders that both know, without a link, are compared by their versions.
func TestPeersThatAreAddedMeet(t *testing.T) {
	g := newGraph(t, merge.Policy{}, "ab", "bc")
	equal, collides, newer := g.create("a"), g.create("a"), g.create("a")
	for _, id := range []uuid.UUID{equal, collides, newer} {
		g.settle(id)
	}
	for _, id := range []uuid.UUID{collides, newer} {
		g.edit("a", id, `{"customerNote": "of a"}`)
	}
	g.edit("c", collides, `{"customerNote": "of c"}`)

	g.sides["a"].peers, g.sides["c"].peers = append(g.sides["a"].peers, "c"), append(g.sides["c"].peers, "a")
	g.start("a", merge.Policy{})
	g.start("c", merge.Policy{})
	for _, id := range []uuid.UUID{equal, collides, newer} { // the reconciliation at first contact
		found, _, err := g.sides["c"].Lookup(t.Context(), "a", []uuid.UUID{id}, true, 1<<20)
		require.NoError(t, err)
		in := []orders.Received{g.told(found[0], nil)}
		out, err := g.sides["a"].Receive(t.Context(), orders.By{Actor: "peer:c"}, "c", in)
		require.NoError(t, err)
		_, err = g.sides["c"].Receive(t.Context(), orders.By{Actor: "bridge:a"}, "a", []orders.Received{g.told(out[0], &in[0].Entry.Version)})
		require.NoError(t, err)
	}
	require.Equal(t, ordersync.OK, g.get("a", equal).Link("c").State)
	require.Equal(t, ordersync.Collision, g.get("a", collides).Link("c").State)
	require.Equal(t, ordersync.Collision, g.get("c", collides).Link("a").State)
	for _, id := range []uuid.UUID{equal, newer} {
		g.settle(id)
		require.Zero(t, g.collisions(id))
		require.Equal(t, g.get("a", id).Head.Version.String(), g.get("c", id).Head.Version.String())
	}
	require.Equal(t, "of a", g.note("c", newer))

	g.settle(collides)
	_, err := g.sides["c"].Resolve(t.Context(), orders.By{Actor: "user:anna"}, collides, "a", contracts.Resolution{Take: "ours"}, nil)
	require.NoError(t, err)
	g.settle(collides)
	require.Zero(t, g.collisions(collides), "one resolution ends all")
	require.Equal(t, "of c", g.note("b", collides))
}
