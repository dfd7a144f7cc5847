//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// wholeChain is a drain that begins in the outbox: a's broker was down while the orders were edited.
type wholeChain struct {
	PerSecond float64     `json:"perSecond"` // from when a has its broker again to the last order seen on b
	FirstMs   float64     `json:"firstMs"`   // until the first was seen
	Ratio     float64     `json:"ratio"`     // to the mean of the floors
	CPU       float64     `json:"cpuMsPerOrder"`
	Parts     []partUsage `json:"parts"`
	Before    floorRun    `json:"floorBefore"`
	After     floorRun    `json:"floorAfter"`
}

// chain runs a beside a broker of its own, which can be stopped, for one drain.
func (b *bench) chain(ctx context.Context) (*wholeChain, error) {
	if err := b.restartWith(ctx, func() error { return b.a.startBroker() }); err != nil {
		return nil, err
	}
	b.revision++
	bodies, err := contents(b.Orders, b.revision)
	if err != nil {
		return nil, err
	}
	if err := b.awaitBacklog(ctx, 0); err != nil {
		return nil, err
	}
	if err := b.a.broker.Stop(); err != nil {
		return nil, err
	}
	if err := b.editAll(ctx, bodies); err != nil {
		return nil, err
	}
	c := &wholeChain{}
	if c.Before, err = b.floorBatches(ctx, bodies); err != nil {
		return nil, err
	}
	if err := b.letOut(ctx, c); err != nil {
		return nil, err
	}
	if c.After, err = b.floorBatches(ctx, bodies); err != nil {
		return nil, err
	}
	c.Ratio = 2 * c.PerSecond / (c.Before.PerSecond + c.After.PerSecond)
	b.say("drain from the outbox: %.0f orders/s, floor %.0f and %.0f, ratio %.2f; first after %.0f ms", c.PerSecond, c.Before.PerSecond, c.After.PerSecond, c.Ratio, c.FirstMs)
	if err := b.awaitBacklog(ctx, 0); err != nil {
		return nil, err
	}
	if err := b.checkEqual(ctx, b.Orders); err != nil {
		return nil, err
	}
	return c, b.restartWith(ctx, func() error {
		err := b.a.broker.Stop()
		b.a.broker = nil
		return err
	})
}

// letOut starts the broker again and watches the orders arrive. How long the programs take to notice it is
// theirs: the clock runs from when the service has it.
func (b *bench) letOut(ctx context.Context, c *wholeChain) error {
	if err := b.checkpoint(ctx); err != nil {
		return err
	}
	if err := b.a.startBroker(); err != nil {
		return err
	}
	if err := until(ctx, startPatience, pollEvery, "a has its broker again", func() (bool, error) { return b.a.connected(ctx) }); err != nil {
		return err
	}
	m, err := b.startMeter(system)
	if err != nil {
		return err
	}
	first, err := awaitVersions(ctx, b.b.system.watch, ids(b.Orders), b.versions)
	if err != nil {
		return err
	}
	seen := time.Now()
	if err := b.awaitSettled(ctx); err != nil {
		return err
	}
	u, err := m.stopAt(seen, b.Orders)
	c.FirstMs, c.PerSecond, c.CPU, c.Parts = milliseconds(first.Sub(m.began)), float64(b.Orders)/u.elapsed.Seconds(), u.total(), u.Parts
	return err
}

// restartWith ends a's service and bridge, changes what they run beside, and starts them again.
func (b *bench) restartWith(ctx context.Context, change func() error) error {
	if err := errors.Join(b.a.bridge.Stop(), b.a.service.Stop()); err != nil {
		return fmt.Errorf("stop a: %w", err)
	}
	b.a.bridge, b.a.service = nil, nil
	if err := change(); err != nil {
		return err
	}
	return b.startPrograms(ctx, b.a, b.b)
}
