package connector_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// halfway is a shop that takes a write as two requests, the second one for the status, which it answers with an error
// while there is one.
type halfway struct {
	*shop
	second error
}

func (h *halfway) without(id string, status contracts.OrderStatus) error {
	if h.second == nil || h.order(id).Status == status {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.orders[id].order.Status = status
	if errors.Is(h.second, errCrash) {
		return errCrash // and no answer
	}
	return &foreign.HalfDone{Err: h.second}
}

// Create implements foreign.System.
func (h *halfway) Create(ctx context.Context, ref uuid.UUID, edit *foreign.Edit) (string, error) {
	id, err := h.shop.Create(ctx, ref, edit)
	if err != nil {
		return "", err
	}
	return id, h.without(id, contracts.StatusPending)
}

// Update implements foreign.System.
func (h *halfway) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	before := h.order(was.ID).Status
	if err := h.shop.Update(ctx, was, edit); err != nil {
		return err
	}
	return h.without(was.ID, before)
}

func completed(text string) func(*contracts.Order) {
	return func(o *contracts.Order) { o.CustomerNote, o.Status = text, contracts.StatusCompleted }
}

// TestAWriteThatIsRefusedHalfWayIsSeenOnBothSides: what the shop holds then is recorded at once, and a person sees it
// beside what was wanted.
func TestAWriteThatIsRefusedHalfWayIsSeenOnBothSides(t *testing.T) {
	w := newWorld(t)
	h := &halfway{shop: w.shop}
	w.system = h
	w.start()
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	h.second = foreign.Refused("/status", "it is not paid")
	w.peer.edit(id, completed("half of it"))
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, "half of it", w.shop.order(foreignID).CustomerNote)
	require.Equal(t, "half of it", w.shadow.order(id).CustomerNote, "the shadow holds what the shop holds")
	require.Equal(t, contracts.StatusPending, w.shadow.order(id).Status)
	require.Nil(t, w.underWay(id), "nothing is under way")
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(id))
	require.Equal(t, contracts.StatusCompleted, w.peer.order(id).Status, "what was wanted is there")

	_, err := w.peer.service.Resolve(t.Context(), w.peer.by(), id, "s", contracts.Resolution{Take: "ours"}, nil)
	require.NoError(t, err)
	require.NoError(t, carry(w.peer, w.shadow))
	require.Equal(t, ordersync.Error, w.shadow.state(id), "only the status is left to write, and that is refused")
	require.Contains(t, w.shadow.get(id).Link("p").Reason, "it is not paid")

	h.second = nil
	w.resend(id)
	w.settle()
	w.equal(id)
	require.Equal(t, contracts.StatusCompleted, w.shop.order(foreignID).Status)
}

// TestACreationThatIsRefusedHalfWayIsSeenOnBothSides: with all that the shop has no place for.
func TestACreationThatIsRefusedHalfWayIsSeenOnBothSides(t *testing.T) {
	w := newWorld(t)
	w.system = &halfway{shop: w.shop, second: foreign.Refused("/status", "it is not paid")}
	w.start()
	o := newOrder("P-1")
	completed("half of it")(&o)
	o.InternalNote = "only here"
	st, _, err := w.peer.service.Create(t.Context(), w.peer.by(), &o, nil)
	require.NoError(t, err)
	require.NoError(t, carry(w.peer, w.shadow))
	is := w.shadow.order(st.ID)
	require.Equal(t, contracts.StatusPending, is.Status)
	require.Equal(t, "only here", is.InternalNote)
	require.Equal(t, w.peer.order(st.ID).Lines[0].LineID, is.Lines[0].LineID)
	w.settle()
	require.Equal(t, ordersync.Collision, w.peer.state(st.ID))
	_, err = w.peer.service.Resolve(t.Context(), w.peer.by(), st.ID, "s", contracts.Resolution{Take: "theirs"}, nil)
	require.NoError(t, err)
	w.settle()
	w.equal(st.ID)
	require.Len(t, w.shop.orders, 1)
}

// TestAWriteThatFailsHalfWayLosesNothing: nobody knows what became of it until it is read.
func TestAWriteThatFailsHalfWayLosesNothing(t *testing.T) {
	for name, why := range map[string]error{"lost": errLost, "stale": foreign.ErrStale, "out of quota": &foreign.Quota{}, "killed": errCrash} {
		for _, creates := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, creates %t", name, creates), func(t *testing.T) {
				w := newWorld(t)
				h := &halfway{shop: w.shop}
				w.system = h
				w.start()
				var id uuid.UUID
				if creates {
					o := newOrder("P-1")
					completed("half of it")(&o)
					o.InternalNote = "only here"
					st, _, err := w.peer.service.Create(t.Context(), w.peer.by(), &o, nil)
					require.NoError(t, err)
					id = st.ID
				} else {
					w.shop.place("S-1")
					w.settle()
					id = w.peer.only()
					w.peer.edit(id, completed("half of it"))
				}
				h.second = why
				if err := carry(w.peer, w.shadow); err != nil {
					require.Equal(t, orders.OutsideUnavailable, orders.KindOf(err))
					require.NotNil(t, w.underWay(id), "what was sent is known")
				}
				if errors.Is(why, errCrash) {
					w.start()
				}
				h.second = nil
				w.settle()
				foreignID := w.foreignID(id)
				require.Equal(t, "half of it", w.shop.order(foreignID).CustomerNote)
				require.Equal(t, "half of it", w.shadow.order(id).CustomerNote)
				require.Equal(t, contracts.StatusCompleted, w.peer.order(id).Status)
				if w.peer.state(id) == ordersync.Collision {
					_, err := w.peer.service.Resolve(t.Context(), w.peer.by(), id, "s", contracts.Resolution{Take: "ours"}, nil)
					require.NoError(t, err)
					w.settle()
				}
				w.equal(id)
				require.Equal(t, contracts.StatusCompleted, w.shop.order(foreignID).Status)
				require.Len(t, w.shop.orders, 1)
			})
		}
	}
}

// TestAShopThatGoesOnAfterAnActionCollidesWithNobody: an order that the shop says it created is no half one.
func TestAShopThatGoesOnAfterAnActionCollidesWithNobody(t *testing.T) {
	w := newWorld(t)
	w.shop.rewrite = func(o *contracts.Order) {
		if o.Status == contracts.StatusProcessing {
			o.Status = contracts.StatusCompleted
		}
	}
	o := newOrder("P-1")
	o.Status = contracts.StatusProcessing
	st, _, err := w.peer.service.Create(t.Context(), w.peer.by(), &o, nil)
	require.NoError(t, err)
	w.settle()
	w.equal(st.ID)
	require.Equal(t, contracts.StatusCompleted, w.peer.order(st.ID).Status)
}
