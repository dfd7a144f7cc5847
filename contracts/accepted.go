package contracts

import "time"

// Limits of a batch that is answered with 202 and worked on later, and how many of a sender may be open.
const (
	AcceptedEntriesMax = 10_000
	AcceptedBytesMax   = 32 << 20
	AcceptedOpenMax    = 4
)

// AcceptedStates are the names of an accepted batch's states: nothing is applied yet, some of it may
// be, all is, or it ended before that.
var AcceptedStates = []string{"accepted", "running", "done", "failed"}

// Accepted is the answer of GET /orders/transactions/batches/{id}, and of the PUT with which the batch
// was sent. The figures are of entries.
type Accepted struct {
	ID         string     `json:"id"`
	State      string     `json:"state"` // a name of AcceptedStates
	Side       string     `json:"side"`  // whose entries these are
	Entries    int64      `json:"entries"`
	Settled    int64      `json:"settled"`  // applied and answered so far
	Collided   int64      `json:"collided"` // of these
	Refused    int64      `json:"refused"`  // of these
	AcceptedAt time.Time  `json:"acceptedAt"`
	EndedAt    *time.Time `json:"endedAt,omitzero"`
	Failure    string     `json:"failure,omitzero"` // why it failed
	Answers    *Batch     `json:"answers,omitzero"` // once it has ended: a page of what a 200 would have held
	Next       string     `json:"next,omitzero"`    // the address of the next page, as in the Link header
}
