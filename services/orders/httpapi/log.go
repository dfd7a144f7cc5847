package httpapi

import (
	"net/http"

	"github.com/orderbridge/orderbridge/services/orders"
)

// transactionsOut is contracts.TransactionPage as it is sent.
type transactionsOut struct {
	Side    string     `json:"side"`
	Entries []entryOut `json:"entries"`
	Cursor  string     `json:"cursor"`
	Next    string     `json:"next,omitzero"`
}

// listTransactions reads this side's log for whoever compares it with the other side's.
func (a *API) listTransactions(w http.ResponseWriter, r *http.Request) {
	q := NewQuery(r)
	peer := a.peerAsking(r, q)
	query := orders.LogQuery{Limit: q.Limit(), Earliest: q.Time("earliest"), After: q.logCursor()}
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	page, err := a.service.Transactions(r.Context(), query)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	out := transactionsOut{Side: a.service.Name(), Entries: a.entriesOf(page.Orders, peer), Cursor: page.Cursor.String()}
	if page.More {
		out.Next = NextPage(w, r, "after", out.Cursor)
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, out))
}

// peerAsking is the peer that states are told towards: the one that asks, or the one that the own bridge or an operator
// names. With one peer there is no need to.
func (a *API) peerAsking(r *http.Request, q *Query) string {
	own, named, peers := CallerOf(r.Context()).Side, q.Text("peer"), a.service.Peers()
	switch {
	case named == "" && own != "":
		return own
	case named == "" && len(peers) == 1:
		return peers[0]
	case named == "":
		q.Fault("peer", "is required where there are several")
	case own != "" && named != own:
		q.Fault("peer", "must be the side of the token")
	case !a.service.HasPeer(named):
		q.Fault("peer", "is no peer of this side")
	}
	return named
}

// entriesOf returns the state of orders towards a peer, without their contents.
func (a *API) entriesOf(list []*orders.Stored, peer string) []entryOut {
	out := make([]entryOut, len(list))
	for i, st := range list {
		out[i] = entryOf(&orders.Present{ID: st.ID, Head: st.Head, Link: st.Link(peer), UpdatedAt: st.UpdatedAt})
	}
	return out
}
