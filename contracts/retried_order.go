package contracts

import "time"

// RetriedOrder is an order that failed alone, so that the bridge gave it back to the broker to be delivered
// again. A BridgeReport lists those that did not get through since, the most often delivered first. It holds
// nothing of the order but its id.
type RetriedOrder struct {
	ID         string    `json:"id"`
	Deliveries int64     `json:"deliveries"` // of its hint, the last one included
	Since      time.Time `json:"since"`      // the first failure that this bridge saw
	At         time.Time `json:"at"`         // the last one
	RetryAt    time.Time `json:"retryAt"`
	Target     string    `json:"target"` // the service that was called, a name of BridgeTargets
	Status     int64     `json:"status,omitzero"`
	Reason     string    `json:"reason"`
	Verdict    string    `json:"verdict"` // a name of FailedVerdicts
}

// Limits of what is told of orders that failed alone.
const (
	RetriedOrdersMax = 20
	RetriedReasonMax = 200
)

// Validate returns what is wrong with it: whoever has access to the broker may send one.
func (o *RetriedOrder) Validate() []FieldError {
	c := &checker{}
	c.in("")
	c.form("id", o.ID, isID, formID)
	c.number("deliveries", o.Deliveries, 1, VersionNumberMax)
	c.time("since", o.Since)
	c.time("at", o.At)
	c.time("retryAt", o.RetryAt)
	oneOf(c, "target", o.Target, BridgeTargets)
	c.number("status", o.Status, 0, 999)
	c.requiredText("reason", o.Reason, RetriedReasonMax)
	oneOf(c, "verdict", o.Verdict, FailedVerdicts)
	return c.errs
}

// HandshakeFailure says that handshakes with the peer fail, one after the other.
type HandshakeFailure struct {
	Since  time.Time `json:"since"` // the first of them
	Count  int64     `json:"count"`
	Reason string    `json:"reason"`
}
