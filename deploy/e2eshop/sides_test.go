//go:build linux

package e2eshop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
	"github.com/orderbridge/orderbridge/services/connector/tryton/trytontest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// patience is for anything to arrive, on a busy machine.
const patience = 3 * time.Minute

// side is one side's service on a database of its own.
type side struct {
	t          *testing.T
	name, peer string
	store      *postgres.Store
	service    *orders.Service
}

func mustStore(t *testing.T) *postgres.Store {
	t.Helper()
	url := pgtest.Open(t)
	store, err := postgres.Open(t.Context(), url, 8)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	_, err = store.Migrate(t.Context())
	require.NoError(t, err)
	return store
}

func mustSide(t *testing.T, name, peer string, store *postgres.Store, outside orders.Outside) *side {
	t.Helper()
	key, err := store.EpochKey(t.Context())
	require.NoError(t, err)
	service := orders.NewService(orders.Options{
		Side: name, Peers: []string{peer}, Outside: outside, Now: now, Notify: func([]orders.Hint) {},
		Brake: orders.NewBrake(orders.Limit{}, orders.Limit{}, time.Minute, func(string, orders.BrakeState) {}),
		Judge: func(context.Context, string, []ordersync.Dot) ([]ordersync.Dot, error) { return nil, nil },
	}, store, orders.NewEpoch(name, key), zap.NewNop())
	return &side{t: t, name: name, peer: peer, store: store, service: service}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (s *side) order(id uuid.UUID) *contracts.Order {
	s.t.Helper()
	st, err := s.service.Get(s.t.Context(), id)
	require.NoError(s.t, err)
	return decode(s.t, st.Body)
}

func (s *side) all() []*orders.Stored {
	s.t.Helper()
	list, _, err := s.service.List(s.t.Context(), orders.Query{Limit: 100})
	require.NoError(s.t, err)
	return list
}

func (s *side) edit(id uuid.UUID, change func(*contracts.Order)) {
	s.t.Helper()
	o := s.order(id)
	o.Totals = nil
	for i := range o.Lines {
		o.Lines[i].TotalMinor = nil
	}
	change(o)
	_, _, err := s.service.Put(s.t.Context(), orders.By{Actor: "test"}, id, o, orders.Condition{IfMatch: orders.Tags{"*"}})
	require.NoError(s.t, err)
}

func decode(t *testing.T, body []byte) *contracts.Order {
	t.Helper()
	o := new(contracts.Order)
	require.NoError(t, strictjson.Decode(body, o))
	return o
}

// due are the orders that the side's bridge would carry.
func (s *side) due() (ids []uuid.UUID) {
	s.t.Helper()
	states := []ordersync.State{
		ordersync.New, ordersync.Upd, ordersync.Del, ordersync.OK, ordersync.DelSynced, ordersync.Collision, ordersync.Error,
	}
	rows, err := s.store.Links(s.t.Context(), states, []string{s.peer}, orders.CaseKey{}, 1000)
	require.NoError(s.t, err)
	for _, r := range rows {
		if r.Due {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func received(t *testing.T, p orders.Present, to *ordersync.Vector) orders.Received {
	t.Helper()
	in := orders.Received{ID: p.ID, UpdatedAt: p.UpdatedAt, Entry: ordersync.Entry{Head: p.Head, State: p.Link.State, AnswerTo: to}}
	if p.Link.State == ordersync.None {
		in.Entry.State = ordersync.ErrorSynced
	}
	if p.Link.State == ordersync.Error && p.Link.Theirs != nil {
		in.Entry.Refused, in.Entry.Why = p.Link.Theirs.Version, p.Link.Reason
	}
	if p.Body != nil {
		var refusal string
		in.Content, in.Raw, refusal = orders.TakeContent(decode(t, p.Body), nil, p.Head.Fingerprint)
		require.Empty(t, refusal)
	}
	return in
}

// carry carries what is due from one side to the other, as its bridge does. What the other side cannot take now stays due.
func carry(from, to *side) {
	t := from.t
	t.Helper()
	ids := from.due()
	if ids == nil {
		return
	}
	found, _, err := from.service.Lookup(t.Context(), from.peer, ids, false, 1<<20)
	require.NoError(t, err)
	for _, p := range found {
		in := received(t, p, nil)
		out, err := to.service.Receive(t.Context(), orders.By{Actor: "test"}, from.name, []orders.Received{in})
		if err != nil {
			t.Logf("%s cannot take %s now: %v", to.name, p.ID, err)
			continue
		}
		_, err = from.service.Receive(t.Context(), orders.By{Actor: "test"}, to.name, []orders.Received{received(t, out[0], &in.Entry.Version)})
		require.NoError(t, err)
	}
}

// wire is a way to the system that a test can get in.
type wire struct {
	*tryton.System
	beforeUpdate func() // once, between the connector's read and its write
	loseCreate   bool   // once, the answer of it
}

func (w *wire) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	if meanwhile := w.beforeUpdate; meanwhile != nil {
		w.beforeUpdate = nil
		meanwhile()
	}
	return w.System.Update(ctx, was, edit)
}

func (w *wire) Create(ctx context.Context, reference uuid.UUID, edit *foreign.Edit) (string, error) {
	id, err := w.System.Create(ctx, reference, edit)
	if err == nil && w.loseCreate {
		w.loseCreate = false
		return "", errors.New("the answer is lost")
	}
	return id, err
}

// TestTrytonBehindASide keeps a side in step with Tryton through its connector.
func TestTrytonBehindASide(t *testing.T) {
	shop, adapter := mustAdapter(t)
	system := &wire{System: adapter}
	store := mustStore(t)
	c := connector.New(connector.Options{
		Side: "s", Mode: connector.On, Poll: 200 * time.Millisecond, Sweep: time.Hour, Gone: time.Second, Now: now,
		At: func(string) error { return nil },
	}, system, mustMapping(t), store.Connector(), zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)))
	shadow := mustSide(t, "s", "p", store, c)
	c.Use(shadow.service)
	peer := mustSide(t, "p", "s", mustStore(t), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
			require.True(t, time.Now().Before(deadline), what)
			carry(shadow, peer)
			carry(peer, shadow)
		}
	}
	until("it leads", func() bool { s, err := c.Status(t.Context()); return err == nil && s.Imported })

	// Made in Tryton.
	sale := shop.Create(t, ann)
	until("the sale is an order", func() bool { return len(peer.all()) == 1 })
	id := peer.all()[0].ID
	require.Equal(t, "ring twice", peer.order(id).CustomerNote)
	shop.Edit(t, sale, trytontest.Values{"comment": "ring thrice"})
	until("the edit arrives", func() bool { return peer.order(id).CustomerNote == "ring thrice" })
	shop.EditLine(t, lineID(mustGet(t, adapter, sale), 0), trytontest.Values{"quantity": 5})
	until("a line that was edited by itself arrives", func() bool { return peer.order(id).Lines[0].Quantity == 5 })

	// Edited here.
	peer.edit(id, func(o *contracts.Order) { o.CustomerNote, o.ExternalRef = "ring softly", "PO 1" })
	until("the edit is in Tryton", func() bool { return mustGet(t, adapter, sale).Body["comment"] == "ring softly" })
	require.Equal(t, "PO 1", mustGet(t, adapter, sale).Body["reference"])

	// Written in a transaction that commits late.
	commit := shop.Hold(t, sale, trytontest.Values{"comment": "held"})
	peer.edit(id, func(o *contracts.Order) { o.ExternalRef = "PO 2" })
	commit()
	until("what was committed late arrives", func() bool {
		st, err := peer.service.Get(t.Context(), id)
		return err == nil && (st.Link("s").State == ordersync.Collision || peer.order(id).CustomerNote == "held")
	})
	require.Equal(t, "held", mustGet(t, adapter, sale).Body["comment"])

	// Made here, and the answer is lost.
	system.loseCreate = true
	ours := ourOrder()
	ours.PaymentStatus = contracts.PaymentUnpaid
	ours.Totals = nil
	for i := range ours.Lines {
		ours.Lines[i].TotalMinor = nil
	}
	_, _, err := peer.service.Create(t.Context(), orders.By{Actor: "test"}, ours, nil)
	require.NoError(t, err)
	until("both sides are at rest", func() bool { return peer.due() == nil && shadow.due() == nil })
	require.Equal(t, 1, shop.Count(t, ours.ID))
	found, err := system.Find(t.Context(), uuid.MustParse(ours.ID))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, ours.OrderNumber, mustGet(t, adapter, found[0]).Body["number"])

	// Edited there between the connector's read and its write.
	system.beforeUpdate = func() { shop.Edit(t, found[0], trytontest.Values{"comment": "theirs"}) }
	peer.edit(uuid.MustParse(ours.ID), func(o *contracts.Order) { o.CustomerNote = "ours" })
	until("a collision", func() bool {
		st, err := peer.service.Get(t.Context(), uuid.MustParse(ours.ID))
		return err == nil && st.Link("s").State == ordersync.Collision
	})
	require.Equal(t, "theirs", mustGet(t, adapter, found[0]).Body["comment"])
	require.Equal(t, "ours", peer.order(uuid.MustParse(ours.ID)).CustomerNote)
	require.Nil(t, system.beforeUpdate)

	// Settled by a person at the peer: both are equal, and Tryton has what was chosen.
	chosen := uuid.MustParse(ours.ID)
	_, err = peer.service.Resolve(t.Context(), orders.By{Actor: "test"}, chosen, "s", contracts.Resolution{Take: "ours"}, nil)
	require.NoError(t, err)
	inStep := func() bool {
		a, errA := peer.service.Get(t.Context(), chosen)
		b, errB := shadow.service.Get(t.Context(), chosen)
		return errA == nil && errB == nil && a.Head.Fingerprint == b.Head.Fingerprint && a.Link("s").State.Settled() && b.Link("p").State.Settled()
	}
	until("both sides are equal", inStep)
	require.Equal(t, "ours", mustGet(t, adapter, found[0]).Body["comment"])

	// Cancelled at the peer, then deleted: the sale is cancelled, then gone.
	peer.edit(chosen, func(o *contracts.Order) {
		o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "customer", now()
	})
	until("the sale is cancelled", func() bool { return mustGet(t, adapter, found[0]).Body["state"] == "cancelled" && inStep() })
	require.NoError(t, peer.service.Delete(t.Context(), orders.By{Actor: "test"}, chosen, orders.Condition{IfMatch: orders.Tags{"*"}}))
	until("the sale is deleted", func() bool {
		_, err := adapter.Get(t.Context(), found[0])
		return errors.Is(err, foreign.ErrGone) && inStep()
	})

	// A probe of it all.
	probed, err := c.Probe(t.Context(), trytontest.Lamp, "EUR")
	require.NoError(t, err)
	require.Equal(t, contracts.LevelLossless, probed.Level, probed.Steps)
	for _, step := range probed.Steps {
		t.Logf("%s: %s (%s)", step.What, step.Result, step.Detail)
	}
	require.Len(t, peer.all(), 1, "a probe makes no order")
}
