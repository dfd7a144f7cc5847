package orders

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// Brake holds what a peer tells when more of this side's orders would be deleted, or replaced, within
// a time than a limit (design section 7). What is held ends as an error of this side, with the peer's
// version kept: a person lets it through or drops it, one by one or the whole set. Once it has tripped
// it stays so until a person has looked.
type Brake struct {
	deletions, replacements Limit
	window                  time.Duration
	now                     func() time.Time
	tripped                 func(peer string, state BrakeState) // keeps it

	mu     sync.Mutex
	turn   int64 // rises with each change of a state that was made here
	orders int64 // of this side, for limits that are a share
	peers  map[string]*braking
}

// BrakeState is what is kept of a brake towards one peer.
type BrakeState struct {
	Deletions    bool // tripped for deletions
	Replacements bool
	OffUntil     time.Time // a person lets everything through until then
}

type braking struct {
	BrakeState
	since                   time.Time // begin of the window
	deletions, replacements int64
}

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

// NewBrake makes a brake. Tripped hears when it trips.
func NewBrake(deletions, replacements Limit, window time.Duration, now func() time.Time, tripped func(string, BrakeState)) *Brake {
	return &Brake{deletions: deletions, replacements: replacements, window: window, now: now, tripped: tripped, peers: map[string]*braking{}}
}

// Turn is to be asked for before a state is read that Set is then given: what has changed here
// meanwhile is newer.
func (b *Brake) Turn() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turn
}

// Set puts a brake into a state that was read after a turn. One that a person has reset counts anew.
func (b *Brake) Set(peer string, s BrakeState, turn int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.of(peer)
	if turn != b.turn || p.BrakeState == s {
		return
	}
	if p.Deletions && !s.Deletions || p.Replacements && !s.Replacements {
		p.since = time.Time{}
	}
	p.BrakeState = s
}

// State is how the brake towards a peer is now.
func (b *Brake) State(peer string) BrakeState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(peer).BrakeState
}

// NeedsOrders tells that a limit is a share of all orders.
func (b *Brake) NeedsOrders() bool { return b.deletions.share || b.replacements.share }

// SetOrders tells how many orders there are.
func (b *Brake) SetOrders(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders = n
}

// Limits are the present limits as numbers; nil is none.
func (b *Brake) Limits() (deletions, replacements *int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deletions.of(b.orders), b.replacements.of(b.orders)
}

func (b *Brake) of(peer string) *braking {
	p := b.peers[peer]
	if p == nil {
		p = &braking{}
		b.peers[peer] = p
	}
	return p
}

// braked counts one batch. What it counts is counted at once, so that batches that are decided upon side by
// side do not each find room for themselves, and is given back when the batch is not kept.
type braked struct {
	brake                   *Brake
	peer                    string
	since                   time.Time // begin of the window that it is counted in
	deletions, replacements int64
	trips                   BrakeState
}

func (b *Brake) begin(peer string) *braked { return &braked{brake: b, peer: peer} }

// stops tells why a deletion, or a replacement, is held; empty when it may go through.
func (t *braked) stops(deletion bool) string {
	b := t.brake
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.of(t.peer)
	now := b.now()
	if now.Before(p.OffUntil) {
		return ""
	}
	if now.Sub(p.since) > b.window || now.Before(p.since) {
		p.since, p.deletions, p.replacements = now, 0, 0
	}
	if t.since != p.since {
		t.since, t.deletions, t.replacements = p.since, 0, 0
	}
	limit, count, mine, tripped, what := b.replacements.of(b.orders), &p.replacements, &t.replacements, p.Replacements, "replacements"
	if deletion {
		limit, count, mine, tripped, what = b.deletions.of(b.orders), &p.deletions, &t.deletions, p.Deletions, "deletions"
	}
	if limit == nil {
		return ""
	}
	if !tripped && *count < *limit {
		*count++
		*mine++
		return ""
	}
	if deletion {
		t.trips.Deletions = true
	} else {
		t.trips.Replacements = true
	}
	return fmt.Sprintf("%smore than %d %s of %s within %s", contracts.BrakeReason, *limit, what, t.peer, b.window)
}

// drop gives back what was counted and not kept.
func (t *braked) drop() {
	b := t.brake
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.of(t.peer); t.since == p.since {
		p.deletions -= t.deletions
		p.replacements -= t.replacements
	}
	t.deletions, t.replacements, t.trips = 0, 0, BrakeState{}
}

// keep counts the batch for good, and keeps that the brake has tripped.
func (t *braked) keep() {
	b := t.brake
	b.mu.Lock()
	t.deletions, t.replacements = 0, 0
	p := b.of(t.peer)
	trips := t.trips.Deletions && !p.Deletions || t.trips.Replacements && !p.Replacements
	p.Deletions = p.Deletions || t.trips.Deletions
	p.Replacements = p.Replacements || t.trips.Replacements
	state := p.BrakeState
	if trips {
		b.turn++
	}
	b.mu.Unlock()
	if trips {
		b.tripped(t.peer, state)
		b.mu.Lock()
		b.turn++
		b.mu.Unlock()
	}
}
