package connector_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// What the walks found once, each as a story of its own.

// TestAQuotaHoldsForEveryPart: after a write met it, neither a poll nor a sweep calls the shop earlier.
func TestAQuotaHoldsForEveryPart(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	w.peer.edit(w.peer.only(), note("later"))
	w.shop.before = once("get", func() error { return &foreign.Quota{After: time.Minute} })
	require.Error(t, carry(w.peer, w.shadow))
	calls := w.shop.count("")
	require.Error(t, w.connector.Poll(t.Context()))
	require.Error(t, w.connector.Sweep(t.Context()))
	require.Equal(t, calls, w.shop.count(""))
	w.waits += time.Minute
	w.settle()
	w.equal(w.peer.only())
}

// TestADeletedOrderIsNotAskedForAgain: sweeps do not go on asking for orders that are deleted on both sides, and do not
// take the system to be down because it has none of those.
func TestADeletedOrderIsNotAskedForAgain(t *testing.T) {
	w := newWorld(t)
	gone := []string{}
	for range 6 {
		gone = append(gone, w.shop.place("S"))
	}
	last := w.shop.place("S")
	w.settle()
	for _, id := range gone {
		w.shop.remove(id)
	}
	w.sweep()
	w.waits += time.Minute
	w.settle()
	gets := w.shop.count("get")
	w.sweep()
	require.Equal(t, gets, w.shop.count("get"))
	missing, err := w.shadow.store.Connector().Missing(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, missing)

	other := w.shop.place("S")
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), other)
	require.NoError(t, err)
	w.shop.remove(other)
	w.sweep()
	w.waits += time.Minute
	w.settle()
	require.True(t, w.peer.get(rec.OrderID).Head.Deleted, "%s is there and shows that the shop can be read", last)
}

// TestADeletionOfThePeerIsNotDoneByA404: a proxy that answers 404 does not make the peer take an order for deleted that
// the shop still has.
func TestADeletionOfThePeerIsNotDoneByA404(t *testing.T) {
	w := newWorld(t)
	first := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	require.NoError(t, w.peer.service.Delete(t.Context(), w.peer.by(), id, orders.Condition{IfMatch: orders.Tags{"*"}}))
	w.shop.before = once("get", func() error { return foreign.ErrGone })
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(carry(w.peer, w.shadow)))
	w.settle()
	w.equal(id)
	require.True(t, w.shop.orders[first].trash)
}

// TestReadsBetweenTwo404sCount: an order that was there meanwhile is not deleted by the second one.
func TestReadsBetweenTwo404sCount(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.shop.place("S-2")
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), "1")
	require.NoError(t, err)
	absent := func(do func()) {
		w.shop.before = func(call string) error {
			if call == "get 1" {
				return foreign.ErrGone
			}
			return nil
		}
		do()
		w.shop.before = nil
	}
	w.peer.edit(rec.OrderID, note("edited"))
	absent(func() { require.Error(t, carry(w.peer, w.shadow)) })
	w.waits += 10 * time.Second
	require.NoError(t, carry(w.peer, w.shadow))
	w.waits += time.Minute
	absent(w.poll)
	w.settle()
	w.equal(rec.OrderID)
	require.False(t, w.peer.get(rec.OrderID).Head.Deleted)
}

// TestANewOrderThatIsDeletedBeforeItIsKnown: the shop made the order, its answer was lost, and someone deleted it.
func TestANewOrderThatIsDeletedBeforeItIsKnown(t *testing.T) {
	w := newWorld(t)
	w.shop.after = once("create", func() error { return errLost })
	id := uuid.MustParse(w.peer.create("P-1").ID)
	require.Error(t, carry(w.peer, w.shadow))
	w.shop.change("1", func(o *shopOrder) { o.trash = true })
	w.settle()
	w.equal(id)
	require.True(t, w.peer.get(id).Head.Deleted)
}

// TestANewOrderThatIsEditedBeforeItIsKnown: the peer's next edit does not overwrite the shop's, whose author knew
// nothing of it.
func TestANewOrderThatIsEditedBeforeItIsKnown(t *testing.T) {
	for name, delete := range map[string]bool{"edited": false, "deleted": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.crash = connector.PointCreated
			id := uuid.MustParse(w.peer.create("P-1").ID)
			require.Error(t, carry(w.peer, w.shadow))
			w.start()
			w.shop.change("1", func(o *shopOrder) {
				o.trash = delete
				o.order.CustomerNote = "shop's"
			})
			w.peer.edit(id, note("peer's"))
			w.settle()
			require.Equal(t, ordersync.Collision, w.peer.state(id))
			require.Equal(t, "peer's", w.peer.order(id).CustomerNote)
			require.Equal(t, "shop's", w.shop.order("1").CustomerNote)
			link := w.peer.get(id).Link("s")
			require.Equal(t, delete, link.Theirs.Deleted)
			if !delete {
				require.Len(t, decode(t, link.TheirsBody).Lines, 1)
				require.Equal(t, w.peer.order(id).Lines[0].LineID, decode(t, link.TheirsBody).Lines[0].LineID)
			}
		})
	}
}

// TestWhatIsInTheTrashCollides: a connector that lost its database finds an order in the trash, and the peer sends an
// edit of it.
func TestWhatIsInTheTrashCollides(t *testing.T) {
	w := newWorld(t)
	id := uuid.MustParse(w.peer.create("P-1").ID)
	w.settle()
	w.store = openStore(t, database(t))
	w.start()
	w.sweep()
	w.shop.change("1", func(o *shopOrder) { o.trash = true })
	w.peer.edit(id, func(o *contracts.Order) { o.CustomerNote = "edited" })
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(id))
	require.True(t, w.peer.get(id).Link("s").Theirs.Deleted)
	require.Equal(t, "edited", w.peer.order(id).CustomerNote)
}

// TestTwoWritesWithoutAnAnswer: the first had its effect, the second had none, and what the shop holds is still ours.
func TestTwoWritesWithoutAnAnswer(t *testing.T) {
	for _, first := range []string{"create", "update"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t)
			id := uuid.MustParse(w.peer.create("P-1").ID)
			if first == "update" {
				w.settle()
				w.peer.edit(id, note("first"))
			}
			w.shop.after = once(first, func() error { return errLost })
			require.Error(t, carry(w.peer, w.shadow))
			w.peer.edit(id, note("second"))
			for range 2 {
				w.shop.before = once("update", func() error { return errLost })
				require.Error(t, carry(w.peer, w.shadow))
				w.poll()
			}
			w.shop.before = once("update", func() error { return &foreign.Quota{After: time.Second} })
			require.Error(t, carry(w.peer, w.shadow))
			w.waits += time.Second
			w.settle()
			w.equal(id)
			require.Equal(t, "second", w.peer.order(id).CustomerNote)
			require.Equal(t, "second", w.shop.order("1").CustomerNote)
			require.Len(t, w.shop.orders, 1)
		})
	}
}

// TestOurOwnDeletionIsNobodysEdit: a deletion whose answer was lost is not taken for one of the shop's when a poll sees
// it first.
func TestOurOwnDeletionIsNobodysEdit(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	require.NoError(t, w.peer.service.Delete(t.Context(), w.peer.by(), id, orders.Condition{IfMatch: orders.Tags{"*"}}))
	w.crash = connector.PointWritten
	require.Error(t, carry(w.peer, w.shadow))
	w.start()
	w.sweep()
	w.settle()
	w.equal(id)
	require.True(t, w.peer.get(id).Head.Deleted)
	_, all, err := w.shadow.store.Connector().Intents(t.Context(), 1)
	require.NoError(t, err)
	require.Zero(t, all)
}

// TestThePeerHasWhatTheShopMadeOfItAtOnce: with the answer, so that its next edit does not collide with it.
func TestThePeerHasWhatTheShopMadeOfItAtOnce(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.shop.rewrite = func(o *contracts.Order) { o.CustomerNote = strings.TrimSpace(o.CustomerNote) }
	w.peer.edit(id, note("blank at the end "))
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, "blank at the end", w.peer.order(id).CustomerNote)
	w.peer.edit(id, note("the next"))
	w.settle()
	w.equal(id)
}

// TestANewOrderIsAskedForWhateverHappens: the connector is killed when it has recorded a new order of the shop, which is
// deleted there before the next look.
func TestANewOrderIsAskedForWhateverHappens(t *testing.T) {
	w := emptyWorld(t)
	f := newFaulty(w.shop)
	f.clock = clock
	w.records = func(r connector.Records) connector.Records { return records{r, f} }
	w.start()
	w.shop.place("S-1")
	w.sweep()
	foreignID := w.shop.place("S-2")
	id := idIn(foreignID, w.shop.orders[foreignID])
	for n := 1; w.shadow.find(id) == nil; n++ { // killed before and after each write of a record, until it has recorded the order
		f.plan(crashed, n, "")
		_ = w.connector.Poll(t.Context()) // fails as it is killed
		w.start()
	}
	f.plan(nothingWrong, 0, "")
	w.shop.remove(foreignID)
	w.start()
	w.sweep()
	w.waits += time.Minute
	w.settle()
	require.True(t, w.shadow.get(id).Head.Deleted)
}

// TestWhatCannotBeBroughtBackIsAnError: an edit that won over a deletion does not end as that deletion when it is sent
// again.
func TestWhatCannotBeBroughtBackIsAnError(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("edited"))
	w.shop.change(foreignID, func(o *shopOrder) { o.trash = true })
	w.settle()
	_, err := w.peer.service.Resolve(t.Context(), w.peer.by(), id, "s", contracts.Resolution{Take: "ours"}, nil)
	require.NoError(t, err)
	for range 2 {
		w.settle()
		require.Equal(t, ordersync.ErrorSynced, w.peer.state(id))
		require.Equal(t, "edited", w.peer.order(id).CustomerNote)
		_, err = w.peer.service.Retry(t.Context(), w.peer.by(), id, "s")
		require.NoError(t, err)
	}
}
