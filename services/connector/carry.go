package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/merge"
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
	PointStored  = "stored as order" // and the intent is still there
)

// Points lists the named points.
var Points = []string{PointIntent, PointWritten, PointCreated, PointSeen, PointStored}

// target is what a write is to bring about.
type target struct {
	id          uuid.UUID
	shadow      *orders.Stored
	before      *contracts.Order // content of the shadow; nil when there is none, or it is deleted
	created     *contracts.Order // content that an earlier write created, or may have, where there is no shadow yet
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
			err = c.records.DropIntent(ctx, t.id)
		default:
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
		return unavailable(pauseUnclear, "another process of this side leads, or none does yet")
	}
	if wait := c.waiting(); wait > 0 {
		return unavailable(wait, "the system's rate limit is used up")
	}
	return nil
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
	intent, err := c.records.Intent(ctx, t.id)
	if err != nil {
		return got, false, err
	}
	if rec.ForeignID == "" {
		if done, err := c.find(ctx, t, rec, intent); err != nil || done {
			return got, done, err
		}
		if intent, err = c.records.Intent(ctx, t.id); err != nil {
			return got, false, err
		}
	}
	if t.created, err = createdBy(intent, t); err != nil {
		return got, false, err
	}
	doc, err := c.system.Get(ctx, rec.ForeignID)
	switch {
	case errors.Is(err, foreign.ErrGone) && t.want == nil && intent != nil && intent.Target == t.fingerprint:
		return got, true, nil // by us
	case errors.Is(err, foreign.ErrGone):
		return c.carryGone(ctx, t, rec, intent)
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
		return c.write(ctx, t, rec, doc, now, intent)
	}
	held, err := c.asHeld(doc, t, intent)
	switch {
	case err != nil:
		return got, false, err
	case held && !c.system.Traits().Conditional && c.mayComeYet(intent):
		return got, false, unavailable(0, "an earlier write of the order may still take effect")
	case held:
		return c.write(ctx, t, rec, doc, now, intent)
	}
	our, err := c.ours(doc, now, t, rec, intent)
	switch {
	case err != nil:
		return got, false, err
	case !our:
		return orders.Carried{Found: now.asShadow}, true, c.knowLines(ctx, rec, now.shadowLines)
	case intent.Target == t.fingerprint: // written before, and the system made something else of it
		return orders.Carried{Made: now.asTarget}, true, c.knowLines(ctx, rec, now.targetLines)
	}
	return c.write(ctx, t, rec, doc, now, intent)
}

// mayComeYet reports whether a request whose answer was lost may still take effect.
func (c *Connector) mayComeYet(intent *Intent) bool {
	return intent != nil && c.o.Now().Before(intent.SentAt.Add(c.system.Traits().LongestRequest))
}

// carryGone goes on with an order that the system says it does not have.
func (c *Connector) carryGone(ctx context.Context, t *target, rec *Record, intent *Intent) (got orders.Carried, done bool, err error) {
	gone, err := c.goneForGood(ctx, rec)
	switch {
	case err != nil:
		return got, false, err
	case !gone:
		return got, false, unavailable(0, fmt.Sprintf("the system says that it does not have the order %s any more; it is asked again", rec.ForeignID))
	case t.want == nil:
		return got, true, nil
	case t.created != nil && intent.Target == t.fingerprint: // somebody deleted it there once it was what is wanted
		return orders.Carried{Made: &orders.Seen{}}, true, nil
	case t.before != nil || t.created != nil: // somebody deleted it there
		return orders.Carried{Found: &orders.Seen{}}, true, nil
	}
	*rec = Record{OrderID: rec.OrderID} // it is deleted on both sides, and is to be there again
	return got, false, c.records.SaveRecord(ctx, rec)
}

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
func (c *Connector) ours(doc *foreign.Document, now reading, t *target, rec *Record, intent *Intent) (bool, error) {
	switch {
	case intent == nil || now.seen() == nil && t.created == nil:
		return false, nil
	case intent.Target == t.fingerprint: // what is made of the very same target is a further version of it, whoever made it
		return t.created != nil || landed(now.seen(), t, intent), nil
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

// find looks for the order in the system by our reference, and creates it where it is to be and is not there. It
// reports true when nothing is left to do.
func (c *Connector) find(ctx context.Context, t *target, rec *Record, intent *Intent) (done bool, err error) {
	hits, err := c.system.Find(ctx, t.id)
	if err != nil {
		return false, err
	}
	slices.Sort(hits)
	switch hits = slices.Compact(hits); {
	case len(hits) > 1:
		return false, foreign.Refused("", "the orders %s of the system carry the same reference; a person has to take it away from all but one", strings.Join(hits, " and "))
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
	if c.mayComeYet(intent) {
		return false, unavailable(0, "an earlier request to create the order may still take effect")
	}
	if t.want == nil {
		return true, nil
	}
	edit, err := c.mapping.Write(nil, t.want, nil)
	if err != nil {
		return false, err
	}
	return false, c.create(ctx, t, rec, edit, intent)
}

func (c *Connector) create(ctx context.Context, t *target, rec *Record, edit *foreign.Edit, was *Intent) error {
	if err := c.intend(ctx, t, true, "", was); err != nil {
		return err
	}
	id, err := c.system.Create(ctx, t.id, edit)
	if err := c.written(ctx, t, "", err); err != nil {
		return err
	}
	if err := c.o.At(PointCreated); err != nil {
		return err
	}
	rec.ForeignID = id
	return c.records.SaveRecord(ctx, rec)
}

// intend stores what a request that goes out now is to bring about. Another process may have taken the lead since was
// was read: whoever stores its intent first sends.
func (c *Connector) intend(ctx context.Context, t *target, create bool, held string, was *Intent) error {
	i := &Intent{OrderID: t.id, Create: create, Before: beforeOf(t), Target: t.fingerprint, Body: t.body, Held: held, SentAt: c.o.Now()}
	saved, err := c.records.SaveIntent(ctx, i, was)
	switch {
	case err != nil:
		return err
	case !saved:
		return unavailable(0, "another process of this side writes the order")
	}
	return c.o.At(PointIntent)
}

// written looks at what the system answered to a write. When it clearly did nothing, the intent is over, unless it is
// what says that an earlier write made what the system holds.
func (c *Connector) written(ctx context.Context, t *target, held string, err error) error {
	if crash := c.o.At(PointWritten); crash != nil {
		return crash
	}
	c.figures.writes.Add(1)
	var refusal *foreign.Refusal
	var quota *foreign.Quota
	if held == "" && (errors.As(err, &refusal) || errors.As(err, &quota) || errors.Is(err, foreign.ErrStale)) {
		return errors.Join(err, c.records.DropIntent(ctx, t.id))
	}
	return err
}

// write changes the system's order to the target, and reads what it made of it.
func (c *Connector) write(ctx context.Context, t *target, rec *Record, doc *foreign.Document, now reading, was *Intent) (got orders.Carried, done bool, err error) {
	read := c.o.Now()
	changes := differences(t.before, t.want)
	edit, err := c.edit(t, rec, doc, now, changes)
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
	if err := c.intend(ctx, t, false, held, was); err != nil {
		return got, false, err
	}
	c.figures.window.Observe(c.o.Now().Sub(read).Seconds())
	err = c.written(ctx, t, held, c.system.Update(ctx, doc, edit))
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
		c.strayed(nil, nil)
		return got, true, c.rewrote(ctx, rec, is.targetLines, changes, nil)
	case is.unchanged || is.asTarget == nil:
		return got, false, errors.Join(foreign.Refused(first(edit.Fields), "the system took the write and changed nothing"), c.records.DropIntent(ctx, t.id))
	}
	other := differences(is.asTarget.Order, t.want)
	c.strayed(changes, other)
	return orders.Carried{Made: is.asTarget}, true, c.rewrote(ctx, rec, is.targetLines, changes, other)
}

// strayed counts writes in a row after which other fields had changed than were written. One may be somebody's edit at
// that moment; some in a row contradict that only what changed is written.
func (c *Connector) strayed(written, other []string) {
	part := func(pointer string) string { // /lines/… of whatever below lines
		name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		return name
	}
	stray := slices.ContainsFunc(other, func(o string) bool {
		return !slices.ContainsFunc(written, func(w string) bool { return part(w) == part(o) })
	})
	if stray {
		c.figures.strays.Add(1)
	} else {
		c.figures.strays.Store(0)
	}
}

// edit is what is to be written.
func (c *Connector) edit(t *target, rec *Record, doc *foreign.Document, now reading, changes []string) (*foreign.Edit, error) {
	if t.want == nil {
		return c.mapping.Delete(doc)
	}
	for _, field := range changes {
		if rec.Rewritten[field] >= rewritesMax {
			return nil, foreign.Refused(field, "the system has made something else of it %d times in a row", rewritesMax)
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

// rewrote keeps the lines, and counts the written fields of which the system made something else.
func (c *Connector) rewrote(ctx context.Context, rec *Record, lines foreign.Lines, written, other []string) error {
	counts := map[string]int{}
	for _, field := range written {
		if slices.Contains(other, field) {
			counts[field] = rec.Rewritten[field] + 1
		}
	}
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

// Stored implements orders.Outside: what was carried is the order now, so nothing is under way any more.
func (c *Connector) Stored(ctx context.Context, id uuid.UUID) error {
	if err := c.o.At(PointStored); err != nil {
		return err
	}
	rec, err := c.records.Record(ctx, id)
	if err != nil {
		return err
	}
	if rec.Fault != "" {
		rec.Fault, rec.FaultAt = "", time.Time{}
		if err := c.records.SaveRecord(ctx, rec); err != nil {
			return err
		}
	}
	return c.records.DropIntent(ctx, id)
}
