package orders

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Store keeps orders. An adapter implements it; the service is its only caller.
type Store interface {
	// Change is the round: in one transaction it loads the orders of c.IDs with a lock, draws
	// c.Numbers numbers of the log, asks decide, and saves what it says. It returns the hints with
	// the numbers of their outbox rows. Decide may be called again when two changes met.
	Change(ctx context.Context, c ChangeRequest, decide Decide) ([]Hint, error)
	// Load reads orders with their content, without a lock, in the order of ids; an unknown one has
	// neither head nor links.
	Load(ctx context.Context, ids []uuid.UUID) ([]*Stored, error)
	// List reads a page of orders, newest id first. What it looks at is bounded: where it stopped for that
	// with room left on the page, it tells the place that the next one goes on from.
	List(ctx context.Context, q Query) ([]*Stored, *Place, error)
	// Log reads a page of the log. No change is ever skipped, however late it
	// commits. A cursor whose row is not there any more is CursorLost.
	Log(ctx context.Context, q LogQuery) (*LogPage, error)
	// LogEnd returns the number up to which Log can read now.
	LogEnd(ctx context.Context) (int64, error)
	// Ranges tells what each of some ranges of ids comes to, at one moment, and the last number of the log then.
	Ranges(ctx context.Context, q RangeQuery) ([]Range, int64, error)
	// Heads reads the orders of a range by id, without contents, up to limit of them.
	Heads(ctx context.Context, from, to uuid.UUID, limit int) ([]*Stored, error)
	// Versions lists the versions that the order is known to have had, newest first, up to limit of them.
	Versions(ctx context.Context, id uuid.UUID, limit int) ([]ordersync.Vector, error)
	// ContentAt finds what an order was at a version, nil when that is not known any more.
	ContentAt(ctx context.Context, id uuid.UUID, version ordersync.Vector) (*CaseVersion, error)
	// Links lists links to some peers in any of some states, by order id and peer, after one.
	Links(ctx context.Context, states []ordersync.State, peers []string, after CaseKey, limit int) ([]LinkRow, error)
	// EndedCases reads the collisions that ended last, newest first. It looks back a bounded number of
	// rows of the log only.
	EndedCases(ctx context.Context, limit int) ([]EndedCase, error)
	// Propose keeps a proposal in place of the one before it, and has the audit tell of it.
	Propose(ctx context.Context, p *Proposal) error
	// Proposal finds the proposal of a case, nil when there is none.
	Proposal(ctx context.Context, id uuid.UUID, peer string) (*Proposal, error)
	// Reject drops a proposal that is still the one of its case, and has the audit tell of it.
	Reject(ctx context.Context, p *Proposal, by By, at time.Time) error
}

// ChangeRequest says what a change needs.
type ChangeRequest struct {
	IDs     []uuid.UUID // each once
	Numbers int
	Bodies  bool // load contents too
	// Edit marks a change of one order that may share a transaction with edits of other orders, and with it nothing
	// but its time: it has no key, namesake, cursor or proposal, and does not lock the brake.
	Edit bool
	Key  *IdempotencyKey
	Seen *Cursor // a place in the log that must still be there; else it is CursorLost
	// Namesake is what the store looks for: another order with the number. Nobody else who looks for the same
	// number goes on before this change has ended.
	Namesake *Namesake
	// Proposal is one that the change carries out, and takes away; if it is not there any more, it is Stale.
	Proposal uuid.UUID
}

// IdempotencyKey makes a creation happen once, however often its client asks for it (Idempotency-Key header).
type IdempotencyKey struct {
	Client      string // the key is one of this client's: others may use the same
	Key         string
	RequestHash string
	OrderID     uuid.UUID
}

// newOrderID is the id of the order that a request creates: the same when the request comes again, so that one whose
// answer was lost is found in the system behind this side, where it may have taken effect.
func (k *IdempotencyKey) newOrderID() uuid.UUID {
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceOID, []byte(k.Client)), []byte(k.Key))
}

// Decide looks at the loaded orders, in the order of the ids, and says what is to be saved.
type Decide func(loaded []*Stored, drawn Drawn) ([]Change, error)

// Drawn is what a change draws from the database: numbers of the log, when the database server was started
// that gave them, and, where it needs it, what is stored of the brake.
type Drawn struct {
	Numbers []int64
	Server  time.Time
	Brake   BrakeLock
}

// Query selects a page of orders, by when they were placed, newest first.
type Query struct {
	Limit   int
	After   Place // where the page before ended; zero for the first page
	Status  string
	State   ordersync.State // towards any peer; None for all
	Deleted bool            // deleted ones instead of present ones
	Search  string          // an id, the beginning of a number, or of words of the customer
	Changed bool            // by their newest change on this side instead
	// Only orders with exactly this number, or this number of a third system.
	OrderNumber, ExternalRef string
	// Only orders whose newest change on this side is by this person, or token with a name. They come by that change.
	ChangedBy string
	// Only orders whose newest change on this side is of this time, whoever made it. They come by that change.
	ChangedFrom, ChangedTo time.Time // from the one, before the other
}

// Place is where a page of a list ended: at which order, or in a list by changes at which change.
type Place struct {
	At  time.Time // when the order was placed
	ID  uuid.UUID
	Seq int64
}

// ByChange reports whether the orders come by their newest change.
func (q *Query) ByChange() bool { return q.Changed || q.ByPeople() || q.ByTime() }

// ByPeople reports whether a query is about changes by people.
func (q *Query) ByPeople() bool { return q.ChangedBy != "" }

// ByTime reports whether a query is about when orders changed.
func (q *Query) ByTime() bool { return !q.ChangedFrom.IsZero() || !q.ChangedTo.IsZero() }

// Options are the settings of a Service.
type Options struct {
	Side  string   // its name
	Peers []string // the sides that it exchanges orders with
	// Sides are others whose stamps a version may carry: of the peers' own peers, or of sides that have another
	// name by now.
	Sides  []string
	Policy merge.Policy // what collisions are resolved without a person
	// FourEyes has the others resolved by two people: one proposes, another one approves.
	FourEyes bool
	// UniqueNumbers refuses an order that someone here creates with the number of another one.
	UniqueNumbers bool
	Brake         *Brake
	Judge         Judge
	// Outside is the system behind this side, if there is one.
	Outside Outside
	// Notify is called with the hints of each change after its commit, and must not block.
	Notify func([]Hint)
	// Now is the clock, used for what is shown and never to decide.
	Now func() time.Time
}

// Service is one side.
type Service struct {
	side     string
	peers    []string
	sides    []string // whose stamps a version may carry
	store    Store
	epoch    *Epoch
	policy   merge.Policy
	fourEyes bool
	unique   bool
	brake    *Brake
	judge    Judge
	outside  Outside
	together together
	notify   func([]Hint)
	now      func() time.Time
	log      *zap.Logger

	longest atomic.Pointer[LongVersion]
}

// NewService makes the service of a side, whose versions are stamped under an epoch.
func NewService(o Options, store Store, epoch *Epoch, log *zap.Logger) *Service {
	return &Service{
		side: o.Side, peers: o.Peers, sides: slices.Concat([]string{o.Side}, o.Peers, o.Sides), store: store, epoch: epoch,
		policy: o.Policy, fourEyes: o.FourEyes, unique: o.UniqueNumbers, brake: o.Brake, judge: o.Judge, outside: o.Outside, notify: o.Notify, now: o.Now, log: log.Named("orders"),
	}
}

// Sides lists whose stamps a version may carry: this side, its peers and those of the settings.
func (s *Service) Sides() []string { return s.sides }

// Epoch is the key that this process stamps its versions with.
func (s *Service) Epoch() string { return s.epoch.Key() }

// Get finds one order, deleted or not.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (*Stored, error) {
	found, err := s.store.Load(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if !found[0].Known() {
		return nil, Errorf(NotFound, "there is no order %s", id)
	}
	return found[0], nil
}

// List finds a page of orders, as the store's List does.
func (s *Service) List(ctx context.Context, q Query) ([]*Stored, *Place, error) {
	return s.store.List(ctx, q)
}

// Create stores a new order and returns it; replayed tells that the idempotency key had been used for
// the same request before, and the order is what became of that.
func (s *Service) Create(ctx context.Context, by By, o *contracts.Order, key *IdempotencyKey) (created *Stored, replayed bool, err error) {
	if o.ID == "" && key != nil && s.outside != nil {
		o.ID = key.newOrderID().String()
	}
	WithDefaults(o, s.now())
	content, err := prepare(o, nil)
	if err != nil {
		return nil, false, err
	}
	if err := checkNew(o); err != nil {
		return nil, false, err
	}
	id := uuid.MustParse(o.ID) // prepare has validated it
	if key != nil {
		key.OrderID = id
	}
	namesake := s.namesake(o.OrderNumber)
	err = s.change(ctx, ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Key: key, Namesake: namesake},
		func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
			st := loaded[0]
			if st.Known() {
				return nil, Errorf(Exists, "there is an order %s already", id)
			}
			if err := namesake.check(); err != nil {
				return nil, err
			}
			created = st
			return []Change{s.write(st, content, EventCreated, by, stamps)}, nil
		})
	if KindOf(err) == Replayed {
		created, err = s.Get(ctx, key.OrderID)
		if err == nil && created.Head.Deleted {
			err = Errorf(Gone, "order %s was created before, and deleted since", key.OrderID)
		}
		return created, true, err
	}
	return created, false, err
}

// Condition is what a client knows of the order that it wants to change: the version it has seen, or that
// there is none.
type Condition struct {
	IfMatch Tags
	Absent  bool
}

func (c Condition) check(st *Stored) error {
	switch {
	case c.Absent:
		return &Error{Kind: Stale, Message: "the order exists already", Present: st}
	case !c.IfMatch.Match(st.Tag(), st.Head.Version.String()):
		return &Error{Kind: Stale, Message: "the order has changed since that version", Present: st}
	}
	return nil
}

// Put replaces an order's content, or creates the order when the condition is that there is none.
// The same content again changes nothing.
func (s *Service) Put(ctx context.Context, by By, id uuid.UUID, o *contracts.Order, cond Condition) (after *Stored, created bool, err error) {
	if o.ID == "" {
		o.ID = id.String()
	}
	withIDs(o)
	content, err := prepare(o, nil)
	if err != nil {
		return nil, false, err
	}
	if o.ID != id.String() {
		return nil, false, &Error{
			Kind: Invalid, Message: "the order is another one than the path says",
			Fields: []contracts.FieldError{{Pointer: "/id", Detail: "must be the id of the path, or be left out"}},
		}
	}
	var namesake *Namesake
	if cond.Absent {
		namesake = s.namesake(o.OrderNumber)
	}
	err = s.change(ctx, ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true, Edit: !cond.Absent, Namesake: namesake},
		func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
			st := loaded[0]
			after, created = st, false
			if !st.Known() && cond.Absent {
				if err := checkNew(o); err != nil {
					return nil, err
				}
				if err := namesake.check(); err != nil {
					return nil, err
				}
				created = true
				return []Change{s.write(st, content, EventCreated, by, stamps)}, nil
			}
			if err := s.editable(st, cond); err != nil {
				return nil, err
			}
			return s.replace(st, o, content, by, stamps)
		})
	return after, created, err
}

// Delete marks an order as deleted.
func (s *Service) Delete(ctx context.Context, by By, id uuid.UUID, cond Condition) error {
	return s.change(ctx, ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true, Edit: true},
		func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
			if err := s.editable(loaded[0], cond); err != nil {
				return nil, err
			}
			return []Change{s.write(loaded[0], nil, EventDeleted, by, stamps)}, nil
		})
}

func (s *Service) editable(st *Stored, cond Condition) error {
	switch {
	case !st.Known():
		return Errorf(NotFound, "there is no order %s", st.ID)
	case st.Head.Deleted:
		return Errorf(Gone, "order %s was deleted", st.ID)
	}
	return cond.check(st)
}

// rows is how many rows of the log a local change takes: one for each peer, or one.
func (s *Service) rows() int { return max(1, len(s.peers)) }

// change is round without the brake, which is for what peers do.
func (s *Service) change(ctx context.Context, req ChangeRequest, decide func([]*Stored, []ordersync.Dot) ([]Change, error)) error {
	_, err := s.round(ctx, req, func(loaded []*Stored, stamps []ordersync.Dot, _ BrakeLock) ([]Change, error) {
		return decide(loaded, stamps)
	})
	return err
}

// decideRound is Decide with stamps in place of bare numbers.
type decideRound = func(loaded []*Stored, stamps []ordersync.Dot, brake BrakeLock) ([]Change, error)

// round does the round. Where there is a system behind this side, that one holds what is written before it is stored.
// Further reports whether it made something else of it, which is a further version.
func (s *Service) round(ctx context.Context, req ChangeRequest, decide decideRound) (further bool, err error) {
	if s.outside != nil {
		return s.roundThrough(ctx, req, decide)
	}
	return false, s.roundOnce(ctx, req, decide)
}

// roundOnce does the round with stamps instead of bare numbers, and reports the hints after it.
func (s *Service) roundOnce(ctx context.Context, req ChangeRequest, decide decideRound) error {
	mark := s.epoch.Mark()
	hints, err := s.store.Change(ctx, req, func(loaded []*Stored, drawn Drawn) ([]Change, error) {
		stamps := make([]ordersync.Dot, len(drawn.Numbers))
		for i, n := range drawn.Numbers {
			var renewed bool
			if stamps[i], renewed = s.epoch.Stamp(mark, n, drawn.Server); renewed {
				s.log.Warn("log numbers went back, or are another server's: took a new epoch", zap.Int64("number", n), zap.String("epoch", s.epoch.Key()))
			}
		}
		return decide(loaded, stamps, drawn.Brake)
	})
	if err == nil && len(hints) > 0 {
		s.notify(hints)
	}
	return err
}

// write makes the change of a local person's new content, or with none of a deletion: a new version, and a change
// towards every peer. St becomes what is stored after it.
func (s *Service) write(st *Stored, content *Content, event Event, by By, stamps []ordersync.Dot) Change {
	before := st.Head
	fingerprint := ordersync.Tombstone
	if content != nil {
		fingerprint = content.Fingerprint
	}
	stamps[0] = s.advancing(before.Version, stamps[0])
	head := ordersync.Written(before, fingerprint, content == nil, stamps[0], s.writer())
	return s.rewrite(st, before, head, content, "", LogRow{Event: event, Actor: by.Actor, RequestID: by.RequestID}, stamps)
}

// advancing makes sure that a stamp makes a new version of what it is put on. It always does, but for
// an order whose version holds a higher number of this process than it has given out: a peer made
// that up, or numbers went back unnoticed. Then the process takes a new epoch.
func (s *Service) advancing(v ordersync.Vector, stamp ordersync.Dot) ordersync.Dot {
	if v.With(stamp).Compare(v) == ordersync.Newer {
		return stamp
	}
	stamp = s.epoch.Renew(stamp.N)
	s.log.Warn("a version is ahead of the log, took a new epoch", zap.Int64("number", stamp.N), zap.String("epoch", stamp.Key))
	return stamp
}

// rewrite makes the change of a new head, however it came about, towards every peer but the one that
// it came from, whose own row of the log takes the first number. The row that wrote says what happened, and the
// others that it was relayed. An error about a version that contains the new one stays as it is, and has no row.
func (s *Service) rewrite(st *Stored, before, head ordersync.Head, content *Content, from string, row LogRow, stamps []ordersync.Dot) Change {
	now := s.now()
	s.noteLength(st.ID, head.Version)
	c := Change{ID: st.ID, New: before.Version.IsZero(), Write: true, Head: head, Seq: stamps[0].N, UpdatedAt: now, Content: content}
	row.OrderID, row.At, row.Head = st.ID, now, head
	numbers := stamps
	if from != "" {
		numbers = stamps[1:]
	}
	for _, peer := range s.peers {
		if peer == from {
			continue
		}
		link := st.Link(peer)
		next := link
		next.Link = link.Rewritten(before, head)
		if !next.Due && !linkChanged(link, next) {
			continue
		}
		r := row
		r.Seq, r.Peer, r.Was, r.WasSince, r.Becomes = numbers[len(c.Log)].N, peer, link.State, link.Since, next.State
		if r.Wrote = from == "" && len(c.Log) == 0; !r.Wrote {
			r.Event, r.Received = EventRelayed, ordersync.None
		}
		r.DropsTheirs = link.Theirs != nil && next.Theirs == nil
		c.Log = append(c.Log, r)
		s.relink(&c, st, link, next, now)
		if next.Due {
			c.Hints = append(c.Hints, Hint{OrderID: st.ID, Peer: peer, Version: head.Version.String(), State: next.State, At: now})
		}
	}
	if len(c.Log) == 0 && from == "" {
		row.Seq, row.Wrote = numbers[0].N, true
		c.Log = append(c.Log, row)
	}
	st.Head, st.Seq, st.UpdatedAt = head, c.Seq, now
	if content != nil {
		st.Body = content.Body
	}
	return c
}

// relink puts the next link of a peer into the change and into st.
func (s *Service) relink(c *Change, st *Stored, link, next Link, now time.Time) {
	if next.State != link.State {
		next.Since = now
	}
	if next.Theirs == nil {
		next.TheirsBody, next.TheirsUpdatedAt = nil, time.Time{}
	}
	c.Links = append(c.Links, next)
	for i := range st.Links {
		if st.Links[i].Peer == next.Peer {
			st.Links[i] = next
			return
		}
	}
	st.Links = append(st.Links, next)
}

// Name is the side's name.
func (s *Service) Name() string { return s.side }

// Transactions reads a page of the log.
func (s *Service) Transactions(ctx context.Context, q LogQuery) (*LogPage, error) {
	return s.store.Log(ctx, q)
}

// LogEnd returns the number up to which the log can be read now.
func (s *Service) LogEnd(ctx context.Context) (int64, error) { return s.store.LogEnd(ctx) }

// Ranges tells what ranges of ids come to, and up to which number of the log.
func (s *Service) Ranges(ctx context.Context, q RangeQuery) ([]Range, int64, error) {
	return s.store.Ranges(ctx, q)
}

// Heads reads the orders of a range by id, without contents.
func (s *Service) Heads(ctx context.Context, from, to uuid.UUID, limit int) ([]*Stored, error) {
	return s.store.Heads(ctx, from, to, limit)
}

// Peers lists the other sides.
func (s *Service) Peers() []string { return slices.Clone(s.peers) }

// HasPeer tells whether a side is a peer of this one.
func (s *Service) HasPeer(name string) bool { return slices.Contains(s.peers, name) }
