//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// view is an order as a side shows it.
type view struct {
	contracts.OrderView
	content []byte // the order's own bytes, without sync
}

// etag is the condition for changing what the view shows.
type etag string

func readView(raw []byte) (view, error) {
	var v view
	at := bytes.LastIndex(raw, []byte(`,"sync":{`))
	if at < 0 {
		return v, errors.New("the order has no sync")
	}
	v.content = append(bytes.Clone(raw[:at]), '}')
	return v, strictjson.Decode(raw, &v.OrderView)
}

// order makes a call whose answer is an order.
func (s *side) order(ctx context.Context, c call) (view, etag, error) {
	c.token = s.access.Load().client
	a, err := s.ask(ctx, c)
	if err != nil {
		return view{}, "", err
	}
	v, err := readView(a.body)
	return v, etag(a.header.Get("ETag")), err
}

func (s *side) get(ctx context.Context, id string) (view, etag, error) {
	return s.order(ctx, call{method: http.MethodGet, path: "/orders/" + id})
}

// create posts an order. The key makes it safe to do again.
func (s *side) create(ctx context.Context, o contracts.Order, key string) (view, etag, error) {
	return s.order(ctx, call{method: http.MethodPost, path: "/orders", body: encode(o), header: map[string]string{"Idempotency-Key": key}})
}

// createAt puts an order where there must be none.
func (s *side) createAt(ctx context.Context, o contracts.Order) (view, etag, error) {
	return s.order(ctx, call{method: http.MethodPut, path: "/orders/" + o.ID, body: encode(o), header: map[string]string{"If-None-Match": "*"}})
}

// put replaces an order.
func (s *side) put(ctx context.Context, o contracts.Order, match etag) (view, etag, error) {
	return s.order(ctx, call{method: http.MethodPut, path: "/orders/" + o.ID, body: encode(o), header: map[string]string{"If-Match": string(match)}})
}

func (s *side) delete(ctx context.Context, id string, match etag) error {
	_, err := s.ask(ctx, call{
		method: http.MethodDelete, path: "/orders/" + id, token: s.access.Load().client,
		header: map[string]string{"If-Match": string(match)},
	})
	return err
}

// all reads every order of a side, page by page, deleted ones too, by id.
func (s *side) all(ctx context.Context) (map[string]view, error) {
	found := map[string]view{}
	for _, path := range []string{"/orders?limit=200", "/orders?limit=200&deleted=true"} {
		for path != "" {
			var page struct {
				Orders []json.RawMessage `json:"orders"`
				Next   string            `json:"next"`
			}
			a, err := s.ask(ctx, call{method: http.MethodGet, path: path, token: s.access.Load().client})
			if err == nil {
				err = strictjson.Decode(a.body, &page)
			}
			if err != nil {
				return nil, err
			}
			for _, raw := range page.Orders {
				v, err := readView(raw)
				if err != nil {
					return nil, err
				}
				if _, twice := found[v.ID]; twice {
					return nil, errors.New("the pages repeat order " + v.ID)
				}
				found[v.ID] = v
			}
			path = page.Next
		}
	}
	return found, nil
}
