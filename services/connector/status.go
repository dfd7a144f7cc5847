package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Status reads how the connector stands.
func (c *Connector) Status(ctx context.Context) (*contracts.SystemStatus, error) {
	cursor, err := c.records.Cursor(ctx)
	if err != nil {
		return nil, err
	}
	intents, underWay, err := c.records.Intents(ctx, contracts.SystemListMax)
	if err != nil {
		return nil, err
	}
	faults, faulty, err := c.records.Faults(ctx, contracts.SystemListMax)
	if err != nil {
		return nil, err
	}
	level, probed, lowered, err := c.level(ctx)
	if err != nil {
		return nil, err
	}
	out := &contracts.SystemStatus{
		Name: c.system.Traits().Name, Mode: string(c.o.Mode), Leads: c.leads.Load(), Level: level, Probed: probed, Cursor: orNil(cursor.At), Imported: cursor.Imported,
		UnderWay: []contracts.SystemWrite{}, UnderWayCount: underWay, Faults: []contracts.SystemOrder{}, FaultCount: faulty,
		WouldWrite: c.figures.wouldWrite.Load(), WouldRecord: c.figures.wouldRecord.Load(),
	}
	for _, i := range intents {
		out.UnderWay = append(out.UnderWay, *viewIntent(i))
	}
	for _, rec := range faults {
		out.Faults = append(out.Faults, *c.view(rec))
	}
	if left, ok := c.system.Quota(); ok {
		out.QuotaLeft = &left
	}
	c.mu.Lock()
	f := &c.figures
	out.ReadAt, out.FailingSince, out.Failure = orNil(f.succeededAt), orNil(f.failingSince), f.failure
	out.SweepBegan, out.SweepEnded = orNil(f.sweepBegan), orNil(f.sweepEnded)
	if c.waitFor.After(c.o.Now()) {
		out.WaitsUntil = orNil(c.waitFor)
	}
	c.mu.Unlock()
	out.Alarms = c.alarms(out, lowered)
	return out, nil
}

// alarms says in words what a person should look at.
func (c *Connector) alarms(s *contracts.SystemStatus, lowered string) []string {
	now, out := c.o.Now(), []string{}
	for_ := func(t time.Time) time.Duration { return max(0, now.Sub(t)).Round(time.Second) }
	switch {
	case c.o.Mode == Off:
		out = append(out, "the connector is off: nothing is read from "+s.Name+" and nothing is written to it")
	case c.o.Mode == DryRun:
		out = append(out, "the connector runs dry: it reads "+s.Name+" and changes nothing on either side")
	}
	if s.FailingSince != nil {
		out = append(out, fmt.Sprintf("%s cannot be read for %s: %s", s.Name, for_(*s.FailingSince), s.Failure))
	}
	if s.WaitsUntil != nil && s.WaitsUntil.Sub(now) > time.Minute {
		out = append(out, fmt.Sprintf("the rate limit of %s is used up for %s more", s.Name, s.WaitsUntil.Sub(now).Round(time.Second)))
	}
	if lowered != "" {
		out = append(out, fmt.Sprintf("the level of %s is lowered to best effort until it is probed again: %s", s.Name, lowered))
	}
	stuck := 0 // they are listed first
	for stuck < len(s.UnderWay) && s.UnderWay[stuck].Stuck != "" {
		stuck++
	}
	if stuck > 0 {
		first := s.UnderWay[0]
		out = append(out, fmt.Sprintf("a person has to decide about %d creations in %s; the first, sent %s ago: order %s: %s", stuck, s.Name, for_(first.SentAt), first.ID, first.Stuck))
	}
	if stuck < len(s.UnderWay) && now.Sub(s.UnderWay[stuck].SentAt) > intentPatience {
		out = append(out, fmt.Sprintf("a write to %s is under way for %s: order %s", s.Name, for_(s.UnderWay[stuck].SentAt), s.UnderWay[stuck].ID))
	}
	if len(s.Faults) > 0 { // it is counted by another query
		out = append(out, fmt.Sprintf("%d orders of %s cannot be taken over; the first: %s: %s", s.FaultCount, s.Name, s.Faults[0].ForeignID, s.Faults[0].Fault))
	}
	return out
}

// OrderIn reads how an order stands in the system.
func (c *Connector) OrderIn(ctx context.Context, id uuid.UUID) (*contracts.SystemOrder, error) {
	rec, err := c.records.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	if rec.ForeignID == "" && rec.Fault == "" && rec.Intent == nil {
		return nil, orders.Errorf(orders.NotFound, "the system does not have the order %s", id)
	}
	return c.view(rec), nil
}

func viewIntent(i *Intent) *contracts.SystemWrite {
	return &contracts.SystemWrite{ID: i.OrderID.String(), Creates: i.Create, SentAt: i.SentAt.UTC(), Stuck: i.Stuck}
}

func (c *Connector) view(rec *Record) *contracts.SystemOrder {
	out := &contracts.SystemOrder{
		ID: rec.OrderID.String(), ForeignID: rec.ForeignID, Missing: orNil(rec.Missing), Fault: rec.Fault, FaultAt: orNil(rec.FaultAt),
	}
	if rec.ForeignID != "" {
		out.Link = c.system.Link(rec.ForeignID)
	}
	if rec.Intent != nil {
		out.UnderWay = viewIntent(rec.Intent)
	}
	return out
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
