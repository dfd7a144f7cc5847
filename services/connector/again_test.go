package connector_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
)

// TestAQuotaHoldsOverARestart: a connector that was killed does not call earlier than it was asked to.
func TestAQuotaHoldsOverARestart(t *testing.T) {
	w := newWorld(t)
	now := clock()
	w.clock = func() time.Time { return now }
	w.shop.place("S-1")
	w.settle()
	w.peer.edit(w.peer.only(), note("later"))
	w.shop.before = once("get", func() error { return &foreign.Quota{After: time.Minute} })
	require.Error(t, carry(w.peer, w.shadow))
	calls := w.shop.count("")
	for _, after := range []time.Duration{0, 59 * time.Second} {
		w.waits = after
		w.start()
		require.Error(t, w.connector.Poll(t.Context()))
		require.Error(t, w.connector.Sweep(t.Context()))
		require.Equal(t, orders.OutsideUnavailable, orders.KindOf(carry(w.peer, w.shadow)))
		_, err := w.connector.Probe(t.Context(), "A", "EUR")
		require.Error(t, err)
		require.Equal(t, calls, w.shop.count(""), "after %s", after)
	}
	w.waits = time.Minute
	w.settle()
	w.equal(w.peer.only())
}

// TestAQuotaIsNotForEver: a mistaken answer does not silence the connector for longer than a day.
func TestAQuotaIsNotForEver(t *testing.T) {
	w := newWorld(t)
	w.shop.before = once("now", func() error { return &foreign.Quota{After: 24 * 365 * time.Hour} })
	require.Error(t, w.connector.Poll(t.Context()))
	w.start()
	require.Error(t, w.connector.Poll(t.Context()))
	w.waits += 24 * time.Hour
	w.poll()
}

// loses has the peer create an order of which the request to the shop is lost, and never send it again.
func (w *world) loses(number string) uuid.UUID {
	w.t.Helper()
	id := uuid.MustParse(w.peer.create(number).ID)
	w.shop.before = once("create", func() error { return errLost })
	require.Error(w.t, carry(w.peer, w.shadow))
	require.NoError(w.t, w.peer.service.Delete(w.t.Context(), w.peer.by(), id, orders.Condition{IfMatch: orders.Tags{"*"}}))
	return id
}

// underWay is the write of an order that is under way; nil when there is none.
func (w *world) underWay(id uuid.UUID) *contracts.SystemWrite {
	w.t.Helper()
	o, err := w.connector.OrderIn(w.t.Context(), id)
	if orders.KindOf(err) == orders.NotFound {
		return nil
	}
	require.NoError(w.t, err)
	return o.UnderWay
}

// TestACreationThatNobodyComesBackForIsAPersons: it is searched for, and then shown once, with what a person can do.
func TestACreationThatNobodyComesBackForIsAPersons(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.loses("P-1")
	w.waits += 5 * time.Minute
	w.poll()
	require.Empty(t, w.underWay(id).Stuck, "its sender may still come back")
	require.Equal(t, orders.Conflict, orders.KindOf(w.connector.GiveUp(t.Context(), id)))
	require.Equal(t, orders.Conflict, orders.KindOf(w.connector.CreateAgain(t.Context(), w.shadow.by(), id)))

	w.waits += 10 * time.Minute
	w.poll()
	require.Contains(t, w.underWay(id).Stuck, "no answer came")
	status, err := w.connector.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, status.Alarms, 1, "%v", status.Alarms)
	require.Contains(t, status.Alarms[0], id.String())
	require.Equal(t, id.String(), status.UnderWay[0].ID)

	finds := w.shop.count("find")
	w.poll()
	require.Equal(t, finds, w.shop.count("find"), "each has its turn now and then")
	require.NoError(t, w.connector.LookAt(t.Context(), id), "a person has it searched for")
	require.Equal(t, finds+1, w.shop.count("find"))
	require.NotEmpty(t, w.underWay(id).Stuck)

	other := connector.New(connector.Options{Side: "s", Mode: connector.On, Now: func() time.Time { return clock().Add(w.waits) }}, w.shop, w.mapping, w.store.Connector(), w.log)
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(other.GiveUp(t.Context(), id)), "it does not lead")
	require.NotNil(t, w.underWay(id))
	require.NoError(t, w.connector.GiveUp(t.Context(), id))
	require.Nil(t, w.underWay(id))
	require.Equal(t, orders.Conflict, orders.KindOf(w.connector.GiveUp(t.Context(), id)))
	require.Equal(t, 1, w.shop.count("create"), "the one that was lost")
}

// TestACreationIsMadeAgainByAPerson: it is in the shop once, also if it was there all the time, and at the peer.
func TestACreationIsMadeAgainByAPerson(t *testing.T) {
	for name, arrived := range map[string]bool{"it is not there": false, "it was there all the time": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := uuid.MustParse(w.peer.create("P-1").ID)
			w.shop.before = once("create", func() error { return errLost })
			if arrived {
				w.shop.before, w.shop.after = nil, once("create", func() error { return errLost })
			}
			require.Error(t, carry(w.peer, w.shadow))
			w.waits += 15 * time.Minute
			store := w.shadow.store.Connector()
			rec, err := store.Record(t.Context(), id)
			require.NoError(t, err)
			require.NoError(t, store.TriedIntent(t.Context(), rec.Intent, clock(), "a search did not find it"))

			require.NoError(t, w.connector.CreateAgain(t.Context(), w.shadow.by(), id))
			require.Len(t, w.shop.orders, 1)
			require.Nil(t, w.underWay(id))
			w.settle()
			w.equal(id)
			require.Len(t, w.shop.orders, 1)
		})
	}
}

// TestAStuckCreationGoesOnWhenItsSenderIsBack: nobody has to decide any more.
func TestAStuckCreationGoesOnWhenItsSenderIsBack(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := uuid.MustParse(w.peer.create("P-1").ID)
	w.shop.before = once("create", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	w.waits += 15 * time.Minute
	w.poll()
	require.NotEmpty(t, w.underWay(id).Stuck)
	w.settle()
	w.equal(id)
	require.Nil(t, w.underWay(id))
}

// TestStuckCreationsHoldUpNoOthers: each intent has its turn, however many are stuck.
func TestStuckCreationsHoldUpNoOthers(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	store := w.shadow.store.Connector()
	for i := range 50 {
		o := newOrder(fmt.Sprint("lost ", i))
		o.ID = uuid.NewString()
		saved, err := store.SaveIntent(t.Context(), &connector.Intent{
			OrderID: uuid.MustParse(o.ID), Create: true, Target: "fp", Body: []byte(`{}`), SentAt: clock().Add(time.Duration(i) * time.Millisecond),
		}, nil)
		require.NoError(t, err)
		require.True(t, saved)
	}
	// The last one is in the shop, by the hand of a request that came late.
	id := uuid.MustParse(w.peer.create("P-1").ID)
	w.waits += time.Minute
	w.shop.after = once("create", func() error { return errLost })
	require.Error(t, carry(w.peer, w.shadow))
	w.waits += 15 * time.Minute
	finds := w.shop.count("find")
	for range 3 {
		before := w.shop.count("find")
		w.poll()
		require.LessOrEqual(t, w.shop.count("find")-before, 20, "a bounded number at a time")
	}
	require.Equal(t, finds+50, w.shop.count("find"), "each once; the list of changes has shown the last one")
	require.NotEmpty(t, w.foreignID(id))
	status, err := w.connector.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 51, status.UnderWayCount)
	require.NotEmpty(t, status.UnderWay[0].Stuck)
}

// TestASweepSeesEachOrderOnce: pages that overlap, and orders that are in none of them.
func TestASweepSeesEachOrderOnce(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.shop.place("S")
	}
	w.settle()
	gone := w.shop.place("S")
	w.settle()
	w.shop.remove(gone)
	gets := w.shop.count("get")
	w.system = overlapping{w.shop}
	w.start()
	w.sweep()
	require.Equal(t, 1, w.shop.count("get")-gets, "what is as it is known is not read, and what is in no list is asked for")
	rec, err := w.shadow.store.Connector().RecordOf(t.Context(), gone)
	require.NoError(t, err)
	require.False(t, rec.Missing.IsZero())

	w.shop.edit("3", note("edited"))
	gets = w.shop.count("get 3")
	w.sweep()
	require.Equal(t, 1, w.shop.count("get 3")-gets, "it is on several pages")
}

// overlapping is a shop whose pages repeat orders of the one before, on one page twice.
type overlapping struct{ *shop }

// All implements foreign.System.
func (o overlapping) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	page, next, err = o.shop.All(ctx, after)
	if err == nil && after == "" {
		page = append(page, page...)
	} else if err == nil {
		first, _, err := o.shop.All(ctx, "")
		return append(page, first...), next, err
	}
	return page, next, err
}

// TestACopyIsAFaultUntilItIsNone: a person deletes it, puts it into the trash, or takes the reference away.
func TestACopyIsAFaultUntilItIsNone(t *testing.T) {
	for name, mend := range map[string]func(w *world, foreignID string){
		"deleted": func(w *world, foreignID string) { w.shop.remove(foreignID) },
		"trashed": func(w *world, foreignID string) { w.shop.change(foreignID, func(o *shopOrder) { o.trash = true }) },
		"freed":   func(w *world, foreignID string) { w.shop.change(foreignID, func(o *shopOrder) { o.ref = "" }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := uuid.MustParse(w.peer.create("P-1").ID)
			w.settle()
			original := w.foreignID(id)
			copied := w.shop.place("P-1")
			w.shop.change(copied, func(o *shopOrder) { o.ref = id.String() })
			fault := func() string {
				status, err := w.connector.Status(t.Context())
				require.NoError(t, err)
				if len(status.Faults) == 0 {
					return ""
				}
				require.Len(t, status.Faults, 1)
				require.Equal(t, copied, status.Faults[0].ForeignID)
				return status.Faults[0].Fault
			}
			w.settle()
			require.Contains(t, fault(), "carries the reference of the order "+original)
			w.sweep()
			require.NotEmpty(t, fault(), "it is still there")

			mend(w, copied)
			w.sweep()
			w.waits += time.Minute
			w.settle()
			require.Empty(t, fault())
			w.sweep()
			w.settle()
			require.Empty(t, fault())
			require.Equal(t, original, w.foreignID(id))
			w.equal(id)
			list, _, err := w.peer.service.List(t.Context(), orders.Query{Limit: 10})
			require.NoError(t, err)
			require.Len(t, list, map[bool]int{true: 2, false: 1}[name == "freed"])
		})
	}
}

// TestACreationThatMayStillTakeEffectIsNobodysDecision: some systems take long.
func TestACreationThatMayStillTakeEffectIsNobodysDecision(t *testing.T) {
	w := newWorld(t)
	w.shop.traits.LongestRequest = time.Hour
	w.start()
	w.shop.place("S-1")
	w.settle()
	id := w.loses("P-1")
	w.waits += 30 * time.Minute
	w.poll()
	require.Empty(t, w.underWay(id).Stuck)
	w.waits += 40 * time.Minute
	w.poll()
	require.NotEmpty(t, w.underWay(id).Stuck)
}

// TestWritesOfOrdersThatCannotBeReadHoldUpNoOthers: their intents stay, and have their turn like others.
func TestWritesOfOrdersThatCannotBeReadHoldUpNoOthers(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for range 30 {
		ids = append(ids, w.shop.place("S"))
	}
	w.settle()
	store := w.shadow.store.Connector()
	for i, foreignID := range ids {
		rec, err := store.RecordOf(t.Context(), foreignID)
		require.NoError(t, err)
		w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = "unheard of" })
		saved, err := store.SaveIntent(t.Context(), &connector.Intent{
			OrderID: rec.OrderID, Before: "before", Target: "target", Body: []byte(`{}`), SentAt: clock().Add(time.Duration(i) * time.Millisecond),
		}, nil)
		require.NoError(t, err)
		require.True(t, saved)
	}
	for range 3 {
		w.poll() // until the list of changes has nothing new
	}
	w.waits += 15 * time.Minute
	last := "get " + ids[len(ids)-1]
	before := w.shop.count(last)
	w.poll()
	require.Equal(t, before, w.shop.count(last), "a bounded number at a time")
	w.poll()
	require.Greater(t, w.shop.count(last), before)
}
