package orders

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// PutBack makes a new version of a content that the order had before, as it was stored. What is deleted
// comes back by it: the new version contains the deletion, so the peer takes it over like any edit.
func (s *Service) PutBack(ctx context.Context, by By, id uuid.UUID, body []byte, cond Condition) (after *Stored, err error) {
	o, canonical, err := decodeOrder(body)
	if err != nil {
		return nil, notAsItIs(err.Error())
	}
	content, err := prepare(o, canonical)
	if e, ok := errors.AsType[*Error](err); ok && e.Fields != nil {
		return nil, notAsItIs(RefusalText(e.Fields))
	}
	if err != nil {
		return nil, err
	}
	namesake := s.namesake(o.OrderNumber)
	err = s.change(ctx, ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true, Namesake: namesake},
		func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
			st := loaded[0]
			after = st
			if !st.Known() {
				return nil, Errorf(NotFound, "there is no order %s", id)
			}
			if err := cond.check(st); err != nil {
				return nil, err
			}
			if st.Head.Deleted {
				if err := namesake.check(); err != nil {
					return nil, err
				}
			}
			if st.Body != nil { // of a deleted order nothing may be left
				before, err := decodeStored(st.Body)
				if err != nil {
					return nil, err
				}
				if errs := checkImmutable(before, o); errs != nil {
					return nil, notAsItIs(RefusalText(errs))
				}
			}
			if content.Fingerprint == st.Head.Fingerprint {
				return nil, nil
			}
			return []Change{s.write(st, content, EventEdited, by, stamps)}, nil
		})
	return after, err
}

func notAsItIs(why string) error { return Errorf(Conflict, "it cannot be put back as it is: %s", why) }
