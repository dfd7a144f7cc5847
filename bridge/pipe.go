package bridge

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// pipe carries batches of hints through: look up, tell the remote side, store its answer, acknowledge.
// Its methods may run in several workers at once.
type pipe struct {
	side, peer    string
	local, remote *client
	circuit       *circuit
	metrics       *metrics
	log           *zap.Logger
	instance      string               // begins the request ids
	delayMax      time.Duration        // longest delay of an order given back
	paused        func() bool          // the consumer is paused: nothing new is begun
	ackWait       func() time.Duration // of the consumer
	requests      atomic.Int64
	delivered     atomic.Int64 // entries settled since the start
	retried       retriedOrders
	handshakes    handshakes
}

// findDoors has both clients look what a foreign answer to a batch is about.
func (p *pipe) findDoors() {
	p.local.door, p.remote.door = &door{side: p.peer}, &door{side: p.side, answers: p.peer}
}

// blockedSurely is the delivery from which an answer to an order alone that asks for time is about what the order
// says. Before, a gateway may have counted requests, and the others wait as it told.
const blockedSurely = 3

// settle works on the messages until each is acknowledged or given back. It begins nothing new once
// stop is done, and breaks off when work is.
func (p *pipe) settle(stop, work context.Context, messages []message) {
	orders := p.receive(messages)
	defer keepAlive(orders, max(p.ackWait()/3, time.Millisecond))()
	batch := newPlan(orders)
	for piece := batch.next(); len(piece) > 0; piece = batch.next() {
		probe, err := p.circuit.enter(stop)
		if err != nil {
			break
		}
		if p.paused() {
			p.circuit.cancel(probe)
			break
		}
		r := p.try(work, piece)
		if work.Err() != nil { // broken off by ourselves, which says nothing of the others
			p.circuit.cancel(probe)
			break
		}
		alone := waiting(piece)
		r.limited = r.verdict == blocked && asksForTime(r.outcome) && len(alone) == 1 && alone[0].deliveries() < blockedSurely
		p.conclude(probe, r)
		// A piece of one has nothing to halve: it stays away for a while and lets others by.
		if len(alone) == 1 && r.entries <= 1 && (r.verdict == retry || r.verdict == later || r.verdict == blocked) {
			p.comeAgain(alone[0], r)
		}
		batch.learn(r.verdict, piece, r.entries)
	}
	p.giveBack(waiting(orders), 0)
}

// receive finds the orders that the messages are about. What is no hint for this bridge can never
// work and goes at once: the service hints again whatever is really pending.
func (p *pipe) receive(messages []message) []*order {
	orders := make([]*order, 0, len(messages))
	byID := make(map[string]*order, len(messages))
	for _, m := range messages {
		if m.Deliveries() > 1 {
			p.metrics.redelivered.Inc()
		}
		id, err := readHint(m, p.side, p.peer)
		if err != nil {
			p.metrics.entries.WithLabelValues(outcomeDropped).Inc()
			p.log.Error("message dropped", zap.String("subject", m.Subject()), zap.Error(err))
			p.acked(m.TermWithReason(err.Error()))
			continue
		}
		o := byID[id]
		if o == nil {
			o = &order{id: id}
			byID[id] = o
			orders = append(orders, o)
		}
		o.hints = append(o.hints, m)
	}
	if len(orders) > 0 {
		p.metrics.batches.Inc()
	}
	return orders
}

// try takes one piece all the way. Orders that came through are acknowledged in it; the response is
// the one that stopped the others, or the last.
func (p *pipe) try(ctx context.Context, piece []*order) response {
	requestID := fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1))
	sent, r := p.lookup(ctx, requestID, piece)
	if r.verdict != settled || len(sent) == 0 {
		return r
	}
	told, r := p.tell(ctx, requestID, sent, "")
	if len(told) == 0 {
		return r
	}
	if s := p.store(ctx, requestID, told); s.verdict != settled {
		return s
	}
	return r
}

// lookup asks the own service how the orders stand; those with nothing pending are done.
func (p *pipe) lookup(ctx context.Context, requestID string, piece []*order) ([]entry, response) {
	ids := make([]string, len(piece))
	for i, o := range piece {
		ids[i] = o.id
	}
	body, err := strictjson.Encode(contracts.Lookup{Peer: p.peer, IDs: ids})
	if err != nil {
		return nil, lost(err) // cannot be: the ids are UUIDs
	}
	r := p.local.send(ctx, lookup, requestID, body, ids)
	if r.verdict != settled {
		return nil, r
	}
	got, err := readLookup(r.data, p.side, piece)
	if err != nil {
		return nil, p.local.foreignAnswer(ctx, r, err)
	}
	for _, o := range got.done {
		p.finish(o, outcomeNothingPending)
	}
	return got.entries[:fitting(got.entries, func(e entry) []byte { return e.raw })], r
}

// telling is an entry with the answer to it.
type telling struct {
	entry
	answer  []byte
	outcome string
	known   bool // the answer says what the own side said, with nothing pending: it has no use for it
}

// tell gives the entries to the remote side. When it refuses an entry that stands alone, there is no
// answer of its own, so the bridge says for it which version it does not accept and why. IfMatch is the
// place in the remote side's log that the entries hold for, or empty.
func (p *pipe) tell(ctx context.Context, requestID string, sent []entry, ifMatch string) ([]telling, response) {
	raws, ids := make([][]byte, len(sent)), make([]string, len(sent))
	for i, e := range sent {
		raws[i], ids[i] = e.raw, e.ItemID
	}
	r := p.remote.sendIf(ctx, remotePut, requestID, ifMatch, batchBody(p.side, raws, nil), ids)
	switch r.verdict {
	case settled:
		answers, err := readAnswers(r.data, p.peer, sent)
		if err != nil {
			return nil, p.remote.foreignAnswer(ctx, r, err)
		}
		told := make([]telling, len(sent))
		for i, e := range sent {
			told[i] = telling{e, answers.raws[i], outcomeSettled, answers.heads[i].sameAs(&e.head)}
		}
		return told, r
	case refused:
		p.log.Warn("the peer refuses an order", zap.String("order_id", sent[0].ItemID), zap.String("remote", p.peer), zap.String("reason", r.reason))
		answer, err := refusal(sent[0], r.reason)
		if err != nil {
			return nil, p.remote.foreignAnswer(ctx, r, err)
		}
		return []telling{{sent[0], answer, outcomeRefused, false}}, r
	}
	return nil, r
}

// store gives the answers to the own service, in as many requests as it takes, and acknowledges
// what it took. An answer that it refuses alone is given back and does not stop the others.
func (p *pipe) store(ctx context.Context, requestID string, told []telling) response {
	for {
		n := fitting(told, func(t telling) []byte { return t.answer })
		r := p.storePart(ctx, requestID, told[:n])
		if told = told[n:]; r.verdict != settled || len(told) == 0 {
			return r
		}
	}
}

func (p *pipe) storePart(ctx context.Context, requestID string, told []telling) response {
	raws, ids := make([][]byte, len(told)), make([]string, len(told))
	for i, t := range told {
		raws[i], ids[i] = t.answer, t.ItemID
	}
	r := p.local.send(ctx, localPut, requestID, batchBody(p.peer, raws, nil), ids)
	switch r.verdict {
	case settled:
		for _, t := range told {
			p.finish(t.order, t.outcome)
			p.delivered.Add(1)
		}
	case split:
		half := len(told) / 2
		if r = p.storePart(ctx, requestID, told[:half]); r.verdict == settled {
			r = p.storePart(ctx, requestID, told[half:])
		}
	case later, blocked:
		o := told[0].order
		p.log.Error("answer refused on the way to the own service", zap.String("order_id", o.id), zap.String("reason", r.reason))
		p.comeAgain(o, r)
		r.verdict = settled // dealt with
	}
	return r
}

// refusal is the answer that the peer did not give: it does not accept the version that was sent.
func refusal(e entry, reason string) ([]byte, error) {
	var version contracts.Version
	if err := strictjson.Decode(e.Version, &version); err != nil {
		return nil, err
	}
	return strictjson.Encode(contracts.Entry{
		ItemID: e.ItemID, State: "ERROR", Version: contracts.Version{}, UpdatedAt: time.Now(), ItemURI: e.ItemURI,
		AnswerTo: version, Refused: &contracts.Refusal{Version: version, Reason: reason},
	})
}

// conclude tells the circuit, and whoever reads the log, how a try ended.
func (p *pipe) conclude(probe bool, r response) {
	p.circuit.leave(probe, r)
	if r.verdict != settled {
		p.log.Warn("try ended early", zap.Stringer("verdict", r.verdict), zap.String("target", r.call.target()),
			zap.Int("entries", r.entries), zap.String("reason", r.reason))
	}
}

// finish acknowledges an order with which all is done that can be done now.
func (p *pipe) finish(o *order, outcome string) {
	p.metrics.entries.WithLabelValues(outcome).Inc()
	p.retried.settled(o.id)
	p.acked(o.acknowledge())
}

// comeAgain gives an order back that failed alone, for longer each time.
func (p *pipe) comeAgain(o *order, r response) {
	delay := max(o.delay(p.delayMax), min(r.retryAfter, toldWaitMax))
	of := p.local
	if r.call == remotePut {
		of = p.remote
	}
	p.retried.failed(o, of.target, r, of.heard(r.reason, contracts.RetriedReasonMax), delay)
	p.giveBack([]*order{o}, delay)
}

// giveBack lets orders be delivered again after a delay.
func (p *pipe) giveBack(orders []*order, delay time.Duration) {
	for _, o := range orders {
		p.metrics.entries.WithLabelValues(outcomeGivenBack).Inc()
		p.acked(o.giveBack(delay))
	}
}

// acked takes note of an acknowledgement of any kind that does not reach the broker. It costs a
// redelivery, which finds nothing left to do; there is nothing better to do about it.
func (p *pipe) acked(err error) {
	if err != nil {
		p.log.Debug("acknowledgement did not get out", zap.Error(err))
	}
}
