package bridge

import (
	"context"
	"errors"
	"fmt"
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
	Equal       bool                `json:"equal"` // the last pass found nothing
	Orders      int64               `json:"orders"`
	OrdersThere int64               `json:"ordersThere"`
	Hash        string              `json:"hash"` // what all orders of this side come to
	Found       map[string]int      `json:"found"`
	Waiting     int                 `json:"waiting"` // conflicts that both sides know of and a person settles
	Sent        int                 `json:"sent"`
	Passes      int                 `json:"passes"`
	Requests    int                 `json:"requests"`
	Bytes       int64               `json:"bytes"`
	Seconds     float64             `json:"seconds"`
	Samples     map[string][]string `json:"samples,omitzero"` // some ids of each kind
}

const samplesMax = 5

// reconcile compares both sides and makes them equal: each order that differs is told to the other side
// as after a hint, and its answer is stored here. What is only over there is asked for by telling that
// there is nothing here. A dry run looks once and tells nothing.
func (p *pipe) reconcile(ctx context.Context, dryRun bool) (*Report, error) {
	began := time.Now()
	report := &Report{Side: p.side, Peer: p.peer, Found: map[string]int{}, Samples: map[string][]string{}}
	for report.Passes < passesMax && !report.Equal {
		report.Passes++
		c := &comparison{here: p.local, there: p.remote, requestID: fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1))}
		open := 0
		report.Waiting = 0
		err := c.run(ctx, func(list []difference) error {
			send := list[:0]
			for _, d := range list {
				if d.waitsForPerson() {
					report.Waiting++
					continue
				}
				report.note(d, dryRun || report.Passes == 1)
				send = append(send, d)
			}
			open += len(send)
			if dryRun || len(send) == 0 {
				return nil
			}
			report.Sent += len(send)
			return p.repair(ctx, send)
		})
		report.Requests += c.requests
		report.Bytes += c.bytes
		report.Orders, report.OrdersThere, report.Hash = c.ordersHere, c.ordersThere, c.hash
		report.Seconds = time.Since(began).Seconds()
		if err != nil {
			return report, err
		}
		report.Equal = open == 0 && report.Waiting == 0
		if dryRun || open == 0 {
			break
		}
	}
	return report, nil
}

func (r *Report) note(d difference, count bool) {
	if !count {
		return
	}
	kind := d.kind()
	r.Found[kind]++
	if len(r.Samples[kind]) < samplesMax {
		r.Samples[kind] = append(r.Samples[kind], d.id)
	}
}

// repair tells the peer how these orders stand here and stores its answers.
func (p *pipe) repair(ctx context.Context, list []difference) error {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.id
	}
	for len(ids) > 0 {
		requestID := fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1))
		sent, rest, err := p.present(ctx, requestID, ids)
		if err != nil {
			return err
		}
		if err := p.exchange(ctx, requestID, sent); err != nil {
			return err
		}
		ids = rest
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
	if r.verdict != settled {
		return nil, nil, fmt.Errorf("local: %s", r.reason)
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
				sent = sent[n:]
				continue
			}
		}
		switch {
		case r.verdict == split:
			if err := p.exchange(ctx, requestID, sent[:n/2]); err != nil {
				return err
			}
			sent = sent[n/2:]
		case try == getTries || !passes(r):
			return errors.New(r.call.target() + ": " + r.reason)
		default:
			if err := sleep(ctx, max(r.retryAfter, time.Duration(try)*backoffBase), nil); err != nil {
				return err
			}
			try++
		}
	}
	return nil
}
