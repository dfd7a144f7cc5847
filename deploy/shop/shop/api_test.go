package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client calls a shop by its API.
type client struct {
	t    *testing.T
	shop *Shop
	url  string
	http *http.Client
}

// open starts a shop and a client of it.
func open(t *testing.T, opts Options) *client {
	t.Helper()
	opts.Key, opts.Secret = "ck_test", "cs_test"
	s, err := New(opts)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return &client{t: t, shop: s, url: server.URL, http: server.Client()}
}

// reply is an answer that arrived.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call makes a call; the error is that of the connection.
func (c *client) call(method, path, body string, headers ...string) (reply, error) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	r.SetBasicAuth("ck_test", "cs_test")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, answer.Header, b}, err
}

// object makes a call whose answer is an object with a status.
func (c *client) object(status int, method, path, body string, headers ...string) map[string]any {
	c.t.Helper()
	a, err := c.call(method, path, body, headers...)
	require.NoError(c.t, err)
	require.Equal(c.t, status, a.status, "%s", a.body)
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	require.NoError(c.t, d.Decode(&v), "%s", a.body)
	return v
}

// ids lists, and returns the ids of the page.
func (c *client) ids(query string) (ids []int64, header http.Header) {
	c.t.Helper()
	a, err := c.call(http.MethodGet, ordersPath+"?"+query, "")
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, a.status, "%s", a.body)
	var list []struct{ ID int64 }
	require.NoError(c.t, json.Unmarshal(a.body, &list))
	for _, o := range list {
		ids = append(ids, o.ID)
	}
	return ids, a.header
}

func (c *client) put(id any, body string) map[string]any {
	c.t.Helper()
	return c.object(http.StatusOK, http.MethodPut, fmt.Sprintf("%s/%v", ordersPath, id), body)
}

func (c *client) get(id any) map[string]any {
	c.t.Helper()
	return c.object(http.StatusOK, http.MethodGet, fmt.Sprintf("%s/%v", ordersPath, id), "")
}

func (c *client) post(body string) map[string]any {
	c.t.Helper()
	return c.object(http.StatusCreated, http.MethodPost, ordersPath, body)
}

// line is a line of a document.
func line(d map[string]any, list string, i int) map[string]any {
	return d[list].([]any)[i].(map[string]any)
}

// clock is a shop's clock that moves when it is told to.
type clock struct{ at time.Time }

func newClock() *clock                { return &clock{time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)} }
func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

const anOrder = `{"currency":"EUR","customer_note":"Ring twice","transaction_id":"ref-1",
	"billing":{"first_name":"Ada","last_name":"King","city":"Berlin","country":"DE","email":"ada@example.com"},
	"line_items":[{"sku":"LMP-DESK-01","quantity":2,"subtotal":"20.00","total":"18.00"},{"product_id":12,"quantity":1}],
	"shipping_lines":[{"method_id":"flat_rate","method_title":"Parcel","total":"4.90"}],
	"meta_data":[{"key":"_ref","value":"r1"}]}`

func TestCreateAnswersWithTheWholeOrder(t *testing.T) {
	c := open(t, Options{TaxPPM: map[string]int64{"DE": 190_000}})
	d := c.post(anOrder)
	require.Equal(t, "pending", d["status"])
	require.Equal(t, "rest-api", d["created_via"])
	require.Equal(t, fmt.Sprint(d["id"]), d["number"])
	first, second := line(d, "line_items", 0), line(d, "line_items", 1)
	require.Equal(t, "Desk lamp, brass", first["name"])
	require.Equal(t, json.Number("11"), first["product_id"])
	require.Equal(t, "18.00", first["total"])
	require.Equal(t, "3.42", first["total_tax"])
	require.Equal(t, "3.80", first["subtotal_tax"])
	require.Equal(t, json.Number("9"), first["price"])
	require.Equal(t, "158.82", second["total"], "the product's price")
	require.Equal(t, "2.00", d["discount_total"])
	require.Equal(t, "4.90", d["shipping_total"])
	require.Equal(t, "34.53", d["total_tax"]) // 3.42 + 30.18 + 0.93
	require.Equal(t, "216.25", d["total"])
	require.Equal(t, d, c.get(d["id"]), "the answer is what a read shows")
	require.Equal(t, json.Number("400"), c.object(400, http.MethodPost, ordersPath, `{"id":7}`)["data"].(map[string]any)["status"])
}

func TestPutMergesAndIgnoresWhatIsNullOrUnknown(t *testing.T) {
	c := open(t, Options{})
	d := c.post(anOrder)
	first, second := line(d, "line_items", 0)["id"], line(d, "line_items", 1)["id"]

	d = c.put(d["id"], `{"billing":{"city":"Köln"},"customer_note":null,"tags":["x"],"total":"1.00"}`)
	require.Equal(t, "Köln", d["billing"].(map[string]any)["city"])
	require.Equal(t, "Ada", d["billing"].(map[string]any)["first_name"])
	require.Equal(t, "Ring twice", d["customer_note"])
	require.NotContains(t, d, "tags")
	require.Equal(t, "181.72", d["total"])

	d = c.put(d["id"], fmt.Sprintf(`{"line_items":[{"id":%v,"quantity":3},{"id":%v,"quantity":0},{"sku":"NEW","name":"New","quantity":1,"total":"1.50"}]}`, first, second))
	require.Len(t, d["line_items"], 2)
	require.Equal(t, first, line(d, "line_items", 0)["id"])
	require.Equal(t, json.Number("3"), line(d, "line_items", 0)["quantity"])
	require.Equal(t, "18.00", line(d, "line_items", 0)["total"], "a quantity changes no amount")
	require.Equal(t, json.Number("6"), line(d, "line_items", 0)["price"])
	require.Equal(t, "NEW", line(d, "line_items", 1)["sku"])
	require.Equal(t, "24.40", d["total"])

	d = c.put(d["id"], fmt.Sprintf(`{"line_items":[{"id":%v,"product_id":null}]}`, first))
	require.Len(t, d["line_items"], 1, "null in place of the product removes a line")

	d = c.put(d["id"], `{"meta_data":[{"key":"_ref","value":"r2"},{"key":"a","value":{"n":1.50}}]}`)
	require.Len(t, d["meta_data"], 2)
	require.Equal(t, "r2", line(d, "meta_data", 0)["value"])
	d = c.put(d["id"], fmt.Sprintf(`{"meta_data":[{"id":%v,"key":"b","value":"x"},{"key":"_ref","value":null}]}`, line(d, "meta_data", 1)["id"]))
	require.Len(t, d["meta_data"], 1)
	require.Equal(t, "b", line(d, "meta_data", 0)["key"])

	before := c.get(d["id"])
	require.Equal(t, before, c.object(200, http.MethodPut, fmt.Sprint(ordersPath, "/", d["id"]), `{"status":"failed"}`, "Content-Type", "text/plain"), "what is not said to be JSON is not read")
}

func TestRefusalsAreInTheFormOfTheAPI(t *testing.T) {
	c := open(t, Options{})
	d := c.post(anOrder)
	path := fmt.Sprint(ordersPath, "/", d["id"])
	for name, x := range map[string]struct {
		method, path, body string
		status             int
		code, about        string
	}{
		"unknown status":         {"PUT", path, `{"status":"shipped"}`, 400, "rest_invalid_param", "status"},
		"amount as a number":     {"PUT", path, `{"line_items":[{"sku":"A","total":12.5}]}`, 400, "rest_invalid_param", "line_items"},
		"text as a number":       {"PUT", path, `{"billing":{"postcode":10245}}`, 400, "rest_invalid_param", "billing"},
		"no e-mail address":      {"PUT", path, `{"billing":{"email":"nobody"}}`, 400, "rest_invalid_param", "billing"},
		"empty e-mail address":   {"PUT", path, `{"billing":{"email":""}}`, 400, "rest_invalid_param", "billing"},
		"line of another order":  {"PUT", path, `{"line_items":[{"id":1,"quantity":1}]}`, 400, "woocommerce_rest_invalid_item_id", ""},
		"line without product":   {"PUT", path, `{"line_items":[{"quantity":1}]}`, 400, "woocommerce_rest_required_product_reference", ""},
		"unknown coupon":         {"PUT", path, `{"coupon_lines":[{"code":"half"}]}`, 400, "woocommerce_rest_invalid_coupon", ""},
		"no JSON":                {"PUT", path, `{"status":`, 400, "rest_invalid_json", ""},
		"read of a missing id":   {"GET", ordersPath + "/999999", "", 404, "woocommerce_rest_shop_order_invalid_id", ""},
		"write of a missing id":  {"PUT", ordersPath + "/999999", `{}`, 400, "woocommerce_rest_shop_order_invalid_id", ""},
		"another method":         {"DELETE", path, "", 404, "rest_no_route", ""},
		"another resource":       {"GET", apiPath + "/wc/v3/products", "", 404, "rest_no_route", ""},
		"a page that is too big": {"GET", ordersPath + "?per_page=101", "", 400, "rest_invalid_param", "per_page"},
		"a date that is none":    {"GET", ordersPath + "?modified_after=yesterday", "", 400, "rest_invalid_param", "modified_after"},
		"a wrong key":            {"GET", path, "key", 401, "woocommerce_rest_authentication_error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if x.body == "key" {
				x.body, headers = "", []string{"Authorization", "Basic eDp5"}
			}
			d := c.object(x.status, x.method, x.path, x.body, headers...)
			require.Equal(t, x.code, d["code"])
			require.Equal(t, json.Number(fmt.Sprint(x.status)), d["data"].(map[string]any)["status"])
			if x.about != "" {
				require.Contains(t, d["data"].(map[string]any)["params"], x.about)
			}
		})
	}
	require.Equal(t, d, c.get(d["id"]), "what is refused changes nothing")
}

func TestTimesAreOfTheZoneAndDoNotSaySo(t *testing.T) {
	at := newClock()
	c := open(t, Options{Zone: time.FixedZone("UTC+9", 9*3600), Now: at.now})
	d := c.post(anOrder)
	require.Equal(t, "2026-11-21T03:30:00", d["date_created"])
	require.Equal(t, "2026-11-20T18:30:00", d["date_created_gmt"])
	require.Nil(t, d["date_paid"])
	at.pass(1500 * time.Millisecond)
	d = c.put(d["id"], `{"status":"completed"}`)
	require.Equal(t, "2026-11-21T03:30:01", d["date_modified"])
	require.Equal(t, "2026-11-20T18:30:01", d["date_paid_gmt"])
	require.Equal(t, "2026-11-20T18:30:01", d["date_completed_gmt"])

	for query, found := range map[string]int{
		"modified_after=2026-11-21T03:30:00":                     1,
		"modified_after=2026-11-21T03:30:01":                     0, // exclusive
		"modified_before=2026-11-21T03:30:02":                    1,
		"modified_after=2026-11-20T18:30:00":                     1,
		"modified_before=2026-11-20T18:30:02":                    0, // compared with the zone's
		"dates_are_gmt=true&modified_before=2026-11-20T18:30:02": 1,
		"dates_are_gmt=true&modified_after=2026-11-20T18:30:01":  0,
		"modified_after=2026-11-20T18:30:00Z":                    1,
		"dates_are_gmt=true&modified_after=2026-11-20T18:30:00Z": 0, // moved into the zone all the same
		"after=2026-11-21T03:29:59&before=2026-11-21T03:30:01":   1,
		"modified_after=2026-11-21T03:30:00%2B09:00":             1,
	} {
		ids, header := c.ids(query)
		require.Len(t, ids, found, query)
		require.Equal(t, fmt.Sprint(found), header.Get("X-WP-Total"), query)
	}
	a, err := c.call(http.MethodGet, apiPath, "")
	require.NoError(t, err)
	require.Equal(t, "Fri, 20 Nov 2026 18:30:01 GMT", a.header.Get("Date"))
	require.Equal(t, json.Number("9"), c.object(200, http.MethodGet, apiPath+"/", "")["gmt_offset"])
}

func TestListPagesSortsAndFilters(t *testing.T) {
	at := newClock()
	c := open(t, Options{Now: at.now})
	require.NoError(t, c.shop.Seed(25))
	all := c.shop.Orders()
	ids, header := c.ids("orderby=id&order=asc&per_page=10&page=3")
	require.Equal(t, []int64{all[20].ID, all[21].ID, all[22].ID, all[23].ID, all[24].ID}, ids)
	require.Equal(t, "25", header.Get("X-WP-Total"))
	require.Equal(t, "3", header.Get("X-WP-TotalPages"))
	require.Contains(t, header.Get("Link"), `rel="prev"`)
	ids, header = c.ids("")
	require.Len(t, ids, 10)
	require.Equal(t, all[24].ID, ids[0], "newest first")
	require.Contains(t, header.Get("Link"), `page=2>; rel="next"`)
	ids, _ = c.ids("page=9")
	require.Empty(t, ids)

	require.NoError(t, c.shop.Touch(all[3].ID))
	ids, _ = c.ids("orderby=modified&order=desc&per_page=1")
	require.Equal(t, []int64{all[3].ID}, ids)
	ids, _ = c.ids(fmt.Sprintf("include=%d,%d&orderby=include", all[7].ID, all[2].ID))
	require.Equal(t, []int64{all[7].ID, all[2].ID}, ids)

	require.NoError(t, c.shop.Trash(all[5].ID))
	ids, _ = c.ids(fmt.Sprintf("include=%d", all[5].ID))
	require.Empty(t, ids, "any is all but the trash")
	ids, _ = c.ids("status=trash")
	require.Equal(t, []int64{all[5].ID}, ids)
	require.Equal(t, "trash", c.get(all[5].ID)["status"])

	d := c.post(anOrder)
	for _, text := range []string{"ref-1", "king", fmt.Sprint(d["id"]), "ada@example.com"} {
		ids, _ = c.ids("search=" + text)
		require.Len(t, ids, 1, text)
	}
	ids, _ = c.ids("search=r1")
	require.Empty(t, ids, "meta_data is not searched")

	require.Len(t, c.object(200, http.MethodGet, fmt.Sprint(ordersPath, "/", d["id"], "?_fields=id,status"), ""), 2)
}

func TestAmountsHaveTheDigitsOfTheCurrency(t *testing.T) {
	c := open(t, Options{TaxPPM: map[string]int64{"": 100_000}})
	d := c.post(`{"currency":"JPY","line_items":[{"sku":"A","quantity":3,"total":"1005"}]}`)
	require.Equal(t, "1005", line(d, "line_items", 0)["total"])
	require.Equal(t, "101", d["total_tax"])
	require.Equal(t, "1106", d["total"])
	d = c.post(`{"currency":"KWD","line_items":[{"sku":"A","quantity":1,"total":"1.2345"}]}`)
	require.Equal(t, "1.235", line(d, "line_items", 0)["total"])
	require.Equal(t, "0.123", d["total_tax"])

	c = open(t, Options{Decimals: 2})
	require.Equal(t, "1005.00", c.post(`{"currency":"JPY","line_items":[{"sku":"A","total":"1005"}]}`)["total"])
	require.Equal(t, "1.23", c.post(`{"currency":"KWD","line_items":[{"sku":"A","total":"1.234"}]}`)["total"])
}

func TestUnknownKeysAndStatusesAreKept(t *testing.T) {
	c := open(t, Options{Statuses: []string{"awaiting-pickup"}})
	id, err := c.shop.Add(Order{Status: "awaiting-pickup", Extra: map[string]any{"gift": map[string]any{"wrap": true}}})
	require.NoError(t, err)
	d := c.put(id, `{"customer_note":"x","gift":null}`)
	require.Equal(t, "awaiting-pickup", d["status"])
	require.Equal(t, map[string]any{"wrap": true}, d["gift"])
	ids, _ := c.ids("status=awaiting-pickup")
	require.Equal(t, []int64{id}, ids)
}

func TestProductsThatTheCatalogueDoesNotHaveAreLost(t *testing.T) {
	c := open(t, Options{Products: []Product{{1, "KNOWN", "Known", "1.00"}}})
	d := c.post(`{"line_items":[{"sku":"OTHER","name":"Other","total":"2.00"}]}`)
	require.Nil(t, line(d, "line_items", 0)["sku"])
	require.Equal(t, "Other", line(d, "line_items", 0)["name"])
}

func TestOrdersAreStoredInAFile(t *testing.T) {
	opts := Options{File: t.TempDir() + "/shop.json"}
	c := open(t, opts)
	d := c.post(anOrder)
	c = open(t, opts)
	require.Equal(t, d, c.get(d["id"]))
	require.NotEqual(t, d["id"], c.post(anOrder)["id"])
}
