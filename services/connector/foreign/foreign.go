// Package foreign says what the connector needs of a shop or ERP that knows nothing of orderbridge, and how the two
// talk about its orders: as documents in the system's own terms. An adapter implements System; the packages rest and
// tryton do. A Mapping turns documents into orders and orders into edits; the package profile has the one there is.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
)

// Document is one order as the system has it.
type Document struct {
	ID      string         // the system's own id
	Version string         // what a conditional write names: a version, an entity tag, a time; empty when there is none
	Body    map[string]any // decoded JSON, whose numbers are json.Number
}

// Candidate is an order that a list names. Lists are not believed: a Get decides.
type Candidate struct {
	ID       string
	Modified string // when it changed, in the system's own words, to distinguish one listing from the next; empty when the list has none
	// Document is the order as the list shows it, where lists show whole orders. One that fits what is known needs no
	// Get.
	Document *Document
}

// Edit is what is to be written to the system.
type Edit struct {
	// Body has only what changes, in the system's terms; all of it for a new order. Nil when there is nothing but
	// actions.
	Body map[string]any
	// Actions are transitions of the order that the system has names for (confirm, cancel), in their order, after Body.
	Actions []string
	// Fields are the JSON pointers into contracts.Order of what the edit changes, for messages and to find out what the
	// system made of it.
	Fields []string
}

// Empty reports whether nothing is to be written.
func (e *Edit) Empty() bool { return len(e.Body) == 0 && len(e.Actions) == 0 }

// System is a shop or ERP. Its methods may be called concurrently. They fail with ErrGone, ErrStale, a *Refusal or a
// *Quota where the system clearly said so. Any other error says nothing of what became of the call: an answer that
// is not what its documentation promises (HTML, a captcha, truncated JSON, an error inside of 200) is such an error,
// never an empty list and never ErrGone.
type System interface {
	// Get reads one order by its id, never from a list. ErrGone: the system says that there is none.
	Get(ctx context.Context, id string) (*Document, error)
	// Find lists the ids of the orders that carry a reference of ours.
	Find(ctx context.Context, reference uuid.UUID) ([]string, error)
	// Create makes an order that carries the reference, and returns its id, also with a *HalfDone.
	Create(ctx context.Context, reference uuid.UUID, edit *Edit) (id string, err error)
	// Update changes an order, on the condition that it is still the document where the system can tell: ErrStale. An
	// error after a part of it was done is a *HalfDone.
	Update(ctx context.Context, was *Document, edit *Edit) error
	// Changed calls yield with each order that changed from one time until another, both of the system's clock, in any
	// order, possibly more than once, and possibly with others.
	Changed(ctx context.Context, from, until time.Time, yield func(Candidate) error) error
	// All lists orders by id, after one (the empty one: from the beginning), for the sweep. Next is empty on the last page.
	All(ctx context.Context, after string) (page []Candidate, next string, err error)
	// Now is the time of the system's clock.
	Now(ctx context.Context) (time.Time, error)
	// Traits is what the system is said to do.
	Traits() Traits
	// Link is the address of the page on which people see the order in the system; empty when there is none.
	Link(id string) string
	// Quota is what is left of the system's rate limit, as it last said; ok is false when it has not.
	Quota() (left int, ok bool)
}

// Traits is what a system does, as its profile or adapter says. A probe holds it against the truth.
type Traits struct {
	Name           string        // of the kind of system: woocommerce
	Conditional    bool          // an Update of a document that has changed meanwhile is refused
	Resolution     time.Duration // of the times by which Changed selects
	Late           time.Duration // how long after its time a change may become visible (clock steps, transactions that commit late)
	LongestRequest time.Duration // after this, a request whose answer was lost has had its effect or never will
	Concurrency    int           // calls at once
}

// Mapping turns documents into orders and back. It keeps no state. It is refused when it is loaded if it is not
// invertible: reading what was written gives what was written, and writing what was read changes nothing.
type Mapping interface {
	// Read makes the order of a document. Kept is what is known of the order here, for the fields that the system has no
	// place for; nil at first sight. Lines says which line of the system is which line of ours, and comes back as it is
	// for the document. A line that Lines does not have is the first line of kept with its SKU that no other line is;
	// else it is new, and its LineID is a UUIDv5 made of the order's id and the line's in the system. Lines come in
	// the order of kept, new ones after them: a system's own order says nothing. The error is a *Refusal when the
	// document cannot be an order of ours: unknown status, digits beyond the currency.
	Read(doc *Document, id uuid.UUID, kept *contracts.Order, lines Lines) (*contracts.Order, Lines, error)
	// Write makes the edit after which reading gives want. Doc is the order as the system has it, nil for a new one.
	// A *Refusal names the field that the system cannot take.
	Write(doc *Document, want *contracts.Order, lines Lines) (*Edit, error)
	// Delete makes the edit by which an order is deleted in the system, as the profile says.
	Delete(doc *Document) (*Edit, error)
	// Deleted reports whether the document is one that the system counts as deleted (a trash, a flag).
	Deleted(doc *Document) bool
	// Reference is the id of ours that a document carries; ok is false when it carries none.
	Reference(doc *Document) (id uuid.UUID, ok bool)
}

// Lines are the lines of one order: from the id of a line in the system to the LineID of ours.
type Lines map[string]uuid.UUID

// ErrGone is what the system says of an order that it does not have.
var ErrGone = errors.New("the system has no such order")

// ErrStale is what the system says of a conditional write that came too late.
var ErrStale = errors.New("the order was changed in the system meanwhile")

// Refusal is what the system, or the mapping, clearly does not take. The same again would be refused again.
type Refusal struct {
	Reason string // fit for people, without secrets
	Field  string // JSON pointer into contracts.Order, where one field is meant
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Field == "" {
		return r.Reason
	}
	return r.Field + ": " + r.Reason
}

// Refused makes a Refusal.
func Refused(field, format string, args ...any) *Refusal {
	return &Refusal{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// HalfDone is a write of several requests that failed after one of them was done. Only a read shows what the system holds.
type HalfDone struct{ Err error }

// Error implements error.
func (h *HalfDone) Error() string { return "part of it was done: " + h.Err.Error() }

// Unwrap returns what the rest failed with.
func (h *HalfDone) Unwrap() error { return h.Err }

// Quota is a system that asks to be left alone for a while. Nothing was done.
type Quota struct {
	After time.Duration // not one call earlier
}

// Error implements error.
func (q *Quota) Error() string {
	return fmt.Sprintf("the system's rate limit is used up for %s", q.After)
}
