package connector

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

// find looks for the order in the system by our reference, and creates it where it is to be and is not there. It
// reports true when nothing is left to do.
func (c *Connector) find(ctx context.Context, t *target, rec *Record) (done bool, err error) {
	hits, err := c.system.Find(ctx, t.id)
	if err != nil {
		return false, err
	}
	slices.Sort(hits)
	switch hits = slices.Compact(hits); {
	case len(hits) > 1:
		return false, foreign.Refused("", "%s", twice(hits))
	case len(hits) == 1:
		rec.ForeignID = hits[0]
		return false, c.records.SaveRecord(ctx, rec)
	}
	cursor, err := c.records.Cursor(ctx)
	if err != nil {
		return false, err
	}
	if !cursor.Imported { // it may have been born there
		return false, unavailable(pauseUnclear, "the orders of the system are being read for the first time")
	}
	if c.mayComeYet(rec.Intent) {
		return false, unavailable(0, "an earlier request to create the order may still take effect")
	}
	if t.want == nil {
		return true, nil
	}
	edit, err := c.mapping.Write(nil, t.want, nil)
	if err != nil {
		return false, err
	}
	return false, c.create(ctx, t, rec, edit)
}

func (c *Connector) create(ctx context.Context, t *target, rec *Record, edit *foreign.Edit) error {
	if err := c.intend(ctx, t, rec, true, ""); err != nil {
		return err
	}
	id, err := c.system.Create(ctx, t.id, edit)
	half, isHalf := errors.AsType[*foreign.HalfDone](err)
	if err := c.written(ctx, rec, "", err); err != nil && !isHalf {
		return err
	}
	if err := c.o.At(PointCreated); err != nil {
		return err
	}
	rec.ForeignID, t.answered = id, !isHalf
	if err := c.records.SaveRecord(ctx, rec); err != nil || !isHalf {
		return err
	}
	return c.halfDone(ctx, t, rec, half)
}

// intend stores what a request that goes out now is to bring about. Another process may have taken the lead since the
// record was read: whoever stores its intent first sends.
func (c *Connector) intend(ctx context.Context, t *target, rec *Record, create bool, held string) error {
	i := &Intent{
		OrderID: t.id, Create: create, Before: beforeOf(t), Target: t.fingerprint, Body: t.body, Held: held,
		SentAt: c.o.Now().Truncate(time.Microsecond), // as it is stored
	}
	saved, err := c.records.SaveIntent(ctx, i, rec.Intent)
	switch {
	case err != nil:
		return err
	case !saved:
		return unavailable(0, "another process of this side writes the order")
	}
	rec.Intent = i
	return c.o.At(PointIntent)
}

// written looks at what the system answered to a write. When it clearly did nothing, the intent is over, unless it is
// what says that an earlier write made what the system holds.
func (c *Connector) written(ctx context.Context, rec *Record, held string, err error) error {
	if crash := c.o.At(PointWritten); crash != nil {
		return crash
	}
	c.figures.writes.Add(1)
	var half *foreign.HalfDone
	var refusal *foreign.Refusal
	var quota *foreign.Quota
	if held == "" && !errors.As(err, &half) && (errors.As(err, &refusal) || errors.As(err, &quota) || errors.Is(err, foreign.ErrStale)) {
		return errors.Join(err, c.drop(ctx, rec))
	}
	return err
}

// drop ends what is under way.
func (c *Connector) drop(ctx context.Context, rec *Record) error {
	if rec.Intent == nil {
		return nil
	}
	if err := c.records.DropIntent(ctx, rec.Intent); err != nil {
		return err
	}
	rec.Intent = nil
	return nil
}

// write changes the system's order to the target, and reads what it made of it.
func (c *Connector) write(ctx context.Context, t *target, rec *Record, doc *foreign.Document, now reading) (got orders.Carried, done bool, err error) {
	read := c.o.Now()
	edit, err := c.edit(t, rec, doc, now)
	switch {
	case err != nil:
		return got, false, err
	case edit.Empty() && t.want == nil:
		return got, true, c.deletedAs(ctx, doc, rec)
	case edit.Empty() && now.asTarget.Order == nil:
		return got, false, foreign.Refused("", "the order is deleted in the system, and no write brings it back")
	case edit.Empty(): // the system has no place for what differs, and keeps its own
		return orders.Carried{Made: now.asTarget}, true, c.knowLines(ctx, rec, now.targetLines)
	}
	held := ""
	if !now.unchanged {
		if held, err = c.bare(doc, t.id); err != nil {
			return got, false, err
		}
	}
	if err := c.intend(ctx, t, rec, false, held); err != nil {
		return got, false, err
	}
	c.figures.window.Observe(c.o.Now().Sub(read).Seconds())
	err = c.written(ctx, rec, held, c.system.Update(ctx, doc, edit))
	if half, ok := errors.AsType[*foreign.HalfDone](err); ok {
		return got, false, c.halfDone(ctx, t, rec, half)
	}
	if errors.Is(err, foreign.ErrStale) {
		return got, false, nil
	}
	if err != nil {
		return got, false, err
	}
	after, err := c.system.Get(ctx, rec.ForeignID)
	if errors.Is(err, foreign.ErrGone) && t.want == nil {
		return got, true, nil
	}
	if err != nil {
		return got, false, err
	}
	is, err := c.holds(ctx, after, t, rec, true)
	if err != nil {
		return got, false, err
	}
	switch {
	case t.want == nil && is.reached:
		return got, true, nil
	case is.reached:
		c.wroteOnly(t)
		return got, true, c.rewrote(ctx, rec, is.targetLines, nil)
	case is.unchanged || is.asTarget == nil:
		return got, false, errors.Join(foreign.Refused(first(edit.Fields), "the system took the write and changed nothing"), c.drop(ctx, rec))
	}
	written, other := differences(t.before, t.want), differences(is.asTarget.Order, t.want)
	if err := c.strayed(ctx, written, other); err != nil {
		return got, false, err
	}
	counts := map[string]int{}
	for _, field := range written {
		if slices.Contains(other, field) {
			counts[field] = rec.Rewritten[field] + 1
		}
	}
	return orders.Carried{Made: is.asTarget}, true, c.rewrote(ctx, rec, is.targetLines, counts)
}

// edit is what is to be written.
func (c *Connector) edit(t *target, rec *Record, doc *foreign.Document, now reading) (*foreign.Edit, error) {
	if t.want == nil {
		return c.mapping.Delete(doc)
	}
	if len(rec.Rewritten) > 0 {
		for _, field := range differences(t.before, t.want) {
			if rec.Rewritten[field] >= rewritesMax {
				return nil, foreign.Refused(field, "the system has made something else of it %d times in a row", rewritesMax)
			}
		}
	}
	return c.mapping.Write(doc, t.want, now.targetLines)
}

// differences are pointers to the fields in which two contents differ; nil when one of them is no content.
func differences(a, b *contracts.Order) (pointers []string) {
	if a == nil || b == nil {
		return nil
	}
	for _, f := range merge.Orders(nil, a, b, merge.Policy{}, "a", "b").Fields {
		pointers = append(pointers, f.Pointer)
	}
	return pointers
}

// rewrote keeps the lines, and how often in a row the system has made something else of written fields.
func (c *Connector) rewrote(ctx context.Context, rec *Record, lines foreign.Lines, counts map[string]int) error {
	if len(counts) == len(rec.Rewritten) && len(counts) == 0 && sameLines(rec.Lines, lines) {
		return nil
	}
	rec.Rewritten, rec.Lines = counts, lines
	return c.records.SaveRecord(ctx, rec)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
