package connector_test

import (
	"context"
	"errors"
	"fmt"
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

var errCrash = errors.New("the process was killed")

func note(text string) func(*contracts.Order) {
	return func(o *contracts.Order) { o.CustomerNote = text }
}

func TestAnOrderOfTheShopAppearsAtThePeerOnce(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	w.settle()
	id := w.peer.only()
	w.equal(id)
	require.Equal(t, foreignID, w.foreignID(id))
	require.Equal(t, "S-1", w.peer.order(id).OrderNumber)
	require.Zero(t, w.shop.count("create")+w.shop.count("update"), "nothing was written to the shop")
}

func TestEditsTravelBothWays(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.shop.edit(foreignID, note("from the shop"))
	w.settle()
	require.Equal(t, "from the shop", w.peer.order(id).CustomerNote)
	w.equal(id)
	w.peer.edit(id, note("from the peer"))
	w.settle()
	w.equal(id)
	require.Equal(t, "from the peer", w.shop.order(foreignID).CustomerNote)
}

func TestAnOrderOfThePeerIsCreatedInTheShop(t *testing.T) {
	w := newWorld(t)
	o := w.peer.create("P-1")
	id := uuid.MustParse(o.ID)
	w.settle()
	w.equal(id)
	require.Equal(t, 1, w.shop.count("create"))
	w.peer.edit(id, func(o *contracts.Order) {
		o.Lines[0].Quantity = 3
		o.Lines = append(o.Lines, contracts.Line{SKU: "B", Name: "Pear", Quantity: 2, UnitPriceMinor: 50})
		o.InternalNote = "only here"
	})
	w.settle()
	w.equal(id)
	require.Len(t, w.shop.order(w.foreignID(id)).Lines, 2)
	require.Equal(t, "only here", w.shadow.order(id).InternalNote, "the shop has no place for it")
	require.Empty(t, w.shop.order(w.foreignID(id)).InternalNote)
}

// TestOKMeansThatTheShopHasIt: until a read shows it, the peer has no answer.
func TestOKMeansThatTheShopHasIt(t *testing.T) {
	w := newWorld(t)
	o := w.peer.create("P-1")
	id := uuid.MustParse(o.ID)
	w.shop.before = func(call string) error {
		if call == "create" {
			return errors.New("503 from a proxy")
		}
		return nil
	}
	err := carry(w.peer, w.shadow)
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(err))
	require.Equal(t, ordersync.New, w.peer.state(id))
	_, err = w.shadow.service.Get(t.Context(), id)
	require.Equal(t, orders.NotFound, orders.KindOf(err), "the shadow does not hold what the shop was not seen to hold")
}

func TestBothEditsAreKeptWhenBothSidesEdit(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("peer's"))
	w.shop.edit(foreignID, note("shop's")) // and nobody has looked yet
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, ordersync.Collision, w.shadow.state(id))
	require.Equal(t, "shop's", w.shop.order(foreignID).CustomerNote, "nothing was overwritten")
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(id))
	// Settled at the peer, the shop gets it.
	_, err := w.peer.service.Resolve(t.Context(), w.peer.by(), id, "s", contracts.Resolution{Take: "ours"}, nil)
	require.NoError(t, err)
	w.settle()
	w.equal(id)
	require.Equal(t, "peer's", w.shop.order(foreignID).CustomerNote)
}

// TestACollisionIsSettledAtTheShadow: what a person chooses there is carried to the shop before it is stored.
func TestACollisionIsSettledAtTheShadow(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("peer's"))
	w.shop.edit(foreignID, note("shop's"))
	w.settle()
	_, err := w.shadow.service.Resolve(t.Context(), w.shadow.by(), id, "p", contracts.Resolution{Take: "theirs"}, nil)
	require.NoError(t, err)
	require.Equal(t, "peer's", w.shop.order(foreignID).CustomerNote)
	w.settle()
	w.equal(id)
}

// TestAnEditBetweenReadAndWriteIsNotOverwritten: the shop refuses the stale write.
func TestAnEditBetweenReadAndWriteIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("peer's"))
	w.shop.before = once("update", func() error {
		w.shop.edit(foreignID, note("shop's"))
		return nil
	})
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, ordersync.Collision, w.shadow.state(id))
	require.Equal(t, "shop's", w.shop.order(foreignID).CustomerNote)
}

// TestAnotherFieldSurvivesWithoutConditionalWrites: only what changed is written.
func TestAnotherFieldSurvivesWithoutConditionalWrites(t *testing.T) {
	w := newWorld(t)
	w.shop.conditional = false
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("peer's"))
	w.shop.before = once("update", func() error {
		w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = contracts.StatusProcessing })
		return nil
	})
	w.settle()
	w.equal(id)
	is := w.shop.order(foreignID)
	require.Equal(t, "peer's", is.CustomerNote)
	require.Equal(t, contracts.StatusProcessing, is.Status)
	require.Equal(t, contracts.StatusProcessing, w.peer.order(id).Status)
}

// once does something before the first call that begins with a prefix.
func once(prefix string, do func() error) func(string) error {
	done := false
	return func(call string) error {
		if done || !strings.HasPrefix(call, prefix) {
			return nil
		}
		done = true
		return do()
	}
}

// TestKilledAtAnyPoint: after a crash between any two steps of a creation or an edit there is one order in the shop,
// nothing is lost, and there is no case that nobody caused.
func TestKilledAtAnyPoint(t *testing.T) {
	for _, point := range connector.Points {
		for name, rewrite := range map[string]func(*contracts.Order){
			"as it is": nil, "rewritten by the shop": func(o *contracts.Order) { o.CustomerNote = strings.ToUpper(o.CustomerNote) },
		} {
			t.Run(point+", "+name, func(t *testing.T) {
				w := newWorld(t)
				w.shop.rewrite = rewrite
				w.crash = point
				id := uuid.MustParse(w.peer.create("P-1").ID)
				require.Error(t, carry(w.peer, w.shadow))
				w.start()
				w.waits += 2 * time.Minute // longer than the shop's longest request
				w.settle()
				w.equal(id)
				require.Len(t, w.shop.orders, 1)

				w.crash = point
				w.peer.edit(id, func(o *contracts.Order) {
					o.CustomerNote = "edited"
					o.Lines[0].Quantity = 5
				})
				crashed := carry(w.peer, w.shadow) != nil
				require.Equal(t, point != connector.PointCreated, crashed)
				w.start()
				w.sweep() // as a process that starts does
				w.settle()
				w.equal(id)
				require.True(t, strings.EqualFold("edited", w.peer.order(id).CustomerNote))
				require.EqualValues(t, 5, w.shop.order(w.foreignID(id)).Lines[0].Quantity)
				_, all, err := w.shadow.store.Connector().Intents(t.Context(), 1)
				require.NoError(t, err)
				require.Zero(t, all, "nothing is under way")
			})
		}
	}
}

// TestNothingIsUnderWayOnceItIsStored: the order and the end of its intent are one.
func TestNothingIsUnderWayOnceItIsStored(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	for _, point := range []string{connector.PointSeen, connector.PointStored} {
		w.crash = point
		w.peer.edit(id, note("until "+point))
		require.Error(t, carry(w.peer, w.shadow))
		rec, err := w.store.Connector().Record(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, point == connector.PointStored, w.shadow.order(id).CustomerNote == "until "+point)
		require.Equal(t, point == connector.PointStored, rec.Intent == nil)
		w.start()
	}
	w.settle()
	w.equal(id)
}

// TestALostAnswerMakesNoSecondOrder: whether the request took effect or not.
func TestALostAnswerMakesNoSecondOrder(t *testing.T) {
	w := newWorld(t)
	w.shop.after = once("create", func() error { return errLost })
	id := uuid.MustParse(w.peer.create("P-1").ID)
	require.Error(t, carry(w.peer, w.shadow))
	w.settle()
	w.equal(id)
	require.Len(t, w.shop.orders, 1)

	w.shop.before = once("create", func() error { return errLost })
	id = uuid.MustParse(w.peer.create("P-2").ID)
	require.Error(t, carry(w.peer, w.shadow))
	err := carry(w.peer, w.shadow)
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(err), "the request may still be under way: %v", err)
	w.waits += 2 * time.Minute
	w.settle()
	w.equal(id)
	require.Len(t, w.shop.orders, 2)
}

func TestTwoOrdersWithOneReferenceAreForAPerson(t *testing.T) {
	w := newWorld(t)
	o := w.peer.create("P-1")
	for _, foreignID := range []string{w.shop.place("X-1"), w.shop.place("X-2")} {
		w.shop.orders[foreignID].ref = o.ID
	}
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, ordersync.ErrorSynced, w.peer.state(uuid.MustParse(o.ID)))
	require.Len(t, w.shop.orders, 2, "nothing is deleted")
}

func TestWhatTheShopMakesOfItIsAFurtherVersion(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.shop.rewrite = func(o *contracts.Order) { o.CustomerNote = strings.TrimSpace(o.CustomerNote) }
	w.peer.edit(id, note("blank at the end "))
	w.settle()
	w.equal(id)
	require.Equal(t, "blank at the end", w.peer.order(id).CustomerNote)
	require.Equal(t, "blank at the end", w.shop.order(foreignID).CustomerNote)
}

// TestAFieldThatIsRewrittenAgainAndAgainEndsAsAnError: two systems that each want another value do not write for ever.
func TestAFieldThatIsRewrittenAgainAndAgainEndsAsAnError(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	n := 0
	w.shop.rewrite = func(o *contracts.Order) {
		n++
		o.CustomerNote = fmt.Sprint("the shop's own ", n)
	}
	for range 3 {
		w.peer.edit(id, note("the peer's own"))
		w.settle()
		w.equal(id)
		require.Equal(t, fmt.Sprint("the shop's own ", n), w.peer.order(id).CustomerNote)
	}
	w.peer.edit(id, note("the peer's own"))
	w.settle()
	require.Equal(t, ordersync.ErrorSynced, w.peer.state(id))
	require.Equal(t, "the peer's own", w.peer.order(id).CustomerNote)
}

func TestAWriteThatChangesNothingIsAnError(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.shop.rewrite = func(o *contracts.Order) { o.CustomerNote = "" }
	w.peer.edit(id, note("not taken"))
	w.settle()
	require.Equal(t, ordersync.ErrorSynced, w.peer.state(id))
	require.Contains(t, w.shadow.get(id).Link("p").Reason, "/customerNote: the system took the write and changed nothing")
}

func TestARefusalIsAnError(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("refuse me"))
	w.settle()
	require.Equal(t, ordersync.ErrorSynced, w.peer.state(id))
	link := w.shadow.get(id).Link("p")
	require.Contains(t, link.Reason, "/customerNote: the shop does not take that")
}

func TestAQuotaIsKept(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.peer.edit(id, note("later"))
	w.shop.before = once("get", func() error { return &foreign.Quota{After: time.Minute} })
	err := carry(w.peer, w.shadow)
	var unavailable *orders.Error
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, time.Minute, unavailable.After)
	calls := w.shop.count("")
	require.Error(t, carry(w.peer, w.shadow))
	require.Equal(t, calls, w.shop.count(""), "not one call earlier")
	w.waits += time.Minute
	w.settle()
	w.equal(id)
}

// TestNoEcho: our own writes are not edits, and idle there is no write and no read of an order.
func TestNoEcho(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	for i := range 20 {
		w.peer.edit(id, note(strings.Repeat("x", i+1)))
		w.settle()
	}
	w.equal(id)
	require.Equal(t, 20, w.shop.count("update"))
	w.shop.edit(foreignID, func(*contracts.Order) {}) // a view that touches its time
	w.settle()
	w.settle()
	gets := w.shop.count("get")
	for range 5 {
		w.poll()
	}
	require.Equal(t, gets, w.shop.count("get"))
	require.Equal(t, 20, w.shop.count("update"))
	require.Nil(t, w.shadow.due())
}

// TestAListThatShowsOurWritesIsBelieved: where lists show whole orders, what we wrote is not read again, and what somebody
// else wrote in the same moment still is.
func TestAListThatShowsOurWritesIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.shop.whole, w.shop.traits.Resolution = true, time.Hour
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	gets := w.shop.count("get")
	w.peer.edit(id, note("by the peer"))
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, gets+2, w.shop.count("get"), "before and after the write")
	w.poll()
	w.poll()
	require.Equal(t, gets+2, w.shop.count("get"))
	w.shop.orders[foreignID].order.CustomerNote = "in the same tick of the clock"
	w.settle()
	w.equal(id)
	require.Equal(t, "in the same tick of the clock", w.peer.order(id).CustomerNote)
}

func TestALateCommitArrives(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	visible := w.shop.now.Add(30 * time.Second)
	w.shop.hidden = func(modified time.Time) time.Time { return visible }
	w.shop.edit(foreignID, note("committed late"))
	w.poll()
	w.shop.mu.Lock()
	w.shop.now = visible
	w.shop.mu.Unlock()
	w.settle()
	require.Equal(t, "committed late", w.peer.order(w.peer.only()).CustomerNote)
}

func TestTheSweepFindsWhatNoTimeShows(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	w.settle() // within a tick of its clock there may be two changes, so it is read twice
	w.shop.mu.Lock()
	w.shop.orders[foreignID].order.CustomerNote = "edited directly"
	w.shop.mu.Unlock()
	w.settle()
	require.Empty(t, w.peer.order(w.peer.only()).CustomerNote)
	w.sweep()
	w.settle()
	require.Equal(t, "edited directly", w.peer.order(w.peer.only()).CustomerNote)
}

func TestDeletions(t *testing.T) {
	w := newWorld(t)
	first, second := w.shop.place("S-1"), w.shop.place("S-2")
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), first)
	require.NoError(t, err)

	w.shop.remove(first)
	w.sweep()
	w.settle()
	require.False(t, w.peer.get(rec.OrderID).Head.Deleted, "one read is not enough")
	w.waits += time.Minute
	w.settle()
	require.True(t, w.peer.get(rec.OrderID).Head.Deleted)

	// And from the peer: the shop has a trash.
	rec, err = w.shadow.store.Connector().RecordOf(t.Context(), second)
	require.NoError(t, err)
	require.NoError(t, w.peer.service.Delete(t.Context(), w.peer.by(), rec.OrderID, orders.Condition{IfMatch: orders.Tags{"*"}}))
	w.settle()
	w.equal(rec.OrderID)
	require.True(t, w.shop.orders[second].trash)
}

// TestAbsenceNeverDeletes: not in empty lists, and not when the system says of every order that it is not there.
func TestAbsenceNeverDeletes(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.shop.place("S")
	}
	w.settle()
	all := w.shop.orders
	w.shop.orders = map[string]*shopOrder{}
	w.sweep()
	w.waits += time.Minute
	require.Error(t, w.connector.Poll(t.Context()), "and it is an alarm")
	list, _, err := w.peer.service.List(t.Context(), orders.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Nil(t, w.shadow.due())
	w.shop.orders = all
	w.settle()
	missing, err := w.shadow.store.Connector().Missing(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, missing)
}

// TestADatabaseThatWasDropped: the same ids come back, and what differs collides.
func TestADatabaseThatWasDropped(t *testing.T) {
	w := newWorld(t)
	same, differs := w.shop.place("S-1"), w.shop.place("S-2")
	born := uuid.MustParse(w.peer.create("P-1").ID)
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), differs)
	require.NoError(t, err)
	sameRec, err := w.shadow.store.Connector().RecordOf(t.Context(), same)
	require.NoError(t, err)

	w.store = openStore(t, database(t))
	w.start()
	w.peer.edit(rec.OrderID, note("edited while it was away"))
	require.Error(t, carry(w.peer, w.shadow), "first all orders are read")
	require.Len(t, w.shop.orders, 3)
	w.sweep()
	w.settle()
	require.Len(t, w.shop.orders, 3, "no duplicates")
	list, _, err := w.peer.service.List(t.Context(), orders.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 3)
	w.equal(sameRec.OrderID)
	_, err = w.shadow.service.Get(t.Context(), born)
	require.Equal(t, orders.NotFound, orders.KindOf(err), "it waits for the peer, who knows the ids of its lines")
	w.resend(born)
	w.equal(born)
	require.Equal(t, ordersync.Collision, w.peer.state(rec.OrderID))
	require.Equal(t, "edited while it was away", w.peer.order(rec.OrderID).CustomerNote)
	require.Empty(t, w.shop.order(differs).CustomerNote)
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	w := newWorld(t)
	foreignID, other := w.shop.place("S-1"), w.shop.place("S-2")
	w.settle()
	w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = "unheard of" })
	w.shop.edit(other, note("goes on"))
	w.settle()
	faults, all, err := w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, all)
	require.Contains(t, faults[0].Fault, `/status: the status "unheard of" is not known`)
	w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = contracts.StatusCompleted })
	w.settle()
	_, all, err = w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, all)
	w.equal(faults[0].OrderID)
}

// TestOneOrderThatCannotBeReadHoldsUpNobody: it is named, the others go on, and it comes when it can be read.
func TestOneOrderThatCannotBeReadHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	bad, good := w.shop.place("S-1"), w.shop.place("S-2")
	w.settle()
	w.shop.before = func(call string) error {
		if call == "get "+bad {
			return errors.New("500")
		}
		return nil
	}
	w.shop.edit(bad, note("later"))
	w.shop.edit(good, note("now"))
	w.settle()
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), good)
	require.NoError(t, err)
	require.Equal(t, "now", w.peer.order(rec.OrderID).CustomerNote)
	_, all, err := w.shadow.store.Connector().Faults(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, all)
	w.shop.before = nil
	w.settle()
	rec, err = w.shadow.store.Connector().RecordOf(t.Context(), bad)
	require.NoError(t, err)
	require.Equal(t, "later", w.peer.order(rec.OrderID).CustomerNote)
	require.Empty(t, rec.Fault)
}

// TestOneProcessLeads: a second one writes nothing until the first is gone.
func TestOneProcessLeads(t *testing.T) {
	w := newWorld(t)
	records := w.shadow.store.Connector()
	leading, stop := context.WithCancel(t.Context())
	first, second := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 2)
	go func() {
		ended <- records.Lead(leading, func(ctx context.Context) error { close(first); <-ctx.Done(); return nil })
	}()
	<-first
	both, stopBoth := context.WithCancel(t.Context())
	go func() {
		ended <- records.Lead(both, func(ctx context.Context) error { close(second); <-ctx.Done(); return nil })
	}()
	select {
	case <-second:
		require.Fail(t, "two lead")
	case <-time.After(1500 * time.Millisecond):
	}
	stop()
	select {
	case <-second:
	case <-time.After(time.Minute):
		require.Fail(t, "nobody leads")
	}
	stopBoth()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}
