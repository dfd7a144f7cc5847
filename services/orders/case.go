package orders

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Case is a conflict of an order with a peer: both versions whole, and the last that both contain.
type Case struct {
	ID     uuid.UUID
	Link   Link
	Base   *CaseVersion // nil when there is none, or the log does not have it (any more)
	Ours   CaseVersion
	Theirs CaseVersion
	Fields []merge.Field // that were changed; the order as a whole where the two cannot be compared
	// Merged is what is not contested put together, as a start for a person; nil where one of the two is
	// deleted or cannot be read here, or where the changes do not fit together.
	Merged  *contracts.Order
	Settles bool // the policy would settle it without a person

	compared struct{ base, ours, theirs *contracts.Order } // nil where one of the two cannot be compared
}

// CaseVersion is one version of the order in a case.
type CaseVersion struct {
	Head ordersync.Head
	Body []byte // nil when deleted
}

// Tag changes whenever one of the two versions does, so that a person settles what they have seen.
func (c *Case) Tag() string { return caseTag(c.Ours.Head, c.Theirs.Head) }

// caseTag is short however long the versions are, so that many of them fit into one request.
func caseTag(ours, theirs ordersync.Head) string {
	return tagOf(ours.Version.String(), theirs.Version.String())
}

func tagOf(ours, theirs string) string {
	sum := sha256.Sum256([]byte(ours + ";" + theirs))
	return hex.EncodeToString(sum[:16])
}

// OrderNumber is the number of the order, as far as one of the two versions tells it.
func (c *Case) OrderNumber() string {
	for _, body := range [][]byte{c.Ours.Body, c.Theirs.Body} {
		if o := decodeKept(body); o != nil && o.OrderNumber != "" {
			return o.OrderNumber
		}
	}
	return ""
}

// Collision finds the case of an order towards a peer.
func (s *Service) Collision(ctx context.Context, id uuid.UUID, peer string) (*Case, error) {
	st, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	link := st.Link(peer)
	if link.State != ordersync.Collision || link.Theirs == nil {
		return nil, Errorf(NotFound, "order %s is in no collision with %s", id, peer)
	}
	return s.caseOf(ctx, st, link)
}

// Refused finds an order in error towards a peer, with what is kept of the peer's version. Of an order
// that this side never took over, ours is nothing.
func (s *Service) Refused(ctx context.Context, id uuid.UUID, peer string) (*Case, error) {
	found, err := s.store.Load(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	link := found[0].Link(peer)
	switch {
	case link.State != ordersync.Error && link.State != ordersync.ErrorSynced:
		return nil, Errorf(NotFound, "order %s is in no error towards %s", id, peer)
	case link.Theirs == nil:
		return nil, Errorf(NotFound, "nothing is kept here of %s's version", peer)
	}
	return s.caseOf(ctx, found[0], link)
}

func (s *Service) caseOf(ctx context.Context, st *Stored, link Link) (*Case, error) {
	c := &Case{ID: st.ID, Link: link, Ours: CaseVersion{Head: st.Head, Body: st.Body}, Theirs: CaseVersion{Head: *link.Theirs, Body: link.TheirsBody}}
	if st.Head.Deleted {
		c.Ours.Body = nil
	}
	if st.Known() {
		var err error
		if c.Base, err = s.baseOf(ctx, st, link, c.Theirs.Head.Version); err != nil {
			return nil, err
		}
	}
	return c, s.compare(c, s.policy)
}

// compare fills in how the versions of a case differ and what a policy makes of them.
func (s *Service) compare(c *Case, p merge.Policy) error {
	c.Fields, c.Merged, c.Settles = nil, nil, false
	if c.Ours.Head.Deleted && c.Theirs.Head.Deleted {
		c.Settles = p.Merge
		return nil
	}
	var theirs *contracts.Order
	if c.Theirs.Body != nil {
		theirs = decodeKept(c.Theirs.Body) // not valid here is no reason not to compare it
	}
	if theirs == nil || c.Ours.Body == nil {
		c.Fields = []merge.Field{{Change: merge.ByBoth, Contested: true}}
		return nil
	}
	ours, err := decodeStored(c.Ours.Body)
	if err != nil {
		return err
	}
	var base *contracts.Order
	if c.Base != nil && c.Base.Body != nil {
		if base, err = decodeStored(c.Base.Body); err != nil {
			return err
		}
	}
	ourAuthor, theirAuthor := s.authors(c)
	r := merge.Orders(base, ours, theirs, p, ourAuthor, theirAuthor)
	c.Fields = r.Fields
	c.compared.base, c.compared.ours, c.compared.theirs = base, ours, theirs
	if r.Order.Validate() == nil {
		c.Merged = r.Order
		c.Settles = r.Settled && checkImmutable(ours, r.Order) == nil && checkImmutable(theirs, r.Order) == nil
	}
	return nil
}

// authors are the sides that wrote the two versions of a case since its base: whoever carried a version need not
// have written it. One is empty where several sides wrote it, or none.
func (s *Service) authors(c *Case) (ours, theirs string) {
	switch {
	case c.Ours.Head.Version.IsZero() && len(s.sides) == 2: // an ended case, of which only contents are known
		return s.side, c.Link.Peer
	case c.Base == nil:
		return "", ""
	}
	return author(c.Ours.Head.Version, c.Base.Head.Version), author(c.Theirs.Head.Version, c.Base.Head.Version)
}

// author is the only side that wrote what a version has beyond its base.
func author(v, base ordersync.Vector) (only string) {
	for _, d := range beyond(v, base, "") {
		side, _, _ := strings.Cut(d.Key, ".")
		if only != "" && only != side {
			return ""
		}
		only = side
	}
	return only
}

// taken is the version of one side, as a person takes it, with its content to store: none where it is
// deleted, or stored already.
func (s *Service) taken(take string, ours ordersync.Head, link Link) (ordersync.Head, *Content, error) {
	switch {
	case take == "ours" && ours.Version.IsZero():
		return ours, nil, Errorf(Conflict, "this side has no version of its own; take theirs, or give an order")
	case take == "ours":
		return ours, nil, nil
	case link.Theirs.Deleted:
		return *link.Theirs, nil, nil
	}
	content, err := s.accept(link)
	return *link.Theirs, content, err
}

// keepsImmutable demands that a given order has the fields that cannot be changed as one of the two
// versions has them.
func keepsImmutable(given *contracts.Order, st *Stored, link Link) error {
	var errs []contracts.FieldError
	for _, body := range [][]byte{st.Body, link.TheirsBody} {
		o := decodeKept(body)
		if o == nil {
			continue
		}
		if errs = checkImmutable(o, given); errs == nil {
			return nil
		}
	}
	if errs == nil {
		return nil // neither version can be read; there is nothing to hold to
	}
	return under("/order", &Error{Kind: Invalid, Message: "the order has fields that cannot be changed", Fields: errs})
}

// accept makes the kept content of the other side ready to store, if this side's rules allow it.
func (s *Service) accept(link Link) (*Content, error) {
	if link.TheirsBody == nil {
		return nil, Errorf(Conflict, "the content of %s's version is not kept here; ask there for a retry", link.Peer)
	}
	o, canonical, err := decodeOrder(link.TheirsBody)
	var content *Content
	var refusal string
	if err != nil {
		refusal = err.Error()
	} else {
		content, _, refusal = TakeContent(o, canonical, link.Theirs.Fingerprint)
	}
	if refusal != "" {
		return nil, Errorf(Conflict, "this side still refuses the content: %s", refusal)
	}
	return content, nil
}

// Retry tries an order in error again: the peer's content that this side had refused is looked at
// again, or else ours is sent again.
func (s *Service) Retry(ctx context.Context, by By, id uuid.UUID, peer string) (*Stored, error) {
	var after *Stored
	judged := make([]Received, 1)
	req := ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true}
	decide := func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
		st := loaded[0]
		link := st.Link(peer)
		if link.State != ordersync.Error && link.State != ordersync.ErrorSynced {
			return nil, Errorf(NotFound, "order %s is in no error towards %s", id, peer)
		}
		in := Received{UpdatedAt: link.TheirsUpdatedAt}
		if in.UpdatedAt.IsZero() {
			in.UpdatedAt = s.now()
		}
		var refused error
		if link.Theirs != nil && !link.Theirs.Deleted {
			in.Content, refused = s.accept(link)
		}
		if _, err := s.unbelieved(st, link, judged); err != nil {
			return nil, err
		}
		if judged[0].Implausible {
			refused = Errorf(Conflict, "this side still refuses the version: %s", judged[0].Entry.Refusal)
		}
		refusal := ""
		if refused != nil {
			refusal = refused.Error()
		}
		out, err := ordersync.Retry(ordersync.Record{Head: st.Head, Link: link.Link}, refusal)
		switch {
		case errors.Is(err, ordersync.ErrStillRefused):
			return nil, refused
		case err != nil:
			return nil, Wrap(Conflict, err, "the error cannot be tried again from here")
		}
		row := LogRow{Event: EventRetried, Actor: by.Actor, RequestID: by.RequestID}
		c, _ := s.carryOut(st, link, out, &in, row, stamps)
		after = st
		return []Change{c}, nil
	}
	err := s.judging(ctx, peer, func() error { return s.change(ctx, req, decide) })
	return after, err
}

// under puts the pointers of an error's fields below where the content stands in the request.
func under(prefix string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			e.Fields[i].Pointer = prefix + e.Fields[i].Pointer
		}
	}
	return err
}
