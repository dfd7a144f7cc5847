package admin

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

func (a *Admin) listOrders(w http.ResponseWriter, r *http.Request) {
	q := httpapi.NewQuery(r)
	states := ordersync.States[:ordersync.ErrorSynced]
	if text := q.Text("state"); text != "" {
		s, ok := ordersync.ParseState(text)
		if !ok || s == ordersync.Sync {
			q.Fault("state", "is no state that an order can be in")
		}
		states = []ordersync.State{s}
	}
	a.list(w, r, q, states)
}

func (a *Admin) listIn(states ...ordersync.State) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.list(w, r, httpapi.NewQuery(r), states) }
}

func (a *Admin) list(w http.ResponseWriter, r *http.Request, q *httpapi.Query, states []ordersync.State) {
	out, _, err := a.rows(w, r, q, states)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

// rows reads a page of orders in some states, and their ids.
func (a *Admin) rows(w http.ResponseWriter, r *http.Request, q *httpapi.Query, states []ordersync.State) (out contracts.AdminOrderPage, ids []uuid.UUID, err error) {
	peers, limit := a.names(), q.Limit()
	if peer := q.Text("peer"); peer != "" {
		if !a.hasPeer(peer) {
			q.Fault("peer", "is no peer of this side")
		}
		peers = []string{peer}
	}
	var after orders.CaseKey
	if text := q.Text("cursor"); text != "" {
		var ok bool
		if after, ok = orders.ParseCaseKey(text); !ok {
			q.Fault("cursor", "must be what the last page's link gave")
		}
	}
	if err := q.Err(); err != nil {
		return out, nil, err
	}
	rows, err := a.store.Links(r.Context(), states, peers, after, limit+1)
	if err != nil {
		return out, nil, err
	}
	out.Orders = []contracts.AdminOrder{}
	if len(rows) > limit {
		rows = rows[:limit]
		out.Next = httpapi.NextPage(w, r, "cursor", orders.CaseKey{ID: rows[limit-1].ID, Peer: rows[limit-1].Peer}.String())
	}
	for _, l := range rows {
		refused, err := rowRefusedHere(&l)
		if err != nil {
			return out, nil, err
		}
		ids = append(ids, l.ID)
		out.Orders = append(out.Orders, contracts.AdminOrder{
			ID: l.ID.String(), OrderNumber: l.OrderNumber, Peer: l.Peer,
			State: l.State.String(), Since: l.Since.UTC(), Pending: l.Due, Reason: l.Reason, Version: l.Version,
			RefusedHere: refused,
		})
	}
	return out, ids, nil
}

// refusedHere tells whether an order is in error for what this side does not take over, and not for what
// its peer does not.
func refusedHere(state ordersync.State, ours, theirs ordersync.Vector) bool {
	return (state == ordersync.Error || state == ordersync.ErrorSynced) && theirs.Compare(ours) == ordersync.Newer
}

func rowRefusedHere(l *orders.LinkRow) (bool, error) {
	ours, err := ordersync.ParseVector(l.Version)
	if err != nil {
		return false, err
	}
	theirs, err := ordersync.ParseVector(l.Theirs)
	return refusedHere(l.State, ours, theirs), err
}

// peerOf reads which peer a request is about; with one peer it need not be said.
func (a *Admin) peerOf(r *http.Request) (string, error) {
	q := httpapi.NewQuery(r)
	peer := q.Text("peer")
	if peer == "" && len(a.peers) == 1 {
		peer = a.peers[0].Name
	}
	if !a.hasPeer(peer) {
		q.Fault("peer", "must be a peer of this side")
	}
	return peer, q.Err()
}

// idAndPeer reads which order towards which peer a request is about.
func (a *Admin) idAndPeer(r *http.Request) (uuid.UUID, string, error) {
	id, err := httpapi.PathID(r, "order")
	if err != nil {
		return id, "", err
	}
	peer, err := a.peerOf(r)
	return id, peer, err
}

func (a *Admin) timeline(w http.ResponseWriter, r *http.Request) {
	id, err := httpapi.PathID(r, "order")
	if err == nil {
		err = httpapi.NewQuery(r).Err()
	}
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	rows, err := a.store.Timeline(r.Context(), id)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if len(rows) == 0 {
		httpapi.Fail(w, r, a.log, orders.Errorf(orders.NotFound, "there is no order %s, and there never was", id))
		return
	}
	found, err := a.store.Load(r.Context(), []uuid.UUID{id})
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out := contracts.Timeline{ID: id.String(), Side: a.service.Name(), Events: events(rows, found[0].Links)}
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) collision(w http.ResponseWriter, r *http.Request) {
	a.oneCase(w, r, a.service.Collision, a.withProposal)
}

func (a *Admin) refused(w http.ResponseWriter, r *http.Request) {
	a.oneCase(w, r, a.service.Refused, func(_ context.Context, c *orders.Case) (any, error) { return refusedView(c), nil })
}

func (a *Admin) oneCase(w http.ResponseWriter, r *http.Request, find func(context.Context, uuid.UUID, string) (*orders.Case, error), view func(context.Context, *orders.Case) (any, error)) {
	id, peer, err := a.idAndPeer(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	c, err := find(r.Context(), id, peer)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out, err := view(r.Context(), c)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	w.Header().Set("ETag", `"`+c.Tag()+`"`)
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func (a *Admin) resolve(w http.ResponseWriter, r *http.Request) {
	id, peer, err := a.idAndPeer(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	var in orders.WrittenResolution
	if err := httpapi.ReadJSON(r, &in); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	res := in.Resolution()
	match, err := httpapi.IfMatch(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	if a.service.FourEyes() {
		p, err := a.service.Propose(r.Context(), httpapi.ByOf(r), id, peer, res, match)
		if orders.KindOf(err) != orders.NotFound { // what is in error is no collision
			a.proposedOr(w, r, p, err)
			return
		}
	}
	st, err := a.service.Resolve(r.Context(), httpapi.ByOf(r), id, peer, res, match)
	a.orderOr(w, r, st, err)
}

func (a *Admin) retry(w http.ResponseWriter, r *http.Request) {
	id, peer, err := a.idAndPeer(r)
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	st, err := a.service.Retry(r.Context(), httpapi.ByOf(r), id, peer)
	a.orderOr(w, r, st, err)
}

// orderOr answers with an order or with what went wrong.
func (a *Admin) orderOr(w http.ResponseWriter, r *http.Request, st *orders.Stored, err error) {
	if err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, httpapi.WriteOrder(w, http.StatusOK, st))
}
