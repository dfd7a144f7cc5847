package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// sighting is a candidate of the polls before, at the time that it names.
type sighting struct {
	modified string
	first    time.Time // when it was first seen with that time, by the system's clock
	looked   time.Time // when it was read last, by the system's clock
	listed   time.Time // when it was in a list last, by the system's clock
}

// Run reads the system until ctx ends, while this process leads its side.
func (c *Connector) Run(ctx context.Context) error {
	if c.o.Mode == Off {
		c.log.Info("the connector is off")
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		err := c.records.Lead(ctx, func(ctx context.Context) error {
			if err := c.takeLead(ctx); err != nil {
				return err
			}
			c.log.Info("leads its side", zap.String("mode", string(c.o.Mode)))
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { return c.polling(ctx) })
			g.Go(func() error { return c.sweeping(ctx) })
			g.Go(func() error { // at once: the others may be in the middle of a call
				<-ctx.Done()
				c.leads.Store(false)
				return nil
			})
			return g.Wait()
		})
		if err != nil && ctx.Err() == nil {
			c.log.Warn("does not lead its side any more", zap.Error(err))
			sleep(ctx, time.Second)
		}
	}
	return nil
}

// takeLead lets this process talk to the system. An earlier one may have been asked to leave it alone for a while.
func (c *Connector) takeLead(ctx context.Context) error {
	until, err := c.records.NotBefore(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if until.After(c.waitFor) {
		c.waitFor = until
	}
	c.mu.Unlock()
	c.leads.Store(true)
	return nil
}

func (c *Connector) polling(ctx context.Context) error {
	for ctx.Err() == nil {
		pause := c.o.Poll
		err := c.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if wait := c.outcome(err); wait > pause {
			pause = wait
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
			sleep(ctx, c.waiting())
		case <-time.After(pause):
		}
	}
	return nil
}

// outcome takes note of how a read of the system ended, and returns how long to leave it alone.
func (c *Connector) outcome(err error) time.Duration {
	var quota *foreign.Quota
	switch {
	case err == nil:
		c.succeeded()
	case errors.As(err, &quota):
	default:
		c.failed(err)
	}
	return c.waiting()
}

// poll looks at what may have changed: what somebody said has, what was missing, and what the system lists since the
// last poll. Lists are asked for from so far back that what becomes visible late is still in one.
func (c *Connector) poll(ctx context.Context) error {
	if err := c.lookHinted(ctx); err != nil {
		return err
	}
	if err := c.lookAgain(ctx); err != nil {
		return err
	}
	cursor, err := c.records.Cursor(ctx)
	if err != nil || !cursor.Imported {
		return err // the first sweep sees all
	}
	now, err := c.system.Now(ctx)
	if err != nil {
		return fmt.Errorf("read the system's clock: %w", err)
	}
	traits := c.system.Traits()
	back := traits.Late + 2*traits.Resolution
	if err := c.lookAll(ctx, now, func(yield func(foreign.Candidate) error) error {
		return c.system.Changed(ctx, cursor.At.Add(-back), now, yield)
	}); err != nil {
		return err
	}
	c.forget(now.Add(-back - traits.Resolution))
	if now.Before(cursor.At) { // its clock was set back
		c.log.Warn("the system's clock went back", zap.Time("from", cursor.At), zap.Time("to", now))
	}
	cursor.At = now
	return c.saveCursor(ctx, cursor)
}

// lookAll looks at each candidate that is not as it was looked at before, several at once. One that cannot be read
// does not hold up the others: it is kept for people to see, and looked at again at the next poll. When none can be
// read, or very many cannot, it is the system that cannot be.
func (c *Connector) lookAll(ctx context.Context, now time.Time, list func(yield func(foreign.Candidate) error) error) error {
	const failuresMax = 20
	var (
		g      errgroup.Group
		read   atomic.Int64
		mu     sync.Mutex
		failed = map[string]error{}
		limit  *foreign.Quota
	)
	g.SetLimit(max(1, c.system.Traits().Concurrency))
	err := list(func(one foreign.Candidate) error {
		mu.Lock()
		stop := len(failed) >= failuresMax || limit != nil
		mu.Unlock()
		if stop {
			return errStopped
		}
		if !c.toLook(one, now) {
			return ctx.Err()
		}
		g.Go(func() error {
			known, err := c.asKnown(ctx, one.Document)
			if err == nil && !known {
				if err = c.Look(ctx, one.ID); err == nil {
					read.Add(1)
				}
			}
			if err == nil {
				c.looked(one, now)
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if quota, ok := errors.AsType[*foreign.Quota](err); ok {
				limit = quota
				return nil
			}
			failed[one.ID] = err
			return nil
		})
		return ctx.Err()
	})
	_ = g.Wait() // failures are in failed and limit
	if limit != nil {
		return limit
	}
	if err != nil && !errors.Is(err, errStopped) {
		return err
	}
	itself := err == nil && len(failed) > 0 && read.Load() == 0 && c.canary(ctx, uuid.Nil) != nil // is it the system
	for id, why := range failed {
		if err != nil || itself {
			return fmt.Errorf("order %s: %w", id, why)
		}
		if err := c.unreadable(ctx, id, why); err != nil {
			return err
		}
	}
	return err
}

// unreadable keeps for people that one order cannot be read while others can.
func (c *Connector) unreadable(ctx context.Context, foreignID string, why error) error {
	c.mu.Lock()
	c.hinted[foreignID] = true
	c.mu.Unlock()
	rec, err := c.records.RecordOf(ctx, foreignID)
	if err == nil && rec == nil {
		rec, err = c.records.Record(ctx, c.idOf(foreignID))
	}
	if err != nil {
		return err
	}
	return c.fault(ctx, rec, "cannot be read from the system: "+why.Error())
}

// errStopped ends a list of which enough is known.
var errStopped = errors.New("too many orders cannot be read")

// toLook reports whether a candidate has to be read. One that names the same time again has to be read once more when
// that time is over: within one tick of the system's clock there may be two changes.
func (c *Connector) toLook(one foreign.Candidate, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.Modified == "" {
		return true
	}
	s := c.recent[one.ID]
	if s == nil || s.modified != one.Modified {
		c.recent[one.ID] = &sighting{modified: one.Modified, first: now, listed: now}
		return true
	}
	s.listed = now
	return s.looked.Before(s.first.Add(2 * c.system.Traits().Resolution))
}

func (c *Connector) looked(one foreign.Candidate, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.recent[one.ID]; s != nil && s.modified == one.Modified {
		s.looked = now
	}
}

// forget drops candidates that no list has named since a time.
func (c *Connector) forget(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.recent, func(_ string, s *sighting) bool { return s.listed.Before(before) })
}

// Hint says that an order of the system may have changed, so that it is looked at sooner. It reports false when there
// are too many such already: the next poll finds what changed all the same.
func (c *Connector) Hint(foreignID string) bool {
	const hintsMax = 10_000
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.hinted) >= hintsMax {
		return false
	}
	c.hinted[foreignID] = true
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// lookHinted looks at what somebody said has changed, and at what could not be read before.
func (c *Connector) lookHinted(ctx context.Context) error {
	c.mu.Lock()
	hinted := slices.Sorted(maps.Keys(c.hinted))
	clear(c.hinted)
	c.mu.Unlock()
	return c.lookEach(ctx, hinted)
}

// lookEach looks at orders one by one. One that cannot be read does not hold up the others. When it is the system that
// cannot be, the next poll goes on with those that are left.
func (c *Connector) lookEach(ctx context.Context, ids []string) error {
	for i, id := range ids {
		err := c.Look(ctx, id)
		if err == nil {
			continue
		}
		if _, limited := errors.AsType[*foreign.Quota](err); !limited && c.canary(ctx, uuid.Nil) == nil {
			err = c.unreadable(ctx, id, err)
		}
		if err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, id := range ids[i:] {
				c.hinted[id] = true
			}
			return err
		}
	}
	return nil
}

func (c *Connector) sweeping(ctx context.Context) error {
	var swept time.Time
	for ctx.Err() == nil {
		pause := c.o.Poll
		if swept.IsZero() || c.o.Sweep > 0 && c.o.Now().Sub(swept) >= c.o.Sweep {
			began := c.o.Now()
			err := c.sweep(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				swept = began
			}
			pause = max(pause, c.outcome(err))
		}
		sleep(ctx, pause)
	}
	return nil
}

// sweep reads all orders of the system by id. It finds what no time shows: lines that were edited directly, changes that
// became visible very late, and orders that are not there any more.
func (c *Connector) sweep(ctx context.Context) error {
	now, err := c.system.Now(ctx)
	if err != nil {
		return fmt.Errorf("read the system's clock: %w", err)
	}
	if err := c.records.ForgetListed(ctx); err != nil {
		return err
	}
	seen := 0
	c.swept(false)
	for after, more := "", true; more; {
		page, next, err := c.system.All(ctx, after)
		if err != nil {
			return err
		}
		fresh, err := c.sweepPage(ctx, page)
		if err != nil {
			return err
		}
		seen += fresh
		if next == after && next != "" {
			return fmt.Errorf("the system lists the same page after %q again", after)
		}
		after, more = next, next != ""
	}
	if err := c.sweepUnlisted(ctx); err != nil {
		return err
	}
	c.swept(true)
	cursor, err := c.records.Cursor(ctx)
	if err != nil || cursor.Imported {
		return err
	}
	c.log.Info("all orders of the system were read for the first time", zap.Int("orders", seen))
	return c.saveCursor(ctx, Cursor{At: now, Imported: true})
}

// sweepPage looks at the orders of a page that are not as they are known here, and returns how many no page before had.
func (c *Connector) sweepPage(ctx context.Context, page []foreign.Candidate) (fresh int, err error) {
	ids := make([]string, len(page))
	for i, one := range page {
		ids[i] = one.ID
	}
	isNew, err := c.records.List(ctx, ids)
	if err != nil {
		return 0, err
	}
	fresh = len(isNew)
	return fresh, c.lookAll(ctx, time.Time{}, func(yield func(foreign.Candidate) error) error {
		for _, one := range page {
			i := slices.Index(isNew, one.ID)
			if i < 0 {
				continue
			}
			isNew = slices.Delete(isNew, i, i+1) // a page may have an order twice
			one.Modified = ""                    // so that it is looked at in any case
			if err := yield(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// asKnown reports whether a document of a list is what is known here, and nothing else is to be done with the order: as
// after most of our own writes. One that is not, or cannot be read, is read directly.
func (c *Connector) asKnown(ctx context.Context, doc *foreign.Document) (bool, error) {
	if doc == nil {
		return false, nil
	}
	rec, err := c.records.RecordOf(ctx, doc.ID)
	if err != nil || rec == nil || rec.Fault != "" || !rec.Missing.IsZero() || rec.Intent != nil || c.mapping.Deleted(doc) {
		return false, err
	}
	st, before, err := c.shadow(ctx, rec.OrderID)
	if err != nil || before == nil {
		return false, err
	}
	seen, _, err := c.read(doc, rec.OrderID, before, rec.Lines)
	return err == nil && seen.Content.Fingerprint == st.Head.Fingerprint, nil
}

// sweepUnlisted asks for the orders that are known here and were in no list.
func (c *Connector) sweepUnlisted(ctx context.Context) error {
	const page = 1000
	for after := uuid.Nil; ; {
		list, err := c.records.Unlisted(ctx, after, page)
		if err != nil {
			return err
		}
		if err := c.lookAll(ctx, time.Time{}, func(yield func(foreign.Candidate) error) error {
			for _, rec := range list {
				if err := yield(foreign.Candidate{ID: rec.ForeignID}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].OrderID
	}
}

func (c *Connector) saveCursor(ctx context.Context, cursor Cursor) error {
	if c.o.Mode == DryRun {
		return nil
	}
	return c.records.SaveCursor(ctx, cursor)
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
