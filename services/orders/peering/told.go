package peering

import (
	"context"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Told is what a peer reported to have seen of this side. It is stored, so that a peer that knows less than it
// did is noticed after any restart, by any process. A report of a peer with several processes may be older
// than the one before it by some seconds, so a report is held against what was settled backFor ago at least.
type Told struct {
	Settled map[string]int64 `json:"settled"`
	Pending map[string]int64 `json:"pending"` // settled backFor after At
	Newest  map[string]int64 `json:"newest"`  // pending next
	At      time.Time        `json:"at"`
}

// backFor is for how long a peer has to know less before it counts: one replica of it may be behind another.
const backFor = 5 * time.Second

// toldEvery is how often at most a process stores what a peer reported.
const toldEvery = time.Second

// knows reports whether the log had numbers of an epoch when the peer reported them.
func (t *Told) knows(key string) bool {
	for _, list := range []map[string]int64{t.Settled, t.Pending, t.Newest} {
		if _, ok := list[key]; ok {
			return true
		}
	}
	return false
}

// after is what is known after a report.
func (t *Told) after(seen map[string]int64, now time.Time) *Told {
	if t == nil {
		return restarted(seen, now)
	}
	next := &Told{Settled: t.Settled, Pending: t.Pending, Newest: highest(t.Newest, seen), At: t.At}
	if now.Sub(t.At) >= backFor || now.Before(t.At) {
		next.Settled, next.Pending, next.At = t.Pending, t.Newest, now
	}
	return next
}

// restarted begins with a report.
func restarted(seen map[string]int64, now time.Time) *Told {
	return &Told{Settled: seen, Pending: seen, Newest: seen, At: now}
}

// highest adds a report to one before. What a full report leaves out gave way to others.
func highest(before, seen map[string]int64) map[string]int64 {
	out := maps.Clone(seen)
	for key, n := range before {
		m, there := seen[key]
		if there && m < n || !there && len(out) < contracts.SeenMax {
			out[key] = n
		}
	}
	return out
}

// wentBack reports whether a peer has lost something of what it had seen before. An epoch that is left out
// was lost, unless it gave way to another one in a full report.
func wentBack(before, seen map[string]int64) bool {
	gaveWay := false
	if len(seen) >= contracts.SeenMax {
		for key, n := range seen {
			gaveWay = gaveWay || n > before[key]
		}
	}
	for key, n := range before {
		m, there := seen[key]
		if there && m < n || !there && !gaveWay {
			return true
		}
	}
	return false
}

// compareIfLess stores what a peer reported, and asks for a comparison when it has gone back. What is stored
// goes back only with a comparison that was asked for.
func (d *Desk) compareIfLess(ctx context.Context, peer string, seen map[string]int64) error {
	now, before := d.Now(), d.row(peer).Told
	d.mu.Lock()
	next := before.after(highest(d.untold[peer], seen), now)
	d.mu.Unlock()
	if before != nil && wentBack(next.Settled, seen) {
		if d.Every > 0 {
			_, err := d.Request(ctx, orders.By{Actor: "service"}, contracts.ReconciliationRequest{Peer: peer}, "schedule")
			if orders.KindOf(err) == orders.Conflict { // one is open, and may have begun before: ask again after it
				return nil
			}
			if err != nil {
				return err
			}
			d.log.Warn("peer knows less of this side than it did, as after a restore: comparing", zap.String("peer", peer))
		} else {
			d.log.Warn("peer knows less of this side than it did, as after a restore: compare both sides", zap.String("peer", peer))
		}
		next = restarted(seen, now)
	}
	return d.keepTold(ctx, peer, before, next)
}

// keepTold stores a changed report, not too often: what waits for that is remembered.
func (d *Desk) keepTold(ctx context.Context, peer string, before, next *Told) error {
	if before != nil && maps.Equal(before.Settled, next.Settled) && maps.Equal(before.Pending, next.Pending) && maps.Equal(before.Newest, next.Newest) {
		return nil
	}
	d.mu.Lock()
	since := d.Now().Sub(d.toldAt[peer])
	early := before != nil && since >= 0 && since < toldEvery
	if early {
		d.untold[peer] = next.Newest
	} else {
		d.toldAt[peer] = d.Now()
	}
	d.mu.Unlock()
	if early {
		return nil
	}
	if err := d.store.SetTold(ctx, peer, next); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.untold, peer)
	row := d.rows[peer]
	row.Told = next
	d.rows[peer] = row
	return nil
}
