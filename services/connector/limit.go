package connector

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

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
func (l *limited) call(ctx context.Context, do func() error) error {
	if wait := l.c.waiting(); wait > 0 {
		return &foreign.Quota{After: wait}
	}
	err := do()
	if quota, ok := errors.AsType[*foreign.Quota](err); ok {
		l.c.wait(ctx, quota.After)
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
	return l.call(ctx, do)
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
	return l.call(ctx, func() error { return l.System.Changed(ctx, from, until, yield) })
}

// All implements foreign.System.
func (l *limited) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	err = l.call(ctx, func() error {
		page, next, err = l.System.All(ctx, after)
		return err
	})
	return page, next, err
}

// Now implements foreign.System.
func (l *limited) Now(ctx context.Context) (now time.Time, err error) {
	err = l.call(ctx, func() error {
		now, err = l.System.Now(ctx)
		return err
	})
	return now, err
}

// waitMax bounds how long a system is left alone: a mistaken answer does not silence a connector for a year.
const waitMax = 24 * time.Hour

// wait leaves the system alone for a while, also after a crash.
func (c *Connector) wait(ctx context.Context, d time.Duration) {
	until := c.o.Now().Add(min(d, waitMax))
	c.mu.Lock()
	later := until.After(c.waitFor)
	if later {
		c.waitFor = until
	}
	c.mu.Unlock()
	if !later {
		return
	}
	if err := c.records.SaveNotBefore(context.WithoutCancel(ctx), until); err != nil {
		c.log.Warn("failed to save when the system may be called again", zap.Error(err))
	}
}

// waiting is how long the system is to be left alone.
func (c *Connector) waiting() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.waitFor.Sub(c.o.Now()))
}
