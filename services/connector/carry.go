package connector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

const (
	// carryTries bounds how often a write begins again because the system's order moved.
	carryTries = 3
	// rewritesMax is how often in a row the system may make something else of a field before a write of it is refused.
	// Otherwise two systems that each want another value would write for ever.
	rewritesMax = 3
	// pauseUnclear is when to try again what this process cannot do now for any order. What only one order has to wait
	// for names no time: its sender would wait with all orders.
	pauseUnclear = 5 * time.Second
)

// The points at which Options.At is called.
const (
	PointIntent  = "intent stored"   // and no request went out
	PointWritten = "written"         // the system has answered the write, or the answer was lost
	PointCreated = "created"         // the system has answered with the id of a new order, which is not stored yet
	PointSeen    = "seen"            // a read shows what was written; it is not stored as the order yet
	PointStored  = "stored as order" // and what the system made of it is not yet
)

// Points lists the named points.
var Points = []string{PointIntent, PointWritten, PointCreated, PointSeen, PointStored}

// target is what a write is to bring about.
type target struct {
	id          uuid.UUID
	shadow      *orders.Stored
	before      *contracts.Order // content of the shadow; nil when there is none, or it is deleted
	created     *contracts.Order // content that an earlier write created, or may have, where there is no shadow yet
	answered    bool             // the system has answered that it created all of it
	want        *contracts.Order // nil: deleted
	fingerprint string
	body        []byte
}

func newTarget(w orders.Wanted) (t *target, err error) {
	t = &target{id: w.Shadow.ID, shadow: w.Shadow, fingerprint: ordersync.Tombstone}
	if w.Shadow.Known() && !w.Shadow.Head.Deleted {
		if t.before, err = decode(w.Shadow.Body); err != nil {
			return nil, err
		}
	}
	if !w.Deleted {
		t.fingerprint, t.body = w.Content.Fingerprint, w.Content.Body
		t.want, err = decode(w.Content.Body)
	}
	return t, err
}

func decode(body []byte) (*contracts.Order, error) {
	o := new(contracts.Order)
	if err := strictjson.Decode(body, o); err != nil {
		return nil, fmt.Errorf("read stored order: %v", err)
	}
	return o, nil
}

// Carry implements orders.Outside: intent, read, write of what differs, read.
func (c *Connector) Carry(ctx context.Context, w orders.Wanted) (orders.Carried, error) {
	if err := c.mayWrite(); err != nil {
		return orders.Carried{}, err
	}
	t, err := newTarget(w)
	if err != nil {
		return orders.Carried{}, err
	}
	rec, err := c.records.Record(ctx, t.id)
	if err != nil {
		return orders.Carried{}, err
	}
	for range carryTries {
		if err := ctx.Err(); err != nil {
			return orders.Carried{}, unavailable(time.Second, "there was no time left to ask the system")
		}
		got, done, err := c.carryOnce(context.WithoutCancel(ctx), t, rec)
		switch {
		case err != nil || !done:
		case got.Found != nil: // an earlier write is not what the system holds any more
			err = c.drop(ctx, rec)
		case rec.Fault != "":
			rec.Fault, rec.FaultAt = "", time.Time{}
			err = c.records.SaveRecord(ctx, rec)
		}
		if err == nil && done && got.Found == nil {
			if rec.Intent != nil {
				got.Sent = rec.Intent.SentAt
			}
			err = c.o.At(PointSeen)
		}
		if err != nil || done {
			return got, c.carryFailed(ctx, rec, err)
		}
	}
	return orders.Carried{}, unavailable(0, "the order changes in the system all the time")
}

// mayWrite fails unless this process may write to the system now.
func (c *Connector) mayWrite() error {
	switch {
	case c.o.Mode == Off:
		return unavailable(time.Minute, "the connector is off")
	case c.o.Mode == DryRun:
		c.figures.wouldWrite.Add(1)
		return unavailable(time.Minute, "the connector runs dry and writes nothing")
	case !c.leads.Load():
		return notLeading()
	}
	if wait := c.waiting(); wait > 0 {
		return unavailable(wait, "the system's rate limit is used up")
	}
	return nil
}

// notLeading is what a process answers that does not lead, to whoever asks for what only the one that leads may do.
func notLeading() error {
	return unavailable(pauseUnclear, "another process of this side leads, or none does yet")
}

// carryFailed turns an error of the system into what the service knows, and keeps for people what it refused.
func (c *Connector) carryFailed(ctx context.Context, rec *Record, err error) error {
	var known *orders.Error
	var refusal *foreign.Refusal
	var quota *foreign.Quota
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		c.figures.refused.Add(1)
		c.log.Info("system refused a write", zap.Stringer("order", rec.OrderID), zap.String("reason", refusal.Error()))
		return refused(c.system.Traits().Name + " refuses it: " + refusal.Error())
	case errors.As(err, &quota):
		return unavailable(quota.After, "the system's rate limit is used up")
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return unavailable(time.Second, "there was no time left to ask the system")
	}
	c.failed(err)
	return unavailable(0, "the system behind this side cannot be asked now")
}

// carryOnce brings the system to the target from what it holds now. It reports false when it is to begin again.
func (c *Connector) carryOnce(ctx context.Context, t *target, rec *Record) (got orders.Carried, done bool, err error) {
	if rec.ForeignID == "" {
		if done, err := c.find(ctx, t, rec); err != nil || done {
			return got, done, err
		}
	}
	intent := rec.Intent
	if t.created, err = createdBy(intent, t); err != nil {
		return got, false, err
	}
	doc, err := c.system.Get(ctx, rec.ForeignID)
	switch {
	case errors.Is(err, foreign.ErrGone) && t.want == nil && intent != nil && intent.Target == t.fingerprint:
		return got, true, nil // by us
	case errors.Is(err, foreign.ErrGone):
		return c.carryGone(ctx, t, rec)
	case err != nil:
		return got, false, err
	}
	if err := c.isThere(ctx, rec, true); err != nil {
		return got, false, err
	}
	now, err := c.holds(ctx, doc, t, rec, intent != nil && intent.Target == ordersync.Tombstone)
	switch {
	case err != nil:
		return got, false, err
	case now.reached:
		return got, true, c.knowLines(ctx, rec, now.targetLines)
	case now.unchanged && !c.system.Traits().Conditional && c.mayComeYet(intent): // and would overwrite what is written now
		return got, false, unavailable(0, "an earlier write of the order may still take effect")
	case now.unchanged:
		return c.write(ctx, t, rec, doc, now)
	}
	held, err := c.asHeld(doc, t, intent)
	switch {
	case err != nil:
		return got, false, err
	case held && !c.system.Traits().Conditional && c.mayComeYet(intent):
		return got, false, unavailable(0, "an earlier write of the order may still take effect")
	case held:
		return c.write(ctx, t, rec, doc, now)
	}
	our, err := c.ours(doc, now, t, rec)
	switch {
	case err != nil:
		return got, false, err
	case !our:
		return orders.Carried{Found: now.asShadow}, true, c.knowLines(ctx, rec, now.shadowLines)
	case intent.Target == t.fingerprint: // written before, and the system made something else of it
		return orders.Carried{Made: now.asTarget}, true, c.knowLines(ctx, rec, now.targetLines)
	}
	return c.write(ctx, t, rec, doc, now)
}

// mayComeYet reports whether a request whose answer was lost may still take effect.
func (c *Connector) mayComeYet(intent *Intent) bool {
	return intent != nil && c.o.Now().Before(intent.SentAt.Add(c.system.Traits().LongestRequest))
}

// carryGone goes on with an order that the system says it does not have.
func (c *Connector) carryGone(ctx context.Context, t *target, rec *Record) (got orders.Carried, done bool, err error) {
	gone, err := c.goneForGood(ctx, rec)
	switch {
	case err != nil:
		return got, false, err
	case !gone:
		return got, false, unavailable(0, fmt.Sprintf("the system says that it does not have the order %s any more; it is asked again", rec.ForeignID))
	case t.want == nil:
		return got, true, nil
	case t.created != nil && rec.Intent.Target == t.fingerprint: // somebody deleted it there once it was what is wanted
		return orders.Carried{Made: &orders.Seen{}}, true, nil
	case t.before != nil || t.created != nil: // somebody deleted it there
		return orders.Carried{Found: &orders.Seen{}}, true, nil
	}
	*rec = Record{OrderID: rec.OrderID, Intent: rec.Intent} // it is deleted on both sides, and is to be there again
	return got, false, c.records.SaveRecord(ctx, rec)
}

// Stored implements orders.Outside. What was carried is the order now, and its intent ended in the same transaction.
func (c *Connector) Stored(context.Context, uuid.UUID) error { return c.o.At(PointStored) }
