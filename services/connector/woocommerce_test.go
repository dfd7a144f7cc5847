package connector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	simulated "github.com/orderbridge/orderbridge/deploy/shop/shop"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/rest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// woocommerce is the profile, without its own rate limit, so that tests are not held up.
var woocommerce = sync.OnceValues(func() (*profile.Mapping, error) {
	m, err := profiles.Load("woocommerce")
	if err == nil {
		m.REST().Rate.PerSecond, m.REST().Rate.Burst = 10_000, 10_000
	}
	return m, err
})

// wooWorld is a world whose shop is simulated, and called by HTTP as its profile says.
type wooWorld struct {
	*world
	woo     *simulated.Shop
	address string
}

func newWooWorld(t *testing.T, opts simulated.Options) *wooWorld {
	t.Helper()
	opts.Key, opts.Secret, opts.Zone = "ck", "cs", time.FixedZone("Asia/Tokyo", 9*3600)
	s, err := simulated.New(opts)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	w := &wooWorld{world: emptyWorld(t), woo: s, address: server.URL}
	w.log = zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	w.connect()
	w.sweep()
	return w
}

// connect starts the connector on the world's database.
func (w *wooWorld) connect() {
	w.t.Helper()
	m, err := woocommerce()
	require.NoError(w.t, err)
	system, err := rest.New(m, rest.Config{Address: w.address, Key: "ck", Secret: "cs", Timeout: 20 * time.Second})
	require.NoError(w.t, err)
	w.system, w.mapping = system, m
	w.start()
}

// place orders two lamps in the shop.
func (w *wooWorld) place() int64 {
	w.t.Helper()
	buyer := simulated.Address{FirstName: "Ada", LastName: "King", Address1: "Lindenallee 7", City: "Berlin", Postcode: "10115", Country: "DE", Email: "ada@example.com"}
	id, err := w.woo.Add(simulated.Order{
		Status: "processing", Billing: buyer, Shipping: buyer,
		Lines: []simulated.Line{{SKU: "LMP-DESK-01", Name: "Desk lamp, brass", Quantity: 2, Total: "109.08"}},
	})
	require.NoError(w.t, err)
	return id
}

func (w *wooWorld) person(id int64, edit func(*simulated.Order)) {
	w.t.Helper()
	require.NoError(w.t, w.woo.Change(id, edit))
}

// inShop is the shop's order of an order.
func (w *wooWorld) inShop(id uuid.UUID) *simulated.Order {
	w.t.Helper()
	n, err := strconv.ParseInt(w.foreignID(id), 10, 64)
	require.NoError(w.t, err)
	o := w.woo.Order(n)
	require.NotNil(w.t, o)
	return o
}

// writes counts the calls that may have changed something.
func (w *wooWorld) writes() int {
	return w.woo.Count(http.MethodPost, "") + w.woo.Count(http.MethodPut, "")
}

func TestWooCommerceOrdersTravelBothWays(t *testing.T) {
	w := newWooWorld(t, simulated.Options{TaxPPM: map[string]int64{"": 190_000}})
	n := w.place()
	w.settle()
	w.settle()
	id := w.peer.only()
	w.equal(id)
	require.Zero(t, w.writes(), "nothing was written to the shop")
	require.Equal(t, int64(12981), w.peer.order(id).Totals.TotalMinor)

	w.person(n, func(o *simulated.Order) {
		o.CustomerNote = "from the shop"
		o.Lines[0].Quantity, o.Lines[0].Subtotal, o.Lines[0].Total = 3, "163.62", "163.62"
	})
	w.settle()
	require.Equal(t, "from the shop", w.peer.order(id).CustomerNote)
	require.Equal(t, int64(3), w.peer.order(id).Lines[0].Quantity)
	w.equal(id)

	w.peer.edit(id, func(o *contracts.Order) {
		o.CustomerNote, o.BillingAddress.City, o.InternalNote = "from the peer", "Köln", "only here"
	})
	w.settle()
	w.equal(id)
	require.Equal(t, "from the peer", w.woo.Order(n).CustomerNote)
	require.Equal(t, "Köln", w.woo.Order(n).Billing.City)
	require.Equal(t, "only here", w.peer.order(id).InternalNote)
}

// TestWooCommerceManyEditsHaveNoEcho: what the connector wrote is no edit of the shop's, and at rest it only reads.
func TestWooCommerceManyEditsHaveNoEcho(t *testing.T) {
	w := newWooWorld(t, simulated.Options{Nasty: simulated.Nasty{ReadTouches: true, ViewTouches: true}})
	n := w.place()
	w.settle()
	id := w.peer.only()
	for i := range 20 {
		w.peer.edit(id, func(o *contracts.Order) { o.CustomerNote = fmt.Sprint("edit ", i) })
		w.settle()
	}
	require.Equal(t, 20, w.writes())
	require.Equal(t, "edit 19", w.woo.Order(n).CustomerNote)
	version := w.peer.get(id).Head.Version
	w.woo.ClearCalls()
	for range 5 {
		_, err := w.woo.View(n)
		require.NoError(t, err)
		w.settle()
		w.sweep()
	}
	require.Zero(t, w.writes())
	require.Equal(t, version, w.peer.get(id).Head.Version)
}

func TestWooCommerceCreatesOnceThoughTheAnswerIsLost(t *testing.T) {
	for _, kind := range []simulated.Kind{simulated.CutAfter, simulated.CutBefore, simulated.CutHalf, simulated.Truncated, simulated.Stray} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWooWorld(t, simulated.Options{})
			o := w.peer.create("P-1")
			id := uuid.MustParse(o.ID)
			end := w.woo.Cause(simulated.Trouble{Kind: kind, Method: http.MethodPost, Times: 1})
			for range 10 {
				w.poll()
				_ = carry(w.peer, w.shadow) // the first fails, and perhaps some that look for what became of it
				w.waits += 10 * time.Minute // longer than the system's longest request
				w.connect()
			}
			require.Equal(t, 1, end())
			w.settle()
			w.equal(id)
			require.Len(t, w.woo.Orders(), 1)
			require.Equal(t, id.String(), w.inShop(id).MetaValue("_orderbridge_id"))
		})
	}
}

func TestWooCommerceUpdatesOnceThoughTheAnswerIsLost(t *testing.T) {
	for _, kind := range []simulated.Kind{simulated.CutAfter, simulated.CutBefore, simulated.Truncated, simulated.ErrorIn200} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWooWorld(t, simulated.Options{})
			n := w.place()
			w.settle()
			id := w.peer.only()
			end := w.woo.Cause(simulated.Trouble{Kind: kind, Method: http.MethodPut, Times: 1})
			w.peer.edit(id, note("once"))
			require.Error(t, carry(w.peer, w.shadow))
			require.Equal(t, 1, end())
			w.waits += 10 * time.Minute // longer than the system's longest request
			w.settle()
			w.equal(id)
			require.Equal(t, "once", w.woo.Order(n).CustomerNote)
			require.Equal(t, ordersync.OK, w.peer.state(id), "no case that nobody caused")
		})
	}
}

func TestWooCommerceBothEditsOfAFieldCollide(t *testing.T) {
	w := newWooWorld(t, simulated.Options{})
	n := w.place()
	w.settle()
	id := w.peer.only()
	w.person(n, func(o *simulated.Order) { o.CustomerNote = "the shop's" })
	w.peer.edit(id, note("the peer's"))
	_ = carry(w.peer, w.shadow)
	w.poll()
	require.NoError(t, carry(w.shadow, w.peer))
	require.Equal(t, ordersync.Collision, w.peer.state(id))
	require.Equal(t, "the shop's", w.woo.Order(n).CustomerNote)
	require.Equal(t, "the peer's", w.peer.order(id).CustomerNote)
}

// TestWooCommerceKeepsAnEditBetweenReadAndWrite: the shop cannot refuse a stale write, but what the connector writes
// is only what changed, so that an edit of another field survives.
func TestWooCommerceKeepsAnEditBetweenReadAndWrite(t *testing.T) {
	w := newWooWorld(t, simulated.Options{})
	n := w.place()
	w.settle()
	id := w.peer.only()
	var once sync.Once
	w.woo.Before(func(r *http.Request) {
		if r.Method == http.MethodPut {
			once.Do(func() { w.person(n, func(o *simulated.Order) { o.Billing.City = "Bonn" }) })
		}
	})
	w.peer.edit(id, note("the peer's"))
	_ = carry(w.peer, w.shadow)
	w.settle()
	require.Equal(t, "Bonn", w.woo.Order(n).Billing.City)
	require.Equal(t, "the peer's", w.woo.Order(n).CustomerNote)
	require.Equal(t, "Bonn", w.peer.order(id).BillingAddress.City)
	w.equal(id)
}

// TestWooCommerceHostileAnswersChangeNothing: whatever the shop answers to everything for a while, the peer loses
// nothing, and afterwards all goes on.
func TestWooCommerceHostileAnswersChangeNothing(t *testing.T) {
	w := newWooWorld(t, simulated.Options{})
	n := w.place()
	w.place()
	w.settle()
	for _, kind := range []simulated.Kind{
		simulated.Empty, simulated.Gone, simulated.NoRoute, simulated.NotFound, simulated.HTML, simulated.Captcha, simulated.ErrorIn200, simulated.Truncated,
		simulated.Stray, simulated.Unavailable, simulated.Failure, simulated.Forbidden, simulated.Redirect, simulated.CutBefore, simulated.CutHalf,
	} {
		t.Run(string(kind), func(t *testing.T) {
			before := len(w.woo.Orders())
			w.person(n, func(o *simulated.Order) { o.CustomerNote = "before " + string(kind) })
			end := w.woo.Cause(simulated.Trouble{Kind: kind})
			for range 4 {
				_ = w.connector.Poll(t.Context())
				_ = w.connector.Sweep(t.Context())
				require.NoError(t, carry(w.shadow, w.peer))
				w.waits += time.Minute
			}
			require.Positive(t, end())
			w.settle()
			w.sweep()
			w.settle()
			require.Len(t, w.woo.Orders(), before)
			for _, o := range w.woo.Orders() {
				require.NotEqual(t, "cancelled", o.Status)
			}
			ids := w.peerOrders()
			require.Len(t, ids, 2)
			found := false
			for _, id := range ids {
				require.Equal(t, ordersync.OK, w.peer.state(id))
				w.equal(id)
				found = found || w.peer.order(id).CustomerNote == "before "+string(kind)
			}
			require.True(t, found, "the edit arrived afterwards")
		})
	}
}

// TestWooCommerceNamesWhatCannotBeTakenOver: an order that ours have no place for stays in the shop, and its fault says
// which field it is; the others go on.
func TestWooCommerceNamesWhatCannotBeTakenOver(t *testing.T) {
	w := newWooWorld(t, simulated.Options{Statuses: []string{"awaiting-pickup"}})
	odd := w.place()
	w.person(odd, func(o *simulated.Order) { o.Status = "awaiting-pickup" })
	w.place()
	w.settle()
	w.peer.only()
	faults, _, err := w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, faults, 1)
	require.Equal(t, strconv.FormatInt(odd, 10), faults[0].ForeignID)
	require.Contains(t, faults[0].Fault, "/status")
	require.Contains(t, faults[0].Fault, "awaiting-pickup")
	w.person(odd, func(o *simulated.Order) { o.Status = "completed" })
	w.settle()
	require.Len(t, w.peerOrders(), 2)
}

// peerOrders are the ids of the orders that both sides hold.
func (w *wooWorld) peerOrders() (ids []uuid.UUID) {
	w.t.Helper()
	list, err := w.shadow.store.Links(w.t.Context(), []ordersync.State{ordersync.OK}, []string{"p"}, orders.CaseKey{}, 100)
	require.NoError(w.t, err)
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	return ids
}

// TestWooCommerceRewritesSettleOrEnd: what the shop makes of a text is taken over. One that it changes each time ends
// as an error, and not as a game of two.
func TestWooCommerceRewritesSettleOrEnd(t *testing.T) {
	upper, err := simulated.Rewriter("upper")
	require.NoError(t, err)
	stamp, err := simulated.Rewriter("stamp")
	require.NoError(t, err)
	w := newWooWorld(t, simulated.Options{})
	n := w.place()
	w.settle()
	id := w.peer.only()
	w.woo.SetNasty(func(n *simulated.Nasty) { n.Rewrite = map[string]func(string) string{"billing.city": upper} })
	w.peer.edit(id, func(o *contracts.Order) { o.BillingAddress.City = "Köln" })
	w.settle()
	require.Equal(t, "KÖLN", w.peer.order(id).BillingAddress.City)
	w.equal(id)

	w.woo.SetNasty(func(n *simulated.Nasty) { n.Rewrite = map[string]func(string) string{"customer_note": stamp} })
	w.woo.ClearCalls()
	for i := range 8 {
		w.peer.edit(id, note(fmt.Sprint("wish ", i)))
		_ = carry(w.peer, w.shadow)
		w.poll()
		require.NoError(t, carry(w.shadow, w.peer))
	}
	require.LessOrEqual(t, w.writes(), 8, "one write for each edit at most")
	require.NotEmpty(t, w.woo.Order(n).CustomerNote)
}

// TestWooCommerceQuotaIsKept: after 429 not one call comes too early, though the connector is killed and starts again.
func TestWooCommerceQuotaIsKept(t *testing.T) {
	w := newWooWorld(t, simulated.Options{})
	w.place()
	w.settle()
	id := w.peer.only()
	w.woo.Throttle(2 * time.Second)
	w.peer.edit(id, note("later"))
	require.Error(t, carry(w.peer, w.shadow))
	w.connect()
	deadline := time.Now().Add(time.Minute)
	for carry(w.peer, w.shadow) != nil || w.peer.due() != nil {
		require.True(t, time.Now().Before(deadline), "the edit does not arrive")
		_ = w.connector.Poll(t.Context())
		time.Sleep(50 * time.Millisecond)
	}
	w.settle()
	w.equal(id)
	require.Empty(t, w.woo.Violations())
}

// TestWooCommerceARebuiltConnectorMakesNoDuplicates: without its database it gives the same ids. What the peer has
// created waits for the peer to send it again, and is found by its reference.
func TestWooCommerceARebuiltConnectorMakesNoDuplicates(t *testing.T) {
	w := newWooWorld(t, simulated.Options{})
	w.place()
	w.settle()
	born := w.peer.only()
	id := uuid.MustParse(w.peer.create("P-1").ID)
	w.settle()
	w.store = openStore(t, database(t))
	w.woo.ClearCalls()
	w.connect()
	w.sweep()
	require.Equal(t, born, w.shadow.only())
	w.resend(id)
	require.Equal(t, w.peer.get(id).Head.Fingerprint, w.shadow.get(id).Head.Fingerprint)
	require.Len(t, w.woo.Orders(), 2)
	require.Zero(t, w.writes())
}
