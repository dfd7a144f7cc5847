package orders

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// EndedCase is a collision that is over, as the log has it.
type EndedCase struct {
	ID   uuid.UUID
	Peer string
	At   time.Time // when it ended
	// The contents: what was agreed before the two versions, the two, and what became of the order. One
	// is nil that was deleted, or that the log does not have (any more).
	Base, Ours, Theirs, Became []byte
}

// Tried is what a policy would have made of a collision.
type Tried struct {
	ID        uuid.UUID
	Peer      string
	At        time.Time // when it ended, or began if it is open
	Open      bool
	Contested []string // pointers, as in merge.Field; the empty one for the order as a whole
	Settles   bool
	Differs   bool // it would have settled the case in another way than a person did
}

// Policy is what settles collisions without a person.
func (s *Service) Policy() merge.Policy { return s.policy }

// TryPolicy tells what a policy would make of collisions: of open ones, and then of those that ended
// last, limit in all. Nothing is changed by it.
func (s *Service) TryPolicy(ctx context.Context, p merge.Policy, limit int) ([]Tried, error) {
	open, err := s.store.Links(ctx, []ordersync.State{ordersync.Collision}, s.peers, CaseKey{}, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Tried, 0, limit)
	for _, l := range open {
		c, err := s.Collision(ctx, l.ID, l.Peer)
		switch {
		case KindOf(err) == NotFound: // it has ended meanwhile
			continue
		case err == nil:
			err = s.compare(c, p)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, tried(c, l.Since, true))
	}
	ended, err := s.store.EndedCases(ctx, limit-len(out))
	if err != nil {
		return nil, err
	}
	for i := range ended {
		t, err := s.tryEnded(&ended[i], p)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (s *Service) tryEnded(e *EndedCase, p merge.Policy) (Tried, error) {
	c := &Case{ID: e.ID, Link: Link{Peer: e.Peer}, Ours: CaseVersion{Body: e.Ours}, Theirs: CaseVersion{Body: e.Theirs}}
	if e.Base != nil {
		c.Base = &CaseVersion{Body: e.Base}
	}
	if err := s.compare(c, p); err != nil {
		return Tried{}, err
	}
	t := tried(c, e.At, false)
	if t.Settles {
		t.Differs = e.Became == nil
		if e.Became != nil {
			became, err := decodeStored(e.Became)
			if err != nil {
				return t, err
			}
			t.Differs = Fingerprint(became) != Fingerprint(c.Merged)
		}
	}
	return t, nil
}

func tried(c *Case, at time.Time, open bool) Tried {
	t := Tried{ID: c.ID, Peer: c.Link.Peer, At: at, Open: open, Contested: []string{}, Settles: c.Settles}
	for _, f := range c.Fields {
		if f.Contested {
			t.Contested = append(t.Contested, f.Pointer)
		}
	}
	return t
}
