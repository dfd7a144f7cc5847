package contracts

import "time"

// Hint is the message on JetStream that an order waits for its peer: published by a side's service
// to HintSubject after the commit, consumed by that side's bridge, which then looks up the present
// entry. It carries no content, so no personal data is in the broker; a hint that comes twice, late
// or out of order only causes one more lookup.
type Hint struct {
	ID      string    `json:"id"`      // the order
	Version string    `json:"version"` // as in an ETag, for people; the bridge looks up the present one
	State   string    `json:"state"`   // a name of States, for people
	Side    string    `json:"side"`
	Peer    string    `json:"peer"`
	Time    time.Time `json:"time"`
}

// Validate says what is wrong with a hint.
func (h *Hint) Validate() []FieldError {
	c := &checker{}
	c.in("")
	c.form("id", h.ID, isID, formID)
	c.requiredText("version", h.Version, HintVersionMax)
	c.state("state", h.State)
	c.side("side", h.Side)
	c.side("peer", h.Peer)
	if h.Side != "" && h.Side == h.Peer {
		c.fail("peer", "must not be the side itself")
	}
	c.time("time", h.Time)
	return c.errs
}

// HintVersionMax is the length of a hint's version.
const HintVersionMax = 64 << 10

// Names on the broker. The stream holds the newest hint for each order and peer.
const (
	HintStream        = "ORDERS_SYNC"
	HintSubjectPrefix = "orders.changed."
	// BridgeSubjectPrefix is where a bridge reports itself (BridgeReport), outside of any stream.
	BridgeSubjectPrefix = "orders.bridge."
	// Where the broker's answers to each role come in: apart, so that no role need be let read another's.
	ServiceInbox = "_INBOX_SERVICE"
	BridgeInbox  = "_INBOX_BRIDGE"
)

// HintSubject is where the hint of an order for a peer goes: orders.changed.<peer>.<id>.
func HintSubject(peer, id string) string { return HintSubjectPrefix + peer + "." + id }

// HintConsumer is the name of the durable consumer of a peer's bridge.
func HintConsumer(peer string) string { return "bridge-" + peer }

// BridgeReport is what a bridge tells the services of its side about itself, every few seconds and
// on every change, on BridgeSubjectPrefix + peer. It is for people; the service also takes from it
// whether a bridge is ready to take hints.
type BridgeReport struct {
	Instance string    `json:"instance"` // unique for each process
	Peer     string    `json:"peer"`
	State    string    `json:"state"`   // a name of BridgeStates
	Since    time.Time `json:"since"`   // when it took that state
	Circuit  string    `json:"circuit"` // closed, open, half-open
	// What went wrong last, however long ago, and when. It says which service was called, and what it answered.
	LastError   string    `json:"lastError,omitzero"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
	RetryAt     time.Time `json:"retryAt,omitzero"`
	Delivered   int64     `json:"delivered"` // entries settled since its start
	// The last calls that went wrong, newest first, as many as fit into BridgeReportBytesMax. Status leaves them out.
	Failed []FailedCall `json:"failed,omitzero"`
	// When a handshake with the peer last passed, and how they fail where several have in a row.
	HandshakeAt      time.Time         `json:"handshakeAt,omitzero"`
	HandshakeFailing *HandshakeFailure `json:"handshakeFailing,omitzero"`
	Retried          []RetriedOrder    `json:"retried,omitzero"`
	At               time.Time         `json:"at"` // in a status: when the service received it
}

// BridgeReportBytesMax is the length of a report as JSON; what is longer is not listened to.
const BridgeReportBytesMax = 64 << 10

// BridgeStates are the names of a bridge's states. Silent is the service's word: the bridge has stopped to
// report, and what it reported last may not be true any more.
var BridgeStates = []string{"running", "waiting", "unauthorized", "silent"}
