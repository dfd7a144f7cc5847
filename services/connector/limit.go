package connector

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// limited makes no more calls about single orders at once than the system wants. Lists, of which there is one at a
// time, wait for such calls while they are read, and are not counted. A system that asks to be left alone for a while is
// left alone by every part of the connector: calls fail with a *foreign.Quota meanwhile.
type limited struct {
	foreign.System
	c     *Connector
	slots chan struct{}
}

func newLimited(s foreign.System, c *Connector) *limited {
	return &limited{s, c, make(chan struct{}, max(1, s.Traits().Concurrency))}
}

// call makes a call when it may be made.
func (l *limited) call(do func() error) error {
	if wait := l.c.waiting(); wait > 0 {
		return &foreign.Quota{After: wait}
	}
	err := do()
	if quota, ok := errors.AsType[*foreign.Quota](err); ok {
		l.c.wait(quota.After)
	}
	return err
}

// callOne makes a call about a single order when there is room for it.
func (l *limited) callOne(ctx context.Context, do func() error) error {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.slots }()
	return l.call(do)
}

// Get implements foreign.System.
func (l *limited) Get(ctx context.Context, id string) (doc *foreign.Document, err error) {
	err = l.callOne(ctx, func() error {
		doc, err = l.System.Get(ctx, id)
		return err
	})
	return doc, err
}

// Find implements foreign.System.
func (l *limited) Find(ctx context.Context, reference uuid.UUID) (ids []string, err error) {
	err = l.callOne(ctx, func() error {
		ids, err = l.System.Find(ctx, reference)
		return err
	})
	return ids, err
}

// Create implements foreign.System.
func (l *limited) Create(ctx context.Context, reference uuid.UUID, edit *foreign.Edit) (id string, err error) {
	err = l.callOne(ctx, func() error {
		id, err = l.System.Create(ctx, reference, edit)
		return err
	})
	return id, err
}

// Update implements foreign.System.
func (l *limited) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	return l.callOne(ctx, func() error { return l.System.Update(ctx, was, edit) })
}

// Changed implements foreign.System.
func (l *limited) Changed(ctx context.Context, from, until time.Time, yield func(foreign.Candidate) error) error {
	return l.call(func() error { return l.System.Changed(ctx, from, until, yield) })
}

// All implements foreign.System.
func (l *limited) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	err = l.call(func() error {
		page, next, err = l.System.All(ctx, after)
		return err
	})
	return page, next, err
}

// Now implements foreign.System.
func (l *limited) Now(ctx context.Context) (now time.Time, err error) {
	err = l.call(func() error {
		now, err = l.System.Now(ctx)
		return err
	})
	return now, err
}

// wait leaves the system alone for a while.
func (c *Connector) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.o.Now().Add(d); until.After(c.waitFor) {
		c.waitFor = until
	}
}

// waiting is how long the system is to be left alone.
func (c *Connector) waiting() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.waitFor.Sub(c.o.Now()))
}
