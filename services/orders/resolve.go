package orders

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// decision is what a person chose for a case, checked as far as it can be without the case.
type decision struct {
	contracts.Resolution
	content *Content // of the order, where one is given
	ifMatch Tags     // of the case that the person has seen, if any
	refused bool     // it is about an order in error, and not about a collision
}

// Resolve settles a conflict with what a person chose: a new version that contains both, so that the
// peer takes it over. IfMatch has the Tag of the case that the person has seen, if any. A collision it
// leaves to Propose where a second person has to agree.
func (s *Service) Resolve(ctx context.Context, by By, id uuid.UUID, peer string, r contracts.Resolution, ifMatch Tags) (*Stored, error) {
	d, err := s.decide(ctx, id, peer, r, ifMatch)
	if err != nil {
		return nil, err
	}
	return s.resolve(ctx, by, id, peer, d, nil)
}

// Drop keeps our version of an order in error, and drops the one that was refused. A collision that came of it
// meanwhile is left: nobody has seen it.
func (s *Service) Drop(ctx context.Context, by By, id uuid.UUID, peer string) (*Stored, error) {
	return s.resolve(ctx, by, id, peer, decision{Resolution: contracts.Resolution{Take: "ours"}, refused: true}, nil)
}

// decide checks what a person chose. The outcome of a merge, and of a choice by field, becomes the order that it is now.
func (s *Service) decide(ctx context.Context, id uuid.UUID, peer string, r contracts.Resolution, ifMatch Tags) (d decision, err error) {
	given := 0
	for _, there := range []bool{r.Take != "", r.Picks != nil, r.Order != nil} {
		if there {
			given++
		}
	}
	if given != 1 || r.Take != "" && !slices.Contains(contracts.Takes, r.Take) {
		return d, &Error{
			Kind: Invalid, Message: "a resolution takes one side, picks fields or gives an order",
			Fields: []contracts.FieldError{{Pointer: "/take", Detail: "must be \"ours\", \"theirs\" or \"merged\", or left out when \"picks\" or \"order\" is given"}},
		}
	}
	if r.Take == takeMerged || r.Picks != nil {
		var c *Case
		if c, err = s.caseNow(ctx, id, peer, ifMatch); err != nil {
			return d, err
		}
		ifMatch = Tags{c.Tag()}
		if r.Picks != nil {
			r.Order, err = c.picked(r.Picks)
		} else {
			r.Order, err = c.uncontested()
		}
		if err != nil {
			return d, err
		}
		r.Take, r.Picks = "", nil
	}
	d = decision{Resolution: r, ifMatch: ifMatch}
	if r.Order == nil {
		return d, nil
	}
	if r.Order.ID == "" {
		r.Order.ID = id.String()
	}
	withIDs(r.Order)
	if r.Order.ID != id.String() {
		return d, &Error{
			Kind: Invalid, Message: "the order is another one than the case's",
			Fields: []contracts.FieldError{{Pointer: "/order/id", Detail: "must be the id of the case, or be left out"}},
		}
	}
	d.content, err = prepare(r.Order, nil)
	return d, under("/order", err)
}

// resolve carries a decision out. Proposed is the proposal that it is, when a second person agrees to one.
func (s *Service) resolve(ctx context.Context, by By, id uuid.UUID, peer string, d decision, proposed *Proposal) (*Stored, error) {
	req := ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true}
	if proposed != nil {
		req.Proposal = proposed.ID
	}
	var after *Stored
	judged := make([]Received, 1)
	decide := func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
		st := loaded[0]
		link := st.Link(peer)
		if s.fourEyes && proposed == nil && link.State == ordersync.Collision {
			return nil, Errorf(Conflict, "a second person has to agree to what becomes of a collision")
		}
		head, in, err := s.becomes(d, st, link)
		if err != nil {
			return nil, err
		}
		believed, err := s.unbelieved(st, link, judged)
		if err != nil {
			return nil, err
		}
		out, err := ordersync.Resolve(ordersync.Record{Head: st.Head, Link: believed.Link}, head.Fingerprint, head.Deleted, s.advancing(st.Head.Version.Join(believed.Theirs.Version), stamps[0]), s.writer())
		if err != nil {
			return nil, Wrap(Conflict, err, "the conflict cannot be settled")
		}
		row := LogRow{Event: EventResolved, Actor: by.Actor, RequestID: by.RequestID}
		c, _ := s.carryOut(st, link, out, &in, row, stamps)
		if proposed != nil {
			c.Log[0].Reason = "proposed by " + proposed.By.Actor
		}
		after = st
		return []Change{c}, nil
	}
	err := s.judging(ctx, peer, func() error { return s.change(ctx, req, decide) })
	return after, err
}

// becomes is what a decision makes of an order, with its content to store.
func (s *Service) becomes(d decision, st *Stored, link Link) (head ordersync.Head, in Received, err error) {
	switch {
	case !link.State.InConflict():
		return head, in, Errorf(NotFound, "order %s is in no conflict with %s", st.ID, link.Peer)
	case d.refused && link.State == ordersync.Collision:
		return head, in, Errorf(Conflict, "it is no error any more, but a collision")
	case link.Theirs == nil:
		return head, in, Errorf(Conflict, "nothing is kept of %s's version; edit the order, or retry", link.Peer)
	case d.ifMatch != nil && !d.ifMatch.Match(caseTag(st.Head, *link.Theirs)):
		return head, in, &Error{Kind: Stale, Message: "the case has moved since you looked at it", Present: st}
	}
	in.UpdatedAt = s.now()
	if d.Order == nil {
		head, in.Content, err = s.taken(d.Take, st.Head, link)
		return head, in, err
	}
	in.Content = d.content
	return ordersync.Head{Fingerprint: d.content.Fingerprint}, in, keepsImmutable(d.Order, st, link)
}
