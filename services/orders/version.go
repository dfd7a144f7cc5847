package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// VersionFault says why the sides that know each other may not exchange a version; it is empty when they
// may. Each side has its share of a version, so no peer can use up the room that another one needs.
func VersionFault(v ordersync.Vector, sides []string) string {
	count := make(map[string]int, len(sides))
	for _, side := range sides {
		count[side] = 0
	}
	for _, d := range v.Dots() {
		side, _, _ := strings.Cut(d.Key, ".")
		n, known := count[side]
		switch {
		case !known:
			return fmt.Sprintf("the version has the key %q of a side that is not known here", d.Key)
		case n == contracts.VersionSideKeysMax:
			return fmt.Sprintf("the version has more than %d keys of side %s", contracts.VersionSideKeysMax, side)
		}
		count[side]++
	}
	return ""
}

// writer is what a write of this side has to know of the sides.
func (s *Service) writer() ordersync.Writer { return ordersync.Writer{Sides: s.sides} }

// VersionElementsAlarm is from how many elements on a version calls for a person: peers take twice as many. Each side
// has its newest 32, so it takes very many sides, or a fault.
const VersionElementsAlarm = contracts.VersionKeysMax / 2

// LongVersion is an order with a long version.
type LongVersion struct {
	OrderID  uuid.UUID
	Elements int
}

// LongestVersion returns the longest version of an order that this process has stored or sent since its start, as the
// order is now; the zero value before the first one.
func (s *Service) LongestVersion() LongVersion {
	if v := s.longest.Load(); v != nil {
		return *v
	}
	return LongVersion{}
}

// noteLength keeps the order with the longest version.
func (s *Service) noteLength(id uuid.UUID, v ordersync.Vector) {
	for n := len(v.Dots()); ; {
		was := s.longest.Load()
		if was != nil && n <= was.Elements && (was.OrderID != id || n == was.Elements) ||
			s.longest.CompareAndSwap(was, &LongVersion{id, n}) {
			return
		}
	}
}

// towards is the version of an order as a peer is told of it.
func towards(st *Stored, link Link) ordersync.Vector {
	return ordersync.Record{Head: st.Head, Link: link.Link}.Towards().Version
}

// withholdUntellable leaves out the orders whose version no peer takes: it was filled up before there were
// limits. Each goes into error with the reason. Any new version of the order, by an edit or by making ours
// the newest, is within the limits again.
func (s *Service) withholdUntellable(ctx context.Context, peer string, loaded []*Stored) ([]*Stored, error) {
	var withheld []Received
	for _, st := range loaded {
		if !st.Link(peer).Due {
			continue
		}
		s.noteLength(st.ID, st.Head.Version)
		if fault := VersionFault(st.Head.Version, s.sides); fault != "" {
			withheld = append(withheld, Received{ID: st.ID, Entry: ordersync.Entry{
				State: ordersync.Error, Refused: st.Head.Version, AnswerTo: &st.Head.Version,
				Why: "not sent: " + fault + "; an edit makes a version without them",
			}})
		}
	}
	if withheld == nil {
		return loaded, nil
	}
	if _, err := s.Receive(ctx, By{Actor: "service:" + s.side}, peer, withheld); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(loaded, func(st *Stored) bool {
		return slices.ContainsFunc(withheld, func(e Received) bool { return e.ID == st.ID })
	}), nil
}

func idsOf(list []*Stored) []uuid.UUID {
	out := make([]uuid.UUID, len(list))
	for i, st := range list {
		out[i] = st.ID
	}
	return out
}
