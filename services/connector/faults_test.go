package connector_test

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// fault is what goes wrong during one step of a walk.
type fault string

const (
	nothingWrong    fault = ""
	lostBefore      fault = "lost before its effect"
	lostAfter       fault = "lost after its effect"
	delayed         fault = "lost, with its effect later"
	quota           fault = "out of quota"
	editedMeanwhile fault = "preceded by an edit in the shop"
	staleRead       fault = "answered with what was there before"
	allGone         fault = "every read says that there is no such order"
	unlisted        fault = "lists leave out an order"
	crashed         fault = "killed at a write of a record"
	halfRefused     fault = "refused after a part was done"
	halfLost        fault = "lost after a part was done"
)

const quotaFor = 40 * time.Second

// faulty is a shop where one thing goes wrong in a step.
type faulty struct {
	*shop
	clock    func() time.Time // of the connector
	edit     func()           // a person edits an order of the shop
	fault    fault
	at       int // the call, or the write of a record, that goes wrong
	calls    int
	writes   int // of records
	happened bool
	omitted  string // the order that lists leave out
	// late are writes whose answer was lost and whose effect comes later.
	late []func() error
	// created is when the shop made an order, by our reference: for a while a search may not find it.
	created map[string]time.Time
	// served is what the last read of an order showed in this step.
	served map[string]*foreign.Document
	// window are values that an unconditional write overwrote because someone wrote them after the read that it rests
	// on. That is what such a system cannot prevent.
	window map[string]bool
	// alone is when the shop wants to be called again.
	alone    time.Time
	tooSoon  bool
	carrying bool // the connector is at work for a peer's entry
}

func newFaulty(s *shop) *faulty {
	return &faulty{shop: s, created: map[string]time.Time{}, served: map[string]*foreign.Document{}, window: map[string]bool{}}
}

// plan plans what goes wrong in the next step.
func (f *faulty) plan(is fault, at int, omitted string) {
	f.fault, f.at, f.omitted, f.calls, f.writes, f.happened = is, at, omitted, 0, 0, false
	clear(f.served)
}

// now reports whether a fault happens now.
func (f *faulty) now(is fault) bool {
	if f.fault != is || f.calls != f.at {
		return false
	}
	f.happened = true
	return true
}

// dead reports whether the process was killed, so that it does nothing any more.
func (f *faulty) dead() bool { return f.fault == crashed && f.happened }

func (f *faulty) around(delays bool, do func() error) error {
	if f.dead() {
		return errCrash
	}
	f.calls++
	f.tooSoon = f.tooSoon || f.clock().Before(f.alone)
	switch {
	case f.now(lostBefore), !delays && f.now(delayed):
		return errLost
	case f.now(delayed):
		f.late = append(f.late, do)
		return errLost
	case f.now(quota):
		f.alone = f.clock().Add(quotaFor)
		return &foreign.Quota{After: quotaFor}
	case f.now(editedMeanwhile):
		f.edit()
	}
	err := do()
	if err == nil && f.now(lostAfter) {
		return errLost
	}
	return err
}

// deliver lets the delayed writes have their effect.
func (f *faulty) deliver() {
	for _, do := range f.late {
		_ = do() // nobody waits for the answer
	}
	f.late = nil
}

// Get implements foreign.System.
func (f *faulty) Get(ctx context.Context, id string) (doc *foreign.Document, err error) {
	err = f.around(false, func() error {
		if f.fault == allGone {
			f.happened = true
			return foreign.ErrGone
		}
		doc, err = f.shop.Get(ctx, id)
		if err == nil && f.now(staleRead) && f.orders[id].was != nil {
			doc = f.orders[id].was
		}
		f.served[id] = doc
		return err
	})
	return doc, err
}

// Find implements foreign.System.
func (f *faulty) Find(ctx context.Context, ref uuid.UUID) (ids []string, err error) {
	err = f.around(false, func() error {
		fresh := f.clock().Sub(f.created[ref.String()]) < f.traits.LongestRequest/2
		if fresh && f.now(staleRead) {
			return nil
		}
		ids, err = f.shop.Find(ctx, ref)
		return err
	})
	return ids, err
}

// Create implements foreign.System.
func (f *faulty) Create(ctx context.Context, ref uuid.UUID, edit *foreign.Edit) (id string, err error) {
	err = f.around(true, func() error {
		f.created[ref.String()] = f.clock()
		id, err = f.shop.Create(ctx, ref, edit)
		if err != nil || !f.halves() || len(edit.Actions) == 0 {
			return err
		}
		o := &f.orders[id].order
		o.Status, o.Customer.Email = contracts.StatusPending, "" // as they are before the actions
		return f.halfDone()
	})
	return id, err
}

// Update implements foreign.System.
func (f *faulty) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	return f.around(f.conditional, func() error { // without a condition, a late one overwrites what came meanwhile
		if o, read := f.orders[was.ID], f.served[was.ID]; o != nil && read != nil && !f.conditional {
			f.overwritten(valuesOf(&o.order), valuesOf(read.Body["order"].(*contracts.Order)), edit)
		}
		return f.half(was.ID, edit, func() error { return f.shop.Update(ctx, was, edit) })
	})
}

// halves reports whether a write is to fail after a part of it was done.
func (f *faulty) halves() bool {
	return (f.fault == halfRefused || f.fault == halfLost) && !f.happened
}

// halfDone is how such a write fails.
func (f *faulty) halfDone() error {
	f.happened = true
	if f.fault == halfLost {
		return &foreign.HalfDone{Err: errLost}
	}
	return &foreign.HalfDone{Err: foreign.Refused("/lines", "they are packed")}
}

// half does an update, but for all of several fields when it is to fail after a part was done.
func (f *faulty) half(id string, edit *foreign.Edit, update func() error) error {
	o := f.orders[id]
	if !f.halves() || len(edit.Fields) < 2 || o == nil {
		return update()
	}
	before, lines := copyOrder(o.order), slices.Clone(o.lines)
	if err := update(); err != nil {
		return err
	}
	note := o.order.CustomerNote
	o.order, o.lines = before, lines
	o.order.CustomerNote = note
	return f.halfDone()
}

// overwritten takes note of what an edit overwrites that the read before it did not show.
func (f *faulty) overwritten(is, read []string, edit *foreign.Edit) {
	for _, value := range is {
		written := slices.Contains(edit.Fields, fieldOf(value)) || slices.Contains(edit.Actions, "trash")
		if written && !slices.Contains(read, value) {
			f.window[value] = true
		}
	}
}

// Changed implements foreign.System. What is looked at is looked at when nothing else is under way, one order after
// the other, so that a seed always makes the same walk.
func (f *faulty) Changed(ctx context.Context, from, until time.Time, yield func(foreign.Candidate) error) error {
	var list []foreign.Candidate
	failed := f.around(false, func() error {
		return f.shop.Changed(ctx, from, until, func(one foreign.Candidate) error {
			if !f.omits(one.ID) {
				list = append(list, one)
			}
			return nil
		})
	})
	for _, one := range list {
		if err := yield(one); err != nil {
			return err
		}
	}
	return failed
}

// Traits implements foreign.System.
func (f *faulty) Traits() foreign.Traits {
	t := f.shop.Traits()
	t.Concurrency = 1
	return t
}

// All implements foreign.System.
func (f *faulty) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	err = f.around(false, func() error {
		page, next, err = f.shop.All(ctx, after)
		page = slices.DeleteFunc(page, func(one foreign.Candidate) bool { return f.omits(one.ID) })
		return err
	})
	return page, next, err
}

func (f *faulty) omits(id string) bool {
	omits := f.fault == unlisted && id == f.omitted
	f.happened = f.happened || omits
	return omits
}

// Now implements foreign.System.
func (f *faulty) Now(ctx context.Context) (now time.Time, err error) {
	err = f.around(false, func() error {
		now, err = f.shop.Now(ctx)
		return err
	})
	return now, err
}

// records are a connector's records whose process is killed at one write of them.
type records struct {
	connector.Records
	faults *faulty
}

// write does a write unless the process is dead: with an odd number it is killed before a write, with an even one
// after it.
func (r records) write(do func() error) error {
	f := r.faults
	f.writes++
	if f.fault == crashed && f.at == 2*f.writes-1 || f.dead() {
		f.happened = true
		return errCrash
	}
	err := do()
	if err == nil && f.fault == crashed && f.at == 2*f.writes {
		f.happened = true
		return errCrash
	}
	return err
}

// SaveRecord implements connector.Records.
func (r records) SaveRecord(ctx context.Context, rec *connector.Record) error {
	return r.write(func() error { return r.Records.SaveRecord(ctx, rec) })
}

// SaveIntent implements connector.Records.
func (r records) SaveIntent(ctx context.Context, i, was *connector.Intent) (saved bool, err error) {
	err = r.write(func() error {
		saved, err = r.Records.SaveIntent(ctx, i, was)
		return err
	})
	return saved, err
}

// DropIntent implements connector.Records.
func (r records) DropIntent(ctx context.Context, i *connector.Intent) error {
	return r.write(func() error { return r.Records.DropIntent(ctx, i) })
}

// SaveCursor implements connector.Records.
func (r records) SaveCursor(ctx context.Context, c connector.Cursor) error {
	return r.write(func() error { return r.Records.SaveCursor(ctx, c) })
}
