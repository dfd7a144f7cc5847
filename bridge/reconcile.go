package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// passesMax bounds how often both sides are compared again: each pass repairs what the one before found,
// and while people work there is always something under way.
const passesMax = 5

// Report is what a reconciliation found and did.
type Report struct {
	Side        string              `json:"side"`
	Peer        string              `json:"peer"`
	Equal       bool                `json:"equal"` // one look at all orders of both showed it
	Orders      int64               `json:"orders"`
	OrdersThere int64               `json:"ordersThere"`
	Hash        string              `json:"hash"` // what all orders of this side come to
	Found       map[string]int      `json:"found"`
	Moving      int                 `json:"moving"`  // orders that were changed or told while the last pass looked
	Waiting     int                 `json:"waiting"` // orders that a person has to settle
	Sent        int                 `json:"sent"`
	Passes      int                 `json:"passes"`
	Requests    int64               `json:"requests"`
	Bytes       int64               `json:"bytes"`
	Seconds     float64             `json:"seconds"`
	Samples     map[string][]string `json:"samples,omitzero"` // some ids of each kind
}

const samplesMax = 5

// reconcile compares both sides and makes them equal: each order that differs is told to the other side
// as after a hint, and its answer is stored here. What is only over there is asked for by telling that
// there is nothing here. A dry run looks once and tells nothing. It ends when a pass found nothing and
// nothing moved meanwhile, which is the proof, or after some passes.
func (p *pipe) reconcile(ctx context.Context, dryRun bool) (*Report, error) {
	began := time.Now()
	report := &Report{Side: p.side, Peer: p.peer, Found: map[string]int{}, Samples: map[string][]string{}}
	told := map[string]string{} // what both sides had of an order when it was told
	var err error
	for open := 1; open > 0 && err == nil && report.Passes < passesMax; {
		report.Passes++
		c := &comparison{
			here: p.local, there: p.remote, sideHere: p.side, sideThere: p.peer,
			requestID: fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1)),
		}
		open, report.Waiting = 0, 0
		err = c.run(ctx, func(list []difference) error {
			send := report.sort(list, told)
			open += len(send)
			if dryRun {
				return nil
			}
			return p.repair(ctx, send, told)
		})
		if open == 0 && report.Waiting == 0 && !c.same {
			c.moving = max(1, c.moving) // equal where it was looked closer, a moment later: not yet the proof
		}
		open += c.moving
		report.Orders, report.OrdersThere, report.Hash, report.Moving = c.ordersHere, c.ordersThere, c.hash, c.moving
		report.Equal = err == nil && open == 0 && report.Waiting == 0
		if dryRun {
			break
		}
		if open > 0 && open == c.moving && err == nil {
			err = sleep(ctx, underWayWait/4, nil) // so that it is not asked for in vain
		}
	}
	report.Sent = len(told)
	report.Requests = p.local.requests.Load() + p.remote.requests.Load()
	report.Bytes = p.local.bytes.Load() + p.remote.bytes.Load()
	report.Seconds = time.Since(began).Seconds()
	return report, err
}

// sort counts differences and returns those that are to be told. Conflicts that both sides know of wait
// for a person, and so does what was told before and changed nothing: one side refuses it.
func (r *Report) sort(list []difference, told map[string]string) (send []difference) {
	for _, d := range list {
		before, again := told[d.id]
		if d.waitsForPerson() || again && before == d.versions() {
			r.Waiting++
			continue
		}
		if !again {
			kind := d.kind()
			r.Found[kind]++
			if len(r.Samples[kind]) < samplesMax {
				r.Samples[kind] = append(r.Samples[kind], d.id)
			}
		}
		send = append(send, d)
	}
	return send
}

// versions is what both sides have, as a text to be compared.
func (d difference) versions() string {
	text := func(e *contracts.Entry) any {
		if e == nil {
			return nil
		}
		return e.Version
	}
	return fmt.Sprint(text(d.here), text(d.there))
}

// repair tells the peer how these orders stand here and stores its answers.
func (p *pipe) repair(ctx context.Context, list []difference, told map[string]string) error {
	for chunk := range slices.Chunk(list, compareLeaf) {
		ids := make([]string, len(chunk))
		for i, d := range chunk {
			ids[i] = d.id
		}
		for len(ids) > 0 {
			requestID := fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1))
			sent, rest, err := p.present(ctx, requestID, ids)
			if err == nil {
				err = p.exchange(ctx, requestID, sent)
			}
			if err != nil {
				return err
			}
			ids = rest
		}
		for _, d := range chunk {
			told[d.id] = d.versions()
		}
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
	r := p.local.send(ctx, lookup, requestID, body, len(ids))
	for try := 1; r.verdict != settled; try++ {
		if err := tryAgain(ctx, p.local, try, r); err != nil {
			return nil, nil, err
		}
		r = p.local.send(ctx, lookup, requestID, body, len(ids))
	}
	entries, absent, err := readLookup(r.data, p.side, piece)
	if err != nil {
		return nil, nil, fmt.Errorf("local: %w", err)
	}
	named := map[*order]bool{}
	for _, e := range entries {
		named[e.order] = true
	}
	for _, o := range absent {
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

// exchange tells entries and stores the answers, in pieces that the peer accepts.
func (p *pipe) exchange(ctx context.Context, requestID string, sent []entry) error {
	for try := 1; len(sent) > 0; {
		n := fitting(sent, func(e entry) []byte { return e.raw })
		told, r := p.tell(ctx, requestID, sent[:n])
		if len(told) > 0 {
			if r = p.store(ctx, requestID, told); r.verdict == settled {
				sent, try = sent[n:], 1
				continue
			}
		}
		if r.verdict == split {
			if err := p.exchange(ctx, requestID, sent[:n/2]); err != nil {
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
