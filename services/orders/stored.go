package orders

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Stored is one order as this side holds it.
type Stored struct {
	ID        uuid.UUID
	Head      ordersync.Head // zero when only links are known
	Seq       int64          // number of the newest change in the log
	UpdatedAt time.Time      // when its author wrote the present content
	PlacedAt  time.Time      // when it was placed, as lists have it
	Body      []byte         // the content as JSON; only where it was asked for
	Links     []Link         // at most one for each peer
}

// Known tells that this side has the order, deleted or not.
func (s *Stored) Known() bool { return !s.Head.Version.IsZero() }

// TagLengthMax is the length up to which the text of a version is its tag.
const TagLengthMax = 200

// Tag names the order's version to clients. It is the version's text where that is short. A version can
// hold hundreds of elements, which would not fit into a header; its tag is a hash of the text.
func (s *Stored) Tag() string {
	text := s.Head.Version.String()
	if len(text) <= TagLengthMax {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// Link gives the link towards a peer, the zero one when there is none.
func (s *Stored) Link(peer string) Link {
	for _, l := range s.Links {
		if l.Peer == peer {
			return l
		}
	}
	return Link{Peer: peer}
}

// Link is how an order stands towards a peer, as stored.
type Link struct {
	Peer string
	ordersync.Link
	Since           time.Time // when it took its state
	TheirsUpdatedAt time.Time
	TheirsBody      []byte // content of Theirs; only where it was asked for
	Stored          bool   // there is a row already
}

// Event is what a row of the log tells of. The codes are part of the stored data.
type Event uint8

// The events. An acknowledgement has no row: it is a time on the link.
const (
	EventCreated  Event = 1
	EventEdited   Event = 2
	EventDeleted  Event = 3
	EventReceived Event = 4 // a request of the peer
	EventAnswered Event = 5 // the peer's answer to ours
	EventResolved Event = 6
	EventRetried  Event = 7
	EventRelayed  Event = 8 // what another row tells of became a change towards this peer, too
)

var eventNames = [...]string{"", "created", "edited", "deleted", "received", "answered", "resolved", "retried", "relayed"}

// String is the name on the wire.
func (e Event) String() string { return eventNames[e] }

// LogRow is one row of the transaction log.
type LogRow struct {
	Seq         int64
	OrderID     uuid.UUID
	At          time.Time
	Event       Event
	Peer        string
	Received    ordersync.State
	Was         ordersync.State
	WasSince    time.Time // when the link took the state Was: the time of an acknowledgement that has no row
	Becomes     ordersync.State
	Rule        ordersync.Rule
	Head        ordersync.Head // of the order after the change
	Wrote       bool           // the order's head changed
	DropsTheirs bool           // the kept version of the other side was dropped or replaced
	Kept        bool           // read from the log: what it replaced or dropped is kept there
	Actor       string
	RequestID   string
	Reason      string
}

// Change is what is to be saved of one order after a decision.
type Change struct {
	ID        uuid.UUID
	New       bool // there is no row of the order yet
	Write     bool // save the head
	Head      ordersync.Head
	Seq       int64 // of its first row of the log, and of the content that it writes or keeps
	UpdatedAt time.Time
	Content   *Content // nil leaves the content as it is
	Links     []Link   // links to save
	Log       []LogRow
	Hints     []Hint
	// Sent is when the connector sent the write after which the system behind this side was seen to hold the content: the
	// intent of that time ends with this change. It is zero when there is none.
	Sent time.Time
}

// Content is an order's content ready to store, with the columns that lists filter by.
type Content struct {
	Body        []byte
	Fingerprint string
	OrderNumber string
	Status      string
	Words       string // what people look for it by, besides the number, folded
	PlacedAt    time.Time
	ExternalRef string
}

// Hint asks that a peer's bridge be told to look at an order.
type Hint struct {
	OutboxID int64 // number of its row, once stored
	OrderID  uuid.UUID
	Peer     string
	Version  string
	State    ordersync.State
	At       time.Time
}

// By tells who does something, for the log.
type By struct {
	Actor     string
	RequestID string
}
