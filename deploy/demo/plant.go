//go:build linux

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// seed gives both sides some orders when neither has any. One that is empty while the other is not
// has lost its data, perhaps on purpose, and is left for the reconciliation.
func (d *demo) seed(ctx context.Context) error {
	if d.options.Seed == 0 {
		return nil
	}
	for _, s := range d.sides {
		var page contracts.OrderPage
		if err := call(ctx, s, s.secrets.client, http.MethodGet, "/orders?limit=1", "", nil, &page); err != nil {
			return err
		}
		if len(page.Orders) > 0 {
			d.say("the orders of earlier runs are still there")
			return nil
		}
	}
	now := time.Now()
	err := both(func(i int) error {
		for _, o := range makeOrders(d.sides[i].name, d.options.Seed, now) {
			if err := call(ctx, d.sides[i], d.sides[i].secrets.client, http.MethodPost, "/orders", o.ID, o, nil); err != nil {
				return fmt.Errorf("order %s: %w", o.OrderNumber, err)
			}
		}
		return nil
	})
	if err == nil {
		d.say("made %d orders on each side", d.options.Seed)
	}
	return err
}

// call speaks to a side with one of its tokens, and takes any 2xx for success.
func call(ctx context.Context, s *side, token, method, path, idempotencyKey string, body, answer any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url()+path, &content)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %s", method, request.URL, response.Status, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
