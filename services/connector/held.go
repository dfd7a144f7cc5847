package connector

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/merge"
)

// reading is what the system holds, held against what is known and what is wanted.
type reading struct {
	asTarget, asShadow       *orders.Seen // with what only lives here as the target has it, or the shadow; nil where it was not read
	targetLines, shadowLines foreign.Lines
	reached                  bool // it is the target
	unchanged                bool // it is the shadow
}

// seen is the content that the system holds; nil when it is deleted there.
func (r *reading) seen() *contracts.Order {
	if r.asShadow == nil {
		return nil
	}
	return r.asShadow.Order
}

// holds reads a document as what the system holds of an order: first as the one that is expected. Deleting says that a
// deletion was sent.
func (c *Connector) holds(ctx context.Context, doc *foreign.Document, t *target, rec *Record, deleting bool) (r reading, err error) {
	r.targetLines, r.shadowLines = rec.Lines, rec.Lines
	trashed, asDeleted := c.mapping.Deleted(doc), false
	switch {
	case t.want == nil && trashed:
		r.reached = true
		return r, c.deletedAs(ctx, doc, rec)
	case t.want == nil:
		edit, err := c.mapping.Delete(doc)
		if err != nil {
			return r, err
		}
		if r.reached = edit.Empty() && (deleting || t.before == nil); r.reached { // it is as deleted as it gets
			return r, c.deletedAs(ctx, doc, rec)
		}
		asDeleted = edit.Empty()
	case trashed:
		r.asTarget, r.asShadow, r.unchanged = &orders.Seen{}, &orders.Seen{}, t.shadow.Known() && t.before == nil
		return r, nil
	}
	if t.want != nil {
		if r.asTarget, r.targetLines, err = c.read(doc, t.id, t.want, rec.Lines); err != nil {
			return r, err
		}
		if r.reached = r.asTarget.Content.Fingerprint == t.fingerprint; r.reached {
			return r, nil
		}
	}
	kept := t.before
	if kept == nil {
		kept = t.created
	}
	if r.asShadow, r.shadowLines, err = c.read(doc, t.id, kept, rec.Lines); err != nil {
		return r, err
	}
	is := r.asShadow.Content.Fingerprint
	r.unchanged = t.before != nil && is == t.shadow.Head.Fingerprint || t.before == nil && is == rec.DeletedAs
	if r.reached = asDeleted && r.unchanged; r.reached { // and nobody edited it since
		return r, c.deletedAs(ctx, doc, rec)
	}
	return r, nil
}

// knowLines keeps which line of the system is which of ours.
func (c *Connector) knowLines(ctx context.Context, rec *Record, lines foreign.Lines) error {
	if sameLines(rec.Lines, lines) {
		return nil
	}
	rec.Lines = lines
	return c.records.SaveRecord(ctx, rec)
}

// deletedAs keeps what the system still holds of an order that is deleted, so that a later change of it is seen.
func (c *Connector) deletedAs(ctx context.Context, doc *foreign.Document, rec *Record) error {
	rec.DeletedAs = ""
	if seen, _, err := c.read(doc, rec.OrderID, nil, rec.Lines); err == nil {
		rec.DeletedAs = seen.Content.Fingerprint
	}
	return c.records.SaveRecord(ctx, rec)
}

// read makes an order of a document, ready to store.
func (c *Connector) read(doc *foreign.Document, id uuid.UUID, kept *contracts.Order, lines foreign.Lines) (*orders.Seen, foreign.Lines, error) {
	o, lines, err := c.mapping.Read(doc, id, kept, lines)
	if err != nil {
		return nil, lines, err
	}
	seen, err := orders.NewSeen(o)
	if e, ok := errors.AsType[*orders.Error](err); ok && e.Kind == orders.Invalid {
		return nil, lines, &foreign.Refusal{Reason: "what the system holds is no valid order here: " + orders.RefusalText(e.Fields)}
	}
	return seen, lines, err
}

// ours reports whether what the system holds, which is not what is known here, is what an earlier write of this side
// made: whether nobody else has changed it.
func (c *Connector) ours(doc *foreign.Document, now reading, t *target, rec *Record) (bool, error) {
	intent := rec.Intent
	switch {
	case intent == nil || now.seen() == nil && t.created == nil:
		return false, nil
	case intent.Target == t.fingerprint: // what is made of the very same target is a further version of it, whoever made it
		return c.whole(doc, now, t) || landed(now.seen(), t, intent), nil
	case now.seen() == nil || intent.Body == nil || intent.Before != beforeOf(t):
		return false, nil
	}
	// Another target is written over it, so it has to be what was sent, and nothing else.
	sent, err := decode(intent.Body)
	if err != nil {
		return false, err
	}
	is, _, err := c.read(doc, t.id, sent, rec.Lines)
	return err == nil && is.Content.Fingerprint == intent.Target, err
}

// asHeld reports whether the system holds what it did when an intent's request went out, so that this one had no
// effect.
func (c *Connector) asHeld(doc *foreign.Document, t *target, intent *Intent) (bool, error) {
	if intent == nil || intent.Held == "" || intent.Before != beforeOf(t) || c.mapping.Deleted(doc) {
		return false, nil
	}
	is, err := c.bare(doc, t.id)
	return is == intent.Held, err
}

// bare is the fingerprint of a document without anything that is known of it here.
func (c *Connector) bare(doc *foreign.Document, id uuid.UUID) (string, error) {
	seen, _, err := c.read(doc, id, nil, nil)
	if err != nil {
		return "", err
	}
	return seen.Content.Fingerprint, nil
}

// createdBy is the content with which an intent creates the order; nil when it does not, or the order has changed here
// since.
func createdBy(intent *Intent, t *target) (*contracts.Order, error) {
	if intent == nil || !intent.Create || intent.SentAt.IsZero() || intent.Before != beforeOf(t) || t.before != nil {
		return nil, nil
	}
	return decode(intent.Body)
}

// whole reports whether an order was created to the end, so that what differs now was made of all that is wanted. A
// creation whose answer is not known may have ended before its actions: an order for which some are left may be a half
// one, or one that someone moved back. When in doubt it is not whole, which ends as a collision.
func (c *Connector) whole(doc *foreign.Document, now reading, t *target) bool {
	if t.created == nil || t.answered {
		return t.created != nil
	}
	first, err := c.mapping.Write(nil, t.want, nil)
	if err == nil && len(first.Actions) == 0 {
		return true // one request created it
	}
	left, err := c.mapping.Write(doc, t.want, now.targetLines)
	return err == nil && len(left.Actions) == 0
}

// landed reports whether an intent's write has taken effect, whatever the system made of it: at least one field is as
// it was written, and none that was to change is as it was before. When in doubt it has not, and what differs counts as
// somebody's edit: that ends as a collision at worst, and never as an edit that is overwritten.
func landed(now *contracts.Order, t *target, intent *Intent) bool {
	if now == nil || intent == nil || intent.Body == nil || intent.Create || intent.SentAt.IsZero() || intent.Before != beforeOf(t) {
		return false
	}
	want, err := decode(intent.Body)
	if err != nil {
		return false
	}
	asWritten := false
	for _, f := range merge.Orders(t.before, now, want, merge.Policy{}, "now", "want").Fields {
		switch {
		case f.Change == merge.ByTheirs:
			return false
		case f.Change == merge.ByBothSame:
			asWritten = true
		}
	}
	return asWritten
}

func beforeOf(t *target) string {
	if t.before == nil {
		return ""
	}
	return t.shadow.Head.Fingerprint
}
