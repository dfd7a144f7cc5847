package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// intentPatience is how long a read leaves alone what a write of ours seems to have made. Its sender sends again
// within that time; after it, what the system holds counts as an edit like any other.
const intentPatience = 10 * time.Minute

// Look reads one order of the system, and records what somebody changed there.
func (c *Connector) Look(ctx context.Context, foreignID string) error {
	id, isCopy, err := c.orderOf(ctx, foreignID)
	if err != nil || isScratch(id) {
		return err
	}
	unlock, err := c.Lock(ctx, []uuid.UUID{id})
	if err != nil {
		return err
	}
	defer unlock()
	rec, err := c.records.Record(ctx, id)
	if err != nil {
		return err
	}
	if isCopy || rec.ForeignID != "" && rec.ForeignID != foreignID {
		return c.copied(ctx, rec, foreignID)
	}
	known := rec.ForeignID != ""
	rec.ForeignID = foreignID
	doc, err := c.system.Get(ctx, foreignID)
	c.figures.reads.Add(1)
	switch {
	case errors.Is(err, foreign.ErrGone) && !known:
		if rec.Fault == "" {
			return nil // a list or a notice named it, and it is not there: nothing is known of it here
		}
		*rec = Record{OrderID: id} // it could not be read before
		return c.clear(ctx, rec)
	case errors.Is(err, foreign.ErrGone):
		return c.lookGone(ctx, rec)
	case err != nil:
		return err
	}
	if err := c.isThere(ctx, rec, known); err != nil {
		return err
	}
	err = c.compare(ctx, rec, doc, known)
	if refusal, ok := errors.AsType[*foreign.Refusal](err); ok {
		return c.fault(ctx, rec, refusal.Error())
	}
	return c.unfit(ctx, rec, err)
}

// orderOf finds which order of ours an order of the system is: what is known of it, or what its reference says. One with
// a fault may be a copy, which carries the reference of another order.
func (c *Connector) orderOf(ctx context.Context, foreignID string) (id uuid.UUID, isCopy bool, err error) {
	rec, err := c.records.RecordOf(ctx, foreignID)
	if err != nil {
		return uuid.Nil, false, err
	}
	id = c.idOf(foreignID)
	if rec != nil {
		id = rec.OrderID
		if rec.Fault == "" {
			return id, false, nil
		}
	}
	doc, err := c.system.Get(ctx, foreignID)
	if errors.Is(err, foreign.ErrGone) {
		return id, false, nil
	}
	if err != nil {
		return uuid.Nil, false, err
	}
	switch of, ok := c.mapping.Reference(doc); {
	case ok && rec == nil:
		return of, false, nil
	case ok && of != id && !c.mapping.Deleted(doc):
		return of, true, nil
	}
	return id, false, nil
}

// copied keeps for people that an order of the system carries the reference of another one: one was copied from the other,
// or was created twice. It ends when the copy does not carry it any more, or is deleted.
func (c *Connector) copied(ctx context.Context, of *Record, foreignID string) error {
	rec, err := c.records.Record(ctx, c.idOf(foreignID))
	if err != nil {
		return err
	}
	original := of.ForeignID
	if original == "" {
		original = of.OrderID.String() // which the system does not have any more
	}
	isNew := rec.ForeignID == ""
	rec.ForeignID = foreignID
	why := fmt.Sprintf("the order %s of the system carries the reference of the order %s; a person has to take it away from the copy", foreignID, original)
	if isNew && rec.Fault == why { // stored by an earlier release, which did not know where it is
		rec.Fault = ""
	}
	return c.fault(ctx, rec, why)
}

// compare records what a document says, unless it is what is known here, or what a write of ours made.
func (c *Connector) compare(ctx context.Context, rec *Record, doc *foreign.Document, known bool) error {
	st, before, err := c.shadow(ctx, rec.OrderID)
	if err != nil {
		return err
	}
	if c.mapping.Deleted(doc) {
		return c.deleted(ctx, rec, st, rec.Lines, known)
	}
	seen, lines, err := c.read(doc, rec.OrderID, before, rec.Lines)
	if err != nil {
		return err
	}
	is := seen.Content.Fingerprint
	if st != nil && (st.Head.Deleted && is == rec.DeletedAs || is == st.Head.Fingerprint) {
		return c.asKnownHere(ctx, rec, st, lines, known)
	}
	if under, err := c.underWay(doc, rec, st, before, seen); err != nil || under {
		return err
	}
	if wait, err := c.awaitPeer(ctx, rec, doc, st); err != nil || wait {
		return err
	}
	return c.record(ctx, rec, st, seen, lines)
}

// deleted goes on with an order that was deleted in the system: by somebody, or by a write whose sender has no answer
// yet.
func (c *Connector) deleted(ctx context.Context, rec *Record, st *orders.Stored, lines foreign.Lines, known bool) error {
	if st == nil || st.Head.Deleted {
		return c.asKnownHere(ctx, rec, st, lines, known)
	}
	if i := rec.Intent; i != nil && i.Target == ordersync.Tombstone && c.o.Now().Sub(i.SentAt) <= intentPatience {
		return nil
	}
	return c.record(ctx, rec, st, &orders.Seen{}, lines)
}

// asKnownHere goes on with an order that is in the system as it is known here. A crash may have left an intent whose
// effect is stored, or that can have none any more.
func (c *Connector) asKnownHere(ctx context.Context, rec *Record, st *orders.Stored, lines foreign.Lines, known bool) error {
	before := ""
	if st != nil && !st.Head.Deleted {
		before = st.Head.Fingerprint
	}
	if rec.Intent != nil && (rec.Intent.Before != before || !c.mayComeYet(rec.Intent)) {
		if err := c.drop(ctx, rec); err != nil {
			return err
		}
	}
	return c.settled(ctx, rec, lines, known)
}

// shadow reads the order as this side has it; nil when it has none.
func (c *Connector) shadow(ctx context.Context, id uuid.UUID) (st *orders.Stored, before *contracts.Order, err error) {
	st, err = c.service.Get(ctx, id)
	if orders.KindOf(err) == orders.NotFound {
		return nil, nil, nil
	}
	if err == nil && !st.Head.Deleted {
		before, err = decode(st.Body)
	}
	return st, before, err
}

// peerPatience is how long an order that carries a reference of ours and is not known here waits for the peer to send
// it.
const peerPatience = 24 * time.Hour

// awaitPeer reports whether an order waits for the peer. One that carries a reference was created by a peer's entry. A
// connector that has lost its database takes it from that entry again, with the ids of its lines, which the system
// does not have; otherwise every such order would end as a collision.
func (c *Connector) awaitPeer(ctx context.Context, rec *Record, doc *foreign.Document, st *orders.Stored) (bool, error) {
	id, ok := c.mapping.Reference(doc)
	if st != nil || !ok || id != rec.OrderID || !rec.FaultAt.IsZero() && c.o.Now().Sub(rec.FaultAt) > peerPatience {
		return false, nil
	}
	return true, c.fault(ctx, rec, "carries the reference of an order that is not known here, and waits for the peer to send it")
}

// underWay reports whether a document is what a write of ours made, whose sender has no answer yet.
func (c *Connector) underWay(doc *foreign.Document, rec *Record, st *orders.Stored, before *contracts.Order, seen *orders.Seen) (bool, error) {
	intent := rec.Intent
	if intent == nil || c.o.Now().Sub(intent.SentAt) > intentPatience {
		return false, nil
	}
	if st == nil {
		st = &orders.Stored{ID: rec.OrderID}
	}
	t := &target{id: rec.OrderID, shadow: st, before: before, fingerprint: intent.Target, body: intent.Body}
	if held, err := c.asHeld(doc, t, intent); err != nil || held {
		return held, err
	}
	if intent.Body == nil {
		edit, err := c.mapping.Delete(doc)
		return err == nil && edit.Empty(), err
	}
	want, err := decode(intent.Body)
	if err != nil {
		return false, err
	}
	asTarget, _, err := c.read(doc, rec.OrderID, want, rec.Lines)
	if err != nil {
		return false, err
	}
	return asTarget.Content.Fingerprint == intent.Target || landed(seen.Order, t, intent), nil
}

// record makes what was seen a version of this side.
func (c *Connector) record(ctx context.Context, rec *Record, st *orders.Stored, seen *orders.Seen, lines foreign.Lines) error {
	if c.o.Mode == DryRun {
		c.figures.wouldRecord.Add(1)
		c.log.Info("would record what was changed in the system", zap.Stringer("order", rec.OrderID), zap.String("foreign_id", rec.ForeignID))
		return nil
	}
	changed, err := c.service.Record(ctx, rec.OrderID, seen)
	if err != nil {
		return err
	}
	if changed {
		c.figures.recorded.Add(1)
		c.log.Debug("recorded a change of the system", zap.Stringer("order", rec.OrderID), zap.String("foreign_id", rec.ForeignID))
	}
	rec.DeletedAs, rec.Rewritten = "", nil
	rec.Lines = lines
	if err := c.drop(ctx, rec); err != nil {
		return err
	}
	return c.clear(ctx, rec)
}

// settled keeps what was learned of an order that is as it is known here.
func (c *Connector) settled(ctx context.Context, rec *Record, lines foreign.Lines, known bool) error {
	if known && rec.Fault == "" && rec.Missing.IsZero() && sameLines(rec.Lines, lines) {
		return nil
	}
	rec.Lines = lines
	return c.clear(ctx, rec)
}

func (c *Connector) clear(ctx context.Context, rec *Record) error {
	rec.Fault, rec.FaultAt, rec.Missing = "", time.Time{}, time.Time{}
	if c.o.Mode == DryRun {
		return nil
	}
	return c.records.SaveRecord(ctx, rec)
}

// fault keeps for people why an order cannot be read.
func (c *Connector) fault(ctx context.Context, rec *Record, why string) error {
	if rec.Fault == why {
		return nil
	}
	c.log.Warn("order of the system cannot be taken over", zap.Stringer("order", rec.OrderID), zap.String("foreign_id", rec.ForeignID), zap.String("reason", why))
	if rec.Fault == "" {
		rec.FaultAt = c.o.Now()
	}
	rec.Fault = why
	if c.o.Mode == DryRun {
		return nil
	}
	return c.records.SaveRecord(ctx, rec)
}

// lookGone goes on with an order that the system says it does not have.
func (c *Connector) lookGone(ctx context.Context, rec *Record) error {
	gone, err := c.goneForGood(ctx, rec)
	if err != nil || !gone {
		return err
	}
	st, _, err := c.shadow(ctx, rec.OrderID)
	if err != nil {
		return err
	}
	if st != nil && !st.Head.Deleted {
		if err := c.record(ctx, rec, st, &orders.Seen{}, nil); err != nil {
			return err
		}
	}
	*rec = Record{OrderID: rec.OrderID} // or every sweep would ask for it
	return c.clear(ctx, rec)
}

// goneForGood reports whether an order that the system says it does not have counts as deleted: it was asked for twice,
// with time between, while the system had another order that is known here. A proxy that answers 404 to all deletes
// nothing.
func (c *Connector) goneForGood(ctx context.Context, rec *Record) (bool, error) {
	now := c.o.Now()
	if rec.Missing.IsZero() {
		rec.Missing = now
		if c.o.Mode == DryRun {
			return false, nil
		}
		return false, c.records.SaveRecord(ctx, rec)
	}
	if now.Sub(rec.Missing) < c.o.Gone {
		return false, nil
	}
	return true, c.canary(ctx, rec.OrderID)
}

// isThere takes note that the system has an order, so that only reads after this one count for its absence, and so that
// one which is recorded is asked for, whatever happens in between.
func (c *Connector) isThere(ctx context.Context, rec *Record, known bool) error {
	if known && rec.Missing.IsZero() || c.o.Mode == DryRun {
		return nil
	}
	rec.Missing = time.Time{}
	return c.records.SaveRecord(ctx, rec)
}

// canariesMax bounds how many orders are asked for until one of them is there.
const canariesMax = 5

// canary fails unless the system shows one of the orders that are known here to be there. It looks from one on.
func (c *Connector) canary(ctx context.Context, from uuid.UUID) error {
	why := errors.New("the system has none of the orders that are known here, so none counts as deleted")
	for _, after := range slices.Compact([]uuid.UUID{from, uuid.Nil}) {
		list, err := c.records.RecordsAfter(ctx, after, canariesMax)
		if err != nil {
			return err
		}
		for _, other := range list {
			_, err := c.system.Get(ctx, other.ForeignID)
			if _, limited := errors.AsType[*foreign.Quota](err); err == nil || limited {
				return err
			}
			if !errors.Is(err, foreign.ErrGone) { // this one cannot be read, which says nothing of the others
				why = err
			}
		}
	}
	return why
}

func sameLines(a, b foreign.Lines) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
