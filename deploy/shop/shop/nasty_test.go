package shop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pages lists all pages, until one is empty or there are too many.
func (c *client) pages(query string) (ids []int64) {
	c.t.Helper()
	for page := 1; page <= 12; page++ {
		more, _ := c.ids(fmt.Sprintf("%s&page=%d", query, page))
		if len(more) == 0 {
			break
		}
		ids = append(ids, more...)
	}
	return ids
}

func distinct(ids []int64) int {
	return len(slices.Compact(slices.Sorted(slices.Values(ids))))
}

func TestListsThatDriftRepeatAndAreUnsorted(t *testing.T) {
	at := newClock()
	c := open(t, Options{Now: at.now})
	require.NoError(t, c.shop.Seed(25))
	const query = "orderby=modified&order=asc&per_page=10"
	require.Len(t, c.pages(query), 25)

	c.shop.SetNasty(func(n *Nasty) { n.Drift = true })
	require.Less(t, distinct(c.pages(query)), 25, "an order slips to a page that was listed")
	ids := c.pages("orderby=modified&order=desc&per_page=10")
	require.Less(t, distinct(ids), len(ids), "an order slips to a page that comes")

	c.shop.SetNasty(func(n *Nasty) { *n = Nasty{Duplicates: true} })
	ids = c.pages(query)
	require.Len(t, ids, 27)
	require.Equal(t, 25, distinct(ids))

	c.shop.SetNasty(func(n *Nasty) { *n = Nasty{RepeatLastPage: true} })
	ids = c.pages(query)
	require.Greater(t, len(ids), 25)
	require.Equal(t, 25, distinct(ids))

	c.shop.SetNasty(func(n *Nasty) { *n = Nasty{Unsorted: true} })
	ids = c.pages("orderby=id&order=asc&per_page=10")
	require.Equal(t, 25, distinct(ids))
	require.False(t, slices.IsSorted(ids))
}

func TestWhatTouchesTheDateOfAnOrder(t *testing.T) {
	at := newClock()
	c := open(t, Options{Now: at.now})
	id, err := c.shop.Add(Order{})
	require.NoError(t, err)
	touched := func(act func()) bool {
		before := c.shop.Order(id).Modified
		at.pass(time.Minute)
		act()
		return !c.shop.Order(id).Modified.Equal(before)
	}
	view := func() { _, err := c.shop.View(id); require.NoError(t, err) }
	read := func() { c.get(id) }
	meta := func() { c.put(id, fmt.Sprintf(`{"meta_data":[{"key":"a","value":"%d"}]}`, at.at.Unix())) }
	require.False(t, touched(view))
	require.False(t, touched(read))
	require.True(t, touched(meta))
	require.False(t, touched(func() { c.put(id, `{"status":"pending"}`) }), "nothing changed")
	require.True(t, touched(func() { c.put(id, `{"status":"on-hold"}`) }))
	require.False(t, touched(func() {
		require.NoError(t, c.shop.ChangeSilently(id, func(o *Order) { o.CustomerNote = "silent" }))
	}))
	require.Equal(t, "silent", c.get(id)["customer_note"])

	c.shop.SetNasty(func(n *Nasty) { n.ViewTouches, n.ReadTouches, n.MetaKeepsDate = true, true, true })
	require.True(t, touched(view))
	require.True(t, touched(read))
	require.False(t, touched(meta))
	require.True(t, touched(func() { c.put(id, `{"status":"failed"}`) }))
}

func TestChangesAreListedLate(t *testing.T) {
	at := newClock()
	c := open(t, Options{Now: at.now})
	old, err := c.shop.Add(Order{})
	require.NoError(t, err)
	c.shop.SetNasty(func(n *Nasty) { n.ListedAfter = 30 * time.Second })
	at.pass(time.Minute)
	from := "orderby=modified&order=asc&modified_after=" + at.at.Add(-time.Second).Format(zoneless)
	require.NoError(t, c.shop.Change(old, func(o *Order) { o.CustomerNote = "late" }))
	young, err := c.shop.Add(Order{})
	require.NoError(t, err)
	ids, _ := c.ids(from)
	require.Empty(t, ids)
	require.Equal(t, "late", c.get(old)["customer_note"], "a read shows it at once")
	at.pass(20 * time.Second)
	require.NoError(t, c.shop.Change(old, func(o *Order) { o.CustomerNote = "later" }))
	at.pass(10 * time.Second)
	ids, _ = c.ids(from)
	require.Equal(t, []int64{old, young}, ids)
	at.pass(20 * time.Second)
	ids, _ = c.ids(from)
	require.Equal(t, []int64{young, old}, ids)
}

func TestWhatIsWrittenComesBackAsSomethingElse(t *testing.T) {
	upper, err := Rewriter("upper")
	require.NoError(t, err)
	cut, err := Rewriter("truncate:5")
	require.NoError(t, err)
	stamp, err := Rewriter("stamp")
	require.NoError(t, err)
	c := open(t, Options{Nasty: Nasty{
		RoundLines: "0.05", RenumberLines: true, IgnoreStatus: true,
		Rewrite: map[string]func(string) string{"billing.city": upper, "customer_note": stamp, "line_items.name": cut, "shipping.city": strings.TrimSpace},
	}})
	d := c.post(`{"customer_note":"n","billing":{"city":"Köln"},"shipping":{"city":" Bonn "},"line_items":[{"sku":"A","name":"Äpfel, rot","quantity":1,"total":"1.13"}]}`)
	require.Equal(t, "KÖLN", d["billing"].(map[string]any)["city"])
	require.Equal(t, "Bonn", d["shipping"].(map[string]any)["city"])
	require.Equal(t, "n #1", d["customer_note"])
	require.Equal(t, "Äpfel", line(d, "line_items", 0)["name"])
	require.Equal(t, "1.15", line(d, "line_items", 0)["total"])
	was := line(d, "line_items", 0)["id"]
	d = c.put(d["id"], fmt.Sprintf(`{"customer_note":"n","status":"completed","line_items":[{"id":%v,"total":"1.12"}]}`, was))
	require.Equal(t, "n #1", d["customer_note"])
	require.Equal(t, "pending", d["status"])
	require.Equal(t, "1.10", line(d, "line_items", 0)["total"])
	require.NotEqual(t, was, line(d, "line_items", 0)["id"])
	_, err = Rewriter("truncate:x")
	require.Error(t, err)
	_, err = Rewriter("shout")
	require.Error(t, err)
}

func TestTroublesThatKeepACallFromTakingPlace(t *testing.T) {
	c := open(t, Options{})
	id, err := c.shop.Add(Order{CustomerNote: "before"})
	require.NoError(t, err)
	path := fmt.Sprint(ordersPath, "/", id)
	for kind, x := range map[Kind]struct {
		status int
		body   string
	}{
		ErrorIn200: {200, `"status":500`}, Captcha: {202, "human"}, HTML: {200, "<h1>"}, Gone: {404, "shop_order_invalid_id"}, NoRoute: {404, "rest_no_route"},
		NotFound: {404, "<h1>"}, Unavailable: {503, "maintenance"}, Failure: {500, "critical"}, Forbidden: {401, "authentication_error"}, Redirect: {302, ""},
	} {
		end := c.shop.Cause(Trouble{Kind: kind})
		c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			a, err := c.call(method, path, `{"customer_note":"after"}`)
			require.NoError(t, err)
			require.Equal(t, x.status, a.status, kind)
			require.Contains(t, string(a.body), x.body, kind)
		}
		require.Equal(t, 2, end(), kind)
		require.Equal(t, "before", c.get(id)["customer_note"], kind)
	}
	c.shop.Cause(Trouble{Kind: CutBefore, Method: http.MethodPut, Times: 1})
	_, err = c.call(http.MethodPut, path, `{"customer_note":"after"}`)
	require.Error(t, err)
	require.Equal(t, "before", c.get(id)["customer_note"])
	c.put(id, `{"customer_note":"after"}`)

	end := c.shop.Cause(Trouble{Kind: Empty})
	ids, header := c.ids("")
	require.Empty(t, ids)
	require.Equal(t, "0", header.Get("X-WP-Total"))
	require.Equal(t, "after", c.get(id)["customer_note"], "only lists are empty")
	require.Equal(t, 1, end())
	ids, _ = c.ids("")
	require.Len(t, ids, 1)
}

func TestTroublesOfTheAnswerToWhatTookPlace(t *testing.T) {
	c := open(t, Options{})
	for _, kind := range []Kind{CutAfter, CutHalf, Truncated, Stray} {
		c.shop.Cause(Trouble{Kind: kind, Method: http.MethodPost, Times: 1})
		a, err := c.call(http.MethodPost, ordersPath, fmt.Sprintf(`{"transaction_id":"%s"}`, kind))
		if kind == CutAfter || kind == CutHalf {
			require.Error(t, err, kind)
		} else {
			require.NoError(t, err, kind)
			require.False(t, json.Valid(a.body), "%s: %s", kind, a.body)
		}
		ids, _ := c.ids(fmt.Sprintf("search=%s", kind))
		require.Len(t, ids, 1, kind)
	}
	c.shop.Cause(Trouble{Kind: Slow, Skip: 1, Times: 1, Delay: 50 * time.Millisecond})
	for i, slow := range []bool{false, true, false} {
		began := time.Now()
		c.ids("")
		if slow {
			require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond, i)
		}
	}
	for _, text := range []string{"no-such", "html:GET:x"} {
		_, err := ParseTrouble(text)
		require.Error(t, err)
	}
	parsed, err := ParseTrouble("cut-after:put:2")
	require.NoError(t, err)
	require.Equal(t, Trouble{Kind: CutAfter, Method: http.MethodPut, Times: 2, Delay: time.Second}, parsed)
}

func TestRateLimitNamesTheTimeAndRecordsWhoIsEarly(t *testing.T) {
	at := newClock()
	c := open(t, Options{Now: at.now, Nasty: Nasty{RateLimit: 2, RateWindow: 10 * time.Second}})
	_, header := c.ids("")
	require.Equal(t, "1", header.Get("X-RateLimit-Remaining"))
	c.ids("")
	at.pass(2500 * time.Millisecond)
	a, err := c.call(http.MethodGet, ordersPath, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "8", a.header.Get("Retry-After"))
	require.Equal(t, "0", a.header.Get("RateLimit-Remaining"))
	require.Empty(t, c.shop.Violations())
	at.pass(7900 * time.Millisecond)
	a, err = c.call(http.MethodGet, ordersPath, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	early := c.shop.Violations()
	require.Len(t, early, 1)
	require.Equal(t, 100*time.Millisecond, early[0].Early)
	require.Equal(t, 7900*time.Millisecond, early[0].After)
	at.pass(100 * time.Millisecond)
	c.ids("")
	require.Len(t, c.shop.Violations(), 1)

	c.shop.ClearCalls()
	c.shop.Throttle(3 * time.Second)
	a, err = c.call(http.MethodPut, ordersPath+"/1", "{}")
	require.NoError(t, err)
	require.Equal(t, "3", a.header.Get("Retry-After"))
	require.Empty(t, c.shop.Violations())
	at.pass(3 * time.Second)
	c.ids("")
	require.Empty(t, c.shop.Violations())
	require.Equal(t, 2, c.shop.Total())
	require.Equal(t, 1, c.shop.Count(http.MethodPut, ordersPath))
}

func TestConditionalWritesWhereTheShopHasThem(t *testing.T) {
	c := open(t, Options{})
	id, err := c.shop.Add(Order{})
	require.NoError(t, err)
	path := fmt.Sprint(ordersPath, "/", id)
	a, err := c.call(http.MethodPut, path, `{"customer_note":"1"}`, "If-Match", `"stale"`)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "the real one has none")
	require.Empty(t, a.header.Get("ETag"))

	c.shop.SetNasty(func(n *Nasty) { n.Conditional = true })
	a, err = c.call(http.MethodGet, path, "")
	require.NoError(t, err)
	tag := a.header.Get("ETag")
	require.NotEmpty(t, tag)
	require.NoError(t, c.shop.Change(id, func(o *Order) { o.CustomerNote = "a person's" }))
	c.object(http.StatusPreconditionFailed, http.MethodPut, path, `{"customer_note":"2"}`, "If-Match", tag)
	a, err = c.call(http.MethodGet, path, "")
	require.NoError(t, err)
	d := c.object(http.StatusOK, http.MethodPut, path, `{"customer_note":"3"}`, "If-Match", a.header.Get("ETag"))
	require.Equal(t, "3", d["customer_note"])
}

func TestAPersonActsBetweenTwoCalls(t *testing.T) {
	c := open(t, Options{})
	id, err := c.shop.Add(Order{})
	require.NoError(t, err)
	c.shop.Before(func(r *http.Request) {
		if r.Method == http.MethodPut {
			b, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.JSONEq(t, `{"status":"on-hold"}`, string(b))
			require.NoError(t, c.shop.Change(id, func(o *Order) { o.CustomerNote = "meanwhile" }))
		}
	})
	d := c.put(id, `{"status":"on-hold"}`)
	require.Equal(t, "meanwhile", d["customer_note"])
	require.Equal(t, "on-hold", d["status"])
	calls := c.shop.Calls()
	require.Len(t, calls, 1)
	require.Equal(t, http.StatusOK, calls[0].Status)
	require.JSONEq(t, `{"status":"on-hold"}`, string(calls[0].Body))
}

// receiver receives what a webhook sends.
type receiver struct {
	mu     sync.Mutex
	topics []string
	status int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	topic := q.Header.Get("X-WC-Webhook-Topic")
	if err == nil && topic != "" && q.Header.Get("X-WC-Webhook-Signature") == Sign("whsec", body) {
		var d struct{ ID int64 }
		if json.Unmarshal(body, &d) == nil {
			topic = fmt.Sprint(strings.TrimPrefix(topic, "order."), " ", d.ID)
		}
	}
	r.topics = append(r.topics, topic)
	w.WriteHeader(r.status)
}

func (r *receiver) await(t *testing.T, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Equal(r.topics, want)
	}, 20*time.Second, 5*time.Millisecond, "%v", want)
}

func TestWebhooksAreSignedAndRepeatedReorderedDropped(t *testing.T) {
	c := open(t, Options{})
	listen := func(w Webhook) *receiver {
		r := &receiver{status: http.StatusOK}
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		w.URL, w.Secret = server.URL, "whsec"
		c.shop.SetWebhook(w)
		return r
	}
	r := listen(Webhook{})
	d := c.post(anOrder)
	id := d["id"]
	c.put(id, `{"status":"on-hold"}`)
	r.await(t, "", fmt.Sprint("created ", id), fmt.Sprint("updated ", id))
	n, err := id.(json.Number).Int64()
	require.NoError(t, err)
	require.NoError(t, c.shop.Trash(n))
	require.NoError(t, c.shop.Restore(n))
	r.await(t, "", fmt.Sprint("created ", id), fmt.Sprint("updated ", id), fmt.Sprint("deleted ", id), fmt.Sprint("restored ", id))
	list, disabled := c.shop.Deliveries()
	require.Len(t, list, 5)
	require.False(t, disabled)
	raw, err := base64.StdEncoding.DecodeString(list[1].Header.Get("X-WC-Webhook-Signature"))
	require.NoError(t, err)
	require.Len(t, raw, 32)

	r = listen(Webhook{Repeat: 2, DropEvery: 2})
	for i := range 3 {
		c.put(id, fmt.Sprintf(`{"customer_note":"%d"}`, i))
	}
	updated := fmt.Sprint("updated ", id)
	r.await(t, "", updated, updated, updated, updated)

	r = listen(Webhook{Reorder: true})
	r.await(t, "")
	other, err := c.shop.Add(Order{})
	require.NoError(t, err)
	require.NoError(t, c.shop.Change(other, func(o *Order) { o.Status = "failed" }))
	require.Eventually(t, func() bool { list, _ := c.shop.Deliveries(); return len(list) == 3 }, 20*time.Second, 5*time.Millisecond)
	r.await(t, "", fmt.Sprint("updated ", other), fmt.Sprint("created ", other))
}

func TestAWebhookThatFailsTooOftenIsDisabled(t *testing.T) {
	c := open(t, Options{})
	r := &receiver{status: http.StatusInternalServerError}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	c.shop.SetWebhook(Webhook{URL: server.URL})
	for range 8 {
		_, err := c.shop.Add(Order{})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { _, disabled := c.shop.Deliveries(); return disabled }, 20*time.Second, 5*time.Millisecond)
	list, _ := c.shop.Deliveries()
	require.Len(t, list, hookFailures+1)
}
