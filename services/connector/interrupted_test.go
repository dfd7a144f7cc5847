package connector_test

import (
	"context"
	"errors"
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

func (s *side) remove(id uuid.UUID) {
	s.t.Helper()
	require.NoError(s.t, s.service.Delete(s.t.Context(), s.by(), id, orders.Condition{IfMatch: orders.Tags{"*"}}))
}

// TestADeletionIsInterrupted: a poll that comes before the sender is back does not take our deletion for somebody's.
func TestADeletionIsInterrupted(t *testing.T) {
	for _, point := range []string{connector.PointIntent, connector.PointWritten, connector.PointSeen, connector.PointStored} {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			foreignID := w.shop.place("S-1")
			w.settle()
			id := w.peer.only()
			w.crash = point
			w.peer.remove(id)
			require.Error(t, carry(w.peer, w.shadow))
			w.start()
			w.sweep()
			w.settle()
			w.equal(id)
			require.True(t, w.peer.get(id).Head.Deleted)
			require.True(t, w.shop.orders[foreignID].trash)
			_, all, err := w.shadow.store.Connector().Intents(t.Context(), 1)
			require.NoError(t, err)
			require.Zero(t, all, "nothing is under way")
		})
	}
}

// TestADeletionWaitsForTheFirstRead: a connector without its database does not know yet whether the shop has the order.
func TestADeletionWaitsForTheFirstRead(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.store = openStore(t, database(t))
	w.start()
	w.peer.remove(id)
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(carry(w.peer, w.shadow)))
	w.sweep()
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(id), "what differs collides")
	require.False(t, w.shop.orders[foreignID].trash)
}

// TestAnEditOnTopOfAnInterruptedWriteIsNotOverwritten: the answer of a write is lost, somebody edits another field, and
// the peer sends a further version.
func TestAnEditOnTopOfAnInterruptedWriteIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("first"))
	w.shop.after = once("update", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = contracts.StatusProcessing })
	w.peer.edit(id, note("second"))
	for range 3 {
		require.NoError(t, carry(w.peer, w.shadow))
		w.poll()
		require.NoError(t, carry(w.shadow, w.peer))
	}
	require.Equal(t, contracts.StatusProcessing, w.shop.order(foreignID).Status)
	require.Equal(t, ordersync.Collision, w.peer.state(id))
	require.Equal(t, "second", w.peer.order(id).CustomerNote)
}

// TestAWriteThatTakesEffectLateOverwritesNothing: without conditional writes a request whose answer was lost may still be
// under way, and would overwrite what is written meanwhile.
func TestAWriteThatTakesEffectLateOverwritesNothing(t *testing.T) {
	w := newWorld(t)
	w.shop.conditional = false
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("first"))
	w.shop.before = once("update", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	w.peer.edit(id, note("second"))
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(carry(w.peer, w.shadow)))
	w.shop.edit(foreignID, note("first")) // only now
	w.settle()
	w.equal(id)
	require.Equal(t, "second", w.peer.order(id).CustomerNote)
	require.Equal(t, "second", w.shop.order(foreignID).CustomerNote)

	w.peer.edit(id, note("third"))
	w.shop.before = once("update", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	w.waits += 2 * time.Minute // longer than the shop's longest request: it was lost on its way there
	w.settle()
	w.equal(id)
	require.Equal(t, "third", w.shop.order(foreignID).CustomerNote)
}

// TestOneOrderThatHasToWaitHoldsUpNobody: a Retry-After would make the bridge wait with all orders.
func TestOneOrderThatHasToWaitHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.shop.place("S-2")
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), foreignID)
	require.NoError(t, err)
	w.peer.edit(rec.OrderID, note("of one that is gone"))
	w.shop.remove(foreignID)
	var failed *orders.Error
	require.ErrorAs(t, carry(w.peer, w.shadow), &failed)
	require.Equal(t, orders.OutsideUnavailable, failed.Kind)
	require.Zero(t, failed.After)
	w.waits += time.Minute
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(rec.OrderID))

	w.peer.create("P-1")
	w.shop.before = once("create", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	require.ErrorAs(t, carry(w.peer, w.shadow), &failed)
	require.Equal(t, orders.OutsideUnavailable, failed.Kind)
	require.Zero(t, failed.After)
}

// TestTheOnlyOrderThatCannotBeRead: there is nothing else to read, and the system is not taken to be down for that.
func TestTheOnlyOrderThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.shop.place("S")
	}
	w.settle()
	list, err := w.shadow.store.Connector().RecordsAfter(t.Context(), uuid.Nil, 2)
	require.NoError(t, err)
	bad := list[0].ForeignID
	w.shop.before = func(call string) error {
		if call == "get "+bad {
			return errors.New("500")
		}
		return nil
	}
	w.shop.edit(bad, note("later"))
	w.settle()
	w.settle()
	_, all, err := w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, all)
	w.sweep()
	w.shop.before = nil
	w.settle()
	require.Equal(t, "later", w.peer.order(list[0].OrderID).CustomerNote)
}

// TestAMissingOrderThatCannotBeReadHoldsUpNobody: neither in the sweep nor in the poll that asks for it again.
func TestAMissingOrderThatCannotBeReadHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	gone, other := w.shop.place("S-1"), w.shop.place("S-2")
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), gone)
	require.NoError(t, err)
	w.shop.remove(gone)
	w.sweep()
	w.shop.before = func(call string) error {
		if call == "get "+gone {
			return errors.New("500")
		}
		return nil
	}
	w.waits += time.Minute
	w.shop.edit(other, note("goes on"))
	w.settle()
	w.sweep()
	require.False(t, w.peer.get(rec.OrderID).Head.Deleted)
	found, err := w.shadow.store.Connector().RecordOf(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, "goes on", w.peer.order(found.OrderID).CustomerNote)
	w.shop.before = nil
	w.settle()
	require.True(t, w.peer.get(rec.OrderID).Head.Deleted)
}

// TestTwoProcessesCreateOneOrder: the lead passes over while a process that has it looks for an order and finds none.
func TestTwoProcessesCreateOneOrder(t *testing.T) {
	w := newWorld(t)
	id := uuid.MustParse(w.peer.create("P-1").ID)
	first := w.shadow
	w.shop.after = once("find", func() error {
		w.start()
		return carry(w.peer, w.shadow)
	})
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(w.resendTo(first, id)))
	w.settle()
	w.equal(id)
	require.Len(t, w.shop.orders, 1)
}

// TestAFormerLeaderEndsNoWriteOfTheNext: what it stores, and what it drops, ends its own intent only.
func TestAFormerLeaderEndsNoWriteOfTheNext(t *testing.T) {
	for name, answer := range map[string]error{"stored": nil, "dropped": foreign.Refused("", "no")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.shop.place("S-1")
			w.settle()
			id := w.peer.only()
			records := w.store.Connector()
			next := &connector.Intent{OrderID: id, Target: "t", Body: []byte(`{}`), SentAt: clock().Add(time.Second)}
			w.shop.before = once("update", func() error { // the lead passes over while the first one writes
				rec, err := records.Record(t.Context(), id)
				require.NoError(t, err)
				saved, err := records.SaveIntent(t.Context(), next, rec.Intent)
				require.NoError(t, err)
				require.True(t, saved)
				return answer
			})
			w.peer.edit(id, note("of the first"))
			require.NoError(t, carry(w.peer, w.shadow))
			require.Equal(t, answer == nil, w.shadow.order(id).CustomerNote == "of the first")
			rec, err := records.Record(t.Context(), id)
			require.NoError(t, err)
			require.NotNil(t, rec.Intent)
			require.Equal(t, "t", rec.Intent.Target)
		})
	}
}

// resendTo has the peer send an order to a process of the connector.
func (w *world) resendTo(process *side, id uuid.UUID) error {
	w.t.Helper()
	found, _, err := w.peer.service.Lookup(w.t.Context(), "s", []uuid.UUID{id}, true, 1<<20)
	require.NoError(w.t, err)
	_, err = process.service.Receive(w.t.Context(), process.by(), "p", []orders.Received{received(w.t, found[0], nil)})
	return err
}

// TestACreationOfAClientIsInterrupted: the client sends its request again, and the shop has one order.
func TestACreationOfAClientIsInterrupted(t *testing.T) {
	w := newWorld(t)
	w.shop.after = once("create", func() error { return errLost })
	create := func() (*orders.Stored, error) {
		o := newOrder("C-1")
		st, _, err := w.shadow.service.Create(t.Context(), w.shadow.by(), &o, &orders.IdempotencyKey{Client: "c", Key: "1", RequestHash: "h"})
		return st, err
	}
	_, err := create()
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(err))
	st, err := create()
	require.NoError(t, err)
	require.Len(t, w.shop.orders, 1)
	again, err := create()
	require.NoError(t, err)
	require.Equal(t, st.ID, again.ID)
	w.settle()
	w.equal(st.ID)
}

// cancelling deletes orders by a status of theirs.
type cancelling struct{ mapping }

func cancel(o *contracts.Order) {
	o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "customer", o.PlacedAt
}

// Delete implements foreign.Mapping.
func (cancelling) Delete(doc *foreign.Document) (*foreign.Edit, error) {
	if doc.Body["order"].(*contracts.Order).Status == contracts.StatusCancelled {
		return &foreign.Edit{}, nil
	}
	return &foreign.Edit{Body: map[string]any{"set": cancel}, Fields: []string{"/status"}}, nil
}

// TestADeletionHidesNoEdit: an order is as deleted as it gets before the peer deletes it, and somebody edited it.
func TestADeletionHidesNoEdit(t *testing.T) {
	w := newWorld(t)
	w.mapping = cancelling{}
	w.start()
	edited, known, asked := w.shop.place("S-1"), w.shop.place("S-2"), w.shop.place("S-3")
	w.settle()
	w.shop.edit(edited, cancel)
	w.shop.edit(known, cancel)
	w.settle()
	id := func(foreignID string) uuid.UUID {
		rec, err := w.shadow.store.Connector().RecordOf(t.Context(), foreignID)
		require.NoError(t, err)
		return rec.OrderID
	}
	w.shop.edit(edited, note("a late complaint"))
	for _, foreignID := range []string{edited, known, asked} {
		w.peer.remove(id(foreignID))
	}
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, ordersync.Collision, w.peer.state(id(edited)))
	for _, foreignID := range []string{known, asked} {
		require.Equal(t, ordersync.DelSynced, w.peer.state(id(foreignID)))
		require.Equal(t, contracts.StatusCancelled, w.shop.order(foreignID).Status)
	}
	w.settle()
	w.sweep()
	w.equal(id(known))
	w.equal(id(asked))
	w.shop.edit(asked, note("a later complaint"))
	w.settle()
	require.False(t, w.peer.get(id(asked)).Head.Deleted)
}

// cleared are records whose last fault is cleared between its count and its list.
type cleared struct{ connector.Records }

// Faults implements connector.Records.
func (cleared) Faults(context.Context, int) ([]*connector.Record, int64, error) { return nil, 1, nil }

func TestTheStatusWhileAFaultIsCleared(t *testing.T) {
	w := newWorld(t)
	w.records = func(r connector.Records) connector.Records { return cleared{r} }
	w.start()
	require.NotPanics(t, func() { w.status() })
}

// TestANoticeOfWhatIsNotThere: an order that could not be read, and that the shop does not have after all, is no fault.
func TestANoticeOfWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	w.shop.before = func(call string) error {
		if call == "get 99" {
			return errors.New("500")
		}
		return nil
	}
	w.connector.Hint("99")
	w.poll()
	_, all, err := w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, all)
	w.shop.before = nil
	w.poll()
	_, all, err = w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, all)
}
