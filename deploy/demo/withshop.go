//go:build linux

package demo

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"net/http"
	"time"

	simulated "github.com/orderbridge/orderbridge/deploy/shop/shop"
)

// shopPort is where the shop or ERP is, from the base of side b, whose connector speaks to it.
const shopPort = 30

// shopFile has the orders of the simulated shop.
const shopFile = "shop.json"

// shopGuideText is what the user reads when a simulated shop is behind side b.
//
//go:embed shopguide.txt
var shopGuideText string

// webShop is a simulated shop with the API of WooCommerce, in this process. Its orders are in a file.
type webShop struct {
	addr                string
	file                string
	seed                int    // orders to make when there are none
	to                  *side  // that is told of changes
	key, secret, notice string // notice signs its notices to the connector
	shop                *simulated.Shop
	server              *http.Server
}

func newWebShop(f *folder, o Options, to *side) *webShop {
	return &webShop{
		addr: address(to.ports.http + shopPort), file: f.in(shopFile), seed: o.Seed, to: to,
		key: secret(), secret: secret(), notice: secret(),
	}
}

func (w *webShop) missing() error { return nil }

func (w *webShop) url() string { return "http://" + w.addr }

// start opens the shop, with some orders when it has none, and has it report changes to the connector.
func (w *webShop) start(context.Context) (err error) {
	w.shop, err = simulated.New(simulated.Options{Key: w.key, Secret: w.secret, Name: "Demo shop", File: w.file})
	if err != nil {
		return err
	}
	if len(w.shop.Orders()) == 0 {
		if err := w.shop.Seed(w.seed); err != nil {
			return err
		}
	}
	w.shop.SetWebhook(simulated.Webhook{URL: w.to.url() + "/system/hints", Secret: w.notice})
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		return err
	}
	w.server = &http.Server{Handler: w.shop, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = w.server.Serve(l) }() // it ends by stop
	return nil
}

func (w *webShop) stop(ctx context.Context) error {
	if w.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := w.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = w.server.Close()
	}
	w.shop.Close()
	return err
}

func (w *webShop) variables() []variable {
	return []variable{{"SHOP_URL", w.url()}, {"SHOP_KEY", w.key}, {"SHOP_SECRET", w.secret}}
}

func (w *webShop) guide() string { return shopGuideText }

func (w *webShop) words() []string { return []string{"{SHOP}", w.url()} }

func (w *webShop) settings() map[string]string {
	return map[string]string{
		"CONNECTOR_PROFILE":      "woocommerce",
		"CONNECTOR_URL":          w.url(),
		"CONNECTOR_KEY":          w.key,
		"CONNECTOR_SECRET":       w.secret,
		"CONNECTOR_MODE":         "on",
		"CONNECTOR_POLL":         "2s",
		"CONNECTOR_SWEEP":        "1m",
		"CONNECTOR_GONE":         "5s",
		"CONNECTOR_TIMEOUT":      "10s",
		"CONNECTOR_LONGEST":      "20s", // nothing is between it and the shop
		"CONNECTOR_HINTS_SECRET": w.notice,
	}
}
