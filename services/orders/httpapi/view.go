package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// ETag is an order's version as an entity tag.
func ETag(st *orders.Stored) string { return `"` + st.Tag() + `"` }

// WireVersion turns a version into its wire form.
func WireVersion(v ordersync.Vector) contracts.Version {
	out := make(contracts.Version, len(v.Dots()))
	for _, d := range v.Dots() {
		key := d.Key
		if slices.Contains(v.Heads(), key) {
			key += contracts.VersionHead
		}
		out[key] = d.N
	}
	return out
}

// syncView is what an order's representation says beside its content.
func syncView(st *orders.Stored) contracts.SyncView {
	v := contracts.SyncView{
		Version: WireVersion(st.Head.Version), ETag: ETag(st), Fingerprint: st.Head.Fingerprint,
		UpdatedAt: st.UpdatedAt.UTC(), Deleted: st.Head.Deleted, Links: make([]contracts.LinkView, 0, len(st.Links)),
	}
	for _, l := range st.Links {
		v.Links = append(v.Links, contracts.LinkView{Peer: l.Peer, State: l.State.String(), Since: l.Since.UTC(), Reason: l.Reason})
	}
	return v
}

// viewOf is an order's representation as a value, for problem documents.
func viewOf(st *orders.Stored) *contracts.OrderView {
	v := &contracts.OrderView{Sync: syncView(st)}
	if st.Body != nil {
		if err := strictjson.Decode(st.Body, &v.Order); err != nil {
			return nil // then the document goes without it
		}
	}
	return v
}

// orderView is an order's representation as JSON: the stored content, and sync put behind it.
func orderView(st *orders.Stored) ([]byte, error) {
	sync, err := strictjson.Encode(syncView(st))
	if err != nil {
		return nil, err
	}
	body := st.Body
	if body == nil {
		if body, err = json.Marshal(map[string]string{"id": st.ID.String()}); err != nil {
			return nil, err
		}
	}
	out := make([]byte, 0, len(body)+len(sync)+16)
	out = append(out, body[:len(body)-1]...) // without the closing brace
	out = append(out, `,"sync":`...)
	out = append(out, sync...)
	return append(out, '}'), nil
}

// WriteJSON answers with a value as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	b, err := strictjson.Encode(v)
	if err != nil {
		return err
	}
	writeBytes(w, status, b)
	return nil
}

// writeLines answers with a frame whose list of entries is to be filled, for a bridge to hand the entries on
// without reading their contents.
func writeLines(w http.ResponseWriter, frame any, present []orders.Present) error {
	heads, contents := make([][]byte, len(present)), make([][]byte, len(present))
	for i := range present {
		e := toldOf(&present[i])
		e.Order, contents[i] = nil, e.Order
		var err error
		if heads[i], err = strictjson.Encode(e); err != nil {
			return err
		}
	}
	b, err := strictjson.EncodeLines(frame, heads, contents)
	if err != nil {
		return err
	}
	writeBytes(w, http.StatusOK, b)
	return nil
}

func writeBytes(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller is gone; there is nobody to tell
}

// WriteOrder answers with an order's representation.
func WriteOrder(w http.ResponseWriter, status int, st *orders.Stored) error {
	b, err := orderView(st)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", ETag(st))
	w.Header().Set("Last-Modified", st.UpdatedAt.UTC().Format(http.TimeFormat))
	writeBytes(w, status, b)
	return nil
}

// entryOut is contracts.Entry with the content as the bytes that were stored; a test holds the two
// together.
type entryOut struct {
	ItemID      string             `json:"itemId"`
	State       string             `json:"state"`
	Version     contracts.Version  `json:"version"`
	Fingerprint string             `json:"fingerprint,omitzero"`
	UpdatedAt   time.Time          `json:"updatedAt"`
	ItemURI     string             `json:"itemURI"`
	Deleted     bool               `json:"deleted,omitzero"`
	Refused     *contracts.Refusal `json:"refused,omitzero"`
	AnswerTo    contracts.Version  `json:"answerTo,omitzero"`
	Order       jsontext.Value     `json:"order,omitzero"`
}

// outOf is an entry without content as it is sent.
func outOf(e contracts.Entry) entryOut {
	return entryOut{
		ItemID: e.ItemID, State: e.State, Version: e.Version, Fingerprint: e.Fingerprint, UpdatedAt: e.UpdatedAt,
		ItemURI: e.ItemURI, Deleted: e.Deleted, Refused: e.Refused, AnswerTo: e.AnswerTo,
	}
}

// movedEntry is an entry without content as a value, for problem documents.
func movedEntry(p *orders.Present) contracts.Entry {
	e := entryOf(p)
	return contracts.Entry{
		ItemID: e.ItemID, State: e.State, Version: e.Version, Fingerprint: e.Fingerprint,
		UpdatedAt: e.UpdatedAt, ItemURI: e.ItemURI, Deleted: e.Deleted, Refused: e.Refused,
	}
}

// toldOf is how an order stands here towards a peer, as the peer is told of it to observe it.
func toldOf(p *orders.Present) entryOut {
	e := entryOf(p)
	e.Version = WireVersion(ordersync.Record{Head: p.Head, Link: p.Link.Link}.Towards().Version)
	return e
}

// entryOf is how an order stands here towards a peer, with the version as it is stored: those of two sides are the
// same where the orders are.
func entryOf(p *orders.Present) entryOut {
	state := ordersync.Record{Head: p.Head, Link: p.Link.Link}.Towards().State
	e := entryOut{
		ItemID: p.ID.String(), State: state.String(), Version: WireVersion(p.Head.Version),
		Fingerprint: p.Head.Fingerprint, UpdatedAt: p.UpdatedAt.UTC(), ItemURI: "/orders/" + p.ID.String(),
		Deleted: p.Head.Deleted, Order: p.Body,
	}
	if state == ordersync.None {
		// Nothing is known of the order here, so the peer can only have told of an error.
		e.State = ordersync.ErrorSynced.String()
	}
	if p.Link.State == ordersync.Error && p.Link.Theirs != nil {
		e.Refused = &contracts.Refusal{Version: WireVersion(p.Link.Theirs.Version), Reason: p.Link.Reason}
	}
	return e
}
