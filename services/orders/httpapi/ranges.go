package httpapi

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

const partsDefault = 16

// listFingerprints tells what ranges of orders come to.
func (a *API) listFingerprints(w http.ResponseWriter, r *http.Request) {
	q := NewQuery(r)
	query := orders.RangeQuery{Parts: partsDefault}
	query.From, query.To = idRange(q)
	parts, bounds := q.Text("parts"), q.Text("bounds")
	switch {
	case parts != "" && bounds != "":
		q.Fault("parts", "excludes bounds")
	case parts != "":
		n, err := strconv.Atoi(parts)
		if err != nil || n < 1 || n > contracts.RangesMax {
			q.Fault("parts", "must be a number from 1 to 256")
		}
		query.Parts = n
	case bounds != "":
		query.Bounds = boundsOf(q, bounds, query.From, query.To)
	}
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	ranges, position, err := a.service.Ranges(r.Context(), query)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	out := contracts.RangeList{Side: a.service.Name(), Ranges: make([]contracts.Range, len(ranges)), Position: position}
	for i, one := range ranges {
		out.Ranges[i] = contracts.Range{From: one.From.String(), Count: one.Count, Hash: hex.EncodeToString(one.Hash[:])}
		if one.To != uuid.Nil {
			out.Ranges[i].To = one.To.String()
		}
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, out))
}

// idRange reads from and to; the zero ids are the beginning and the end.
func idRange(q *Query) (from, to uuid.UUID) {
	from, to = q.ID("from"), q.ID("to")
	if to != uuid.Nil && bytes.Compare(from[:], to[:]) >= 0 {
		q.Fault("to", "must be above from")
	}
	return from, to
}

// boundsOf reads ids that rise, above from and below to.
func boundsOf(q *Query, text string, from, to uuid.UUID) []uuid.UUID {
	if strings.Count(text, ",") >= contracts.RangesMax-1 {
		q.Fault("bounds", "must be at most 255 ids")
		return nil
	}
	var list []uuid.UUID
	last := from
	for one := range strings.SplitSeq(text, ",") {
		id, err := uuid.Parse(one)
		if err != nil || bytes.Compare(last[:], id[:]) >= 0 || to != uuid.Nil && bytes.Compare(id[:], to[:]) >= 0 {
			q.Fault("bounds", "must be ids that rise, above from and below to, separated by commas")
			return nil
		}
		list, last = append(list, id), id
	}
	return list
}

// entriesOut is contracts.EntryPage as it is sent.
type entriesOut struct {
	Side    string     `json:"side"`
	Entries []entryOut `json:"entries"`
	Next    string     `json:"next,omitzero"`
}

// listEntries tells how the orders of a range stand.
func (a *API) listEntries(w http.ResponseWriter, r *http.Request) {
	q := NewQuery(r)
	from, to := idRange(q)
	limit, peer := q.Limit(), a.peerAsking(r, q)
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	list, err := a.service.Heads(r.Context(), from, to, limit+1) // one more tells where the next page begins
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	out := entriesOut{Side: a.service.Name()}
	if len(list) > limit {
		out.Next = NextPage(w, r, "from", list[limit].ID.String())
		list = list[:limit]
	}
	out.Entries = a.entriesOf(list, peer)
	a.answer(w, r, WriteJSON(w, http.StatusOK, out))
}
