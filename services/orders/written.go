package orders

import (
	"context"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// ReadOrder reads an order as clients write it. A body with sync is an answer of ours that was edited: sync is
// ignored, and the amounts that the service derives are derived again, since they are those of the order before
// the edit. Without sync they are the client's own and are checked.
func ReadOrder(body []byte) (*contracts.Order, error) { return readOrder(body, false) }

// readOrder reads an order that a client wrote from scratch, or by editing an answer of ours.
func readOrder(body []byte, edited bool) (*contracts.Order, error) {
	var in written
	if err := strictjson.Decode(body, &in); err != nil {
		return nil, err
	}
	if err := givenEmpty(body); err != nil {
		return nil, err
	}
	return in.order(edited), nil
}

// written is an order as a client writes it.
type written struct {
	contracts.Order
	Sync *contracts.SyncView `json:"sync,omitzero"`
}

// order is the content of what was written from scratch, or by editing an answer of ours.
func (w *written) order(edited bool) *contracts.Order {
	if edited || w.Sync != nil {
		w.Order.Totals = nil
		for i := range w.Lines {
			w.Lines[i].TotalMinor = nil
		}
	}
	return &w.Order
}

// WrittenResolution is a resolution as a client writes it: its order is read as ReadOrder does.
type WrittenResolution struct {
	Take  string            `json:"take,omitzero"`
	Picks map[string]string `json:"picks,omitzero"`
	Order *written          `json:"order,omitzero"`
}

// Resolution is what the client means.
func (w *WrittenResolution) Resolution() contracts.Resolution {
	r := contracts.Resolution{Take: w.Take, Picks: w.Picks}
	if w.Order != nil {
		r.Order = w.Order.order(false)
	}
	return r
}

// patched applies a JSON merge patch to an order's representation, which makes it an edited answer of ours.
func patched(stored, patch []byte) (*contracts.Order, error) {
	body, err := strictjson.MergePatch(stored, patch)
	if err != nil {
		return nil, err
	}
	return readOrder(body, true)
}

// Patch changes the fields of an order that a JSON merge patch (RFC 7396) names. A patch that changes nothing
// makes no new version.
func (s *Service) Patch(ctx context.Context, by By, id uuid.UUID, patch []byte, cond Condition) (after *Stored, err error) {
	err = s.change(ctx, ChangeRequest{IDs: []uuid.UUID{id}, Numbers: s.rows(), Bodies: true, Edit: true},
		func(loaded []*Stored, stamps []ordersync.Dot) ([]Change, error) {
			after = loaded[0]
			if err := s.editable(after, cond); err != nil {
				return nil, err
			}
			o, err := patched(after.Body, patch)
			if err != nil {
				return nil, err
			}
			withIDs(o)
			content, err := prepare(o, nil)
			if err != nil {
				return nil, err
			}
			return s.replace(after, o, content, by, stamps)
		})
	return after, err
}

// replace makes the change of an edit, if it changes anything.
func (s *Service) replace(st *Stored, o *contracts.Order, content *Content, by By, stamps []ordersync.Dot) ([]Change, error) {
	before, err := decodeStored(st.Body)
	if err != nil {
		return nil, err
	}
	if errs := checkImmutable(before, o); errs != nil {
		return nil, &Error{Kind: Invalid, Message: "the order has fields that cannot be changed", Fields: errs}
	}
	if content.Fingerprint == st.Head.Fingerprint {
		return nil, nil
	}
	return []Change{s.write(st, content, EventEdited, by, stamps)}, nil
}
