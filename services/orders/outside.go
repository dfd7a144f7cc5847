package orders

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Outside is a system behind this side that has to hold a content before this side stores it: the shop that a
// connector stands for. The orders of such a side are a shadow of the system's. Whatever would write a content, be it
// a peer's entry, a person's resolution or a client's edit, is carried to the system first, outside of any
// transaction, and is decided again after that.
type Outside interface {
	// Lock lets nobody else carry or record any of the orders until unlock is called.
	Lock(ctx context.Context, ids []uuid.UUID) (unlock func(), err error)
	// Carry makes the system hold what is wanted, and looks whether it does. The order is locked. It fails with
	// OutsideRefused when the system does not take it, and with OutsideUnavailable when nobody can say now.
	Carry(ctx context.Context, w Wanted) (Carried, error)
	// Stored is called after what was carried is stored, and before a further version of it is.
	Stored(ctx context.Context, id uuid.UUID) error
}

// Wanted is a content that is to be stored once the system holds it.
type Wanted struct {
	Shadow  *Stored // the order as this side has it, with its content
	Content *Content
	Deleted bool // then there is no content
}

// Carried is what a system was seen to hold after Carry.
type Carried struct {
	// Found is what somebody changed there, of which this side did not know. Nothing was written: what was found is
	// recorded first, and what is wanted is concurrent with it.
	Found *Seen
	// Made is what the system made of what was wanted, where that is something else: it is recorded as a further
	// version.
	Made *Seen
	// Sent is when the write was sent that brought it about, by which the connector knows its intent; zero when it holds
	// no intent.
	Sent time.Time
}

// Seen is an order as a system was seen to hold it.
type Seen struct {
	Order   *contracts.Order // nil when it is deleted there
	Content *Content         // of Order, ready to store
}

// NewSeen makes ready to store what a system was seen to hold. It fails with Invalid when that is no order by the
// rules of this side; nil is a deleted one.
func NewSeen(o *contracts.Order) (*Seen, error) {
	if o == nil {
		return &Seen{}, nil
	}
	content, err := prepare(o, nil)
	if err != nil {
		return nil, err
	}
	return &Seen{Order: o, Content: content}, nil
}

// fingerprint is what the content of a change is known by.
func (s *Seen) fingerprint() string { return fingerprintOf(s.Content) }

func fingerprintOf(c *Content) string {
	if c == nil {
		return ordersync.Tombstone
	}
	return c.Fingerprint
}

// carried is a content that the system was seen to hold, and when the write was sent that brought it about.
type carried struct {
	fingerprint string
	sent        time.Time
}

// carriesMax bounds how often a change is decided again because the system's order moved.
const carriesMax = 5

// uncarried are contents that the system was not seen to hold yet. Nothing was saved.
type uncarried struct{ list []Wanted }

func (uncarried) Error() string {
	return "contents are to be carried to the system behind this side first"
}

// roundThrough is a round whose contents the system behind this side holds before they are stored. It reports whether
// the system made something else of one, which is a further version.
func (s *Service) roundThrough(ctx context.Context, req ChangeRequest, decide decideRound) (further bool, err error) {
	unlock, err := s.outside.Lock(ctx, req.IDs)
	if err != nil {
		return false, err
	}
	defer unlock()
	req.Bodies = true
	seen := map[uuid.UUID]carried{}
	made := map[uuid.UUID]*Seen{}
	for range carriesMax {
		err := s.roundTogether(ctx, req, func(loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) ([]Change, error) {
			before := make([]*Stored, len(loaded))
			for i, st := range loaded {
				before[i] = st.copied()
			}
			changes, err := decide(loaded, stamps, brake)
			if err != nil {
				return nil, err
			}
			return changes, unseen(changes, before, seen)
		})
		var first uncarried
		if errors.As(err, &first) {
			for _, w := range first.list {
				if err := s.carry(ctx, w, seen, made); err != nil {
					return false, err
				}
			}
			continue
		}
		if err != nil {
			return false, err
		}
		for id := range seen {
			if err := s.outside.Stored(ctx, id); err != nil {
				return false, err
			}
			if m := made[id]; m != nil {
				if _, err := s.record(ctx, By{Actor: s.outsideActor()}, id, m); err != nil {
					return false, err
				}
			}
		}
		return len(made) > 0, nil
	}
	return false, Errorf(OutsideUnavailable, "the order changes in the system behind this side all the time")
}

// copied is a copy that a decision does not change.
func (s *Stored) copied() *Stored {
	c := *s
	c.Links = slices.Clone(s.Links)
	return &c
}

// unseen finds the contents of changes that the system was not seen to hold, and marks those that it was. What keeps the
// content of an order needs nothing of the system.
func unseen(changes []Change, before []*Stored, seen map[uuid.UUID]carried) error {
	var list []Wanted
	for i := range changes {
		c := &changes[i]
		was := before[slices.IndexFunc(before, func(st *Stored) bool { return st.ID == c.ID })]
		switch {
		case c.Write && c.Head.Fingerprint == seen[c.ID].fingerprint:
			c.Sent = seen[c.ID].sent
		case !c.Write, c.Head.Fingerprint == was.Head.Fingerprint:
		default:
			list = append(list, Wanted{Shadow: was, Content: c.Content, Deleted: c.Head.Deleted})
		}
	}
	if list == nil {
		return nil
	}
	return uncarried{list}
}

// carry carries one content, and takes note of what the system was seen to hold.
func (s *Service) carry(ctx context.Context, w Wanted, seen map[uuid.UUID]carried, made map[uuid.UUID]*Seen) error {
	id := w.Shadow.ID
	got, err := s.outside.Carry(ctx, w)
	if err != nil {
		return err
	}
	delete(seen, id)
	delete(made, id)
	if got.Found != nil {
		_, err := s.record(ctx, By{Actor: s.outsideActor()}, id, got.Found)
		return err
	}
	seen[id] = carried{fingerprintOf(w.Content), got.Sent}
	if got.Made != nil && got.Made.fingerprint() != seen[id].fingerprint {
		made[id] = got.Made
	}
	return nil
}

// outsideActor is who the log names for what the system behind this side did.
func (s *Service) outsideActor() string { return "system:" + s.side }

// Record makes what the system behind this side was seen to hold a new version of the order, as a person's edit is
// one; the same content again changes nothing. The caller has locked the order by Outside.Lock. It fails with
// Invalid when the order breaks a rule of this side, which the caller keeps for people to see.
func (s *Service) Record(ctx context.Context, id uuid.UUID, seen *Seen) (changed bool, err error) {
	return s.record(ctx, By{Actor: s.outsideActor()}, id, seen)
}

func (s *Service) record(ctx context.Context, by By, id uuid.UUID, seen *Seen) (changed bool, err error) {
	req := ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true}
	err = s.roundTogether(ctx, req, func(loaded []*Stored, stamps []ordersync.Dot, _ BrakeLock) ([]Change, error) {
		st := loaded[0]
		changed = st.Head.Fingerprint != seen.fingerprint()
		event := EventEdited
		switch {
		case seen.Order == nil: // of an order that is not known here too: what is wanted instead collides with it
			event = EventDeleted
		case !st.Known():
			event = EventCreated
			if err := checkNew(seen.Order); err != nil {
				return nil, err
			}
		case st.Body != nil:
			before, err := decodeStored(st.Body)
			if err != nil {
				return nil, err
			}
			if errs := checkImmutable(before, seen.Order); errs != nil {
				return nil, &Error{Kind: Invalid, Message: "the order was changed where it cannot be", Fields: errs}
			}
		}
		if !changed {
			return nil, nil
		}
		return []Change{s.write(st, seen.Content, event, by, stamps)}, nil
	})
	return changed, err
}

// receiveEach receives entries one by one, some at once, so that one which the system behind this side is slow to
// take does not hold up the rest. What was received stays so: the peer sends again what is left.
func (s *Service) receiveEach(ctx context.Context, by By, peer string, in []Received, seen *Cursor) ([]Present, error) {
	ctx, cancel := context.WithTimeout(ctx, outsideBatchMax)
	defer cancel()
	out := make([]Present, len(in))
	var (
		mu    sync.Mutex
		first error
		moved []Present
	)
	g := new(errgroup.Group)
	g.SetLimit(outsideAtOnce)
	for i := range in {
		g.Go(func() error {
			got, err := s.receive(ctx, by, peer, in[i:i+1], seen)
			if err == nil {
				out[i] = got[0]
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if e, ok := errors.AsType[*Error](err); ok && e.Kind == LogMoved {
				moved = append(moved, e.Moved...)
			}
			if first == nil || ctx.Err() == nil {
				first = err
			}
			return nil
		})
	}
	_ = g.Wait() // every error is in first
	switch {
	case first == nil:
		return out, nil
	case moved != nil:
		return nil, &Error{Kind: LogMoved, Moved: moved, Message: "orders changed here after the cursor: read the log on from there, and start again"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &Error{Kind: OutsideUnavailable, After: time.Second, Message: "the system behind this side is slow; part of the batch is taken, send it again"}
	}
	return nil, first
}

const (
	// outsideBatchMax is how long a batch may take before its sender is asked to send it again; bridges wait for 15 s.
	outsideBatchMax = 8 * time.Second
	// outsideAtOnce is how many orders of a batch are carried at once.
	outsideAtOnce = 16
)
