//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func (s *side) status(ctx context.Context) (contracts.Status, error) {
	return read[contracts.Status](ctx, s, http.MethodGet, "/admin/api/status", nil)
}

func (s *side) timeline(ctx context.Context, id string) (contracts.Timeline, error) {
	return read[contracts.Timeline](ctx, s, http.MethodGet, "/admin/api/orders/"+id+"/timeline", nil)
}

// setPaused stops or resumes telling the peer.
func (s *side) setPaused(ctx context.Context, peer *side, paused bool) error {
	verb := "resume"
	if paused {
		verb = "pause"
	}
	_, err := read[contracts.Peer](ctx, s, http.MethodPost, "/admin/api/peers/"+peer.name+"/"+verb, nil)
	return err
}

// collisions lists the ids of all orders in collision.
func (s *side) collisions(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	for path := "/admin/api/collisions?limit=100"; path != ""; {
		page, err := read[contracts.AdminOrderPage](ctx, s, http.MethodGet, path, nil)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Orders {
			ids[o.ID] = true
		}
		path = page.Next
	}
	return ids, nil
}

// openCase is a case with the contents as the bytes that they are.
type openCase struct {
	contracts.Collision
	etag         etag
	ours, theirs []byte // nil when deleted
}

func (s *side) collision(ctx context.Context, id string) (openCase, error) {
	var c openCase
	a, err := s.ask(ctx, call{method: http.MethodGet, path: "/admin/api/collisions/" + id, token: s.access.Load().admin})
	if err != nil {
		return c, err
	}
	if err := strictjson.Decode(a.body, &c.Collision); err != nil {
		return c, err
	}
	var raw struct {
		Ours, Theirs struct{ Order json.RawMessage }
	}
	c.etag = etag(a.header.Get("ETag"))
	err = json.Unmarshal(a.body, &raw)
	c.ours, c.theirs = raw.Ours.Order, raw.Theirs.Order
	return c, err
}

// resolve settles a case as somebody who has seen it at a tag does; the empty tag is for one who has not.
func (s *side) resolve(ctx context.Context, id string, r contracts.Resolution, seen etag) error {
	c := call{method: http.MethodPost, path: "/admin/api/collisions/" + id + "/resolve", token: s.access.Load().admin, body: encode(r)}
	if seen != "" {
		c.header = map[string]string{"If-Match": string(seen)}
	}
	_, err := s.ask(ctx, c)
	return err
}

func (s *side) states(ctx context.Context) (contracts.StateTable, error) {
	return read[contracts.StateTable](ctx, s, http.MethodGet, "/admin/api/states", nil)
}
