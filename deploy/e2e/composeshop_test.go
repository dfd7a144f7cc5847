//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestComposeShop runs the variant whose side b is a connector, with the simulated shop behind it: first the dry run that
// it begins with, then the sync, over a kill of the connector.
func TestComposeShop(t *testing.T) {
	needEngine(t)
	c, w := newComposedShop(t)

	c.up(t, "--build")
	eventually(t, restPatience, "the dry run has read the shop", func() bool {
		s, err := c.b.status(t.Context())
		return err == nil && s.System != nil && s.System.ReadAt != nil && s.System.WouldRecord >= 3
	})
	for _, s := range c.sides() {
		all, err := s.all(t.Context())
		require.NoError(t, err)
		require.Empty(t, all, "a dry run stores nothing")
	}

	c.do(t, "down") // docker-compose 1.29 cannot replace containers on every engine
	c.setenv("SHOP_MODE", "on")
	c.up(t)
	eventually(t, restPatience, "the shop's orders are at side a", func() bool {
		all, err := c.a.all(t.Context())
		return err == nil && len(all) == 3
	})
	t.Run("only the connector reaches the shop", c.requireShopApart)

	placed := w.place("by the shop")
	var id string
	eventually(t, restPatience, "a new order of the shop is at side a", func() bool {
		all, err := c.a.all(t.Context())
		for one, v := range all {
			if v.CustomerNote == "by the shop" {
				id = one
			}
		}
		return err == nil && id != ""
	})
	editAt(t, c.a, id, func(o *contracts.Order) { o.CustomerNote = "by side a" })
	eventually(t, restPatience, "side a's edit is in the shop", func() bool { return w.order(placed.ID).Note == "by side a" })

	connector := c.containers(t, "orders-b")[0]
	c.docker(t, "kill", connector)
	w.edit(placed.ID, map[string]any{"customer_note": "by the shop, while the connector was down"})
	v, _, err := c.a.create(t.Context(), contracts.Order{
		OrderNumber: "P-1", Currency: "EUR", Customer: contracts.Customer{Name: "Grace Hopper"},
		Lines: []contracts.Line{{SKU: "TEA", Name: "Tea", Quantity: 1, UnitPriceMinor: 450}},
	}, "create")
	require.NoError(t, err)
	c.docker(t, "start", connector)
	c.awaitHealthy(t)
	eventually(t, restPatience, "the shop's edit is at side a", func() bool {
		v, _, err := c.a.get(t.Context(), id)
		return err == nil && v.CustomerNote == "by the shop, while the connector was down"
	})
	eventually(t, restPatience, "side a's order is in the shop", func() bool {
		for _, o := range w.all() {
			if o.reference() == v.ID {
				return true
			}
		}
		return false
	})
	require.Len(t, c.awaitEqual(t), 5)
	require.Len(t, w.all(), 5, "none twice")
}

// newComposedShop prepares a side b that is a connector, and the simulated shop.
func newComposedShop(t *testing.T) (*composed, *webShop) {
	t.Helper()
	c := newComposed(t, "compose.yaml", "compose.shop.yaml", "e2e/compose.simulator.yaml")
	w := &webShop{t, fmt.Sprintf("http://127.0.0.1:%d", c.base+130), "ck_composed", "cs_composed"}
	for name, value := range map[string]string{"b-shop-key": w.key, "b-shop-secret": w.secret} {
		require.NoError(t, os.WriteFile(filepath.Join(c.secrets, name), []byte(value), 0o444))
	}
	hook, err := os.ReadFile(filepath.Join(c.secrets, "b-shop-hints"))
	require.NoError(t, err)
	simulator := filepath.Join(c.dir, "shop")
	c.setenv("CGO_ENABLED", "0") // its container has no libraries
	c.must(t, 10*time.Minute, "go", "build", "-o", simulator, "../shop")
	for name, value := range map[string]string{
		"SHOP_URL": "http://shop:8080", "SIMULATOR": simulator, "SIMULATOR_PORT": fmt.Sprint(c.base + 130),
		"SIMULATOR_KEY": w.key, "SIMULATOR_SECRET": w.secret, "SIMULATOR_HOOK": string(hook),
	} {
		c.setenv(name, value)
	}
	c.clear(t)
	return c, w
}

// requireShopApart tries the way to the shop from every container.
func (c *composed) requireShopApart(t *testing.T) {
	shop := c.addresses(t, "shop", "8080")
	for _, from := range []string{"orders-a", "bridge-a", "bridge-b", "postgres-b", "nats-b"} {
		require.Empty(t, c.reach(t, c.containers(t, from)[0], shop), "from %s", from)
	}
	require.Len(t, c.reach(t, c.containers(t, "orders-b")[0], shop), 1)
}
