package contracts

import "time"

// FailedCall is an HTTP call of a bridge that did not settle what it was about, as a BridgeReport and
// GET /admin/api/peers/{peer}/failed-calls tell it. Of orders it holds nothing but ids. The same fault
// again is counted: everything but Since and Count is then of the last time.
type FailedCall struct {
	At        time.Time `json:"at"`
	Since     time.Time `json:"since"` // the first time
	Count     int64     `json:"count"`
	Call      string    `json:"call"`   // a name of BridgeCalls
	Target    string    `json:"target"` // the service that was called, a name of BridgeTargets
	Method    string    `json:"method"`
	Path      string    `json:"path"` // without a query
	RequestID string    `json:"requestId"`
	Entries   int64     `json:"entries"`         // orders that the request was about
	Orders    []string  `json:"orders,omitzero"` // the ids of the first of them
	SentBytes int64     `json:"sentBytes"`       // of the request's body
	ElapsedMs int64     `json:"elapsedMs"`       // until the answer was read, or given up

	Status      int64  `json:"status,omitzero"` // absent when there was no whole response
	ContentType string `json:"contentType,omitzero"`
	RetryAfter  string `json:"retryAfter,omitzero"`
	Reason      string `json:"reason"`        // what a problem document says, or what the bridge misses in the answer
	Said        string `json:"said,omitzero"` // how a body begins that is of no Orders service; absent when it repeats anything of the request
	Verdict     string `json:"verdict"`       // a name of FailedVerdicts
}

// Limits of what is told of failed calls.
const (
	FailedCallsMax  = 20 // by one bridge
	FailedOrdersMax = 5
	FailedHeaderMax = 100
	FailedReasonMax = 600
	FailedSaidMax   = 300
)

// BridgeCalls are the names of what a bridge calls a service for: how orders stand here, to tell them to
// the peer, to store the peer's answers here, and whatever else reconciliations need.
var BridgeCalls = []string{"lookup", "tell", "store", "other"}

// BridgeTargets are the services that a bridge calls: its own, and the peer's.
var BridgeTargets = []string{"local", "remote"}

// FailedVerdicts are the names of what a bridge makes of a failed call, as bridge/README.md explains them.
var FailedVerdicts = []string{"retry", "wait", "overloaded", "unauthorized", "misdirected", "split", "refused", "later", "blocked"}

// FailedCallList is the answer of GET /admin/api/peers/{peer}/failed-calls.
type FailedCallList struct {
	Bridges []BridgeFailures `json:"bridges"`
}

// BridgeFailures are the failed calls of one bridge, newest first.
type BridgeFailures struct {
	Instance string       `json:"instance"`
	Calls    []FailedCall `json:"calls"`
}
