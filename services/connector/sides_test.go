package connector_test

import (
	"context"
	"os"
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
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// side is one side's service on a database of its own.
type side struct {
	t       *testing.T
	name    string
	peer    string
	store   *postgres.Store
	service *orders.Service
}

func openStore(t *testing.T, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(context.Background(), url, 8)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

func database(t *testing.T) string {
	t.Helper()
	return pgtest.Template(t, "schema", func(url string) error {
		s, err := postgres.Open(context.Background(), url, 2)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Migrate(context.Background())
		return err
	})
}

func newSide(t *testing.T, name, peer string, store *postgres.Store, outside orders.Outside) *side {
	t.Helper()
	s := &side{t: t, name: name, peer: peer, store: store}
	key, err := s.store.EpochKey(t.Context())
	require.NoError(t, err)
	s.service = orders.NewService(orders.Options{
		Side: name, Peers: []string{peer}, Outside: outside, Now: clock, Notify: func([]orders.Hint) {},
		Brake: orders.NewBrake(orders.Limit{}, orders.Limit{}, time.Minute, func(string, orders.BrakeState) {}),
		Judge: func(context.Context, string, []ordersync.Dot) ([]ordersync.Dot, error) { return nil, nil },
	}, s.store, orders.NewEpoch(name, key), zap.NewNop())
	return s
}

func clock() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (s *side) by() orders.By { return orders.By{Actor: "test"} }

func (s *side) create(number string) *contracts.Order {
	s.t.Helper()
	o := newOrder(number)
	st, _, err := s.service.Create(s.t.Context(), s.by(), &o, nil)
	require.NoError(s.t, err)
	return decode(s.t, st.Body)
}

func (s *side) edit(id uuid.UUID, change func(o *contracts.Order)) {
	s.t.Helper()
	st, err := s.service.Get(s.t.Context(), id)
	require.NoError(s.t, err)
	o := decode(s.t, st.Body)
	o.Totals = nil
	for i := range o.Lines {
		o.Lines[i].TotalMinor = nil
	}
	change(o)
	_, _, err = s.service.Put(s.t.Context(), s.by(), id, o, orders.Condition{IfMatch: orders.Tags{"*"}})
	require.NoError(s.t, err)
}

func (s *side) get(id uuid.UUID) *orders.Stored {
	s.t.Helper()
	st, err := s.service.Get(s.t.Context(), id)
	require.NoError(s.t, err)
	return st
}

// find is an order as a side has it, with what it keeps of the other; nil when it has none.
func (s *side) find(id uuid.UUID) *orders.Stored {
	s.t.Helper()
	st, err := s.service.Get(s.t.Context(), id)
	if orders.KindOf(err) == orders.NotFound {
		return nil
	}
	require.NoError(s.t, err)
	return st
}

func (s *side) order(id uuid.UUID) *contracts.Order {
	s.t.Helper()
	return decode(s.t, s.get(id).Body)
}

func (s *side) state(id uuid.UUID) ordersync.State {
	s.t.Helper()
	return s.get(id).Link(s.peer).State
}

func decode(t *testing.T, body []byte) *contracts.Order {
	t.Helper()
	o := new(contracts.Order)
	require.NoError(t, strictjson.Decode(body, o))
	return o
}

func (s *side) due() (ids []uuid.UUID) {
	s.t.Helper()
	rows, err := s.store.Links(s.t.Context(), []ordersync.State{ordersync.New, ordersync.Upd, ordersync.Del, ordersync.OK, ordersync.DelSynced, ordersync.Collision, ordersync.Error}, []string{s.peer}, orders.CaseKey{}, 1000)
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

// carry carries what is due from one side to the other, as its bridge does. It reports what the other side failed with.
func carry(from, to *side) error {
	t := from.t
	t.Helper()
	ids := from.due()
	if ids == nil {
		return nil
	}
	found, _, err := from.service.Lookup(t.Context(), from.peer, ids, false, 1<<20)
	require.NoError(t, err)
	return send(from, to, found, false)
}

// send sends orders from one side to the other, and brings back the answers unless they are lost.
func send(from, to *side, found []orders.Present, lost bool) error {
	t := from.t
	t.Helper()
	var in []orders.Received
	for _, p := range found {
		in = append(in, received(t, p, nil))
	}
	if in == nil {
		return nil
	}
	out, err := to.service.Receive(t.Context(), to.by(), from.name, in)
	if err != nil || lost {
		return err
	}
	var answers []orders.Received
	for i, p := range out {
		answers = append(answers, received(t, p, &in[i].Entry.Version))
	}
	_, err = from.service.Receive(t.Context(), from.by(), to.name, answers)
	return err
}

// world is a shop with its connector's side, and the side of a peer.
type world struct {
	t         *testing.T
	shop      *shop
	system    foreign.System  // the shop, or what a test puts before it
	mapping   foreign.Mapping // likewise
	records   func(connector.Records) connector.Records
	store     *postgres.Store // of the shadow
	clock     func() time.Time
	log       *zap.Logger
	connector *connector.Connector
	shadow    *side
	peer      *side
	crash     string // point at which the connector stops
	webhook   connector.Webhook
	waits     time.Duration // the time of the connector that passed besides the clock's
}

func newWorld(t *testing.T) *world {
	w := emptyWorld(t)
	w.start()
	w.sweep()
	return w
}

// emptyWorld is a world whose connector was not started yet.
func emptyWorld(t *testing.T) *world {
	w := &world{
		t: t, shop: newShop(), mapping: mapping{}, records: func(r connector.Records) connector.Records { return r },
		store: openStore(t, database(t)), clock: clock, log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	}
	w.system = w.shop
	w.peer = newSide(t, "p", "s", openStore(t, database(t)), nil)
	return w
}

// start starts the connector anew, as after a crash.
func (w *world) start() {
	w.t.Helper()
	w.crash = ""
	w.connector = connector.New(connector.Options{
		Side: "s", Mode: connector.On, Poll: time.Hour, Sweep: time.Hour, Gone: 30 * time.Second,
		Now: func() time.Time { return w.clock().Add(w.waits) }, Webhook: w.webhook,
		At: func(point string) error {
			if point == w.crash {
				return errCrash
			}
			return nil
		},
	}, w.system, w.mapping, w.records(w.store.Connector()), w.log)
	w.shadow = newSide(w.t, "s", "p", w.store, w.connector)
	w.connector.Use(w.shadow.service)
	require.NoError(w.t, w.connector.Lead(w.t.Context()))
}

// sweep sweeps, as a connector does first.
func (w *world) sweep() {
	w.t.Helper()
	require.NoError(w.t, w.connector.Sweep(w.t.Context()))
}

func (w *world) poll() {
	w.t.Helper()
	require.NoError(w.t, w.connector.Poll(w.t.Context()))
}

// settle polls and carries both ways until nothing is due.
func (w *world) settle() {
	w.t.Helper()
	for range 10 {
		w.poll()
		require.NoError(w.t, carry(w.shadow, w.peer))
		require.NoError(w.t, carry(w.peer, w.shadow))
		if w.shadow.due() == nil && w.peer.due() == nil {
			return
		}
	}
	require.Fail(w.t, "the sides do not come to rest")
}

// equal demands that both sides hold the same version of an order, settled, and that the shop holds its content.
func (w *world) equal(id uuid.UUID) {
	w.t.Helper()
	a, b := w.shadow.get(id), w.peer.get(id)
	require.Equal(w.t, a.Head, b.Head)
	require.True(w.t, a.Link("p").State.Settled() && b.Link("s").State.Settled(), "%s and %s", a.Link("p").State, b.Link("s").State)
}

// resend has the peer send an order that it takes to be settled, as a reconciliation does.
func (w *world) resend(id uuid.UUID) {
	w.t.Helper()
	found, _, err := w.peer.service.Lookup(w.t.Context(), "s", []uuid.UUID{id}, true, 1<<20)
	require.NoError(w.t, err)
	require.NoError(w.t, send(w.peer, w.shadow, found, true))
}

// foreignID is the shop's id of an order.
func (w *world) foreignID(id uuid.UUID) string {
	w.t.Helper()
	rec, err := w.shadow.store.Connector().Record(w.t.Context(), id)
	require.NoError(w.t, err)
	return rec.ForeignID
}

// only is the one order that a side has.
func (s *side) only() uuid.UUID {
	s.t.Helper()
	list, _, err := s.service.List(s.t.Context(), orders.Query{Limit: 10})
	require.NoError(s.t, err)
	require.Len(s.t, list, 1)
	return list[0].ID
}
