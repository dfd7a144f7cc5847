package contracts

import "time"

// Status is the answer of GET /admin/api/status.
type Status struct {
	Side   string `json:"side"`
	Epoch  string `json:"epoch"` // of the process that answers
	Orders int64  `json:"orders"`
	// Estimated says that there are very many orders: Orders, and OK and DEL_SYNCED of each peer, are about so many.
	Estimated bool  `json:"estimated,omitzero"`
	Outbox    int64 `json:"outbox"` // hints that JetStream has not taken yet
	// OutboxSince is when the oldest of them was written.
	OutboxSince *time.Time   `json:"outboxSince,omitzero"`
	Broker      BrokerStatus `json:"broker"`
	Peers       []PeerStatus `json:"peers"`
	// System is the shop or ERP behind a connector's side.
	System *SystemStatus `json:"system,omitzero"`
	At     time.Time     `json:"at"`
}

// BrokerStatus is the state of this side's JetStream as seen from the service.
type BrokerStatus struct {
	Connected bool          `json:"connected"`
	Embedded  bool          `json:"embedded"`
	Error     string        `json:"error,omitzero"`
	Stream    *StreamStatus `json:"stream,omitzero"`
	Lost      *BrokerLoss   `json:"lost,omitzero"` // the last time that its store was another one than before
}

// BrokerLoss is that the stream was found made anew, or older than it had been.
type BrokerLoss struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// StreamStatus holds the figures of `nats stream info`.
type StreamStatus struct {
	Name     string    `json:"name"`
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	FirstSeq int64     `json:"firstSeq"`
	LastSeq  int64     `json:"lastSeq"`
	Created  time.Time `json:"created"`
}

// PeerStatus is how this side stands towards one peer.
type PeerStatus struct {
	Peer     string           `json:"peer"`
	States   map[string]int64 `json:"states"`  // number of orders in each state
	Pending  int64            `json:"pending"` // orders that the peer must still be told about
	Oldest   *OldestPending   `json:"oldest,omitzero"`
	Consumer *ConsumerStatus  `json:"consumer,omitzero"`
	Bridges  []BridgeReport   `json:"bridges"`
	Paused   bool             `json:"paused"`
	Held     *Hold            `json:"held,omitzero"`  // nothing is carried until a person confirms
	Proof    *Proof           `json:"proof,omitzero"` // when both were last the same
	// ChangesSinceProof counts the changes of orders here after the place in this side's log that the proof
	// is of, up to ChangesCountedMax.
	ChangesSinceProof int64       `json:"changesSinceProof,omitzero"`
	Brake             BrakeStatus `json:"brake"`
	Alarms            []string    `json:"alarms"` // what a person should look at, in words
}

// OldestPending is the order that has waited longest for the peer.
type OldestPending struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	Since      time.Time `json:"since"`
	AgeSeconds float64   `json:"ageSeconds"`
	Overdue    bool      `json:"overdue,omitzero"` // it has waited longer than ORDERS_ALARM_AGE
}

// ChangesCountedMax is up to how many changes since a proof are counted.
const ChangesCountedMax = 10_000

// ConsumerStatus holds the figures of `nats consumer info`.
type ConsumerStatus struct {
	Name         string     `json:"name"`
	Pending      int64      `json:"pending"`     // not delivered yet ("Unprocessed Messages")
	AckPending   int64      `json:"ackPending"`  // delivered, not acknowledged ("Outstanding Acks")
	Redelivered  int64      `json:"redelivered"` // of those, delivered more than once
	WaitingPulls int64      `json:"waitingPulls"`
	PausedUntil  *time.Time `json:"pausedUntil,omitzero"`
}

// AdminOrder is one row of GET /admin/api/orders and of its errors and collisions.
type AdminOrder struct {
	ID          string    `json:"id"`
	OrderNumber string    `json:"orderNumber"`
	Peer        string    `json:"peer"`
	State       string    `json:"state"`
	Since       time.Time `json:"since"`
	Pending     bool      `json:"pending"`
	Reason      string    `json:"reason,omitzero"`
	Version     string    `json:"version"`
	RefusedHere bool      `json:"refusedHere,omitzero"` // of an error: this side keeps a newer version of the peer, and does not take it over
	ProposedBy  string    `json:"proposedBy,omitzero"`  // of a collision: it waits for a second person
}

// AdminOrderPage is one page of AdminOrder rows.
type AdminOrderPage struct {
	Orders []AdminOrder `json:"orders"`
	Next   string       `json:"next,omitzero"`
}

// Timeline is everything that this side's log knows of one order, oldest first.
type Timeline struct {
	ID     string          `json:"id"`
	Side   string          `json:"side"`
	Events []TimelineEvent `json:"events"`
}

// TimelineEvent is one change of an order or one transition of a link.
type TimelineEvent struct {
	Seq         int64     `json:"seq,omitzero"` // number in the log; none for an acknowledgement
	At          time.Time `json:"at"`
	Event       string    `json:"event"` // a name of TimelineEvents
	Peer        string    `json:"peer,omitzero"`
	Received    string    `json:"received,omitzero"` // state in the entry that came
	Was         string    `json:"was,omitzero"`
	Becomes     string    `json:"becomes,omitzero"`
	Rule        string    `json:"rule,omitzero"` // the row of the table, "UPD/OK", or the extension, that applied
	Remark      string    `json:"remark,omitzero"`
	Version     Version   `json:"version,omitzero"`
	Fingerprint string    `json:"fingerprint,omitzero"`
	Deleted     bool      `json:"deleted,omitzero"`
	Actor       string    `json:"actor,omitzero"`
	RequestID   string    `json:"requestId,omitzero"`
	Reason      string    `json:"reason,omitzero"`
	Kept        bool      `json:"kept,omitzero"` // there are KeptContents of it
}

// KeptContents are what a change of an order replaced, as far as it is kept: contents as they were stored,
// which may break rules of today. A deletion replaced what the order was until then.
type KeptContents struct {
	ID       string         `json:"id"`
	Seq      int64          `json:"seq"`               // of the change, in the log
	Replaced map[string]any `json:"replaced,omitzero"` // what this side had until then
	Dropped  map[string]any `json:"dropped,omitzero"`  // what the other side had, where a conflict ended
}

// KeptNames are the names of what KeptContents may have.
var KeptNames = []string{"replaced", "dropped"}

// PutBack is the body of POST /admin/api/orders/{id}/contents/{seq}: which of the KeptContents becomes a new
// version of the order.
type PutBack struct {
	Which string `json:"which"` // a name of KeptNames
}

// TimelineEvents are the names of what can happen to an order.
var TimelineEvents = []string{"created", "edited", "deleted", "received", "answered", "acknowledged", "resolved", "retried", "relayed"}

// Collision is one case: both versions of an order whole, the last that both contain, where they differ,
// and what becomes of them when they are merged.
type Collision struct {
	ID      string        `json:"id"`
	Peer    string        `json:"peer"`
	State   string        `json:"state"`
	Since   time.Time     `json:"since"`
	Reason  string        `json:"reason,omitzero"` // why, where that is not plain from the versions
	Base    *CaseVersion  `json:"base,omitzero"`   // absent when there is none, or it is not known any more
	Ours    CaseVersion   `json:"ours"`
	Theirs  CaseVersion   `json:"theirs"`
	Differs []DifferField `json:"differs"`
	// Merged is what is not contested put together, and what the rules decide; the rest is as in ours. It
	// is absent when one of the two is deleted or cannot be read, or when the changes do not fit together.
	Merged  *Order `json:"merged,omitzero"`
	Settles bool   `json:"settles"` // the present policy would settle it without a person
	// FourEyes tells that what a person decides is only proposed, Proposal what is.
	FourEyes bool      `json:"fourEyes,omitzero"`
	Proposal *Proposal `json:"proposal,omitzero"`
}

// CaseVersion is one version of the order in a case.
type CaseVersion struct {
	Version     Version `json:"version"`
	Fingerprint string  `json:"fingerprint,omitzero"`
	Deleted     bool    `json:"deleted"`
	Order       *Order  `json:"order,omitzero"`
}

// DifferField is a field that differs between ours and theirs, by JSON pointer into the order; lines
// are named by their lineId, parcels by carrier and number, tags by themselves. A line or parcel that
// only one of them has is one field, the order of the lines is the field /lines. An empty pointer is the
// order as a whole.
type DifferField struct {
	Pointer   string  `json:"pointer"`
	ChangedBy string  `json:"changedBy"`       // since the base, a name of Changers
	Contested bool    `json:"contested"`       // by both, or nobody can tell
	Policy    string  `json:"policy"`          // for a contested field, a name of FieldPolicies
	Pick      string  `json:"pick,omitzero"`   // whose value a merge takes: ours or theirs; absent when a person decides
	Base      *string `json:"base,omitzero"`   // where the field is in the base, as a JSON pointer; absent where it is not
	Ours      *string `json:"ours,omitzero"`   // in ours
	Theirs    *string `json:"theirs,omitzero"` // in theirs
}

// Changers are who may have changed a field of a case.
var Changers = []string{"ours", "theirs", "both"}

// FieldPolicies are the ways to settle a contested field, as seen from one side.
var FieldPolicies = []string{"manual", "ours-always", "theirs-always", "max"}

// ErrorCase is an order in error: what this side has, and what it keeps of the version that it refused
// or that was held.
type ErrorCase struct {
	ID     string    `json:"id"`
	Peer   string    `json:"peer"`
	State  string    `json:"state"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitzero"`
	// RefusedHere: as in AdminOrder.
	RefusedHere bool           `json:"refusedHere"`
	Ours        *CaseVersion   `json:"ours,omitzero"` // absent when the order was never taken over here
	Theirs      RefusedVersion `json:"theirs"`
}

// RefusedVersion is a version whose content may break every rule of orders.
type RefusedVersion struct {
	Version     Version        `json:"version"`
	Fingerprint string         `json:"fingerprint,omitzero"`
	Deleted     bool           `json:"deleted"`
	Order       map[string]any `json:"order,omitzero"` // as it came
}

// Resolution is the body of POST /admin/api/collisions/{id}/resolve: exactly one of the three.
type Resolution struct {
	Take string `json:"take,omitzero"` // a name of Takes
	// Picks names for fields of the case, by the pointers of its differs, whose value counts: ours or theirs. A field
	// that is not named has the value of the merged order; one that is contested must be named.
	Picks map[string]string `json:"picks,omitzero"`
	Order *Order            `json:"order,omitzero"`
}

// TableRow is one row of the state table as GET /admin/api/states shows it.
type TableRow struct {
	Received string `json:"received"`
	Was      string `json:"was"`
	Becomes  string `json:"becomes"`
	Sync     bool   `json:"sync"`
	Remark   string `json:"remark"`
	// Extension tells that the row is not one of the table, but what the versions decide.
	Extension string `json:"extension,omitzero"`
}

// StateTable is the answer of GET /admin/api/states.
type StateTable struct {
	States []StateInfo `json:"states"`
	Rows   []TableRow  `json:"rows"`
}

// StateInfo explains one state.
type StateInfo struct {
	Code    int    `json:"code"`
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

// Peer is one row of GET /admin/api/peers.
type Peer struct {
	Peer   string `json:"peer"`
	URL    string `json:"url"`
	Paused bool   `json:"paused"`
}

// PeerList is the answer of GET /admin/api/peers.
type PeerList struct {
	Peers []Peer `json:"peers"`
	// Left are those of earlier settings, of which something is still stored.
	Left []LeftPeer `json:"left,omitzero"`
}

// LeftPeer is a side that is not among the peers of the settings any more.
type LeftPeer struct {
	Peer  string    `json:"peer"`
	Since time.Time `json:"since"` // when a process found that
}
