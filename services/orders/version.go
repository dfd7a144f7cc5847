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
