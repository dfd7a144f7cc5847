package contracts

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// The levels of what can be promised of edits in a system behind a side, the best first.
const (
	// LevelLossless: a write that rests on a stale read is refused, so no edit is ever overwritten.
	LevelLossless = "lossless"
	// LevelDetects: only what changed is written. An edit of the same field between our read and our write is
	// overwritten; any other survives, and is seen by the read after it.
	LevelDetects = "detect after write"
	// LevelBestEffort: a write may take other fields along with it.
	LevelBestEffort = "best effort"
)

// SystemStatus is how a connector stands towards the system behind its side.
type SystemStatus struct {
	Name   string `json:"name"`   // of the kind of system: woocommerce
	Mode   string `json:"mode"`   // off, dry-run or on
	Leads  bool   `json:"leads"`  // this process is the one of its side that talks to the system
	Level  string `json:"level"`  // one of the levels
	Probed bool   `json:"probed"` // the level was tried, and is not only what the profile says
	// Cursor is the time of the system's clock up to which its changes have been read.
	Cursor       *time.Time `json:"cursor,omitzero"`
	Imported     bool       `json:"imported"`              // all its orders were seen once; before that none is created there
	ReadAt       *time.Time `json:"readAt,omitzero"`       // when it was read last without a failure
	FailingSince *time.Time `json:"failingSince,omitzero"` // it cannot be read since then
	Failure      string     `json:"failure,omitzero"`
	WaitsUntil   *time.Time `json:"waitsUntil,omitzero"` // its rate limit is used up until then
	QuotaLeft    *int       `json:"quotaLeft,omitzero"`  // calls that are left, as it last said
	SweepBegan   *time.Time `json:"sweepBegan,omitzero"`
	SweepEnded   *time.Time `json:"sweepEnded,omitzero"` // when all orders were last read to the end
	// Writes that are under way, those that are stuck first, then the oldest, and orders that cannot be read or written; at most SystemListMax
	// of each, with the number of all.
	UnderWay      []SystemWrite `json:"underWay"`
	UnderWayCount int64         `json:"underWayCount"`
	Faults        []SystemOrder `json:"faults"`
	FaultCount    int64         `json:"faultCount"`
	// What a dry run would have done since the process was started.
	WouldWrite  int64    `json:"wouldWrite,omitzero"`
	WouldRecord int64    `json:"wouldRecord,omitzero"`
	Alarms      []string `json:"alarms"` // what a person should look at, in words
}

// SystemListMax bounds the lists of SystemStatus.
const SystemListMax = 50

// SystemWrite is a write to the system that is under way.
type SystemWrite struct {
	ID      string    `json:"id"`
	Creates bool      `json:"creates"` // the order is to be created there
	SentAt  time.Time `json:"sentAt"`
	// Stuck says why a person has to decide: the order was to be created, no answer came, and it was not found since. It
	// can be searched for again (sync), created again, or given up.
	Stuck string `json:"stuck,omitzero"`
}

// SystemOrder is an order as a connector knows it in the system.
type SystemOrder struct {
	ID        string     `json:"id"`
	ForeignID string     `json:"foreignId,omitzero"` // the system's own id
	Link      string     `json:"link,omitzero"`      // the page on which people see it there
	Missing   *time.Time `json:"missing,omitzero"`   // the system says since then that it does not have it
	Fault     string     `json:"fault,omitzero"`     // why it cannot be read or written
	FaultAt   *time.Time `json:"faultAt,omitzero"`
	// UnderWay is the write of it that is under way.
	UnderWay *SystemWrite `json:"underWay,omitzero"`
}

// SystemProbe is what was tried on a scratch order of the system, and what follows.
type SystemProbe struct {
	At    time.Time   `json:"at"`
	Level string      `json:"level"`
	Steps []ProbeStep `json:"steps"`
}

// SystemProbeRequest is the body of POST /admin/api/system/probe.
type SystemProbeRequest struct {
	SKU      string `json:"sku"`      // of the scratch order's one line: a product that the system knows
	Currency string `json:"currency"` // ISO 4217
}

// Validate names what is wrong with a request.
func (r *SystemProbeRequest) Validate() (faults []FieldError) {
	if r.SKU == "" || utf8.RuneCountInString(r.SKU) > ShortTextMax {
		faults = append(faults, FieldError{Pointer: "/sku", Detail: fmt.Sprintf("must have 1 to %d characters", ShortTextMax)})
	}
	if !IsCurrency(r.Currency) {
		faults = append(faults, FieldError{Pointer: "/currency", Detail: "is not a currency of ISO 4217"})
	}
	return faults
}

// ProbeStep is one thing that was tried.
type ProbeStep struct {
	What   string `json:"what"`
	Result string `json:"result"` // yes, no or unclear
	Detail string `json:"detail,omitzero"`
}
