//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

const (
	pollEvery   = 5 * time.Millisecond
	pollLinks   = 10 * time.Millisecond
	pollBacklog = 100 * time.Millisecond
	pollReport  = time.Second // a report names many orders: reading it takes the service a while
	repeatsMax  = 2           // in the whole run, of rounds whose floors differ too much
)

// round is one backlog made and drained, with the floor around it.
type round struct {
	PerSecond float64     `json:"perSecond"` // from the resume to the last order seen on b
	FirstMs   float64     `json:"firstMs"`   // from the resume until the first was seen
	Settled   float64     `json:"settledPerSecond"`
	Ratio     float64     `json:"ratio"` // to the mean of the floors
	Parts     []partUsage `json:"parts"`
	CPU       float64     `json:"cpuMsPerOrder"`
	Before    floorRun    `json:"floorBefore"`
	After     floorRun    `json:"floorAfter"`
	Single    floorRun    `json:"floorSingle"`
	EditMs    float64     `json:"editMs"` // of wall time, with all writers at work
	EditCPU   float64     `json:"editCpuMs"`
	EditParts []partUsage `json:"editParts"`
	Plain     float64     `json:"plainEditsPerSecond"`     // into a's plain table in SQL, over as many connections
	PlainHTTP float64     `json:"plainHTTPEditsPerSecond"` // the same by a PUT that does nothing else
	Noisy     bool        `json:"noisy"`                   // the floors differ too much
}

// tax is the share of a plain service's edits that are left with the sync on.
func (r round) tax() float64 { return 1000 / r.EditMs / r.PlainHTTP }

// taxSQL is the share of the edits that the plain table takes without a service before it.
func (r round) taxSQL() float64 { return 1000 / r.EditMs / r.Plain }

// floorCPU is the processor time of the floor beside the round.
func (r round) floorCPU() float64 { return (r.Before.CPU + r.After.CPU) / 2 }

// drains are rounds with the same number of orders in the tables.
type drains struct {
	Orders int     `json:"ordersInTables"`
	Rounds []round `json:"rounds"`
}

// drains repeats the drain, and a round again when the machine was too busy with something else.
func (b *bench) drains(ctx context.Context, inTables int) (*drains, error) {
	d := &drains{Orders: inTables}
	for len(d.Rounds) < b.Rounds {
		r, err := b.drain(ctx, inTables)
		if err != nil {
			return nil, err
		}
		b.say("drain with %d orders in the tables: %.0f orders/s, floor %.0f and %.0f, ratio %.2f; first after %.0f ms", inTables, r.PerSecond,
			r.Before.PerSecond, r.After.PerSecond, r.Ratio, r.FirstMs)
		if r.Noisy && b.repeats < repeatsMax {
			b.repeats++
			b.say("the floors differ too much, once more")
			continue
		}
		d.Rounds = append(d.Rounds, *r)
	}
	return d, nil
}

func (b *bench) drain(ctx context.Context, inTables int) (*round, error) {
	r := &round{}
	b.revision++
	bodies, err := contents(b.Orders, b.revision)
	if err != nil {
		return nil, err
	}
	if err := b.makeBacklog(ctx, bodies, r); err != nil {
		return nil, fmt.Errorf("make the backlog: %w", err)
	}
	if r.Plain, err = b.floorWriters(ctx, bodies); err != nil {
		return nil, err
	}
	if r.PlainHTTP, err = b.floorRequests(ctx, bodies); err != nil {
		return nil, err
	}
	if r.Single, err = b.floorSingle(ctx, bodies[:b.Single]); err != nil {
		return nil, err
	}
	if r.Before, err = b.floorBatches(ctx, bodies); err != nil {
		return nil, err
	}
	if err := b.letGo(ctx, r); err != nil {
		return nil, fmt.Errorf("drain: %w", err)
	}
	if r.After, err = b.floorBatches(ctx, bodies); err != nil {
		return nil, err
	}
	floor := (r.Before.PerSecond + r.After.PerSecond) / 2
	r.Ratio, r.Noisy = r.PerSecond/floor, noisy(r.Before.PerSecond, r.After.PerSecond)
	if err := b.awaitBacklog(ctx, 0); err != nil {
		return nil, err
	}
	return r, b.checkEqual(ctx, inTables)
}

// makeBacklog edits every order while the bridge is paused.
func (b *bench) makeBacklog(ctx context.Context, bodies [][]byte, r *round) error {
	if err := b.a.pause(ctx, b.b); err != nil {
		return err
	}
	if err := b.checkpoint(ctx); err != nil {
		return err
	}
	m, err := b.startMeter(editing)
	if err != nil {
		return err
	}
	if err := b.editAll(ctx, bodies); err != nil {
		return err
	}
	edited := time.Now()
	// Its hint on the way to the broker belongs to an edit.
	if err := b.awaitBacklog(ctx, int64(len(bodies))); err != nil {
		return err
	}
	u, err := m.stopAt(edited, len(bodies))
	r.EditMs, r.EditCPU, r.EditParts = milliseconds(u.elapsed)/float64(len(bodies)), u.total(), u.Parts
	return err
}

// letGo resumes the bridge and watches the orders arrive.
func (b *bench) letGo(ctx context.Context, r *round) error {
	if err := b.checkpoint(ctx); err != nil {
		return err
	}
	m, err := b.startMeter(system)
	if err != nil {
		return err
	}
	if err := b.a.resume(ctx, b.b); err != nil {
		return err
	}
	first, err := awaitVersions(ctx, b.b.system.watch, ids(b.Orders), b.versions)
	if err != nil {
		return err
	}
	seen := time.Now()
	r.FirstMs = milliseconds(first.Sub(m.began))
	if err := b.awaitSettled(ctx); err != nil {
		return err
	}
	r.Settled = float64(b.Orders) / time.Since(m.began).Seconds()
	u, err := m.stopAt(seen, b.Orders)
	r.PerSecond, r.Parts, r.CPU = float64(b.Orders)/u.elapsed.Seconds(), u.Parts, u.total()
	return err
}
