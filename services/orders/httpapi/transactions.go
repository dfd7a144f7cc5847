package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/entries"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// batchOut is contracts.Batch as it is sent.
type batchOut struct {
	Side    string           `json:"side"`
	Entries []entryOut       `json:"entries"`
	Seen    map[string]int64 `json:"seen,omitzero"`
}

// lookupOut is contracts.LookupResult as it is sent.
type lookupOut struct {
	Side     string           `json:"side"`
	Entries  []entryOut       `json:"entries"`
	Deferred []string         `json:"deferred,omitzero"`
	Seen     map[string]int64 `json:"seen,omitzero"`
}

// putTransactions observes a batch: from a peer's token requests about its orders, from the own
// bridge's token that peer's answers to ours. Both are news of the peer and can change what the peer
// could change; the answers alone close open work for good.
func (a *API) putTransactions(w http.ResponseWriter, r *http.Request) {
	answers := RoleOf(r.Context()) == access.Bridge
	seen, err := cursorSeen(r)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	bytesMax := int64(contracts.BatchBytesMax)
	if answers {
		bytesMax = contracts.AnswersBytesMax
	}
	raw, done, err := a.readBatch(r, bytesMax)
	defer done()
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	in, err := strictjson.DecodeBatch(raw, contracts.AcceptedEntriesMax)
	if err == nil {
		err = a.admit(r.Context(), in, answers)
	}
	if err == nil && !answers && len(in.Entries) > 0 {
		var wait time.Duration
		wait, err = a.refusals.admit(in.Side)
		tellWait(w, wait)
	}
	large := err == nil && (int64(len(raw)) > bytesMax || len(in.Entries) > contracts.BatchEntriesMax)
	if err == nil && large && (seen != nil || len(in.Entries) == 1) {
		err = &contracts.Problem{
			Type: contracts.ProblemTypePrefix + "too-large", Title: titles["too-large"], Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("what is to be applied at once may have %d bytes and %d entries", bytesMax, contracts.BatchEntriesMax),
		}
	}
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	side := in.Side
	read, err := a.readEntries(in.Entries, answers, seen != nil)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	minimal, async := preferences(r)
	if large || async && seen == nil && len(in.Entries) > 0 { // what depends on the present place in the log cannot wait
		a.accept(w, r, side, raw, in.Entries, async)
		return
	}
	by := orders.By{Actor: string(RoleOf(r.Context())) + ":" + side, RequestID: RequestID(r.Context())}
	var present []orders.Present
	if seen == nil {
		present, err = a.service.Receive(r.Context(), by, side, read.received)
	} else {
		present, err = a.service.ReceiveUnmoved(r.Context(), by, side, read.received, *seen)
	}
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	collided, _ := read.answer(present)
	a.saw(side, read)
	if !answers {
		a.refusals.charge(side, in.Entries, read.answers)
	}
	if minimal {
		w.Header().Set("Preference-Applied", "return=minimal")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := http.StatusOK
	if collided > 0 {
		status = http.StatusConflict
	}
	out := batchOut{Side: a.service.Name(), Entries: read.answers}
	if in.Seen != nil { // who tells it knows it
		out.Seen = orEmpty(a.peering.Tell(side))
	}
	a.answer(w, r, WriteJSON(w, status, out))
}

// saw takes note of the versions that a peer has told, unless they cannot be true. One whose content is refused becomes part of
// nothing here: of it the peer's own numbers alone, or it could have any number of another side reported to that side.
func (a *API) saw(peer string, read *batch) {
	for i, at := range read.at {
		in := &read.received[i]
		v := in.Entry.Version
		if in.Implausible {
			continue
		}
		if in.Entry.Refusal != "" && read.answers[at].Refused != nil {
			v = v.Without(slices.DeleteFunc(slices.Clone(v.Dots()), func(d ordersync.Dot) bool { return strings.HasPrefix(d.Key, peer+".") }))
		}
		a.peering.Saw(v)
	}
}

// cursorSeen reads If-Match: the cursor up to which the caller has read this side's log, as an entity tag.
func cursorSeen(r *http.Request) (*orders.Cursor, error) {
	tags, err := IfMatch(r)
	if tags == nil && err == nil {
		return nil, nil
	}
	if len(tags) == 1 {
		if seen, ok := orders.ParseCursor(tags[0]); ok {
			return &seen, nil
		}
	}
	return nil, &contracts.Problem{Status: http.StatusBadRequest, Detail: "If-Match must be one cursor of this side's log, in quotes"}
}

// admit refuses what is wrong with a batch as a whole. It holds what the peer has seen of this side
// against the log first. A held link takes no requests before its plan is confirmed, nor does one that has
// not been greeted; the answers to what is reconciled both do.
func (a *API) admit(ctx context.Context, in *strictjson.Batch, answers bool) error {
	if err := speaksFor(ctx, in.Side); err != nil && !answers {
		return err
	}
	if !a.service.HasPeer(in.Side) {
		return &orders.Error{
			Kind: orders.Forbidden, Message: "the batch is of a side that is no peer of this one",
			Fields: []contracts.FieldError{{Pointer: "/side", Detail: "is no peer of this side"}},
		}
	}
	if err := a.peering.Hear(ctx, in.Side, in.Seen); err != nil || answers {
		return err
	}
	return a.peering.Admit(in.Side, len(in.Entries))
}

// speaksFor refuses a peer's token that speaks for another side than its own.
func speaksFor(ctx context.Context, side string) error {
	if own := CallerOf(ctx).Side; own != side {
		return &orders.Error{
			Kind: orders.Forbidden, Message: fmt.Sprintf("the token is that of %s, which cannot speak for another side", own),
			Fields: []contracts.FieldError{{Pointer: "/side", Detail: "must be the side of the token"}},
		}
	}
	return nil
}

// batch is what was read of a body: what the service is to observe, where each stands in the body,
// and the answers, which are final for entries that cannot even be observed.
type batch struct {
	received []orders.Received
	at       []int
	answers  []entryOut
}

// readEntries reads each entry on its own, so that a bad one spoils nothing but itself; unless it is
// all or nothing.
func (a *API) readEntries(raw [][]byte, answers, all bool) (*batch, error) {
	b := &batch{answers: make([]entryOut, len(raw)), received: make([]orders.Received, 0, len(raw)), at: make([]int, 0, len(raw))}
	seen := make(map[uuid.UUID]bool, len(raw))
	sides := a.service.Sides()
	for i, entry := range raw {
		rec, bad := entries.Read(entry, answers, sides)
		if bad != nil {
			switch {
			case answers: // the own bridge has read it before; what it passes on must be an entry
				return nil, &orders.Error{Kind: orders.Invalid, Message: "an answer is not valid", Fields: prefixed(i, bad)}
			case all:
				return nil, &orders.Error{Kind: orders.Invalid, Message: "an entry cannot be read, so nothing was applied", Fields: prefixed(i, bad)}
			}
			b.answers[i] = outOf(entries.Unusable(entry, bad))
			continue
		}
		if seen[rec.ID] {
			return nil, &orders.Error{
				Kind: orders.Invalid, Message: "the batch names an order twice",
				Fields: []contracts.FieldError{{Pointer: fmt.Sprintf("/entries/%d/itemId", i), Detail: "is there twice"}},
			}
		}
		seen[rec.ID] = true
		b.received, b.at = append(b.received, *rec), append(b.at, i)
	}
	return b, nil
}

// answer completes the answers, and counts those that tell of a collision or of a refusal.
func (b *batch) answer(present []orders.Present) (collided, refused int) {
	for i, at := range b.at {
		e := toldOf(&present[i])
		e.AnswerTo = WireVersion(b.received[i].Entry.Version)
		b.answers[at] = e
		if present[i].Link.State == ordersync.Collision {
			collided++
		}
	}
	for i := range b.answers {
		if b.answers[i].Refused != nil {
			refused++
		}
	}
	return collided, refused
}

func prefixed(i int, errs []contracts.FieldError) []contracts.FieldError {
	out := make([]contracts.FieldError, len(errs))
	for j, e := range errs {
		out[j] = contracts.FieldError{Pointer: fmt.Sprintf("/entries/%d%s", i, e.Pointer), Detail: e.Detail}
	}
	return out
}

// lookup tells the own bridge how the orders of its hints stand towards a peer.
func (a *API) lookup(w http.ResponseWriter, r *http.Request) {
	var l contracts.Lookup
	if err := ReadJSON(r, &l); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	ids, err := a.checkLookup(&l)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if !l.All {
		if err := a.peering.Open(l.Peer); err != nil {
			Fail(w, r, a.log, err)
			return
		}
	}
	// What is around the contents must fit into a batch's bytes too.
	present, deferred, err := a.service.Lookup(r.Context(), l.Peer, ids, l.All, contracts.BatchBytesMax/2)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	out := lookupOut{Side: a.service.Name(), Entries: []entryOut{}}
	if len(ids) == 0 {
		out.Seen = orEmpty(a.peering.Tell(l.Peer))
	}
	for _, id := range deferred {
		out.Deferred = append(out.Deferred, id.String())
	}
	a.answer(w, r, writeLines(w, out, present))
}

// orEmpty tells of nothing seen rather than nothing at all.
func orEmpty(seen map[string]int64) map[string]int64 {
	if seen == nil {
		return map[string]int64{}
	}
	return seen
}

func (a *API) checkLookup(l *contracts.Lookup) ([]uuid.UUID, error) {
	var errs []contracts.FieldError
	if !a.service.HasPeer(l.Peer) {
		errs = append(errs, contracts.FieldError{Pointer: "/peer", Detail: "is no peer of this side"})
	}
	if l.IDs == nil || len(l.IDs) > contracts.BatchEntriesMax {
		errs = append(errs, contracts.FieldError{Pointer: "/ids", Detail: fmt.Sprintf("must be there, with at most %d ids", contracts.BatchEntriesMax)})
	}
	ids := make([]uuid.UUID, 0, len(l.IDs))
	seen := make(map[uuid.UUID]bool, len(l.IDs))
	for i, text := range l.IDs {
		id, err := uuid.Parse(text)
		if err != nil || seen[id] || id.String() != text {
			errs = append(errs, contracts.FieldError{Pointer: fmt.Sprintf("/ids/%d", i), Detail: "must be an id, there once"})
			break
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if errs != nil {
		return nil, &orders.Error{Kind: orders.Invalid, Message: "the lookup is not valid", Fields: errs}
	}
	return ids, nil
}
