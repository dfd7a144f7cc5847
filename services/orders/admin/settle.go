package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// namedCase is a collision to be settled, and the tag that it has to have.
type namedCase struct {
	id                uuid.UUID
	peer, number, tag string
}

// settleCollisions settles a set of collisions one way, or tells what would become of them. One that
// cannot be settled holds up no other.
func (a *Admin) settleCollisions(w http.ResponseWriter, r *http.Request) {
	var s contracts.CollisionSettlement
	if err := httpapi.ReadJSON(r, &s); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	filter, cases, err := a.checkCases(&s)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out := contracts.CollisionSettlementResult{Cases: []contracts.SettledCase{}}
	if s.Cases == nil {
		if cases, err = a.matching(r.Context(), filter, &out); err != nil {
			httpapi.Fail(w, r, a.log, err)
			return
		}
	}
	by := httpapi.ByOf(r)
	for i, c := range cases {
		found, err := a.service.Settle(r.Context(), by, c.id, c.peer, s.Take, c.tag, s.DryRun)
		if holdsUp(err) {
			if i == 0 || s.DryRun {
				httpapi.Fail(w, r, a.log, err)
				return
			}
			// What has been done is told, with the rest.
			reasons := stopped(httpapi.Detail(r, a.log, err))
			for j, c := range cases[i:] {
				out.Cases = append(out.Cases, settledCase(c, nil, s.Take, reasons(j)))
			}
			out.Left += len(cases[i:])
			break
		}
		one := settledCase(c, found, s.Take, err)
		switch {
		case !one.Settled:
			out.Left++
		case a.service.FourEyes():
			one.Settled, one.Proposed = false, true
			out.Proposed++
		default:
			out.Settled++
		}
		out.Cases = append(out.Cases, one)
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// holdsUp tells that an error is no matter of the one order that was tried, so the next ones are not.
func holdsUp(err error) bool {
	kind := orders.KindOf(err)
	return err != nil && (kind == orders.Internal || kind == orders.Unavailable)
}

// stopped gives the reasons of the orders from the one on that held up the others.
func stopped(detail string) func(place int) error {
	return func(place int) error {
		if place == 0 {
			return orders.Errorf(orders.Unavailable, "it stopped here, look at it again: %s", detail)
		}
		return orders.Errorf(orders.Unavailable, "not tried: it stopped at another one")
	}
}

// matching finds the collisions of a filter, as many as one call settles.
func (a *Admin) matching(ctx context.Context, f orders.CaseFilter, out *contracts.CollisionSettlementResult) (cases []namedCase, err error) {
	rows, counts, err := a.store.OpenCases(ctx, f, contracts.CasesMax+1)
	if err != nil {
		return nil, err
	}
	out.Open, out.Matching = counts.Open, counts.Matching
	if len(rows) > contracts.CasesMax {
		rows = rows[:contracts.CasesMax]
		last := rows[len(rows)-1]
		out.Next = orders.CaseKey{ID: last.ID, Peer: last.Peer}.String()
	}
	for _, l := range rows {
		cases = append(cases, namedCase{id: l.ID, peer: l.Peer, number: l.OrderNumber})
	}
	return cases, nil
}

// settledCase tells what became of a case. Found is the case as it was, nil when there was none.
func settledCase(c namedCase, found *orders.Case, take string, err error) contracts.SettledCase {
	out := contracts.SettledCase{ID: c.id.String(), Peer: c.peer, OrderNumber: c.number, Settled: err == nil}
	if err != nil {
		out.Reason = err.Error()
	}
	if found == nil {
		return out
	}
	out.OrderNumber, out.Version, out.Differs = found.OrderNumber(), found.Tag(), len(found.Differs())
	switch {
	case take == "ours":
		out.Deleted = found.Ours.Head.Deleted
	case take == "theirs":
		out.Deleted = found.Theirs.Head.Deleted
	case orders.KindOf(err) == orders.Conflict:
		out.Contested = found.Contested()
	}
	return out
}

func (a *Admin) checkCases(s *contracts.CollisionSettlement) (f orders.CaseFilter, cases []namedCase, err error) {
	var faults []contracts.FieldError
	fault := func(pointer, detail string) {
		faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: detail})
	}
	if !slices.Contains(contracts.Takes, s.Take) {
		fault("/take", "must be \"ours\", \"theirs\" or \"merged\"")
	}
	if s.Cases != nil {
		if s.Peer != "" || s.OrderNumber != "" || s.OpenSeconds != 0 || s.After != "" {
			fault("/cases", "must be left out when peer, orderNumber, openSeconds or after is given")
		}
		cases = a.namedCases(s.Cases, fault)
	} else {
		f = a.caseFilter(s, fault)
	}
	if faults != nil {
		return f, nil, &orders.Error{Kind: orders.Invalid, Message: "the settlement is not valid", Fields: faults}
	}
	return f, cases, nil
}

func (a *Admin) caseFilter(s *contracts.CollisionSettlement, fault func(pointer, detail string)) orders.CaseFilter {
	f := orders.CaseFilter{Peers: a.names(), Peer: s.Peer, Number: s.OrderNumber}
	if s.Peer != "" && !a.hasPeer(s.Peer) {
		fault("/peer", "must be a peer of this side")
	}
	if utf8.RuneCountInString(s.OrderNumber) > contracts.OrderNumberMax || strings.ContainsRune(s.OrderNumber, 0) {
		fault("/orderNumber", fmt.Sprintf("must be a text of at most %d characters", contracts.OrderNumberMax))
	}
	switch {
	case s.OpenSeconds < 0 || s.OpenSeconds > openSecondsMax:
		fault("/openSeconds", fmt.Sprintf("must be from 0 to %d", openSecondsMax))
	case s.OpenSeconds > 0:
		f.Since = a.now().Add(-time.Duration(s.OpenSeconds) * time.Second)
	}
	if s.After != "" {
		var ok bool
		if f.After, ok = orders.ParseCaseKey(s.After); !ok {
			fault("/after", "must be what the last answer had as next")
		}
	}
	return f
}

// openSecondsMax is a hundred years, so that times can be reckoned with it.
const openSecondsMax = 100 * 365 * 24 * 60 * 60

func (a *Admin) namedCases(named []contracts.ChosenCase, fault func(pointer, detail string)) (cases []namedCase) {
	if len(named) == 0 || len(named) > contracts.CasesMax {
		fault("/cases", fmt.Sprintf("must be from 1 to %d", contracts.CasesMax))
		return nil
	}
	for i, one := range named {
		id, err := uuid.Parse(one.ID)
		if err != nil {
			fault(fmt.Sprintf("/cases/%d/id", i), "must be an id")
			return nil
		}
		if one.Peer == "" && len(a.peers) == 1 {
			one.Peer = a.peers[0].Name
		}
		if !a.hasPeer(one.Peer) {
			fault(fmt.Sprintf("/cases/%d/peer", i), "must be a peer of this side")
			return nil
		}
		cases = append(cases, namedCase{id: id, peer: one.Peer, tag: one.Version})
	}
	return cases
}
