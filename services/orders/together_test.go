package orders

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// memory is a store that keeps the ids of orders that were saved, a list for each transaction, and what the brake counts.
type memory struct {
	Store
	saved   [][]uuid.UUID
	counted int64
	number  int64
	began   int
}

// Change implements Store.
func (m *memory) Change(_ context.Context, c ChangeRequest, decide Decide) ([]Hint, error) {
	m.began++
	loaded := make([]*Stored, len(c.IDs))
	for i, id := range c.IDs {
		loaded[i] = &Stored{ID: id}
	}
	drawn := Drawn{Server: time.Unix(1, 0)}
	for range c.Numbers {
		m.number++
		drawn.Numbers = append(drawn.Numbers, m.number)
	}
	counted := m.counted
	drawn.Brake = func(_ string, decide BrakeDecision) error {
		counted = decide(BrakeState{Deleted: counted}, time.Unix(1, 0)).Deleted
		return nil
	}
	changes, err := decide(loaded, drawn)
	if err != nil {
		return nil, err
	}
	m.counted = counted
	var ids []uuid.UUID
	for _, c := range changes {
		ids = append(ids, c.ID)
	}
	m.saved = append(m.saved, ids)
	return nil, nil
}

func newTogether(m *memory) *Service {
	return NewService(Options{Side: "a", Notify: func([]Hint) {}}, m, NewEpoch("a", nil), zap.NewNop())
}

// saves is a member that saves its order, or fails, and has the brake count one or not.
func saves(id uuid.UUID, err error, counts bool) *member {
	return &member{req: ChangeRequest{IDs: []uuid.UUID{id}, Numbers: 2}, decide: func(loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) ([]Change, error) {
		if len(loaded) != 1 || loaded[0].ID != id || len(stamps) != 2 {
			return nil, errors.New("another's order")
		}
		if counts {
			if err := brake("b", func(s BrakeState, _ time.Time) BrakeState { s.Deleted++; return s }); err != nil {
				return nil, err
			}
		}
		return []Change{{ID: id}}, err
	}}
}

func TestRoundsTogetherFailEachForItself(t *testing.T) {
	refused := errors.New("no")
	a, b, c := uuid.New(), uuid.New(), uuid.New()
	for name, one := range map[string]struct {
		members []*member
		saved   []uuid.UUID
		counted int64
		began   int
	}{
		"all are saved":                         {[]*member{saves(a, nil, true), saves(b, nil, true)}, []uuid.UUID{a, b}, 2, 1},
		"one fails":                             {[]*member{saves(a, refused, false), saves(b, nil, true)}, []uuid.UUID{b}, 1, 1},
		"one fails which the brake has counted": {[]*member{saves(a, nil, true), saves(b, refused, true), saves(c, nil, false)}, []uuid.UUID{a, c}, 1, 2},
		"all fail":                              {[]*member{saves(a, refused, false), saves(b, refused, false)}, nil, 0, 1},
		"all fail and the brake has counted":    {[]*member{saves(a, refused, true), saves(b, refused, true)}, nil, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			newTogether(m).roundOfMembers(t.Context(), one.members)
			require.Equal(t, one.saved, slices.Concat(m.saved...))
			require.Equal(t, one.counted, m.counted)
			require.Equal(t, one.began, m.began)
			for _, is := range one.members {
				want := refused
				if slices.Contains(one.saved, is.req.IDs[0]) {
					want = nil
				}
				require.Equal(t, want, is.err)
			}
		})
	}
}

// TestATransactionThatFails before anybody has decided: each caller gets the cause.
func TestATransactionThatFails(t *testing.T) {
	down := errors.New("down")
	s := newTogether(nil)
	s.store = picky{err: down}
	a, b := saves(uuid.New(), nil, false), saves(uuid.New(), nil, false)
	s.roundOfMembers(t.Context(), []*member{a, b})
	require.Equal(t, down, a.err)
	require.Equal(t, down, b.err)
	require.Equal(t, down, s.roundTogether(t.Context(), a.req, a.decide))
}

// TestOneFailureIsNobodyElses: an order that the database refuses fails its own round only.
func TestOneFailureIsNobodyElses(t *testing.T) {
	m := &memory{}
	s := newTogether(m)
	bad, good, other := saves(uuid.New(), nil, false), saves(uuid.New(), nil, false), saves(uuid.New(), errors.New("of its own"), false)
	refused := Errorf(Invalid, "out of range")
	s.store = picky{m, bad.req.IDs[0], refused}
	s.roundOfMembers(t.Context(), []*member{good, bad, other})
	require.NoError(t, good.err)
	require.Equal(t, refused, bad.err)
	require.ErrorContains(t, other.err, "of its own")
	require.Equal(t, [][]uuid.UUID{good.req.IDs}, m.saved)

	// Where nobody knows whether it was committed, nothing is repeated.
	m.saved = nil
	s.store = picky{m, bad.req.IDs[0], Errorf(Unavailable, "gone")}
	s.roundOfMembers(t.Context(), []*member{good, bad})
	require.Equal(t, Unavailable, KindOf(good.err))
	require.Equal(t, Unavailable, KindOf(bad.err))
	require.Empty(t, m.saved)
}

// picky is a store that fails for one order, or without one for all, before anybody decides.
type picky struct {
	Store
	bad uuid.UUID
	err error
}

// Change implements Store.
func (p picky) Change(ctx context.Context, c ChangeRequest, decide Decide) ([]Hint, error) {
	if p.Store == nil || slices.Contains(c.IDs, p.bad) {
		return nil, p.err
	}
	return p.Store.Change(ctx, c, decide)
}

// TestOneOrderTwice: two rounds of one order are two transactions, in their order.
func TestOneOrderTwice(t *testing.T) {
	one, other := uuid.New(), uuid.New()
	list := []*member{saves(other, nil, false), saves(one, nil, false), saves(one, nil, false), saves(other, nil, false)}
	some, rest := apart(list)
	require.Equal(t, list[:2], some)
	require.Equal(t, list[2:], rest)
	some, rest = apart(rest)
	require.Equal(t, list[2:], some)
	require.Empty(t, rest)
}
