package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// refusedPage is one order in error: why, what came, and what this side has.
type refusedPage struct {
	manyRow
	Ours   *contracts.Order
	Theirs *contracts.Order // nil when it is deleted there, or cannot be read as an order
	Raw    string           // what came, where it is no order
	Kept   bool             // something is kept of what came
	Gone   bool             // it is deleted there
}

func (p *Pages) oneError(w http.ResponseWriter, r *http.Request) {
	id, peer := chi.URLParam(r, "id"), r.URL.Query().Get("peer")
	out := &refusedPage{manyRow: manyRow{AdminOrder: contracts.AdminOrder{ID: id, Peer: peer}}}
	a, err := p.call(r, http.MethodGet, "/admin/api/errors/"+url.PathEscape(id)+"?peer="+url.QueryEscape(peer), nil)
	if err != nil {
		p.fail(w, r, "errors", err)
		return
	}
	// What came may be anything: it was refused.
	var c struct {
		contracts.ErrorCase
		Theirs struct {
			Deleted bool            `json:"deleted"`
			Order   json.RawMessage `json:"order"`
		} `json:"theirs"`
	}
	if err := decode(a, &c); err != nil {
		p.fail(w, r, "errors", err)
		return
	}
	out.Peer, out.Since, out.Reason, out.State, out.Gone, out.RefusedHere = c.Peer, c.Since, c.Reason, c.State, c.Theirs.Deleted, c.RefusedHere
	if c.Ours != nil {
		out.Ours = c.Ours.Order
	}
	out.OrderNumber = id
	if out.Kept = len(c.Theirs.Order) > 0; out.Kept {
		var o contracts.Order
		if json.Unmarshal(c.Theirs.Order, &o) == nil {
			out.Theirs = &o
			out.OrderNumber = o.OrderNumber
		} else {
			var b bytes.Buffer
			if json.Indent(&b, c.Theirs.Order, "", "  ") == nil {
				out.Raw = b.String()
			}
		}
	}
	if out.Ours != nil {
		out.OrderNumber = out.Ours.OrderNumber
	}
	p.show(w, r, http.StatusOK, "refused", "errors", "Error of "+out.OrderNumber, out)
}
