package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/entries"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Peering is what this side knows of its peers.
type Peering interface {
	// Open fails while the link to a peer is held, or the peer has not told what it has seen since this
	// process was started. Admit is the same for a batch that the peer itself sends.
	Open(peer string) error
	Admit(peer string, entries int) error
	// Saw takes note of a version that a peer told, Tell lists what is to be told of them.
	Saw(v ordersync.Vector)
	Tell(peer string) map[string]int64
	// Hear takes what a peer has seen of this side, and holds the link when that cannot be.
	Hear(ctx context.Context, peer string, seen map[string]int64) error
	// TakeProof takes a proof of the peer's bridge, if it is about what this side has.
	TakeProof(ctx context.Context, peer string, p contracts.Proof) error
	Claim(ctx context.Context, c contracts.ReconciliationClaim) (*contracts.Reconciliation, error)
	Progress(ctx context.Context, id uuid.UUID, p contracts.ReconciliationProgress) (*contracts.Reconciliation, error)
}

// smallBytesMax bounds bodies that hold a few fields.
const smallBytesMax = 4096

var (
	hashForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	runnerForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// takeProof takes note of the equality that a peer's bridge has seen.
func (a *API) takeProof(w http.ResponseWriter, r *http.Request) {
	var p contracts.Proof
	if err := ReadJSON(r, &p); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if err := speaksFor(r.Context(), p.Side); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	var faults []contracts.FieldError
	fault := func(pointer, detail string) {
		faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: detail})
	}
	if p.Peer != a.service.Name() {
		fault("/peer", "must be this side")
	}
	if p.Orders < 0 || p.Position < 0 || p.PeerPosition < 0 {
		fault("/orders", "must not be below 0, nor the positions")
	}
	if !hashForm.MatchString(p.Hash) {
		fault("/hash", "must be 32 hexadecimal digits")
	}
	if p.At.IsZero() {
		fault("/at", "is required")
	}
	if faults != nil {
		Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the proof is not valid", Fields: faults})
		return
	}
	// It was seen from over there: told here it is about the two positions the other way round.
	at := time.Now().UTC()
	if p.At.Before(at) { // a clock that is ahead must not keep the next proof from being the newest
		at = p.At
	}
	seen := contracts.Proof{Side: p.Peer, Peer: p.Side, At: at, Orders: p.Orders, Hash: p.Hash, Position: p.PeerPosition, PeerPosition: p.Position}
	if err := a.peering.TakeProof(r.Context(), p.Side, seen); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// claimReconciliation tells the own bridge whether both sides are to be compared now.
func (a *API) claimReconciliation(w http.ResponseWriter, r *http.Request) {
	var c contracts.ReconciliationClaim
	if err := ReadJSON(r, &c); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	var faults []contracts.FieldError
	if !a.service.HasPeer(c.Peer) {
		faults = append(faults, contracts.FieldError{Pointer: "/peer", Detail: "is no peer of this side"})
	}
	if !runnerForm.MatchString(c.Runner) {
		faults = append(faults, contracts.FieldError{Pointer: "/runner", Detail: "must be a name of 1 to 64 letters, digits, and .-_"})
	}
	if faults != nil {
		Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the claim is not valid", Fields: faults})
		return
	}
	got, err := a.peering.Claim(r.Context(), c)
	switch {
	case err != nil:
		Fail(w, r, a.log, err)
	case got == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		a.answer(w, r, WriteJSON(w, http.StatusOK, got))
	}
}

var progressStates = []string{"running", "held", "done", "failed"}

// progressReconciliation takes how far the own bridge is.
func (a *API) progressReconciliation(w http.ResponseWriter, r *http.Request) {
	id, err := PathID(r, "reconciliation")
	if err != nil {
		Fail(w, r, a.log, orders.Errorf(orders.NotFound, "there is no such reconciliation"))
		return
	}
	var p contracts.ReconciliationProgress
	if err := ReadJSON(r, &p); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if !slices.Contains(progressStates, p.State) {
		Fail(w, r, a.log, &orders.Error{Kind: orders.Invalid, Message: "the progress is not valid", Fields: []contracts.FieldError{
			{Pointer: "/state", Detail: "must be running, held, done or failed"},
		}})
		return
	}
	p.Reason = entries.Clean(p.Reason, contracts.ReasonLengthMax)
	got, err := a.peering.Progress(r.Context(), id, p)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, got))
}
