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
	// SetPeers makes sure that there is a row for each peer of the settings, and notes when others were found to have left them.
	// What is stored of a peer that has come back has missed the changes since, and is forgotten first. It returns those peers.
	SetPeers(ctx context.Context, peers []string) (back []string, err error)
	// ForgetPeer removes what is stored of a peer: its links, proposals, batches and row, after its consumer, and its hints when no
	// more of them can be published. NotFound when nothing is stored, Conflict when it is among the settings of the process that
	// started last.
	ForgetPeer(ctx context.Context, peer string, hints Hints) error
	// PeerRows reads the rows of all peers.
	PeerRows(ctx context.Context) ([]PeerRow, error)
	// Hold holds the links to peers, with the lost numbers that show why, ends what reconciliations are open
	// and requests some that are to be confirmed. A link that is held already only gains evidence, of at most
	// so many epochs.
	Hold(ctx context.Context, peers []string, hold contracts.Hold, evidence []ordersync.Dot, most int) error
	// ConfirmOthers has the open reconciliations of the other held links go on, as decided for one of them, and leave out
	// what that leaves out.
	ConfirmOthers(ctx context.Context, decided *contracts.Reconciliation) error
	// ReleaseLink lets a link go on, and writes the epochs of the evidence off for good.
	ReleaseLink(ctx context.Context, peer string) error
	// SetTold stores what a peer reported to have seen of this side.
	SetTold(ctx context.Context, peer string, told *Told) error
	// ReportEpoch stores how far the epoch of a process has come, in place of an epoch that it had before, and
	// forgets what was not reported within a time. ForgetEpoch ends one.
	ReportEpoch(ctx context.Context, epoch LiveEpoch, before string, within time.Duration) error
	ForgetEpoch(ctx context.Context, key string) error
	// Epochs reads what was reported within a time.
	Epochs(ctx context.Context, within time.Duration) (*Epochs, error)
	// RecordProof remembers the newest proof of equality with a peer.
	RecordProof(ctx context.Context, peer string, proof contracts.Proof) error
	// StateAt computes what all orders came to at a number of the log; a Conflict when that cannot be known.
	StateAt(ctx context.Context, position int64) (*State, error)
	// CountOrders counts the orders that are not deleted.
	CountOrders(ctx context.Context) (int64, error)
	// SetBrake puts the brake into a state, towards all peers, and has it count anew.
	SetBrake(ctx context.Context, state orders.BrakeState) error
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
	Left  time.Time // when it was found to have left the settings; zero while it has not
	Held  *contracts.Hold
	Proof *contracts.Proof
	Brake orders.BrakeState
	// LeftOut are the orders that a person left out of a reconciliation.
	LeftOut []string
	// Evidence is the lost epochs that a held link is held for.
	Evidence []string
	// Told is what the peer reported to have seen; nil until no number was missing.
	Told *Told
	// Open is the open reconciliation.
	Open *OpenOne
}

// LiveEpoch is how far the epoch of a running process had come when it last reported.
type LiveEpoch struct {
	Key string
	orders.Issued
	At time.Time
}

// Epochs is the epochs of running processes, and how the database is.
type Epochs struct {
	Live   map[string]LiveEpoch
	Last   int64     // number of the log that was drawn
	Server time.Time // when it was started
	Now    time.Time // on its clock
	// Unverified is set where epochs of this side may exist whose names do not verify.
	Unverified bool
}

// State is what all orders of this side came to at a number of the log.
type State struct {
	Orders int64
	Hash   [16]byte
	Until  time.Time // when the next number was logged; zero when there is none
}

// OpenOne is what is known all the time of an open reconciliation.
type OpenOne struct {
	ID, State, Reason string
	Confirmed         bool // by an operator
}

// Sighting is the highest number seen of an epoch of another side, and when it last rose.
type Sighting struct {
	ordersync.Dot
	At time.Time
}
