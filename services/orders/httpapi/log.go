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
	out := transactionsOut{Side: a.service.Name(), Entries: a.entriesOf(page.Orders), Cursor: page.Cursor.String()}
	if page.More {
		out.Next = NextPage(w, r, "after", out.Cursor)
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, out))
}

// entriesOf tells how orders stand, without their contents.
func (a *API) entriesOf(list []*orders.Stored) []entryOut {
	peer := a.service.Peers()[0]
	out := make([]entryOut, len(list))
	for i, st := range list {
		out[i] = entryOf(&orders.Present{ID: st.ID, Head: st.Head, Link: st.Link(peer), UpdatedAt: st.UpdatedAt})
	}
	return out
}
