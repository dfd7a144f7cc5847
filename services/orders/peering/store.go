package peering

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Store keeps what is known of the peers. An adapter implements it.
type Store interface {
	// AddPeers makes sure that there is a row for each peer.
	AddPeers(ctx context.Context, peers []string) error
	// PeerRows reads the rows of all peers.
	PeerRows(ctx context.Context) ([]PeerRow, error)
	// Hold holds the link to a peer, with the numbers that show why, ends what reconciliation is open
	// and requests one that is to be confirmed. A link that is held already only gains evidence.
	Hold(ctx context.Context, peer string, hold contracts.Hold, evidence []ordersync.Dot) error
	// ReleaseLink lets a link go on, and writes the evidence off.
	ReleaseLink(ctx context.Context, peer string) error
	// RecordProof remembers the newest proof of equality with a peer.
	RecordProof(ctx context.Context, peer string, proof contracts.Proof) error
	// CountOrders counts the orders that are not deleted.
	CountOrders(ctx context.Context) (int64, error)
	// SetBrake puts the brake into a state, and has it count anew.
	SetBrake(ctx context.Context, peer string, state orders.BrakeState) error
	// LeaveOut adds orders to those that reconciliations leave as they are; LeaveOutNone forgets them all.
	LeaveOut(ctx context.Context, peer string, ids []string) error
	LeaveOutNone(ctx context.Context, peer string) error

	// Add stores a new reconciliation; a Conflict where one is open for its peer.
	Add(ctx context.Context, r *contracts.Reconciliation) error
	// Open finds the open reconciliation of a peer, nil when there is none.
	Open(ctx context.Context, peer string) (*contracts.Reconciliation, error)
	// Reconciliation finds one; NotFound.
	Reconciliation(ctx context.Context, id uuid.UUID) (*contracts.Reconciliation, error)
	// Reconciliations lists them, newest first, those before one when it is given. Peer may be empty.
	Reconciliations(ctx context.Context, peer string, before uuid.UUID, limit int) ([]contracts.Reconciliation, error)
	// ChangeReconciliation changes one under a lock.
	ChangeReconciliation(ctx context.Context, id uuid.UUID, change func(*contracts.Reconciliation) error) (*contracts.Reconciliation, error)
	// LastEnded is the last reconciliation with a peer that is not open any more, and was no dry run;
	// nil when there was none.
	LastEnded(ctx context.Context, peer string) (*contracts.Reconciliation, error)

	// Sightings reads the highest numbers seen of other sides, SaveSightings raises them, and keeps of
	// each side those that rose last.
	Sightings(ctx context.Context) ([]Sighting, error)
	SaveSightings(ctx context.Context, list []Sighting, keep int) error
	// Missing tells which of this side's numbers the log does not have, and nobody has written off.
	Missing(ctx context.Context, dots []ordersync.Dot) ([]ordersync.Dot, error)
}

// PeerRow is what the database has of a peer.
type PeerRow struct {
	Peer  string
	Held  *contracts.Hold
	Proof *contracts.Proof
	Brake orders.BrakeState
	// LeftOut are the orders that a person left out of a reconciliation.
	LeftOut []string
}

// Sighting is the highest number seen of an epoch of another side, and when it last rose.
type Sighting struct {
	ordersync.Dot
	At time.Time
}
