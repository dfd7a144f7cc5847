package orders

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
)

// Brake limits how many of this side's orders a peer may delete, or replace, within a time (design
// section 7). What exceeds a limit is held as an error of this side, with the peer's version stored: an
// operator accepts it or drops it, one by one or the whole set. Once tripped, the brake stays so until an
// operator resets it. It counts in the database, in the transaction of the change itself: replicas share
// the count, a restart does not reset it, and what is rolled back was never counted.
type Brake struct {
	deletions, replacements Limit
	window                  time.Duration
	orders                  atomic.Int64 // of this side, for limits that are a share
	tripped                 func(peer string, state BrakeState)
}

// BrakeState is what is stored of the brake towards one peer.
type BrakeState struct {
	Deletions    bool // tripped for deletions
	Replacements bool
	OffUntil     time.Time // an operator lets everything through until then
	Since        time.Time // begin of the window
	Deleted      int64     // counted in the window
	Replaced     int64
	Plan         *ConfirmedPlan // of the reconciliation that is being carried out, nil without one
}

// ConfirmedPlan is what an operator has confirmed that a reconciliation does to this side's orders. These
// effects pass the brake, and are not counted.
type ConfirmedPlan struct {
	Deletes, Replaces map[uuid.UUID]bool // the orders that the plan names
	// A plan of very many orders does not name them all; of the others it allows this many.
	MoreDeletes, MoreReplaces int64
}

// PlanOf reads what a confirmed report allows: of the orders that it names, what it says of them, but not of
// those that the operator left out; of others, as many as it counts without naming them.
func PlanOf(rep *contracts.ReconcileReport, except []uuid.UUID) *ConfirmedPlan {
	p := &ConfirmedPlan{Deletes: map[uuid.UUID]bool{}, Replaces: map[uuid.UUID]bool{}}
	for _, o := range rep.Plan {
		id, err := uuid.Parse(o.ID)
		switch {
		case err != nil:
		case o.Effect == "deletesHere":
			p.Deletes[id] = true
		case o.Effect == "replacesHere":
			p.Replaces[id] = true
		}
	}
	p.MoreDeletes = int64(rep.Effects["deletesHere"] - len(p.Deletes))
	p.MoreReplaces = int64(rep.Effects["replacesHere"] - len(p.Replaces))
	for _, id := range except {
		delete(p.Deletes, id)
		delete(p.Replaces, id)
	}
	return p
}

// BrakeLock locks what is stored of the brake towards a peer until the change that it is part of ends, and
// stores what decide makes of it. Now is the database's time, which is one for all replicas.
type BrakeLock func(peer string, decide BrakeDecision) error

// BrakeDecision makes what is to be stored of the brake of what is.
type BrakeDecision = func(state BrakeState, now time.Time) BrakeState

// Limit is a number of orders, or a share of all orders of this side in per cent, or none.
type Limit struct {
	n     int64
	share bool
	set   bool
}

// ParseLimit reads "1000", "5%" or "off".
func ParseLimit(text string) (Limit, error) {
	if text == "off" {
		return Limit{}, nil
	}
	number, share := strings.CutSuffix(text, "%")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 || share && n > 100 {
		return Limit{}, fmt.Errorf("must be a number of orders, a share as in 5%%, or off")
	}
	return Limit{n: n, share: share, set: true}, nil
}

// shareLeast is what a share always allows: a tenth of ten orders is no mass deletion.
const shareLeast = 20

func (l Limit) of(orders int64) *int64 {
	if !l.set {
		return nil
	}
	n := l.n
	if l.share {
		n = max(shareLeast, orders*l.n/100)
	}
	return &n
}

// NewBrake makes a brake. Tripped is called after the commit of each change that tripped it.
func NewBrake(deletions, replacements Limit, window time.Duration, tripped func(string, BrakeState)) *Brake {
	return &Brake{deletions: deletions, replacements: replacements, window: window, tripped: tripped}
}

// NeedsOrders reports whether a limit is a share of all orders.
func (b *Brake) NeedsOrders() bool { return b.deletions.share || b.replacements.share }

// SetOrders sets how many orders this side has.
func (b *Brake) SetOrders(n int64) { b.orders.Store(n) }

// Limits are the present limits as numbers; nil is none.
func (b *Brake) Limits() (deletions, replacements *int64) {
	n := b.orders.Load()
	return b.deletions.of(n), b.replacements.of(n)
}

// limited reports whether there is a limit for deletions, or for replacements.
func (b *Brake) limited(deletion bool) bool {
	if deletion {
		return b.deletions.set
	}
	return b.replacements.set
}

// taking is an order whose present content a peer's entry would delete or replace.
type taking struct {
	order    uuid.UUID
	deletion bool
	held     string // why it is held; empty when it passes
}

// admit counts what a batch takes, in its order, and marks what is held. It returns the state to store.
func (b *Brake) admit(peer string, s BrakeState, now time.Time, list []*taking) BrakeState {
	if now.Sub(s.Since) > b.window || now.Before(s.Since) {
		s.Since, s.Deleted, s.Replaced = now, 0, 0
	}
	deletions, replacements := b.Limits()
	for _, t := range list {
		limit, count, tripped, what := replacements, &s.Replaced, &s.Replacements, "replacements"
		if t.deletion {
			limit, count, tripped, what = deletions, &s.Deleted, &s.Deletions, "deletions"
		}
		switch {
		case limit == nil, now.Before(s.OffUntil), s.Plan.allows(t):
		case !*tripped && *count < *limit:
			*count++
		default:
			*tripped = true
			t.held = fmt.Sprintf("%smore than %d %s of %s within %s", contracts.BrakeReason, *limit, what, peer, b.window)
		}
	}
	return s
}

// allows reports whether a taking is part of the plan. Of those that it does not name one is used up.
func (p *ConfirmedPlan) allows(t *taking) bool {
	if p == nil {
		return false
	}
	named, more := p.Replaces, &p.MoreReplaces
	if t.deletion {
		named, more = p.Deletes, &p.MoreDeletes
	}
	if named[t.order] {
		return true
	}
	if *more > 0 {
		*more--
		return true
	}
	return false
}
