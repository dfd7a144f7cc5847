package contracts

import "time"

// ReconciliationCauses are the names of why two sides are compared.
var ReconciliationCauses = []string{"requested", "command", "schedule", "firstContact", "brokerLost", "restored"}

// ReconciliationStates are the names of where a reconciliation stands. The first four are open; of these
// there is at most one for a peer. Held waits for a person to confirm or to drop it.
var ReconciliationStates = []string{"requested", "running", "held", "confirmed", "done", "failed", "dropped"}

// ExceptMax is how many orders a person may leave out of a reconciliation.
const ExceptMax = 1000

// Reconciliation is one comparison of this side with a peer, and the repair of what differs.
type Reconciliation struct {
	ID          string           `json:"id"`
	Peer        string           `json:"peer"`
	Cause       string           `json:"cause"` // a name of ReconciliationCauses
	State       string           `json:"state"` // a name of ReconciliationStates
	DryRun      bool             `json:"dryRun,omitzero"`
	Reason      string           `json:"reason,omitzero"` // why it is held, or failed
	RequestedBy string           `json:"requestedBy"`
	RequestedAt time.Time        `json:"requestedAt"`
	DecidedBy   string           `json:"decidedBy,omitzero"` // who confirmed or dropped it
	DecidedAt   *time.Time       `json:"decidedAt,omitzero"`
	Except      []string         `json:"except,omitzero"` // orders that it leaves as they are
	Runner      string           `json:"runner,omitzero"` // the bridge or command that runs it
	SeenAt      *time.Time       `json:"seenAt,omitzero"` // the runner's last sign
	FinishedAt  *time.Time       `json:"finishedAt,omitzero"`
	Brake       *BrakeLimits     `json:"brake,omitzero"`  // for the runner, until a person has confirmed
	Paused      bool             `json:"paused,omitzero"` // for the runner: a person has paused the delivery, so what is pending is not under way
	Report      *ReconcileReport `json:"report,omitzero"`
}

// BrakeLimits is what may happen to this side's orders without a person: more is held. None is no limit.
type BrakeLimits struct {
	Deletions    *int64 `json:"deletions,omitzero"`
	Replacements *int64 `json:"replacements,omitzero"`
}

// ReconciliationList is the answer of GET /admin/api/reconciliations, newest first.
type ReconciliationList struct {
	Reconciliations []Reconciliation `json:"reconciliations"`
	Next            string           `json:"next,omitzero"`
}

// ReconcileReport is what a reconciliation has found and done so far.
type ReconcileReport struct {
	Side          string         `json:"side"`
	Peer          string         `json:"peer"`
	Phase         string         `json:"phase"`    // a name of ReconcilePhases
	Strategy      string         `json:"strategy"` // a name of ReconcileStrategies
	Equal         bool           `json:"equal"`    // one look at all orders of both showed it
	Orders        int64          `json:"orders"`
	OrdersThere   int64          `json:"ordersThere"`
	Hash          string         `json:"hash"`             // what all orders of this side come to
	Position      int64          `json:"position"`         // of this side's log at that look
	PositionThere int64          `json:"positionThere"`    // and of the peer's
	Found         map[string]int `json:"found"`            // differences, by kind
	Effects       map[string]int `json:"effects"`          // what settling them does, by a name of ReconcileEffects
	Plan          []PlannedOrder `json:"plan,omitzero"`    // the first of the differences
	Invalid       []InvalidEntry `json:"invalid,omitzero"` // orders that could not be compared; they count as waiting
	Moving        int            `json:"moving"`           // orders that were changed or told while the last pass looked
	Waiting       int            `json:"waiting"`          // orders that a person has to settle
	LeftOut       int            `json:"leftOut"`          // orders that a person left out
	Compared      int64          `json:"compared"`         // orders of this side that the present pass has dealt with
	Sent          int            `json:"sent"`
	Passes        int            `json:"passes"`
	CarriedOut    bool           `json:"carriedOut,omitzero"` // a whole pass has told what it found
	Restarts      int            `json:"restarts"`            // the peer's log had moved between reading and sending
	Requests      int64          `json:"requests"`
	Bytes         int64          `json:"bytes"`
	Seconds       float64        `json:"seconds"`
}

// InvalidEntry is an order of which a side gave an entry that breaks the rules, so that it was not compared.
type InvalidEntry struct {
	ID     string `json:"id"`
	Side   string `json:"side"` // whose entry it was
	Reason string `json:"reason"`
}

// InvalidMax is how many of them a report names.
const InvalidMax = 100

// ReconcilePhases are the names of what a reconciliation is at.
var ReconcilePhases = []string{"comparing", "repairing", "waiting", "ended"}

// ReconcileStrategies are the names of how differences are looked for: by both logs whole, or by the
// fingerprints of ranges.
var ReconcileStrategies = []string{"log", "ranges"}

// ReconcileEffects are the names of what becomes of an order: here is the side that runs it.
var ReconcileEffects = []string{"createsHere", "replacesHere", "deletesHere", "createsThere", "replacesThere", "deletesThere", "collides", "agrees"}

// PlanMax is how many orders a report names one by one.
const PlanMax = 1000

// PlannedOrder is one difference and what will become of it.
type PlannedOrder struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Effect string `json:"effect"`
}

// ReconciliationRequest is the body of POST /admin/api/reconciliations.
type ReconciliationRequest struct {
	Peer   string `json:"peer"`
	DryRun bool   `json:"dryRun,omitzero"`
	All    bool   `json:"all,omitzero"` // the orders too that a person had left out
}

// ReconciliationConfirmation is the body of POST /admin/api/reconciliations/{id}/confirm.
type ReconciliationConfirmation struct {
	// Except are orders to be left as they are, by later reconciliations too, until one asks for all.
	Except []string `json:"except,omitzero"`
}

// ReconciliationClaim is the body of POST /orders/reconciliations: a bridge asks its own service
// whether a reconciliation is to be run. With Begin it brings one of its own.
type ReconciliationClaim struct {
	Peer   string `json:"peer"`
	Runner string `json:"runner"`
	Begin  bool   `json:"begin,omitzero"`
	DryRun bool   `json:"dryRun,omitzero"`
}

// ReconciliationProgress is the body of PUT /orders/reconciliations/{id}: a sign of life of the
// runner, or how it ended. The answer is the reconciliation as it stands: dropped is to be stopped.
type ReconciliationProgress struct {
	Runner string           `json:"runner"`
	State  string           `json:"state"` // running, held, done or failed
	Reason string           `json:"reason,omitzero"`
	Report *ReconcileReport `json:"report,omitzero"`
}

// Proof says that all orders of two sides were the same at one look.
type Proof struct {
	Side         string    `json:"side"` // whose bridge looked
	Peer         string    `json:"peer"`
	At           time.Time `json:"at"`
	Orders       int64     `json:"orders"`
	Hash         string    `json:"hash"`
	Position     int64     `json:"position"`     // of the log of Side
	PeerPosition int64     `json:"peerPosition"` // of the log of Peer
}

// Hold says that a link is held: nothing is carried either way until a person confirms.
type Hold struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// SeenMax is how many epochs of a side are told of at once; the newest ones.
const SeenMax = 16

// BrakeReason begins the reason of every order that a brake holds.
const BrakeReason = "brake: "

// BrakeStatus is the brake towards one peer: what it holds by now, and until when a person has it off.
type BrakeStatus struct {
	Deletions    bool       `json:"deletions"`
	Replacements bool       `json:"replacements"`
	OffUntil     *time.Time `json:"offUntil,omitzero"`
}

// BrakeSetting is the body of POST /admin/api/peers/{peer}/brake. It resets the brake; for a time it may
// let everything through.
type BrakeSetting struct {
	OffSeconds int64 `json:"offSeconds"`
}

// BrakeOffMax is how long the brake can be off, in seconds.
const BrakeOffMax = 24 * 60 * 60

// SettleMax is how many orders one call settles.
const SettleMax = 1000

// ErrorSettlement is the body of POST /admin/api/errors/settle: a set of orders in error, named one by
// one or by the reason that they share. Theirs takes over the version of the peer that was refused or
// held, or tells the peer ours again; ours drops it and makes our version the newest.
type ErrorSettlement struct {
	Peer   string   `json:"peer"`
	Reason string   `json:"reason,omitzero"`
	IDs    []string `json:"ids,omitzero"`
	Take   string   `json:"take"` // ours or theirs
}

// ErrorSettlementResult is how many were settled, and why others were not. With More there are more
// that share the reason: call again.
type ErrorSettlementResult struct {
	Settled int                 `json:"settled"`
	Failed  []SettlementFailure `json:"failed"`
	More    bool                `json:"more,omitzero"`
}

// SettlementFailure is an order that could not be settled.
type SettlementFailure struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}
