package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	// missingAtOnce and intentsAtOnce bound how many orders one poll asks for again.
	missingAtOnce = 100
	intentsAtOnce = 20
)

// lookAgain looks at orders that were missing, and at those with a write whose sender has not come back.
func (c *Connector) lookAgain(ctx context.Context) error {
	missing, err := c.records.Missing(ctx, missingAtOnce)
	if err != nil {
		return err
	}
	var ids []string
	for _, rec := range missing {
		if c.o.Now().Sub(rec.Missing) >= c.o.Gone {
			ids = append(ids, rec.ForeignID)
		}
	}
	intents, err := c.records.IntentsToTry(ctx, c.o.Now().Add(-intentPatience), intentsAtOnce)
	if err != nil {
		return err
	}
	for _, i := range intents {
		foreignID, err := c.tryAgain(ctx, i)
		if err != nil {
			return err
		}
		if foreignID != "" {
			ids = append(ids, foreignID)
		}
	}
	return c.lookEach(ctx, ids)
}

// tryAgain gives an intent its turn. It returns the id of its order in the system; none where the order was to be created,
// and a search does not find it: then a person has to decide.
func (c *Connector) tryAgain(ctx context.Context, i *Intent) (foreignID string, err error) {
	unlock, err := c.Lock(ctx, []uuid.UUID{i.OrderID})
	if err != nil {
		return "", nil // its sender is back
	}
	defer unlock()
	// Whatever comes of it, another one is next.
	if err := c.records.TriedIntent(ctx, i, c.o.Now(), i.Stuck); err != nil {
		return "", err
	}
	rec, err := c.records.Record(ctx, i.OrderID)
	switch {
	case err != nil:
		return "", err
	case rec.ForeignID != "" || !i.Create:
		return rec.ForeignID, err
	}
	hits, err := c.system.Find(ctx, i.OrderID)
	if err != nil {
		if _, limited := errors.AsType[*foreign.Quota](err); !limited && c.canary(ctx, uuid.Nil) == nil { // it is this order
			return "", c.records.TriedIntent(ctx, i, c.o.Now(), "it cannot be searched for: "+err.Error())
		}
		return "", fmt.Errorf("search for the order %s: %w", i.OrderID, err)
	}
	slices.Sort(hits)
	switch hits = slices.Compact(hits); {
	case len(hits) == 1:
		rec.ForeignID = hits[0]
		return hits[0], c.saveFound(ctx, rec)
	case len(hits) > 1:
		return "", c.records.TriedIntent(ctx, i, c.o.Now(), twice(hits))
	case c.mayComeYet(i):
		return "", nil
	}
	return "", c.records.TriedIntent(ctx, i, c.o.Now(), "no answer came to the request to create it, a search does not find it, and the peer has not sent it again")
}

func (c *Connector) saveFound(ctx context.Context, rec *Record) error {
	if c.o.Mode == DryRun {
		return nil
	}
	return c.records.SaveRecord(ctx, rec)
}

// twice is what a person has to do about orders of the system that carry one reference.
func twice(hits []string) string {
	return fmt.Sprintf("the orders %s of the system carry the same reference; a person has to take it away from all but one", strings.Join(hits, " and "))
}

// LookAt looks at one order now, for a person who asks. One whose creation got no answer is searched for.
func (c *Connector) LookAt(ctx context.Context, id uuid.UUID) error {
	if !c.leads.Load() {
		return notLeading()
	}
	rec, err := c.records.Record(ctx, id)
	if err != nil {
		return err
	}
	foreignID := rec.ForeignID
	if foreignID == "" {
		if foreignID, err = c.searchNow(ctx, rec); err != nil || foreignID == "" {
			return err
		}
	}
	if err := c.Look(ctx, foreignID); err != nil {
		c.outcome(err)
		return c.carryFailed(ctx, rec, err)
	}
	return nil
}

// searchNow searches for an order whose creation is under way.
func (c *Connector) searchNow(ctx context.Context, rec *Record) (foreignID string, err error) {
	if rec.Intent == nil {
		return "", orders.Errorf(orders.NotFound, "the system does not have the order %s", rec.OrderID)
	}
	if foreignID, err = c.tryAgain(ctx, rec.Intent); err != nil {
		c.outcome(err)
		return "", c.carryFailed(ctx, rec, err)
	}
	return foreignID, nil
}

// stuck finds the intent of an order about whose creation a person has to decide. While a request may still take effect,
// there is nothing to decide.
func (c *Connector) stuck(ctx context.Context, id uuid.UUID) (*Intent, error) {
	rec, err := c.records.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	if i := rec.Intent; i == nil || i.Stuck == "" || c.mayComeYet(i) {
		return nil, orders.Errorf(orders.Conflict, "nobody has to decide about a creation of the order %s", id)
	}
	return rec.Intent, nil
}

// CreateAgain creates an order in the system whose creation got no answer, as a person decided. It is searched for once more
// before. It is an order of this side then, which goes to the peer.
func (c *Connector) CreateAgain(ctx context.Context, by orders.By, id uuid.UUID) error {
	intent, err := c.stuck(ctx, id)
	if err != nil {
		return err
	}
	o, err := decode(intent.Body)
	if err != nil {
		return err
	}
	o.Totals = nil // derived
	for i := range o.Lines {
		o.Lines[i].TotalMinor = nil
	}
	_, _, err = c.service.Create(ctx, by, o, nil)
	return err
}

// GiveUp forgets that an order was to be created in the system, as a person decided.
func (c *Connector) GiveUp(ctx context.Context, id uuid.UUID) error {
	if !c.leads.Load() {
		return notLeading()
	}
	unlock, err := c.Lock(ctx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	defer unlock()
	intent, err := c.stuck(ctx, id)
	if err != nil {
		return err
	}
	return c.records.DropIntent(ctx, intent)
}
