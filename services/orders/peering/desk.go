package peering

import (
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Consumers holds the delivery of hints to a peer still, lets it go on, and ends it for good.
type Consumers interface {
	Pause(ctx context.Context, peer string) error
	Resume(ctx context.Context, peer string) error
	Hints
}

// Hints removes from the broker what it has of a peer.
type Hints interface {
	DeleteConsumer(ctx context.Context, peer string) error
	PurgeHints(ctx context.Context, peer string) error
}

// Options of a Desk.
type Options struct {
	Side  string
	Peers []string
	Epoch *orders.Epoch // of this process
	// Every is how old a proof of equality may become before both sides are compared again; 0 compares
	// only when somebody asks.
	Every time.Duration
	Now   func() time.Time
}

// Desk is where everything comes together that a side knows of its peers. It is safe for use by many.
type Desk struct {
	Options
	store     Store
	brake     *orders.Brake
	consumers Consumers
	paused    func(ctx context.Context, peer string) (bool, error) // by a person
	witness   *witness
	log       *zap.Logger
	began     time.Time

	refreshing sync.Mutex
	counted    time.Time // when the orders were, for limits that are a share
	reported   LiveEpoch // the epoch of this process, as the other ones know it
	reportedAt time.Time

	mu         sync.Mutex
	rows       map[string]PeerRow
	heard      map[string]bool // peers that have told this process what they have seen of it
	acquainted map[string]*acquaintance
	untold     map[string]map[string]int64 // what peers have reported since it was last stored
	toldAt     map[string]time.Time        // when it was
	claimed    map[string]time.Time        // epochs of other running processes, when a number was first claimed that is missing
	ignored    map[string]int64            // invented numbers of this side
	warned     map[string]time.Time        // when they were last logged
}

// New makes the desk of a process. Paused tells what a person decided about a peer.
func New(o Options, store Store, brake *orders.Brake, consumers Consumers, paused func(context.Context, string) (bool, error), log *zap.Logger) *Desk {
	log = log.Named("peering")
	return &Desk{
		Options: o, store: store, brake: brake, consumers: consumers, paused: paused, log: log, began: o.Now(),
		witness: newWitness(o.Side, store, o.Now), rows: map[string]PeerRow{}, heard: map[string]bool{},
		acquainted: map[string]*acquaintance{}, untold: map[string]map[string]int64{}, toldAt: map[string]time.Time{},
		claimed: map[string]time.Time{}, ignored: map[string]int64{}, warned: map[string]time.Time{},
	}
}

// Load reads what is kept, before anybody is served.
func (d *Desk) Load(ctx context.Context) error {
	back, err := d.store.SetPeers(ctx, d.Peers)
	if err != nil {
		return err
	}
	for _, peer := range back {
		d.log.Warn("peer was not among the settings for a while: forgot its links, both sides are compared anew", zap.String("peer", peer))
	}
	return d.refresh(ctx)
}

const (
	refreshEvery = time.Second
	countEvery   = time.Minute
)

// Run keeps what other processes of this side have to know, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshEvery)
			defer cancel()
			if err := d.witness.save(last); err != nil {
				d.log.Warn("what was seen of the peers cannot be kept", zap.Error(err))
			}
			if err := d.store.ForgetEpoch(last, d.Epoch.Key()); err != nil {
				d.log.Debug("failed to report the end of the epoch", zap.Error(err))
			}
			return nil
		case <-tick.C:
		}
		if err := d.refresh(ctx); err != nil && ctx.Err() == nil {
			d.log.Debug("peers cannot be read or kept, trying again", zap.Error(err))
		}
	}
}

func (d *Desk) refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	if err := d.witness.save(ctx); err != nil {
		return err
	}
	if err := d.witness.load(ctx); err != nil {
		return err
	}
	rows, err := d.store.PeerRows(ctx)
	if err != nil {
		return err
	}
	if err := d.reportEpoch(ctx, rows); err != nil {
		return err
	}
	if d.brake.NeedsOrders() && d.Now().Sub(d.counted) > countEvery {
		n, err := d.store.CountOrders(ctx)
		if err != nil {
			return err
		}
		d.brake.SetOrders(n)
		d.counted = d.Now()
	}
	d.mu.Lock()
	before := d.rows
	d.rows = make(map[string]PeerRow, len(rows))
	for _, r := range rows {
		d.rows[r.Peer] = r
	}
	d.mu.Unlock()
	for _, r := range rows {
		if r.Held != nil && before[r.Peer].Held == nil {
			d.stop(ctx, r.Peer)
		}
	}
	return nil
}

// stop holds the delivery to a peer still. Where the broker cannot be reached, the keeper does it when
// it is back; and no hint gets past a held link's service.
func (d *Desk) stop(ctx context.Context, peer string) {
	if err := d.consumers.Pause(ctx, peer); err != nil {
		d.log.Warn("the consumer of a held link cannot be paused yet", zap.String("peer", peer), zap.Error(err))
	}
}

func (d *Desk) row(peer string) PeerRow {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[peer]
}

// Held tells whether the link to a peer is held, and why.
func (d *Desk) Held(peer string) *contracts.Hold { return d.row(peer).Held }

// Proof is the newest proof of equality with a peer, nil when there never was one.
func (d *Desk) Proof(peer string) *contracts.Proof { return d.row(peer).Proof }

// Brake is the state of the brake towards a peer.
func (d *Desk) Brake(peer string) orders.BrakeState { return d.row(peer).Brake }

// LeftOut are the orders that reconciliations with a peer leave as they are.
func (d *Desk) LeftOut(peer string) []string { return d.row(peer).LeftOut }

// greetingWait is how long a greeting is waited for from whoever sends orders, or looks up what to send. Both
// send greetings all the while; who never does, as the bridge of an earlier program, is let through after it.
const greetingWait = 15 * time.Second

// Open fails while the link to a peer is held (Held), and after the start of this process until the peer
// has told what it has seen of this side (Starting), however long it is away: before that nobody knows whether
// the database was put back, and the peer's orders, or its answers, would fill it up again without a plan.
func (d *Desk) Open(peer string) error {
	if d.Held(peer) != nil {
		return d.heldError(peer)
	}
	return d.greeted(peer, func(a *acquaintance) bool {
		return d.waited(&a.looked) && !a.greets || !a.asked.IsZero() && d.waited(&a.asked)
	})
}

// Admit is Open for a batch that the peer itself sends. A batch of no entries is a greeting. A held link takes
// what the peer sends once an operator has confirmed the plan: if both sides are held, each of them has to be
// served by the other.
func (d *Desk) Admit(peer string, entries int) error {
	if row := d.row(peer); row.Held != nil && (row.Open == nil || !row.Open.Confirmed) {
		return d.heldError(peer)
	}
	return d.greeted(peer, func(a *acquaintance) bool { return entries == 0 || d.waited(&a.asked) })
}

// acquaintance is what is known of who speaks for a peer, before it has told what it has seen.
type acquaintance struct {
	asked  time.Time // when the peer first sent orders
	looked time.Time // when the own bridge first looked up what to send
	greets bool      // the own bridge does
}

// waited tells whether the greeting has been waited for since the first time, which may be now.
func (d *Desk) waited(first *time.Time) bool {
	if first.IsZero() {
		*first = d.Now()
	}
	return d.Now().Sub(*first) >= greetingWait
}

func (d *Desk) greeted(peer string, unheard func(*acquaintance) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard[peer] || unheard(d.known(peer)) {
		return nil
	}
	return orders.Errorf(orders.Starting, "%s has started and waits for %s to tell what it has seen of it", d.Side, peer)
}

// known is called with the lock held.
func (d *Desk) known(peer string) *acquaintance {
	a := d.acquainted[peer]
	if a == nil {
		a = &acquaintance{}
		d.acquainted[peer] = a
	}
	return a
}

// Saw takes note of a version that a peer told.
func (d *Desk) Saw(v ordersync.Vector) { d.witness.saw(v) }

// Tell lists the highest numbers seen of a peer, to be told to it.
func (d *Desk) Tell(peer string) map[string]int64 {
	d.mu.Lock()
	d.known(peer).greets = true // or the peer has just been heard
	d.mu.Unlock()
	return d.witness.tell(peer)
}

// Hear holds what a peer has seen of this side against the own log. It holds the link when the peer knows
// more than the log does, and asks for a comparison when the peer knows less than it did.
func (d *Desk) Hear(ctx context.Context, peer string, seen map[string]int64) error {
	if faults := checkSeen(seen); faults != nil {
		return &orders.Error{Kind: orders.Invalid, Message: "what was seen of this side is not valid", Fields: faults}
	}
	if seen == nil {
		return nil
	}
	ours := d.witness.own(seen)
	v, err := d.weigh(ctx, peer, ours)
	if err == nil && len(v.lost) > 0 {
		err = d.hold(ctx, peer, v.lost)
	}
	if err != nil || v.undecided {
		return err
	}
	d.mu.Lock()
	d.heard[peer] = true
	d.mu.Unlock()
	if len(v.lost) > 0 || d.Held(peer) != nil {
		return nil
	}
	known := make(map[string]int64, len(ours))
	for _, o := range ours {
		if !slices.Contains(v.invented, o) {
			known[o.Key] = o.N
		}
	}
	return d.compareIfLess(ctx, peer, known)
}

// Prove takes note of a proof that the own bridge has found.
func (d *Desk) Prove(ctx context.Context, peer string, p contracts.Proof) error {
	if err := d.store.RecordProof(ctx, peer, p); err != nil {
		return err
	}
	return d.refresh(ctx)
}

// TakeProof takes note of a proof that the peer's bridge has found, if it is about what this side has, or had
// at that position of its log. A proof ends the wait for the next comparison, so it is never taken on trust.
func (d *Desk) TakeProof(ctx context.Context, peer string, p contracts.Proof) error {
	state, err := d.store.StateAt(ctx, p.Position)
	if err != nil {
		return err
	}
	if hash := hex.EncodeToString(state.Hash[:]); p.Orders != state.Orders || p.Hash != hash {
		return orders.Errorf(orders.Conflict, "at %d of its log %s has %d orders with hash %s, so the proof is not about them", p.Position, d.Side, state.Orders, hash)
	}
	if !state.Until.IsZero() && state.Until.Before(p.At) {
		p.At = state.Until // it was true until then
	}
	return d.Prove(ctx, peer, p)
}

// BrakeTripped takes note at once of what a change has stored.
func (d *Desk) BrakeTripped(ctx context.Context, peer string, s orders.BrakeState) {
	d.log.Error("brake tripped: further changes of the peer are held until an operator resets it", zap.String("peer", peer),
		zap.Bool("deletions", s.Deletions), zap.Bool("replacements", s.Replacements))
	if err := d.refresh(ctx); err != nil { // the next one reads it
		d.log.Debug("failed to read peers, retrying", zap.Error(err))
	}
}

// SetBrake resets the brake, which is the same towards all peers, and lets everything through for a time.
func (d *Desk) SetBrake(ctx context.Context, by orders.By, peer string, off time.Duration) error {
	state := orders.BrakeState{}
	if off > 0 {
		state.OffUntil = d.Now().Add(off)
	}
	if err := d.store.SetBrake(ctx, state); err != nil {
		return err
	}
	d.log.Info("brake set", zap.String("peer", peer), zap.Duration("off_for", off), zap.String("actor", by.Actor), zap.String("request_id", by.RequestID))
	return d.refresh(ctx)
}
