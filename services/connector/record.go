package connector

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// Record is what is known of one order in the system, besides its content.
type Record struct {
	OrderID   uuid.UUID
	ForeignID string // the system's own id; empty until there is one
	Lines     foreign.Lines
	// DeletedAs is the fingerprint of what the system still held when the order was deleted here: a cancelled order, say.
	// Only when that changes somebody has changed it.
	DeletedAs string
	Missing   time.Time // when the system first said that it does not have the order; zero while it has
	Fault     string    // why the order cannot be read or written, for people; empty when it can
	FaultAt   time.Time
	// Rewritten counts how often in a row the system has made something else of what was written into a field (JSON
	// pointer).
	Rewritten map[string]int
	Intent    *Intent // the write that is under way; nil when there is none. It is stored by itself.
}

// Intent is a write that is under way, stored before the first request goes out and until its effect is stored.
type Intent struct {
	OrderID uuid.UUID
	Create  bool   // the order is to be created in the system
	Before  string // fingerprint of the shadow; empty when there was none
	Target  string // fingerprint of what is to be; the tombstone for a deletion
	Body    []byte // content of the target; nil for a deletion
	// Held is the fingerprint of what the system held when the request went out, where that was the work of an earlier
	// write whose effect is not stored; empty where it was the shadow.
	Held   string
	SentAt time.Time
	// Stuck is the reason why a person has to decide about it; empty if none has to.
	Stuck string
}

// Cursor is how far the system's changes have been read.
type Cursor struct {
	At       time.Time // of the system's clock
	Imported bool      // all orders of the system were seen once
}

// Records stores records and intents. They are written outside of the transactions of orders, each for itself.
//
// An intent is durable when SaveIntent returns, so before anything is written to the system. What else is written is
// seen by every process when the method returns, and may be durable only with the next intent, change of an order or
// cursor, which come after it: a database that crashes keeps what was written up to some moment, and nothing of later.
// So the end of an intent that is lost leaves what a crash before it would have left, and a record is there whenever
// something is that was decided by it.
type Records interface {
	// Lead calls work while this process is the only one of its side that leads, and cancels its context when that
	// ends.
	Lead(ctx context.Context, work func(context.Context) error) error
	// Record reads the record of an order, with its intent; one without ForeignID when there is none.
	Record(ctx context.Context, id uuid.UUID) (*Record, error)
	// RecordOf finds the record by the system's id, nil when there is none.
	RecordOf(ctx context.Context, foreignID string) (*Record, error)
	// RecordsAfter lists records with a ForeignID that are not missing by order id, after one.
	RecordsAfter(ctx context.Context, after uuid.UUID, limit int) ([]*Record, error)
	// Missing lists records that the system did not have when it was asked last.
	Missing(ctx context.Context, limit int) ([]*Record, error)
	// Faults lists records with a fault, oldest first, and counts all.
	Faults(ctx context.Context, limit int) (list []*Record, all int64, err error)
	// SaveRecord stores a record, without its intent.
	SaveRecord(ctx context.Context, r *Record) error
	// Intents lists intents, those that are stuck first, then the oldest, and counts all.
	Intents(ctx context.Context, limit int) (list []*Intent, all int64, err error)
	// SaveIntent stores an intent in the place of another, nil for none, and reports false when another process was sooner:
	// that one is not there any more, or an order that is to be created has a ForeignID.
	SaveIntent(ctx context.Context, i, was *Intent) (saved bool, err error)
	// DropIntent ends an intent, unless another one has taken its place.
	DropIntent(ctx context.Context, i *Intent) error
	// IntentsToTry lists intents that were neither sent nor tried since a time, the one whose turn was longest ago first.
	IntentsToTry(ctx context.Context, since time.Time, limit int) ([]*Intent, error)
	// TriedIntent stores when an intent was tried, and why it is stuck, unless another one has taken its place.
	TriedIntent(ctx context.Context, i *Intent, at time.Time, stuck string) error
	Cursor(ctx context.Context) (Cursor, error)
	SaveCursor(ctx context.Context, c Cursor) error
	// NotBefore is the time before which the system wants no call; zero when it has not said so.
	NotBefore(ctx context.Context) (time.Time, error)
	SaveNotBefore(ctx context.Context, t time.Time) error
	// ForgetListed begins the list of what a sweep has seen. List adds ids of the system, and returns those that were not in
	// it. Unlisted lists records whose ForeignID is not in it by order id, after one.
	ForgetListed(ctx context.Context) error
	List(ctx context.Context, foreignIDs []string) (fresh []string, err error)
	Unlisted(ctx context.Context, after uuid.UUID, limit int) ([]*Record, error)
	// Probed is the result of the last probe as JSON, nil when there was none, and why the level is lower by now; empty
	// when it is not. SaveProbe ends that.
	Probed(ctx context.Context) (result []byte, lowered string, err error)
	SaveProbe(ctx context.Context, result []byte) error
	Lower(ctx context.Context, why string) error
}
