package orders

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

const takeMerged = "merged"

// CaseFilter finds open collisions. Zero fields but Peers do not narrow.
type CaseFilter struct {
	Peers  []string // that there are
	Peer   string
	Number string    // how the order's number begins, in capitals or not
	Since  time.Time // open since then, or longer
	After  CaseKey   // only what follows it; the counts are without it
}

// CaseCounts are how many collisions are open, and how many of them match.
type CaseCounts struct{ Open, Matching int64 }

// Settle settles a collision by taking one of contracts.Takes, or proposes to, if it still has the tag
// (empty: any). Dry only looks whether that can be done. The case is as it was found before, nil when there is none.
func (s *Service) Settle(ctx context.Context, by By, id uuid.UUID, peer, take, tag string, dry bool) (*Case, error) {
	c, err := s.Collision(ctx, id, peer)
	if err != nil {
		return nil, err
	}
	if tag != "" && tag != c.Tag() {
		return c, Errorf(Stale, "the case has moved since you looked at it")
	}
	r := contracts.Resolution{Take: take}
	if take == takeMerged {
		r = contracts.Resolution{}
		r.Order, err = c.uncontested()
	} else {
		_, _, err = s.taken(take, c.Ours.Head, c.Link)
	}
	switch {
	case err != nil || dry:
	case s.fourEyes:
		_, err = s.Propose(ctx, by, id, peer, r, Tags{c.Tag()})
	default:
		_, err = s.Resolve(ctx, by, id, peer, r, Tags{c.Tag()})
	}
	return c, err
}

// Differs are the fields in which the two versions differ.
func (c *Case) Differs() (fields []merge.Field) {
	for _, f := range c.Fields {
		if f.Change != merge.ByBothSame {
			fields = append(fields, f)
		}
	}
	return fields
}

// Contested are the fields that a person has to decide: both changed them, and no rule does it.
func (c *Case) Contested() (pointers []string) {
	for _, f := range c.Fields {
		if f.Contested && f.Pick == merge.Nobody {
			pointers = append(pointers, f.Pointer)
		}
	}
	return pointers
}

// uncontested is what merging makes of a case in which nobody has to decide.
func (c *Case) uncontested() (*contracts.Order, error) {
	contested := c.Contested()
	switch {
	case c.Merged == nil:
		return nil, Errorf(Conflict, "there is nothing to merge: one of both is deleted or cannot be read, or they do not fit together")
	case len(contested) > 0:
		return nil, Errorf(Conflict, "both changed %s: somebody has to decide", contested[0])
	}
	return c.Merged, nil
}

// picked is the order that a choice by field comes to. What the choice does not name is as the merge has it.
func (c *Case) picked(picks map[string]string) (*contracts.Order, error) {
	if c.compared.ours == nil {
		return nil, Errorf(Conflict, "there are no fields to pick: one of the two is deleted or cannot be read; take one, or give an order")
	}
	sides := map[string]merge.Side{}
	var faults []contracts.FieldError
	fault := func(pointer, detail string) {
		faults = append(faults, contracts.FieldError{Pointer: "/picks/" + contracts.PointerToken(pointer), Detail: detail})
	}
	for _, f := range c.Differs() {
		pick := f.Pick
		switch said, named := picks[f.Pointer]; {
		case said == merge.Ours.String():
			pick = merge.Ours
		case said == merge.Theirs.String():
			pick = merge.Theirs
		case named:
			fault(f.Pointer, "must be \"ours\" or \"theirs\"")
		case pick == merge.Nobody:
			fault(f.Pointer, "is needed: both sides changed this field")
		}
		sides[f.Pointer] = pick
	}
	for _, pointer := range slices.Sorted(maps.Keys(picks)) {
		if _, known := sides[pointer]; !known {
			fault(pointer, "is no field in which the two versions differ")
		}
	}
	if faults != nil {
		return nil, &Error{Kind: Invalid, Message: "the picks do not fit the case", Fields: faults}
	}
	return merge.Choose(c.compared.base, c.compared.ours, c.compared.theirs, sides), nil
}

// caseNow finds a collision that may have to have a tag.
func (s *Service) caseNow(ctx context.Context, id uuid.UUID, peer string, ifMatch Tags) (*Case, error) {
	c, err := s.Collision(ctx, id, peer)
	if err != nil {
		return nil, err
	}
	if ifMatch != nil && !ifMatch.Match(c.Tag()) {
		return nil, Errorf(Stale, "the case has changed since you looked at it")
	}
	return c, nil
}
