package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Received is one entry of a peer, read and checked at the door.
type Received struct {
	ID        uuid.UUID
	Entry     ordersync.Entry
	UpdatedAt time.Time
	Content   *Content // what to store when it is taken over; nil when deleted or refused
	Raw       []byte   // the content as it came, to be kept in a conflict; nil when there was none
	// Implausible is set when the version claims numbers of this side that were never given out.
	Implausible bool

	judged   bool             // see claims.go
	invented []ordersync.Dot  // numbers that make it implausible
	kept     ordersync.Vector // that is judged again for a person
	merge    *attempt         // see merge.go
}

// Present is how an order stands now, to be told to a peer.
type Present struct {
	ID        uuid.UUID
	Head      ordersync.Head
	Link      Link
	UpdatedAt time.Time
	Body      []byte // the content, where the peer may need it
}

// Receive observes a batch of a peer's entries, requests or answers, in one transaction, and says how
// each order stands after it, in the same order. Taking the same batch again changes nothing. Every
// id may be there once.
func (s *Service) Receive(ctx context.Context, by By, peer string, in []Received) ([]Present, error) {
	return s.receive(ctx, by, peer, in, nil)
}

// ReceiveUnmoved is Receive for a peer that has read this side's log up to a cursor: where one of the
// orders has changed since, nothing is applied, and a LogMoved names all that did. Collisions and
// refusals are outcomes as ever.
func (s *Service) ReceiveUnmoved(ctx context.Context, by By, peer string, in []Received, seen Cursor) ([]Present, error) {
	return s.receive(ctx, by, peer, in, &seen)
}

func (s *Service) receive(ctx context.Context, by By, peer string, in []Received, seen *Cursor) ([]Present, error) {
	if s.outside != nil && len(in) > 1 {
		return s.receiveEach(ctx, by, peer, in, seen)
	}
	ids := make([]uuid.UUID, len(in))
	for i := range in {
		ids[i] = in[i].ID
		if in[i].UpdatedAt.IsZero() {
			in[i].UpdatedAt = s.now()
		}
	}
	out := make([]Present, len(in))
	perEntry := s.rows()
	var tripped *BrakeState
	req := ChangeRequest{IDs: ids, Numbers: perEntry * len(in), Seen: seen}
	var further bool
	observe := func(last bool) (err error) {
		further, err = s.round(ctx, req, func(loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) ([]Change, error) {
			if err := unmoved(loaded, peer, seen); err != nil {
				return nil, err
			}
			if err := s.unjudged(loaded, peer, in); err != nil {
				return nil, err
			}
			if err := s.untried(loaded, peer, in); err != nil && !last {
				return nil, err
			}
			found := make([]observation, len(in))
			for i, st := range loaded {
				found[i] = s.observe(st, peer, &in[i], stamps[i*perEntry:(i+1)*perEntry])
			}
			var err error
			if tripped, err = s.hold(found, peer, brake); err != nil {
				return nil, err
			}
			changes := make([]Change, 0, len(in))
			for i, st := range loaded {
				if c, ok := s.settle(st, found[i], &in[i], by); ok {
					changes = append(changes, c)
				}
				out[i] = Present{ID: st.ID, Head: st.Head, Link: st.Link(peer), UpdatedAt: st.UpdatedAt}
			}
			return changes, nil
		})
		return err
	}
	err := s.judging(ctx, peer, func() error { return s.merging(ctx, peer, observe) })
	if refused, ok := errors.AsType[*Error](err); ok && refused.Kind == OutsideRefused { // then there is one entry
		in[0].Entry.Refusal = refused.Message
		err = s.judging(ctx, peer, func() error { return s.merging(ctx, peer, observe) })
	}
	if err != nil {
		return nil, err
	}
	if tripped != nil {
		s.brake.tripped(peer, *tripped)
	}
	return out, s.addContents(ctx, peer, in, out, further)
}

// unmoved demands that none of the orders has changed after a place in the log. They are locked, and
// an order's numbers rise: whoever changed one later has a number above whatever a reader has seen.
func unmoved(loaded []*Stored, peer string, seen *Cursor) error {
	if seen == nil {
		return nil
	}
	var moved []Present
	for _, st := range loaded {
		if st.Seq > seen.Seq {
			moved = append(moved, Present{ID: st.ID, Head: st.Head, Link: st.Link(peer), UpdatedAt: st.UpdatedAt})
		}
	}
	if moved == nil {
		return nil
	}
	return &Error{
		Kind: LogMoved, Moved: moved,
		Message: fmt.Sprintf("%d of the orders changed here after the cursor; nothing was applied: read the log on from there, and start again", len(moved)),
	}
}

// addContents gives the peer the content of each order that it does not have at the version that it
// asked about. It reads them afresh: whatever the order has become meanwhile is an answer as true. What a system behind
// this side made of an entry is a further version that came after it, and the peer has it before anyone there edits the
// order.
func (s *Service) addContents(ctx context.Context, peer string, in []Received, out []Present, further bool) error {
	var ids []uuid.UUID
	var at []int
	for i := range out {
		if in[i].Entry.AnswerTo != nil || out[i].Head.Deleted || out[i].Head.Version.IsZero() {
			continue
		}
		if further || !sameVersion(out[i].Head, in[i].Entry.Head) {
			ids, at = append(ids, out[i].ID), append(at, i)
		}
	}
	if ids == nil {
		return nil
	}
	loaded, err := s.store.Load(ctx, ids)
	if err != nil {
		return err
	}
	for j, st := range loaded {
		if i := at[j]; !sameVersion(st.Head, out[i].Head) || !sameVersion(st.Head, in[i].Entry.Head) {
			out[i] = present(st, peer)
		}
	}
	return nil
}

func sameVersion(a, b ordersync.Head) bool {
	return a.Version.Compare(b.Version) == ordersync.Equal && a.Fingerprint == b.Fingerprint
}

// Lookup says how the orders of hints stand towards a peer, with their contents. Orders that the peer
// need not be told of are left out, unless all are asked for. Contents beyond bytesMax are not passed on: the ids that are left
// come back as deferred.
func (s *Service) Lookup(ctx context.Context, peer string, ids []uuid.UUID, all bool, bytesMax int) (out []Present, deferred []uuid.UUID, err error) {
	loaded, err := s.store.Load(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	if loaded, err = s.withholdUntellable(ctx, peer, loaded); err != nil {
		return nil, nil, err
	}
	bytes := 0
	for i, st := range loaded {
		if !st.Link(peer).Due && !(all && st.Known()) {
			continue
		}
		bytes += len(st.Body)
		if bytes > bytesMax && len(out) > 0 {
			return out, idsOf(loaded[i:]), nil
		}
		out = append(out, present(st, peer))
	}
	return out, nil, nil
}

func present(st *Stored, peer string) Present {
	p := Present{ID: st.ID, Head: st.Head, Link: st.Link(peer), UpdatedAt: st.UpdatedAt}
	if !st.Head.Deleted {
		p.Body = st.Body
	}
	return p
}

// observation is what one entry of a batch comes to, before anything is changed.
type observation struct {
	id     uuid.UUID
	link   Link
	before ordersync.Record
	entry  ordersync.Entry
	out    ordersync.Outcome
	stamps []ordersync.Dot
}

func (s *Service) observe(st *Stored, peer string, in *Received, stamps []ordersync.Dot) observation {
	link := st.Link(peer)
	o := observation{id: st.ID, link: link, before: ordersync.Record{Head: st.Head, Link: link.Link}, stamps: stamps}
	o.entry = s.offer(st, link, in, &stamps[0])
	o.out = ordersync.Observe(o.before, o.entry)
	if in.Implausible && o.out.Rule == ordersync.ExtJoin { // equal contents take no refusal, but would join the versions
		o.out = ordersync.Outcome{Record: o.before}
	}
	return o
}

// takes reports whether the content that is here would be deleted or replaced.
func (o *observation) takes() bool {
	b := o.before
	return o.out.Take && b.Known() && !b.Deleted && o.out.Head.Fingerprint != b.Fingerprint
}

// hold decides again about the entries that the brake does not let through: they are refused. The brake is
// only locked by a batch that takes something of what it counts. It returns the state that tripped, if any.
func (s *Service) hold(list []observation, peer string, lock BrakeLock) (tripped *BrakeState, err error) {
	var taken []*taking
	of := map[*taking]*observation{}
	for i := range list {
		if o := &list[i]; o.takes() && s.brake.limited(o.out.Head.Deleted) {
			t := &taking{order: o.id, deletion: o.out.Head.Deleted}
			taken, of[t] = append(taken, t), o
		}
	}
	if taken == nil {
		return nil, nil
	}
	err = lock(peer, func(was BrakeState, now time.Time) BrakeState {
		is := s.brake.admit(peer, was, now, taken)
		if is.Deletions && !was.Deletions || is.Replacements && !was.Replacements {
			tripped = &is
		}
		return is
	})
	for _, t := range taken {
		if t.held != "" {
			o := of[t]
			o.entry.Refusal, o.entry.Merge = t.held, nil
			o.out = ordersync.Observe(o.before, o.entry)
		}
	}
	return tripped, err
}

// settle makes the change of an observation. It reports false when nothing is to be saved.
func (s *Service) settle(st *Stored, o observation, in *Received, by By) (Change, bool) {
	event := EventReceived
	if in.Entry.AnswerTo != nil {
		event = EventAnswered
	}
	row := LogRow{Event: event, Received: in.Entry.State, Actor: by.Actor, RequestID: by.RequestID}
	if o.out.Rule == ordersync.ExtMerge && o.out.Take {
		in = &Received{Content: in.merge.content, UpdatedAt: s.now()}
	}
	return s.carryOut(st, o.link, o.out, in, row, o.stamps)
}

// carryOut turns an outcome into the change to save. In is where a content comes from that is taken
// over or kept.
func (s *Service) carryOut(st *Stored, link Link, out ordersync.Outcome, in *Received, row LogRow, stamps []ordersync.Dot) (Change, bool) {
	now := s.now()
	before := st.Head
	next := link
	next.Link = out.Link
	if out.Keep {
		next.TheirsBody, next.TheirsUpdatedAt = in.Raw, in.UpdatedAt
	}
	// A version that is stored with more elements than it may have by now is stored again, and relayed.
	wrote := out.Head.Version.Compare(before.Version) != ordersync.Equal || len(out.Head.Version.Dots()) != len(before.Version.Dots())

	c := Change{ID: st.ID, Seq: stamps[0].N}
	if wrote {
		content := in.Content
		if !out.Take {
			content = nil
		}
		c = s.rewrite(st, before, out.Head, content, link.Peer, row, stamps)
		if out.Take {
			c.UpdatedAt, st.UpdatedAt = in.UpdatedAt, in.UpdatedAt
		}
	}
	changed := linkChanged(link, next)
	if changed {
		s.relink(&c, st, link, next, now)
	}
	// A peer that is refused, and says the same again, is told so and leaves nothing behind.
	again := row.Event == EventReceived && out.State == ordersync.Error && !changed && !wrote
	if out.Rule != ordersync.NoRule && !out.Routine() && !again || wrote || row.Event == EventRetried {
		row.OrderID, row.At, row.Peer, row.Head, row.Wrote = st.ID, now, link.Peer, out.Head, wrote
		row.Was, row.WasSince, row.Becomes, row.Rule, row.Reason = link.State, link.Since, out.State, out.Rule, out.Reason
		row.DropsTheirs = link.Theirs != nil && (out.Theirs == nil || !sameHead(*link.Theirs, *out.Theirs))
		row.Seq = stamps[0].N
		c.Log = append([]LogRow{row}, c.Log...)
	}
	if out.Hint {
		c.Hints = append(c.Hints, Hint{OrderID: st.ID, Peer: link.Peer, Version: out.Head.Version.String(), State: out.State, At: now})
	}
	return c, c.Write || len(c.Links) > 0 || len(c.Log) > 0 || len(c.Hints) > 0
}

// linkChanged tells whether the row of a link must be saved. A change that came and went straight
// from OK to OK needs none: a settled link's version is the order's.
func linkChanged(a, b Link) bool {
	if b.State == ordersync.None {
		return false
	}
	return !a.Stored || a.State != b.State || a.Due != b.Due || a.Reason != b.Reason ||
		!b.State.Settled() && a.Agreed.Compare(b.Agreed) != ordersync.Equal ||
		(a.Theirs == nil) != (b.Theirs == nil) ||
		a.Theirs != nil && !sameHead(*a.Theirs, *b.Theirs)
}

func sameHead(a, b ordersync.Head) bool {
	return a.Version.Compare(b.Version) == ordersync.Equal && a.Fingerprint == b.Fingerprint && a.Deleted == b.Deleted
}
