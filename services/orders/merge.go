package orders

import (
	"context"
	"errors"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// attempt is what became of trying to merge a peer's entry into our version. It is made before the
// order is locked, since it takes the log, and counts only while that is still our version.
type attempt struct {
	ours    ordersync.Vector
	content *Content // nil when it takes a person
}

func (a *attempt) about(st *Stored) bool {
	return a != nil && a.ours.Compare(st.Head.Version) == ordersync.Equal
}

// toMerge are entries of a batch that might be merged, and were not tried. Nothing was saved.
type toMerge struct{ entries []*Received }

func (toMerge) Error() string { return "entries are to be merged first" }

// mergesMax bounds how often a batch is begun again because an order that might be merged has moved.
// What moved even then becomes a collision.
const mergesMax = 3

// merging runs a change that observes a batch of a peer's entries. Where there are some that might be
// merged, they are tried outside of any transaction, and the change begins again.
func (s *Service) merging(ctx context.Context, peer string, change func(last bool) error) error {
	for tries := 0; ; tries++ {
		err := change(tries == mergesMax)
		var first toMerge
		if !errors.As(err, &first) {
			return err
		}
		for _, in := range first.entries {
			if in.merge, err = s.tryMerge(ctx, peer, in); err != nil {
				return err
			}
		}
	}
}

// untried finds the entries that might be merged into the loaded orders, and were not tried. Where
// both sides deleted there is nothing to try.
func (s *Service) untried(loaded []*Stored, peer string, in []Received) error {
	if !s.policy.Merge && s.policy.Rules == nil {
		return nil
	}
	var found []*Received
	for i, st := range loaded {
		r := ordersync.Record{Head: st.Head, Link: st.Link(peer).Link}
		if in[i].Content != nil && ordersync.MayMerge(r, in[i].Entry) && !in[i].merge.about(st) {
			found = append(found, &in[i])
		}
	}
	if found == nil {
		return nil
	}
	return toMerge{found}
}

// tryMerge merges an entry's content into the order's present one.
func (s *Service) tryMerge(ctx context.Context, peer string, in *Received) (*attempt, error) {
	st, err := s.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	a := &attempt{ours: st.Head.Version}
	if st.Head.Deleted {
		return a, nil
	}
	base, err := s.baseOf(ctx, st, st.Link(peer), in.Entry.Version)
	if err != nil || base == nil || base.Body == nil {
		return a, err
	}
	c := &Case{
		ID: st.ID, Link: st.Link(peer), Base: base, Ours: CaseVersion{Head: st.Head, Body: st.Body},
		Theirs: CaseVersion{Head: in.Entry.Head, Body: in.Content.Body},
	}
	if err := s.compare(c, s.policy); err != nil || !c.Settles {
		return a, err
	}
	a.content, err = prepare(c.Merged, nil)
	if KindOf(err) == Invalid { // too large
		return &attempt{ours: a.ours}, nil
	}
	return a, err
}

// baseOf finds the version that the authors of both had seen last, nil when that is not known. Both had seen
// what was agreed: where that is not part of what is found, a version does not list it any more, and what is
// found is too old.
func (s *Service) baseOf(ctx context.Context, st *Stored, link Link, theirs ordersync.Vector) (*CaseVersion, error) {
	ours := towards(st, link)
	has := func(v ordersync.Vector) bool {
		c := v.Compare(link.Agreed)
		return c == ordersync.Newer || c == ordersync.Equal
	}
	base := ours.Meet(theirs)
	if ours.Heads() != nil || theirs.Heads() != nil || !has(ours) { // then one of them may list less of it than it had
		known, err := s.store.Versions(ctx, st.ID, baseAmong)
		if err != nil {
			return nil, err
		}
		if base, _ = ordersync.Base(ours, theirs, known); !has(base) {
			return nil, nil
		}
	}
	if base.IsZero() {
		return nil, nil
	}
	return s.store.ContentAt(ctx, st.ID, base)
}

// baseAmong bounds how many versions of an order the base of a merge is looked for among.
const baseAmong = 500

// offer puts the merge that was made of an entry, if there is one for the order as it is now, before
// the core. Stamp is for the merged version.
func (s *Service) offer(st *Stored, link Link, in *Received, stamp *ordersync.Dot) ordersync.Entry {
	e := in.Entry
	if !ordersync.MayMerge(ordersync.Record{Head: st.Head, Link: link.Link}, e) {
		return e
	}
	switch {
	case st.Head.Deleted && s.policy.Merge:
		e.Merge = &ordersync.Merge{}
	case !st.Head.Deleted && in.merge.about(st) && in.merge.content != nil:
		*stamp = s.advancing(st.Head.Version.Join(e.Version), *stamp)
		e.Merge = &ordersync.Merge{Fingerprint: in.merge.content.Fingerprint, Stamp: *stamp, Writer: s.writer()}
	}
	return e
}
