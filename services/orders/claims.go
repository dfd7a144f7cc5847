package orders

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Judge says which numbers of this side, claimed by a peer, were never given out. It fails with Held when
// one was given out and this side has lost it.
type Judge func(ctx context.Context, peer string, claimed []ordersync.Dot) (invented []ordersync.Dot, err error)

// claims are entries that claim numbers of this side that the orders' own versions do not have. Nothing was
// saved.
type claims struct{ of map[*Received][]ordersync.Dot }

func (claims) Error() string { return "numbers of this side are to be judged first" }

// judging runs a change that observes a batch of a peer's entries. Numbers of this side that an order's own
// version does not have are rare: they are judged outside of any transaction, each entry once, and the
// change begins again.
func (s *Service) judging(ctx context.Context, peer string, change func() error) error {
	for {
		err := change()
		var c claims
		if !errors.As(err, &c) {
			return err
		}
		for in, claimed := range c.of {
			invented, err := s.judge(ctx, peer, claimed)
			if err != nil {
				return err
			}
			in.judged = true
			if len(invented) > 0 {
				in.disbelieve(invented)
			}
		}
	}
}

// unjudged finds the entries of a peer that claim more of this side than the loaded orders have, as the peer was
// told of them, and were not judged.
func (s *Service) unjudged(loaded []*Stored, peer string, in []Received) error {
	c := claims{map[*Received][]ordersync.Dot{}}
	for i, st := range loaded {
		if in[i].judged {
			continue
		}
		if beyond := beyond(in[i].Entry.Version, towards(st, st.Link(peer)), s.side+"."); beyond != nil {
			c.of[&in[i]] = beyond
		}
	}
	if len(c.of) == 0 {
		return nil
	}
	return c
}

// beyond lists what a version has of the keys with a prefix and another version does not.
func beyond(v, of ordersync.Vector, prefix string) (out []ordersync.Dot) {
	rest := of.Dots()
	for _, d := range v.Dots() {
		if !strings.HasPrefix(d.Key, prefix) {
			continue
		}
		for len(rest) > 0 && rest[0].Key < d.Key {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0].Key != d.Key || rest[0].N < d.N {
			out = append(out, d)
		}
	}
	return out
}

// unbelieved takes away from what is kept of a peer the numbers that this side never gave out. What is kept of an
// entry that was refused for them still claims them. It goes into judged, which holds what was judged before.
func (s *Service) unbelieved(st *Stored, link Link, judged []Received) (Link, error) {
	if link.Theirs == nil {
		return link, nil
	}
	if judged[0].kept.Compare(link.Theirs.Version) != ordersync.Equal {
		judged[0] = Received{kept: link.Theirs.Version, Entry: ordersync.Entry{Head: *link.Theirs}}
	}
	if err := s.unjudged([]*Stored{st}, link.Peer, judged); err != nil {
		return link, err
	}
	theirs := *link.Theirs
	theirs.Version = theirs.Version.Without(judged[0].invented)
	link.Theirs = &theirs
	return link, nil
}

// disbelieve refuses an entry whose version claims numbers that were never given out. An answer has to end what
// it answers: it counts as the peer's refusal, and what it says is dropped.
func (r *Received) disbelieve(invented []ordersync.Dot) {
	r.Implausible, r.invented = true, invented
	why := fmt.Sprintf("the version claims a number of this side that was never given out: %s:%d", invented[0].Key, invented[0].N)
	if to := r.Entry.AnswerTo; to != nil {
		r.Entry = ordersync.Entry{State: ordersync.Error, Refused: *to, Why: "the peer's answer was refused: " + why, AnswerTo: to}
		return
	}
	r.Entry.Refusal = why
}
