//go:build linux

package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// seed gives all sides some orders when none has any. One that is empty while another is not
// has lost its data, perhaps on purpose, and is left for the reconciliation.
func (d *demo) seed(ctx context.Context) error {
	if d.options.Seed == 0 || d.behind != nil {
		return nil
	}
	for _, s := range d.sides {
		var page contracts.OrderPage
		err := persist(ctx, func() error {
			return call(ctx, s, s.secrets.client, http.MethodGet, "/orders?limit=1", "", nil, &page)
		})
		if err != nil {
			return err
		}
		if len(page.Orders) > 0 {
			d.say("the orders of earlier runs are still there")
			return nil
		}
	}
	now := time.Now()
	err := d.each(func(i int) error {
		for _, o := range makeOrders(d.sides[i].name, d.options.Seed, now) {
			err := persist(ctx, func() error {
				return call(ctx, d.sides[i], d.sides[i].secrets.client, http.MethodPost, "/orders", o.ID, o, nil)
			})
			if err != nil {
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
