package connector

import (
	"context"
	"errors"
	"fmt"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
)

// halfDone goes on with a write of which the system did a part. Where it refused the rest, the same again would be refused
// again: what it holds is recorded as a version of this side, so that people see it on both sides, and the refusal
// stands. After any other failure nobody knows, and the next attempt reads what is there.
func (c *Connector) halfDone(ctx context.Context, t *target, rec *Record, half *foreign.HalfDone) error {
	refusal, refused := errors.AsType[*foreign.Refusal](half)
	if !refused {
		return half
	}
	doc, err := c.system.Get(ctx, rec.ForeignID)
	if err != nil {
		return fmt.Errorf("read what a write that was refused half-way left: %w", err)
	}
	if t.before == nil {
		t.created = t.want // what the system has no place for is as it was wanted
	}
	is, err := c.holds(ctx, doc, t, rec, false)
	if err != nil {
		return err
	}
	if is.reached { // the next attempt sees it
		return nil
	}
	if !is.unchanged {
		_, err := c.service.Record(ctx, t.id, is.asShadow)
		if err := c.unfit(ctx, rec, err); err != nil {
			return err
		}
		if err := c.knowLines(ctx, rec, is.shadowLines); err != nil {
			return err
		}
	}
	return errors.Join(foreign.Refused(refusal.Field, "part of it was done, and the rest refused: %s", refusal.Reason), c.drop(ctx, rec))
}

// unfit keeps for people that what the system holds breaks a rule of this side.
func (c *Connector) unfit(ctx context.Context, rec *Record, err error) error {
	if e, ok := errors.AsType[*orders.Error](err); ok && e.Kind == orders.Invalid {
		return c.fault(ctx, rec, "what the system holds cannot be taken over: "+orders.RefusalText(e.Fields))
	}
	return err
}
