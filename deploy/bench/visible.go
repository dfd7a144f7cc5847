//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// visible is the time that a paced writer's edits take until they are seen on b.
type visible struct {
	Edits     int         `json:"edits"`
	PerSecond float64     `json:"perSecond"` // as far as the writer came
	Start     percentiles `json:"fromStart"` // of the edit
	Answer    percentiles `json:"fromAnswer"`
	Took      percentiles `json:"edit"` // from start to answer
}

// visibles are the system's and the floor's.
type visibles struct {
	System visible `json:"system"`
	Floor  visible `json:"floor"`
}

// sample is one edit.
type sample struct {
	began, answered, seen time.Time
}

// edit makes edit number i and says when side a had it.
type edit func(ctx context.Context, i int) (answered time.Time, err error)

// visible times the floor, the system, and the floor again.
func (b *bench) visible(ctx context.Context) (*visibles, error) {
	b.revision++
	n, part := b.edits(b.Visible), b.edits(b.Visible/4)
	bodies, err := contents(n, b.revision)
	if err != nil {
		return nil, err
	}
	floorEdit := func(ctx context.Context, i int) (time.Time, error) { return b.floorEdit(ctx, i, bodies[i]) }
	restEdit := func(ctx context.Context, i int) (answered time.Time, err error) {
		b.versions[i], err = b.a.put(ctx, orderID(i, 0).String(), bodies[i])
		return time.Now(), err
	}
	if err := b.checkpoint(ctx); err != nil {
		return nil, err
	}
	before, err := b.pace(ctx, b.Rate, 0, part, newWatcher(b.b.floor.watch, pastTime), b.floorAt, floorEdit)
	if err != nil {
		return nil, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return nil, err
	}
	system, err := b.pace(ctx, b.Rate, 0, n, newWatcher(b.b.system.watch, pastVersion), b.versions, restEdit)
	if err != nil {
		return nil, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return nil, err
	}
	after, err := b.pace(ctx, b.Rate, part, 2*part, newWatcher(b.b.floor.watch, pastTime), b.floorAt, floorEdit)
	if err != nil {
		return nil, err
	}
	if err := b.awaitBacklog(ctx, 0); err != nil {
		return nil, err
	}
	v := &visibles{System: describe(system), Floor: describe(before, after)}
	b.say("visible after %.2f ms, floor %.2f ms (medians, from the edit's start)", v.System.Start.P50, v.Floor.Start.P50)
	return v, b.checkEqual(ctx, b.Orders)
}

// floorEdit writes one order at side a, then at side b.
func (b *bench) floorEdit(ctx context.Context, i int, body []byte) (committed time.Time, err error) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	if _, err := b.a.floor.work.Exec(ctx, writeOne, orderID(i, 0), body, at); err != nil {
		return committed, err
	}
	committed = time.Now()
	b.floorAt[i] = floorTime(at)
	_, err = b.b.floor.work.Exec(ctx, writeOne, orderID(i, 0), body, at)
	return committed, err
}

// pace makes the edits from..to at a rate, one after the other, while w looks for them. Before is
// what w knows the orders by.
func (b *bench) pace(ctx context.Context, rate, from, to int, w *watcher, before []string, do edit) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Visible+settlePatience)
	defer cancel()
	over, watched := make(chan struct{}), make(chan error, 1)
	go func() { watched <- w.run(ctx, over) }()
	samples, err := b.write(ctx, rate, from, to, w, before, do)
	if err != nil {
		cancel()
		if e := <-watched; !errors.Is(e, context.Canceled) { // that it was cut off is our doing
			err = errors.Join(err, e)
		}
		return nil, err
	}
	close(over)
	if err := <-watched; err != nil {
		return nil, fmt.Errorf("look for edits on side b: %w", err)
	}
	for i := range samples {
		samples[i].seen = w.seen[orderID(from+i, 0)]
	}
	return samples, nil
}

func (b *bench) write(ctx context.Context, rate, from, to int, w *watcher, before []string, do edit) ([]sample, error) {
	list := make([]uuid.UUID, to-from)
	for i := range list {
		list[i] = orderID(from+i, 0)
	}
	samples := make([]sample, len(list))
	step, start := time.Second/time.Duration(rate), time.Now()
	for i := range samples {
		// An edit that is late begins at once; it does not make the next ones late.
		time.Sleep(time.Until(start.Add(time.Duration(i) * step)))
		w.expect(list[i], before[from+i])
		samples[i].began = time.Now()
		answered, err := do(ctx, from+i)
		if err != nil {
			return nil, err
		}
		samples[i].answered = answered
	}
	return samples, nil
}

// describe puts samples, of one run or of several, into figures.
func describe(runs ...[]sample) (v visible) {
	var start, answer, took []time.Duration
	var elapsed time.Duration
	for _, list := range runs {
		for _, s := range list {
			start = append(start, s.seen.Sub(s.began))
			answer = append(answer, s.seen.Sub(s.answered))
			took = append(took, s.answered.Sub(s.began))
		}
		elapsed += list[len(list)-1].answered.Sub(list[0].began)
	}
	return visible{
		Edits: len(start), PerSecond: float64(len(start)) / elapsed.Seconds(),
		Start: percentilesOf(start), Answer: percentilesOf(answer), Took: percentilesOf(took),
	}
}
