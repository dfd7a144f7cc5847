package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// passesMax bounds how often both sides are compared again: each pass repairs what the one before found,
// and while people work there is always something under way.
const passesMax = 6

// reconciler compares both sides and makes them equal: each order that differs is told to the other side
// as after a hint, and its answer is stored here. What is only over there is asked for by telling that
// there is nothing here. Each pass only looks, and what it found is the plan that is carried out before the next one;
// a plan that a person has to see goes no further. It ends when a pass found nothing and nothing moved meanwhile,
// which is the proof, or after some passes. One that is broken off and begun again finds equal what the first one had done.
type reconciler struct {
	*pipe
	books    [2]*client // the own service and the peer, for what is not part of comparing
	dryRun   bool
	planOnly bool                   // a person has to confirm whatever is found
	brake    *contracts.BrakeLimits // what may happen to this side's orders without a person
	except   map[string]bool        // orders to be left as they are
	strategy string                 // one of contracts.ReconcileStrategies, or auto
	leaveDue func() bool            // what is due is the bridges' work now
	// delivered reports that delivery is not paused, so that pending orders are under way, however long that takes: they are sent,
	// as a bridge would, because none may be running, but not counted as differences.
	delivered bool

	began   time.Time
	met     map[uuid.UUID]meeting
	toSend  []uuid.UUID // orders that the last pass plans to send
	ifMatch string      // the place in the peer's log that the plan holds for, or empty

	mu     sync.Mutex
	report contracts.ReconcileReport
}

// meeting is what is remembered of an order that differs: a hash of what both sides had of it when it was planned to be
// told, and when it was told last. There may be as many as there are orders.
type meeting struct {
	planned, told uint64
	counted       bool // not before it was more than only under way
}

func newReconciler(p *pipe) *reconciler {
	return &reconciler{
		pipe: p, books: [2]*client{p.local.separate(), p.remote.separate()}, strategy: strategyAuto, began: time.Now(), met: map[uuid.UUID]meeting{}, leaveDue: func() bool { return false },
		report: contracts.ReconcileReport{Side: p.side, Peer: p.peer, Phase: "comparing", Strategy: "ranges", Found: map[string]int{}, Effects: map[string]int{}},
	}
}

// Report is how far it is.
func (r *reconciler) Report() *contracts.ReconcileReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.report
	out.Found, out.Effects = copied(r.report.Found), copied(r.report.Effects)
	out.Plan, out.Invalid = slices.Clone(r.report.Plan), slices.Clone(r.report.Invalid)
	out.Requests = r.local.requests.Load() + r.remote.requests.Load()
	out.Bytes = r.local.bytes.Load() + r.remote.bytes.Load()
	out.Seconds = time.Since(r.began).Seconds()
	return &out
}

func copied(counts map[string]int) map[string]int {
	out := make(map[string]int, len(counts))
	for k, n := range counts {
		out[k] = n
	}
	return out
}

func (r *reconciler) set(change func(*contracts.ReconcileReport)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

// errHeld tells that a person has to look at the plan first.
var errHeld = errors.New("held")

// run does it all. An error that is errHeld says why a person has to look.
func (r *reconciler) run(ctx context.Context) error {
	defer r.set(func(rep *contracts.ReconcileReport) { rep.Phase = "ended" })
	for pass := 1; ; pass++ {
		open, err := r.pass(ctx)
		if err != nil || r.dryRun {
			return err
		}
		if pass == 1 {
			if why := r.needsPerson(); why != "" {
				return fmt.Errorf("%w: %s", errHeld, why)
			}
		}
		if open == 0 || pass == passesMax {
			return nil
		}
		if err := r.carry(ctx); err != nil {
			return err
		}
	}
}

// needsPerson returns why a person has to look at the plan, if so.
func (r *reconciler) needsPerson() string {
	if r.planOnly {
		return "a person has to confirm what is done after the database was restored"
	}
	return r.overBrake()
}

// overBrake tells which limit the plan is above.
func (r *reconciler) overBrake() string {
	if r.brake == nil {
		return ""
	}
	rep := r.Report()
	above := func(effect string, limit *int64, what string) string {
		if limit == nil || int64(rep.Effects[effect]) <= *limit {
			return ""
		}
		return fmt.Sprintf("it would %s %d orders here, and more than %d need a person", what, rep.Effects[effect], *limit)
	}
	if why := above(effectDeletesHere, r.brake.Deletions, "delete"); why != "" {
		return why
	}
	return above(effectReplacesHere, r.brake.Replacements, "replace")
}

// pass compares once and plans what is to be told; it says how much is open after it.
func (r *reconciler) pass(ctx context.Context) (open int, err error) {
	r.toSend, r.ifMatch = nil, ""
	r.set(func(rep *contracts.ReconcileReport) {
		rep.Passes++
		rep.Phase, rep.Waiting, rep.LeftOut, rep.Compared, rep.Moving = "comparing", 0, 0, 0, 0
	})
	c := &comparison{
		here: r.local, there: r.remote, sideHere: r.side, sideThere: r.peer, leaveDue: r.leaveDue(), delivered: r.delivered,
		requestID: fmt.Sprintf("%s-%d", r.instance, r.requests.Add(1)),
	}
	c.step = func() {
		r.set(func(rep *contracts.ReconcileReport) {
			rep.Compared, rep.Orders = c.compared, max(rep.Orders, c.ordersHere)
		})
	}
	err = r.compare(ctx, c, func(list []difference, ifMatch string) {
		c.moving += r.sort(list)
		r.ifMatch = ifMatch
	})
	invalid := c.invalidEntries()
	r.set(func(rep *contracts.ReconcileReport) { rep.Invalid, rep.Waiting = invalid, rep.Waiting+len(c.invalid) })
	rep := r.Report()
	settled := len(r.toSend) == 0 && rep.Waiting == 0 && rep.LeftOut == 0
	if settled && !c.same {
		c.moving = max(1, c.moving) // equal where it was looked closer, a moment later: not yet the proof
	}
	r.set(func(rep *contracts.ReconcileReport) {
		rep.Orders, rep.OrdersThere, rep.Hash, rep.Moving = c.ordersHere, c.ordersThere, c.hash, c.moving
		rep.Position, rep.PositionThere, rep.Compared = c.posHere, c.posThere, c.compared
		rep.Equal = err == nil && settled && c.moving == 0
	})
	return len(r.toSend) + c.moving, err
}

// carry carries out what the last pass planned; where that is nothing, it gives what is under way some time.
func (r *reconciler) carry(ctx context.Context) error {
	var err error
	if len(r.toSend) == 0 {
		r.set(func(rep *contracts.ReconcileReport) { rep.Phase = "waiting" })
		err = sleep(ctx, underWayWait/4, nil) // so that it is not asked for in vain
	} else {
		r.set(func(rep *contracts.ReconcileReport) { rep.Phase = "repairing" })
		err = r.repair(ctx, r.toSend, r.ifMatch)
	}
	moved := errors.Is(err, errMoved)
	r.set(func(rep *contracts.ReconcileReport) {
		rep.CarriedOut = rep.CarriedOut || err == nil
		if moved { // the peer's log did, between reading and sending: compare again
			rep.Restarts++
		}
	})
	if moved {
		return nil
	}
	return err
}

// sort counts differences, plans to send those that are to be told, and returns how many of these are under way.
// Conflicts that both sides know of wait for a person, and so does what was told before and changed nothing: one side
// refuses it.
func (r *reconciler) sort(list []difference) (moving int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rep := &r.report
	for _, d := range list {
		id := uuid.MustParse(d.id) // a comparison takes no other entry
		m := r.met[id]
		m.planned = d.versions()
		switch {
		case r.except[d.id]:
			rep.LeftOut++
			continue
		case d.waitsForPerson(), m.told == m.planned:
			rep.Waiting++
			continue
		}
		if r.delivered && d.underWay() {
			moving++
		} else if !m.counted {
			m.counted = true
			kind, effect := d.kind(), d.effect()
			rep.Found[kind]++
			rep.Effects[effect]++
			rep.Plan = named(rep.Plan, contracts.PlannedOrder{ID: d.id, Kind: kind, Effect: effect}, rep.Effects[effect])
		}
		r.met[id] = m
		r.toSend = append(r.toSend, id)
	}
	return moving
}

// samplesMin is how many orders of each effect a plan names at least, when there are so many.
const samplesMin = 50

// named names the nth order of its effect in a plan. A full plan gives up one of the effect that it names
// most, so that what happens to few among very many is not left out of what a person looks at.
func named(plan []contracts.PlannedOrder, o contracts.PlannedOrder, nth int) []contracts.PlannedOrder {
	if len(plan) < contracts.PlanMax {
		return append(plan, o)
	}
	if nth > samplesMin {
		return plan
	}
	last := map[string]int{} // of each effect, the last one named
	count := map[string]int{}
	most := o.Effect
	for i, p := range plan {
		last[p.Effect] = i
		count[p.Effect]++
		if count[p.Effect] > count[most] {
			most = p.Effect
		}
	}
	plan[last[most]] = o
	return plan
}

var versionsSeed = maphash.MakeSeed()

// versions is a hash of what both sides have, never 0.
func (d difference) versions() uint64 {
	sum := uint64(1)
	for side, e := range []*contracts.Entry{d.here, d.there} {
		if e == nil {
			continue
		}
		for key, n := range e.Version { // in any order
			sum += maphash.Comparable(versionsSeed, struct {
				side int
				key  string
				n    int64
			}{side, key, n})
		}
	}
	return max(1, sum)
}

// repair tells the peer how these orders stand here and stores its answers. With ifMatch it does so only
// while the peer's log has none of them after that place.
func (r *reconciler) repair(ctx context.Context, ids []uuid.UUID, ifMatch string) error {
	slices.SortFunc(ids, func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) }) // as the sides store them
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(repairsAtOnce)
	for chunk := range slices.Chunk(ids, compareLeaf) {
		g.Go(func() error { return r.repairChunk(ctx, chunk, ifMatch) })
	}
	return g.Wait()
}

// repairsAtOnce bounds how many chunks are under way: while one is written by a side, others are read and answered
// by the other one. Each is in memory with its contents.
const repairsAtOnce = 4

func (r *reconciler) repairChunk(ctx context.Context, ids []uuid.UUID, ifMatch string) error {
	rest := make([]string, len(ids))
	for i, id := range ids {
		rest[i] = id.String()
	}
	for len(rest) > 0 {
		if err := ctx.Err(); err != nil { // another chunk has failed
			return err
		}
		requestID := fmt.Sprintf("%s-%d", r.instance, r.requests.Add(1))
		sent, left, err := r.present(ctx, requestID, rest)
		if err == nil {
			err = r.exchange(ctx, requestID, sent, ifMatch)
		}
		if err != nil {
			return err
		}
		rest = left
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		m := r.met[id]
		if m.told == 0 {
			r.report.Sent++
		}
		m.told = m.planned
		r.met[id] = m
	}
	return nil
}

// present reads how orders stand here, with their contents; of an order that is not here it says so. Ids
// whose contents did not fit come back.
func (p *pipe) present(ctx context.Context, requestID string, ids []string) (entries []entry, rest []string, err error) {
	piece := make([]*order, len(ids))
	for i, id := range ids {
		piece[i] = &order{id: id}
	}
	body, err := strictjson.Encode(contracts.Lookup{Peer: p.peer, IDs: ids, All: true})
	if err != nil {
		return nil, nil, err
	}
	r := p.local.send(ctx, lookup, requestID, body, ids)
	for try := 1; r.verdict != settled; try++ {
		if err := tryAgain(ctx, p.local, try, r); err != nil {
			return nil, nil, err
		}
		r = p.local.send(ctx, lookup, requestID, body, ids)
	}
	got, err := readLookup(r.data, p.side, piece)
	if err != nil {
		return nil, nil, fmt.Errorf("local: %w", err)
	}
	entries = got.entries
	named := map[*order]bool{}
	for _, e := range entries {
		named[e.order] = true
	}
	for _, o := range got.done {
		e, err := nothingOf(o)
		if err != nil {
			return nil, nil, err
		}
		named[o] = true
		entries = append(entries, e)
	}
	for _, o := range piece {
		if !named[o] {
			rest = append(rest, o.id)
		}
	}
	return entries, rest, nil
}

// nothingOf says that an order is not here.
func nothingOf(o *order) (entry, error) {
	raw, err := strictjson.Encode(contracts.Entry{ItemID: o.id, State: "ERROR_SYNCED", Version: contracts.Version{}, UpdatedAt: time.Now().UTC()})
	e := entry{raw: raw, order: o}
	if err == nil {
		err = strictjson.Decode(raw, &e.head)
	}
	return e, err
}

// news are the answers of the peer that say something new to the own side; the others need not be stored.
func (p *pipe) news(told []telling) (news []telling) {
	for _, t := range told {
		if t.known {
			p.finish(t.order, t.outcome)
			p.delivered.Add(1)
		} else {
			news = append(news, t)
		}
	}
	return news
}

// exchange tells entries and stores the answers, in pieces that the peer accepts. An order that is refused on
// the way alone is left as it is: it still differs after that, and the report counts it as waiting.
func (p *pipe) exchange(ctx context.Context, requestID string, sent []entry, ifMatch string) error {
	for try := 1; len(sent) > 0; {
		n := fitting(sent, func(e entry) []byte { return e.raw })
		told, r := p.tell(ctx, requestID, sent[:n], ifMatch)
		if len(told) > 0 {
			if told = p.news(told); len(told) > 0 {
				r = p.store(ctx, requestID, told)
			}
			if r.verdict == settled {
				sent, try = sent[n:], 1
				continue
			}
		}
		if ifMatch != "" && r.call == remotePut && r.problem == problemLogMoved {
			return errMoved
		}
		switch {
		case r.verdict == blocked && n == 1:
			p.log.Warn("order blocked on the way", zap.String("order_id", sent[0].ItemID), zap.String("reason", r.reason))
			sent, try = sent[1:], 1
			continue
		case (r.verdict == split || r.verdict == overloaded) && n > 1:
			if r.verdict == overloaded {
				if err := sleep(ctx, max(toldWaitMin, min(r.retryAfter, toldWaitMax)), nil); err != nil {
					return err
				}
			}
			if err := p.exchange(ctx, requestID, sent[:n/2], ifMatch); err != nil {
				return err
			}
			sent = sent[n/2:]
			continue
		}
		of := p.local
		if r.call == remotePut {
			of = p.remote
		}
		if err := tryAgain(ctx, of, try, r); err != nil {
			return err
		}
		try++
	}
	return nil
}
