package orders

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/gather"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// together are the rounds of orders that are received one by one, several in one transaction.
type together struct{ gather.Group[*member] }

// member is one of several rounds in a transaction. Each decides for itself: one that fails saves nothing.
type member struct {
	req    ChangeRequest
	decide decideRound
	err    error
}

// roundTogether is roundOnce in one transaction with those that come while another is under way.
func (s *Service) roundTogether(ctx context.Context, req ChangeRequest, decide decideRound) error {
	if req.Key != nil || req.Namesake != nil || req.Seen != nil || req.Proposal != uuid.Nil { // about more than its orders
		return s.roundOnce(ctx, req, decide)
	}
	m := &member{req: req, decide: decide, err: errUndone}
	s.together.Do(m, func(all []*member) {
		for len(all) > 0 {
			var some []*member
			some, all = apart(all)
			s.roundOfMembers(context.WithoutCancel(ctx), some)
		}
	})
	return m.err
}

// errUndone is of a round that somebody else was to do, and did not.
var errUndone = Errorf(Unavailable, "the change was not begun")

// apart returns those members, from the first on, that have no order in common, and the rest.
func apart(all []*member) (some, rest []*member) {
	taken := map[uuid.UUID]bool{}
	for i, m := range all {
		for _, id := range m.req.IDs {
			if taken[id] {
				return all[:i], all[i:]
			}
		}
		for _, id := range m.req.IDs {
			taken[id] = true
		}
	}
	return all, nil
}

// errCounted is that the brake has counted what a member takes, which failed after that.
var errCounted = errors.New("the brake has counted what is not saved")

// roundPatience bounds a transaction of several rounds, which goes on without its callers. It is as long as a statement may
// take; a database that has vanished does not even end those.
const roundPatience = 30 * time.Second

// roundOfMembers does rounds in one transaction. If the brake has counted a member that fails, the rest begins again. If the
// transaction fails for a reason of one member, each is done alone, so that nobody gets the error of another one.
func (s *Service) roundOfMembers(ctx context.Context, all []*member) {
	for {
		for _, m := range all {
			m.err = errUndone
		}
		err := s.roundInTime(ctx, all)
		var left []*member // that have no error of their own
		for _, m := range all {
			if m.err == nil || errors.Is(m.err, errUndone) {
				left = append(left, m)
			}
		}
		switch {
		case err == nil || len(left) == 0:
			return
		case errors.Is(err, errCounted):
			all = left
			continue
		case len(all) > 1 && KindOf(err) != Unavailable: // after which nobody knows whether it was committed
			for _, m := range left {
				s.roundOfMembers(ctx, []*member{m})
			}
			return
		}
		for _, m := range left {
			m.err = err
		}
		return
	}
}

func (s *Service) roundInTime(ctx context.Context, all []*member) error {
	ctx, cancel := context.WithTimeout(ctx, roundPatience)
	defer cancel()
	return s.roundOnce(ctx, joined(all), func(loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) ([]Change, error) {
		return decideEach(all, loaded, stamps, brake)
	})
}

// joined is what all members need.
func joined(all []*member) (req ChangeRequest) {
	for _, m := range all {
		req.IDs = append(req.IDs, m.req.IDs...)
		req.Numbers += m.req.Numbers
		req.Bodies = req.Bodies || m.req.Bodies
	}
	return req
}

// decideEach has each member decide about its own orders. It fails when there is nothing to commit, or nothing may be.
func decideEach(all []*member, loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) (changes []Change, err error) {
	decided := false
	for _, m := range all {
		orders, numbers := len(m.req.IDs), m.req.Numbers
		counted := false
		var own []Change
		own, m.err = m.decide(loaded[:orders], stamps[:numbers], func(peer string, decide BrakeDecision) error {
			counted = true
			return brake(peer, decide)
		})
		loaded, stamps = loaded[orders:], stamps[numbers:]
		switch {
		case m.err == nil:
			changes, decided = append(changes, own...), true
		case counted:
			err = errCounted
		}
	}
	if err == nil && !decided {
		err = all[0].err
	}
	return changes, err
}
