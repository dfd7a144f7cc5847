//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// webShop is the simulated shop behind side b, as somebody sees it who may use its API.
type webShop struct {
	t                testing.TB
	url, key, secret string
}

// startShopDemo starts a demo whose side b is a connector to an empty shop.
func startShopDemo(t testing.TB) (*demo, *webShop) {
	t.Helper()
	d := &demo{owner: t, dir: dataDir(t), base: freeBase(t)}
	d.pair = newPair(func() bool { return d.ended() })
	d.start(t, "--with-shop")
	env := d.env(t)
	w := &webShop{t, env["SHOP_URL"], env["SHOP_KEY"], env["SHOP_SECRET"]}
	eventually(t, startPatience, "the connector has read the shop once", func() bool {
		s, err := d.b.status(t.Context())
		return err == nil && s.System != nil && s.System.Imported
	})
	return d, w
}

// call calls the shop's API.
func (w *webShop) call(method, path string, body any, into any) {
	w.t.Helper()
	var in []byte
	if body != nil {
		var err error
		in, err = json.Marshal(body)
		require.NoError(w.t, err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/wp-json/wc/v3/"+path, bytes.NewReader(in))
	require.NoError(w.t, err)
	request.SetBasicAuth(w.key, w.secret)
	request.Header.Set("Content-Type", "application/json")
	response, err := httpClient.Do(request)
	require.NoError(w.t, err)
	out, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	require.Less(w.t, response.StatusCode, 300, "%s", out)
	require.NoError(w.t, json.Unmarshal(out, into))
}

// shopOrder is what the test reads of an order in the shop.
type shopOrder struct {
	ID        int    `json:"id"`
	Status    string `json:"status"`
	Note      string `json:"customer_note"`
	LineItems []struct {
		ID       int    `json:"id"`
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	} `json:"line_items"`
	Meta []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"meta_data"`
}

func (o *shopOrder) reference() string {
	for _, m := range o.Meta {
		if m.Key == "_orderbridge_id" {
			return fmt.Sprint(m.Value)
		}
	}
	return ""
}

func (w *webShop) place(note string) (o shopOrder) {
	w.t.Helper()
	address := map[string]any{"first_name": "Ada", "last_name": "Lovelace", "address_1": "Street 1", "city": "London", "postcode": "N1", "country": "GB", "email": "ada@example.com"}
	w.call(http.MethodPost, "orders", map[string]any{
		"currency": "EUR", "billing": address, "shipping": address, "customer_note": note,
		"line_items": []any{map[string]any{"sku": "TEA", "name": "Tea", "quantity": 2, "subtotal": "9.00", "total": "9.00"}},
	}, &o)
	return o
}

func (w *webShop) order(id int) (o shopOrder) {
	w.t.Helper()
	w.call(http.MethodGet, "orders/"+strconv.Itoa(id), nil, &o)
	return o
}

func (w *webShop) edit(id int, body map[string]any) {
	w.t.Helper()
	var o shopOrder
	w.call(http.MethodPut, "orders/"+strconv.Itoa(id), body, &o)
}

func (w *webShop) all() (list []shopOrder) {
	w.t.Helper()
	for page := 1; ; page++ {
		var one []shopOrder
		w.call(http.MethodGet, fmt.Sprintf("orders?per_page=100&orderby=id&order=asc&status=any&page=%d", page), nil, &one)
		list = append(list, one...)
		if len(one) < 100 {
			return list
		}
	}
}

// simpleOrder is one that a shop without taxes can hold.
func simpleOrder(r *rand.Rand) contracts.Order {
	return contracts.Order{
		OrderNumber: fmt.Sprintf("P-%d", r.Uint64()), Currency: "EUR", Customer: contracts.Customer{Name: "Grace Hopper"},
		Lines: []contracts.Line{{SKU: "TEA", Name: "Tea", Quantity: 1 + r.Int64N(5), UnitPriceMinor: 450}, {SKU: "POT", Name: "Pot", Quantity: 1, UnitPriceMinor: 2999}},
	}
}

// editAt changes an order at a side.
func editAt(t testing.TB, s *side, id string, change func(o *contracts.Order)) {
	t.Helper()
	eventually(t, restPatience, "the order takes an edit", func() bool {
		v, seen, err := s.get(t.Context(), id)
		if err != nil {
			return false
		}
		o := editable(v.Order)
		change(&o)
		_, _, err = s.put(t.Context(), o, seen)
		return err == nil
	})
}

// awaitEqual waits until both sides hold the same orders, all settled, and returns them.
func (both *pair) awaitEqual(t testing.TB) map[string]view {
	t.Helper()
	var a, b map[string]view
	eventually(t, restPatience, "both sides hold the same", func() bool {
		var errA, errB error
		a, errA = both.a.all(t.Context())
		b, errB = both.b.all(t.Context())
		if errA != nil || errB != nil || len(a) != len(b) {
			return false
		}
		for id, v := range a {
			other, ok := b[id]
			if !ok || other.Sync.Fingerprint != v.Sync.Fingerprint || !settled(v) || !settled(other) {
				return false
			}
		}
		return true
	})
	return a
}

func settled(v view) bool {
	for _, l := range v.Sync.Links {
		if l.State != "OK" && l.State != "DEL_SYNCED" {
			return false
		}
	}
	return true
}

// TestShop keeps side a and a shop in step that knows nothing of it, through the connector that side b is.
func TestShop(t *testing.T) {
	t.Parallel()
	d, w := startShopDemo(t)
	r := rand.New(rand.NewPCG(seed, 31))

	// An order of the shop is at side a once, and edits go both ways.
	placed := w.place("first")
	var id string
	eventually(t, restPatience, "the shop's order is at side a", func() bool {
		all, err := d.a.all(t.Context())
		for one := range all {
			id = one
		}
		return err == nil && len(all) == 1
	})
	w.edit(placed.ID, map[string]any{"customer_note": "by the shop", "status": "processing"})
	eventually(t, restPatience, "the shop's edit is at side a", func() bool {
		v, _, err := d.a.get(t.Context(), id)
		return err == nil && v.CustomerNote == "by the shop" && v.Status == contracts.StatusProcessing
	})
	editAt(t, d.a, id, func(o *contracts.Order) {
		o.CustomerNote, o.Status = "by side a", contracts.StatusCompleted
		o.Lines[0].Quantity = 3
		o.ShippingAddress.City = "Paris"
	})
	eventually(t, restPatience, "side a's edit is in the shop", func() bool {
		o := w.order(placed.ID)
		return o.Note == "by side a" && o.Status == "completed" && o.LineItems[0].Quantity == 3
	})
	d.awaitEqual(t)

	// Both edit while nothing is sent: one case with both, resolved at a.
	require.NoError(t, d.a.setPaused(t.Context(), d.b, true))
	editAt(t, d.a, id, func(o *contracts.Order) { o.CustomerNote = "a's" })
	w.edit(placed.ID, map[string]any{"customer_note": "the shop's"})
	require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
	eventually(t, restPatience, "it is a collision on both sides", func() bool {
		for _, s := range d.sides() {
			if all, err := s.collisions(t.Context()); err != nil || !all[id] {
				return false
			}
		}
		return true
	})
	require.Equal(t, "the shop's", w.order(placed.ID).Note, "nothing was overwritten")
	require.NoError(t, d.a.resolve(t.Context(), id, contracts.Resolution{Take: "ours"}, ""))
	eventually(t, restPatience, "the shop has what was chosen", func() bool { return w.order(placed.ID).Note == "a's" })
	d.awaitEqual(t)

	// The connector is killed again and again while orders are created and edited at a.
	var ids []string
	for i := range 30 {
		v, _, err := d.a.create(t.Context(), simpleOrder(r), fmt.Sprint("create ", i))
		require.NoError(t, err)
		ids = append(ids, v.ID)
		if i > 0 {
			editAt(t, d.a, ids[r.IntN(i)], func(o *contracts.Order) { o.CustomerNote = fmt.Sprint("edit ", i) })
		}
		if i%10 == 5 {
			d.end(t, syscall.SIGKILL, "B_SERVICE_PID")
		}
	}
	orders := d.awaitEqual(t)
	require.Len(t, orders, 31)
	in := map[string]shopOrder{}
	for _, o := range w.all() {
		if ref := o.reference(); ref != "" {
			require.NotContains(t, in, ref, "an order is in the shop twice")
			in[ref] = o
		}
	}
	require.Len(t, in, 30)
	for _, one := range ids {
		require.Equal(t, orders[one].CustomerNote, in[one].Note, one)
	}
	for _, s := range d.sides() {
		open, err := s.collisions(t.Context())
		require.NoError(t, err)
		require.Empty(t, open, "a case that nobody caused")
	}

	// Deletions go both ways.
	v, seen, err := d.a.get(t.Context(), ids[0])
	require.NoError(t, err)
	require.NoError(t, d.a.delete(t.Context(), v.ID, seen))
	eventually(t, restPatience, "the shop's order is cancelled", func() bool { return w.order(in[ids[0]].ID).Status == "cancelled" })
	w.edit(in[ids[1]].ID, map[string]any{"status": "trash"})
	eventually(t, restPatience, "the order is deleted at a", func() bool {
		_, _, err := d.a.get(t.Context(), ids[1])
		return statusOf(err) == http.StatusGone
	})

	// A forged notice changes nothing.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.b.access.Load().url+"/system/hints", strings.NewReader(`{"id":1}`))
	require.NoError(t, err)
	request.Header.Set("X-WC-Webhook-Signature", "Zm9yZ2Vk")
	response, err := httpClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)

	// At rest nothing is written, and no order is read.
	d.awaitEqual(t)
	var before, after string
	eventually(t, restPatience, "nothing moves", func() bool {
		before, after = after, connectorCalls(t, d.b)
		time.Sleep(3 * time.Second)
		return before == after && before != ""
	})
	time.Sleep(10 * time.Second) // some polls
	require.Equal(t, after, connectorCalls(t, d.b))
}

// connectorCalls are the figures of what a connector read and wrote.
func connectorCalls(t testing.TB, s *side) string {
	t.Helper()
	a, err := s.ask(t.Context(), call{method: http.MethodGet, path: "/metrics", token: s.access.Load().metrics})
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(a.body)) {
		if strings.HasPrefix(line, "orderbridge_connector_reads_total") || strings.HasPrefix(line, "orderbridge_connector_writes_total") {
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 2)
	return strings.Join(lines, "")
}

// TestShopConnectorWithoutItsDatabase drops the connector's database. Once a person has confirmed, everything is there
// again under the same ids, nothing is in either system twice, and nothing was overwritten: what was edited on one side
// meanwhile is a collision, or travels.
func TestShopConnectorWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	d, w := startShopDemo(t)
	r := rand.New(rand.NewPCG(seed, 32))
	for i := range 5 {
		w.place(fmt.Sprint("born in the shop ", i))
		_, _, err := d.a.create(t.Context(), simpleOrder(r), fmt.Sprint("create ", i))
		require.NoError(t, err)
	}
	var before map[string]view
	eventually(t, restPatience, "all orders are on both sides", func() bool {
		before = d.awaitEqual(t)
		return len(before) == 10
	})
	var born string
	for id, v := range before {
		if strings.HasPrefix(v.CustomerNote, "born") {
			born = id
		}
	}
	d.whileDown(t, "B_SERVICE_PID", func() {
		d.emptyDatabase(t, d.b)
		editAt(t, d.a, born, func(o *contracts.Order) { o.CustomerNote = "edited while the connector was away" })
	})
	d.awaitHeld(t, d.b)
	eventually(t, 4*time.Minute, "an operator who confirms what is held gets done", func() bool {
		held := false
		for _, s := range d.sides() {
			status, err := s.status(t.Context())
			if err != nil {
				return false
			}
			held = held || status.Peers[0].Held != nil
			s.confirmHeld(t)
		}
		return !held
	})
	var a, b map[string]view
	eventually(t, restPatience, "all orders are settled, or the one collides", func() bool {
		var errA, errB error
		a, errA = d.a.all(t.Context())
		b, errB = d.b.all(t.Context())
		if errA != nil || errB != nil || len(a) != 10 || len(b) != 10 {
			return false
		}
		for id := range a {
			if id != born && (!settled(a[id]) || !settled(b[id]) || a[id].Sync.Fingerprint != b[id].Sync.Fingerprint) {
				return false
			}
		}
		return settled(a[born]) || a[born].Sync.Links[0].State == "COLLISION"
	})
	for id, v := range before {
		require.Contains(t, a, id, "the same ids")
		if id != born {
			require.Equal(t, v.Sync.Fingerprint, a[id].Sync.Fingerprint)
		}
	}
	require.Equal(t, "edited while the connector was away", a[born].CustomerNote)
	require.Len(t, w.all(), 10, "no duplicates in the shop")
}

// emptyDatabase drops a side's database and makes an empty one.
func (d *demo) emptyDatabase(t testing.TB, s *side) {
	t.Helper()
	url := d.databaseURL(t, s)
	maintenance := strings.Replace(url, "/orders?", "/postgres?", 1)
	conn, err := pgx.Connect(t.Context(), maintenance)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, statement := range []string{"DROP DATABASE orders WITH (FORCE)", "CREATE DATABASE orders"} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}
