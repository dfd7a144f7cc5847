package orders

import (
	"time"

	"github.com/google/uuid"
)

// Accepted is a batch of a peer's entries that is worked on after its sender was answered. It is
// applied in pieces, each of them as Receive does it.
type Accepted struct {
	ID         uuid.UUID // rises with the time of acceptance
	Role       string    // whose token sent it; only the same may ask for it
	Peer       string    // whose entries these are
	RequestID  string
	Hash       []byte // of the body; one that is sent again while it is open is the same batch
	Pieces     int
	Entries    int
	Settled    int // entries whose pieces are applied
	Collided   int // of these
	Refused    int // of these
	AcceptedAt time.Time
	Started    bool
	EndedAt    time.Time // zero while it is open
	Failure    string    // why it ended before all pieces were applied
}

// Piece is a part of an accepted batch that is applied in one transaction.
type Piece struct {
	Batch     uuid.UUID
	Number    int // from 1
	Role      string
	Peer      string
	RequestID string
	Entries   int
	Body      []byte // a batch as it was sent, but with this piece's entries only
	Attempts  int    // how often it was begun, this time included
}

// PieceOutcome is what became of a piece.
type PieceOutcome struct {
	Answers           []byte // a batch of answers as it is sent
	Collided, Refused int
}
