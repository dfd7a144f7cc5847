package ordersync

import "fmt"

// State is how an order stands towards one peer. The codes are part of the stored data.
type State uint8

// The nine states, and None for a peer that this side has no link with yet.
const (
	None        State = 0 // nothing is known of the order here; left by creating or receiving it
	New         State = 1 // created here, the peer does not have it yet; left when the peer has it
	Upd         State = 2 // changed here, the peer has an older version; left when the peer has this one
	OK          State = 3 // both have the same; left by the next change on either side
	Del         State = 4 // marked for deletion here; left when the peer has deleted it too
	DelSynced   State = 5 // deleted on both; a resting state
	Collision   State = 6 // both changed without knowing of each other; left by a person's resolution on either side
	Error       State = 7 // something came that should not happen, or content that this side refuses; the peer does not know yet
	ErrorSynced State = 8 // the other side knows of the error; left by a retry, or by a newer version from either side
	Sync        State = 9 // reserved: used in no row of the table, an error when received
)

var stateNames = [...]string{"", "NEW", "UPD", "OK", "DEL", "DEL_SYNCED", "COLLISION", "ERROR", "ERROR_SYNCED", "SYNC"}

var stateMeanings = [...]string{
	"not known here",
	"created here, the peer does not have it yet",
	"changed here, the peer has an older version",
	"both have the same",
	"marked for deletion here",
	"deleted on both",
	"both changed without knowing of each other; both versions are kept",
	"something that should not happen was received, or content that this side refuses",
	"the other side knows of the error",
	"reserved",
}

// States lists the nine states in the order of their codes.
var States = []State{New, Upd, OK, Del, DelSynced, Collision, Error, ErrorSynced, Sync}

// String is the name on the wire; it is empty for None.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		panic(fmt.Sprintf("ordersync: state %d has no name", uint8(s)))
	}
	return stateNames[s]
}

// Meaning explains the state to a person.
func (s State) Meaning() string { return stateMeanings[s] }

// ParseState finds the state with that name on the wire; it reports false for any other text.
func ParseState(name string) (State, bool) {
	for _, s := range States {
		if s.String() == name {
			return s, true
		}
	}
	return None, false
}

// Settled tells that both sides have the same and nothing is left to do.
func (s State) Settled() bool { return s == OK || s == DelSynced }

// InConflict tells that this side keeps something of the other side that it did not take over, or
// knows that the other side does so.
func (s State) InConflict() bool { return s == Collision || s == Error || s == ErrorSynced }

// inError reports whether a person has to look at a refusal, or at what should not have come.
func (s State) inError() bool { return s == Error || s == ErrorSynced }

// pending tells that a change of this side is still to be acknowledged.
func (s State) pending() bool { return s == New || s == Upd || s == Del }
