package orders

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Proposal is what one person chose for a collision, while it waits for a second one to agree. There is at
// most one of a case. It is about the two versions that it was made of: once one of them has moved, it is
// void.
type Proposal struct {
	ID           uuid.UUID
	OrderID      uuid.UUID
	Peer         string
	Ours, Theirs string               // the versions
	Resolution   contracts.Resolution // empty when what is stored cannot be read
	By           By
	At           time.Time
}

// CaseKey is an order towards a peer: which case something is about, or where a page of a list ended.
type CaseKey struct {
	ID   uuid.UUID
	Peer string
}

// String is the key as it is in addresses.
func (k CaseKey) String() string { return k.ID.String() + ":" + k.Peer }

// ParseCaseKey reads what String wrote. An id alone stands for all peers of the order.
func ParseCaseKey(text string) (CaseKey, bool) {
	id, peer, _ := strings.Cut(text, ":")
	parsed, err := uuid.Parse(id)
	return CaseKey{parsed, peer}, err == nil && utf8.ValidString(peer) && !strings.ContainsRune(peer, 0)
}

// Tag is the one of the case that it is about.
func (p *Proposal) Tag() string { return tagOf(p.Ours, p.Theirs) }

// Unreadable tells that nobody knows any more what was proposed, so it can only be rejected.
func (p *Proposal) Unreadable() bool { return p.Resolution.Take == "" && p.Resolution.Order == nil }

// FourEyes tells that collisions are settled by two people.
func (s *Service) FourEyes() bool { return s.fourEyes }

// Propose keeps what a person chose for a collision until a second one agrees. It takes the place of what
// was proposed before.
func (s *Service) Propose(ctx context.Context, by By, id uuid.UUID, peer string, r contracts.Resolution, ifMatch Tags) (*Proposal, error) {
	d, err := s.decide(ctx, id, peer, r, ifMatch)
	if err != nil {
		return nil, err
	}
	st, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	link := st.Link(peer)
	if link.State != ordersync.Collision {
		return nil, Errorf(NotFound, "order %s is in no collision with %s", id, peer)
	}
	if _, _, err := s.becomes(d, st, link); err != nil {
		return nil, err
	}
	p := &Proposal{
		ID: uuid.Must(uuid.NewV7()), OrderID: id, Peer: peer, Ours: st.Head.Version.String(), Theirs: link.Theirs.Version.String(),
		Resolution: d.Resolution, By: by, At: s.now(),
	}
	return p, s.store.Propose(ctx, p)
}

// Approve carries a proposal out, as another person than the one who made it.
func (s *Service) Approve(ctx context.Context, by By, id uuid.UUID, peer string, proposal uuid.UUID) (*Stored, error) {
	p, err := s.proposed(ctx, id, peer, proposal)
	if err != nil {
		return nil, err
	}
	if p.By.Actor == by.Actor {
		return nil, Errorf(Forbidden, "nobody approves what they proposed themselves")
	}
	if p.Unreadable() {
		return nil, Errorf(Stale, "what was proposed cannot be read: the proposal is void")
	}
	d, err := s.decide(ctx, id, peer, p.Resolution, Tags{p.Tag()})
	if err != nil {
		return nil, err
	}
	after, err := s.resolve(ctx, by, id, peer, d, p)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Stale {
		e.Message = "the case has moved since this was proposed: the proposal is void"
	}
	return after, err
}

// Reject drops a proposal. Who made it may do so too.
func (s *Service) Reject(ctx context.Context, by By, id uuid.UUID, peer string, proposal uuid.UUID) error {
	p, err := s.proposed(ctx, id, peer, proposal)
	if err != nil {
		return err
	}
	return s.store.Reject(ctx, p, by, s.now())
}

// proposed finds the proposal that a person has seen.
func (s *Service) proposed(ctx context.Context, id uuid.UUID, peer string, proposal uuid.UUID) (*Proposal, error) {
	p, err := s.store.Proposal(ctx, id, peer)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, Errorf(NotFound, "nothing is proposed for order %s", id)
	case p.ID != proposal:
		return nil, Errorf(Stale, "something else has been proposed since you looked at it")
	}
	return p, nil
}
