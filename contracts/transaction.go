package contracts

import (
	"strings"
	"time"
)

// States are the names of a link's states on the wire, at the index of their codes.
var States = [...]string{1: "NEW", 2: "UPD", 3: "OK", 4: "DEL", 5: "DEL_SYNCED", 6: "COLLISION", 7: "ERROR", 8: "ERROR_SYNCED", 9: "SYNC"}

// Limits of the sync endpoints.
const (
	BatchEntriesMax = 500 // and ids of a lookup
	BatchBytesMax   = 4 << 20
	AnswersBytesMax = 16 << 20
	DepthMax        = 32   // nesting of any JSON that is read
	VersionKeysMax  = 1000 // a process start that wrote an order adds one
	// VersionSideKeysMax is how many of them one side may have; whoever writes keeps to it.
	VersionSideKeysMax = 250
	VersionNumberMax   = 1<<53 - 1 // as every JSON reader keeps it exact
	ReasonLengthMax    = 2000
	ItemURILengthMax   = 2048
)

// Version is a version vector: a side and an epoch ("a.7kq2mz") to that side's log number at which
// the content was written. Keys with VersionHead behind them are its heads: who has them has seen all of the
// version, whatever else of it is listed. Without any, every key is one.
type Version map[string]int64

// VersionHead stands behind the key of a head. A version has such keys once a side has written the order
// in many epochs; what is older is left out of it from then on.
const VersionHead = "!"

// Contains reports whether the author of a version had seen all of another one.
func (v Version) Contains(other Version) bool {
	named := false
	for key := range other {
		named = named || strings.HasSuffix(key, VersionHead)
	}
	for key, n := range other {
		key, head := strings.CutSuffix(key, VersionHead)
		if (head || !named) && max(v[key], v[key+VersionHead]) < n {
			return false
		}
	}
	return true
}

// Entry is what the sides tell each other about one order, in a request and in the answer to it.
// Taking the same entry twice changes nothing the second time.
type Entry struct {
	ItemID      string    `json:"itemId"`
	State       string    `json:"state"` // a name of States: how the order stands at the sender towards the receiver
	Version     Version   `json:"version"`
	Fingerprint string    `json:"fingerprint,omitzero"`
	UpdatedAt   time.Time `json:"updatedAt"` // shown to people, never decides
	ItemURI     string    `json:"itemURI"`   // an identifier below the sender's origin, not an address to follow
	Deleted     bool      `json:"deleted,omitzero"`
	Refused     *Refusal  `json:"refused,omitzero"`  // with ERROR: which version of the receiver's is not accepted
	AnswerTo    Version   `json:"answerTo,omitzero"` // in an answer: the version that was asked about
	Order       *Order    `json:"order,omitzero"`    // the content; absent when deleted, or when the receiver has it
}

// Refusal says which version a side does not accept, and why.
type Refusal struct {
	Version Version `json:"version"`
	Reason  string  `json:"reason"`
}

// Batch is the body of PUT /orders/transactions and of its answer: entries of one side.
// The answer holds one entry for each of the request's, in the same order. Without entries it is a
// greeting: both sides tell what they have seen of each other.
type Batch struct {
	Side    string  `json:"side"` // whose entries these are
	Entries []Entry `json:"entries"`
	// Seen is the highest number of each of the receiver's newest epochs that Side has seen: of a
	// receiver whose database was put back, Side knows more than it does itself. The answer has it
	// where the request does.
	Seen map[string]int64 `json:"seen,omitzero"`
}

// TransactionPage is a page of this side's log: for each order that changed its newest entry, without
// the content, oldest change first. An order whose newest change is further on is not in it, so a page
// may be short or empty and still not be the last one.
type TransactionPage struct {
	Side    string  `json:"side"`
	Entries []Entry `json:"entries"`
	Cursor  string  `json:"cursor"`        // for ?after=, on the last page too: what changes from now on
	Next    string  `json:"next,omitzero"` // the address of the next page, as in the Link header; not there on the last one
}

// CursorLengthMax is the length of a cursor of the log.
const CursorLengthMax = 64

// RangesMax is how many ranges one call may ask for.
const RangesMax = 256

// RangeList tells for ranges of ids how many orders a side has in them, deleted ones included, and what
// their versions and contents come to. Equal ranges of two sides are proved equal by it.
type RangeList struct {
	Side     string  `json:"side"`
	Ranges   []Range `json:"ranges"`
	Position int64   `json:"position"` // the last number of the log at that moment
}

// Range is the orders with ids from From on and below To.
type Range struct {
	From  string `json:"from"`
	To    string `json:"to,omitzero"` // none: to the end
	Count int64  `json:"count"`
	Hash  string `json:"hash"` // 32 hexadecimal digits, of no orders all zero
}

// EntryPage is a page of a side's orders by id, without contents.
type EntryPage struct {
	Side    string  `json:"side"`
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitzero"` // as in TransactionPage
}

// Lookup asks the own service for the present entries of orders that hints told of.
type Lookup struct {
	Peer string   `json:"peer"`         // towards whom
	IDs  []string `json:"ids"`          // none in a greeting
	All  bool     `json:"all,omitzero"` // those that the peer need not be told of, too
}

// LookupResult holds the entries that the peer must be told. An id that is in neither list is not
// pending any more: its hint is done. Deferred ids did not fit into the answer; ask again for them.
type LookupResult struct {
	Side     string   `json:"side"`
	Entries  []Entry  `json:"entries"`
	Deferred []string `json:"deferred,omitzero"`
	// Seen is to be told to the peer, as in Batch; only where no ids were asked for.
	Seen map[string]int64 `json:"seen,omitzero"`
}
