package orders

import (
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Counts is how many orders, outbox rows and links there are.
type Counts struct {
	At             time.Time // when it was counted
	Orders, Outbox int64
	Estimated      bool                                 // Orders, and in States what is settled, are not counted: there are very many
	OutboxSince    time.Time                            // when the oldest row was written; zero when there is none
	States         map[string]map[ordersync.State]int64 // by peer
	Due            map[string]int64                     // by peer
	Oldest         map[string]Oldest                    // by peer; none when nothing is due
}

// Oldest is the link that has been due for longest.
type Oldest struct {
	ID    uuid.UUID
	State ordersync.State
	Since time.Time
}

// LinkRow is an order in a state towards a peer.
type LinkRow struct {
	ID          uuid.UUID
	OrderNumber string
	Peer        string
	State       ordersync.State
	Since       time.Time
	Due         bool
	Reason      string
	Version     string
	Theirs      string // version of the peer's that is kept
}
