package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/rest"
)

// TestPartsAreOfOneState: an order that changes between its parts is read again.
func TestPartsAreOfOneState(t *testing.T) {
	reads, modified := 0, "1"
	shop, system := newShopOf(t, "bigcommerce", func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, key+":"+secret, r.Header.Get("X-Auth-Token"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/products"):
			if r.URL.Query().Get("page") != "1" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			if reads++; reads == 1 {
				modified = "2" // somebody edits
			}
			reply(w, 200, []any{map[string]any{"id": 65, "quantity": reads}})
		case strings.HasSuffix(r.URL.Path, "/shipping_addresses"):
			w.WriteHeader(http.StatusNoContent)
		default:
			reply(w, 200, map[string]any{"id": 218, "date_modified": modified, "products": map[string]any{"url": "x"}})
		}
	})
	doc, err := system.Get(context.Background(), "218")
	require.NoError(t, err)
	require.Equal(t, "2", doc.Body["date_modified"])
	require.Len(t, doc.Body["products"], 1)
	require.Equal(t, "2", doc.Body["products"].([]any)[0].(map[string]any)["quantity"].(interface{ String() string }).String())
	require.Empty(t, doc.Body["shipping_addresses"])
	for _, call := range shop.calls() {
		require.True(t, strings.HasPrefix(call, "GET /v2/orders/218"), call)
	}
}

func TestAMissingPartIsNoMissingOrder(t *testing.T) {
	_, system := newShopOf(t, "bigcommerce", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/218") {
			reply(w, 200, map[string]any{"id": 218, "date_modified": "1"})
			return
		}
		reply(w, 404, []any{map[string]any{"status": 404, "message": "not found"}})
	})
	_, err := system.Get(context.Background(), "218")
	require.ErrorContains(t, err, "a part of the order is missing")
	require.NotErrorIs(t, err, foreign.ErrGone)
}

func TestBigCommerceAnswers(t *testing.T) {
	var status int
	var body any
	_, system := newShopOf(t, "bigcommerce", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Rate-Limit-Requests-Left", "17")
		w.Header().Set("X-Rate-Limit-Time-Reset-Ms", "90000")
		if body == nil {
			w.WriteHeader(status)
			return
		}
		reply(w, status, body)
	})
	ctx := context.Background()
	_, ok := system.Quota()
	require.False(t, ok, "nobody said so yet")

	status, body = 404, []any{map[string]any{"status": 404, "message": "The requested resource was not found."}}
	_, err := system.Get(ctx, "218")
	require.ErrorIs(t, err, foreign.ErrGone)
	left, ok := system.Quota()
	require.True(t, ok)
	require.Equal(t, 17, left)

	status, body = 400, []any{map[string]any{"status": 400, "message": "The field 'zip' is invalid."}}
	_, err = system.Create(ctx, uuid.New(), &foreign.Edit{Body: map[string]any{"a": 1}})
	var refused *foreign.Refusal
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "The field 'zip' is invalid.", refused.Reason)

	status, body = 204, nil // an empty list
	page, next, err := system.All(ctx, "")
	require.NoError(t, err)
	require.Empty(t, page)
	require.Empty(t, next)

	status, body = 429, map[string]any{"status": 429, "title": "Too many requests"}
	_, err = system.Get(ctx, "218")
	var quota *foreign.Quota
	require.ErrorAs(t, err, &quota)
	require.Greater(t, quota.After, 80*time.Second)
}

// TestASweepByIDs goes on after the last id, whether or not that one is listed again.
func TestASweepByIDs(t *testing.T) {
	_, system := newShopOf(t, "bigcommerce", func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "id:asc", r.URL.Query().Get("sort"))
		switch r.URL.Query().Get("min_id") {
		case "0":
			reply(w, 200, orders(1, 2))
		case "2":
			reply(w, 200, orders(2, 5))
		default:
			reply(w, 200, orders(5))
		}
	})
	var ids []string
	for after := ""; ; {
		page, next, err := system.All(context.Background(), after)
		require.NoError(t, err)
		for _, c := range page {
			require.Nil(t, c.Document, "lists do not show whole orders")
			ids = append(ids, c.ID)
		}
		if next == "" {
			break
		}
		after = next
	}
	require.Equal(t, []string{"1", "2", "5"}, ids)
}

// TestAConditionalWriteNamesWhatWasRead, and a stale one changes nothing.
func TestAConditionalWriteNamesWhatWasRead(t *testing.T) {
	const modified = "2026-11-20 09:20:01.000317"
	stale := false
	shop, system := newShopOf(t, "erpnext", func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "token "+key+":"+secret, r.Header.Get("Authorization"))
		if stale {
			reply(w, 417, map[string]any{"exc_type": "TimestampMismatchError", "exception": "frappe.exceptions.TimestampMismatchError: Document has been modified"})
			return
		}
		reply(w, 200, map[string]any{"data": map[string]any{"name": "SO/1", "modified": modified}})
	})
	ctx := context.Background()
	doc, err := system.Get(ctx, "SO/1")
	require.NoError(t, err)
	require.Equal(t, modified, doc.Version)
	edit := &foreign.Edit{Body: map[string]any{"delivery_date": "2026-12-01"}}
	require.NoError(t, system.Update(ctx, doc, edit))
	require.JSONEq(t, `{"delivery_date": "2026-12-01", "modified": "`+modified+`"}`, shop.bodies[1])
	require.NotContains(t, edit.Body, "modified", "the edit stays what it is")
	require.Equal(t, "PUT /api/resource/Sales%20Order/SO%2F1", shop.calls()[1])
	stale = true
	require.ErrorIs(t, system.Update(ctx, doc, edit), foreign.ErrStale)
	require.Error(t, system.Update(ctx, &foreign.Document{ID: "SO/1"}, edit), "never without the condition")
	require.Len(t, shop.calls(), 3)
	require.True(t, system.Traits().Conditional)
	require.Equal(t, shop.URL+"/app/sales-order/SO%2F1", system.Link("SO/1"))
}

func TestERPNextListsByOffset(t *testing.T) {
	reference := uuid.MustParse("019aa5c2-7f40-7b1e-9d3c-00000000000a")
	shop, system := newShopOf(t, "erpnext", func(w http.ResponseWriter, r *http.Request) {
		page := []any{}
		if at := r.URL.Query().Get("limit_start"); at == "" || at == "0" {
			page = []any{map[string]any{"name": "A", "modified": "1", "po_no": reference.String()}, map[string]any{"name": "B", "modified": "2", "po_no": nil}}
		}
		reply(w, 200, map[string]any{"data": page})
	})
	require.Equal(t, []string{"A", "B"}, collect(t, system))
	require.Contains(t, shop.calls()[0], "2026-11-20+10%3A00%3A00.000000")
	require.Contains(t, shop.calls()[1], "limit_start=2")
	ids, err := system.Find(context.Background(), reference)
	require.NoError(t, err)
	require.Equal(t, []string{"A"}, ids)
	_, _, err = system.All(context.Background(), `a"],["x`)
	require.NoError(t, err)
	last := shop.calls()[len(shop.calls())-1]
	require.Contains(t, last, `a%5C%22%5D%2C%5B%5C%22x`, "an id cannot leave its quotes")
}

// other is a woocommerce System whose calls are described otherwise.
func other(t *testing.T, change func(*profile.REST), answer func(http.ResponseWriter, *http.Request)) (*httptest.Server, *rest.System) {
	t.Helper()
	m, err := profiles.Load("woocommerce")
	require.NoError(t, err)
	change(m.REST())
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	system, err := rest.New(m, rest.Config{Address: server.URL, Key: key, Secret: secret, Timeout: time.Minute})
	require.NoError(t, err)
	return server, system
}

func TestEntityTags(t *testing.T) {
	_, system := other(t, func(r *profile.REST) {
		r.Condition = &profile.Condition{Header: "If-Match"}
		r.Stale = profile.Answer{Status: []int{412}}
	}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"now"`)
		if r.Method == http.MethodPut && r.Header.Get("If-Match") != `"now"` {
			reply(w, 412, map[string]any{"code": "stale"})
			return
		}
		reply(w, 200, order(7))
	})
	ctx := context.Background()
	doc, err := system.Get(ctx, "7")
	require.NoError(t, err)
	edit := &foreign.Edit{Body: map[string]any{"status": "completed"}}
	require.NoError(t, system.Update(ctx, doc, edit))
	doc.Version = `"old"`
	require.ErrorIs(t, system.Update(ctx, doc, edit), foreign.ErrStale)
}

func TestPagesByCursorAndByLink(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("c") {
		case "":
			w.Header().Set("Link", `<http://`+r.Host+`/wp-json/wc/v3/orders?c=2>; rel="next", <http://x>; rel="prev"`)
			reply(w, 200, map[string]any{"next": "2", "orders": orders(1, 2)})
		default:
			reply(w, 200, map[string]any{"next": nil, "orders": orders(3)})
		}
	}
	for _, paging := range []profile.Paging{
		{By: "cursor", Param: "c", Cursor: ".next", Items: ".orders", Size: "n", Orders: 2},
		{By: "link", Items: ".orders", Size: "n", Orders: 2},
	} {
		_, system := other(t, func(r *profile.REST) { r.Paging, r.Failed = paging, "" }, answer)
		require.Equal(t, []string{"1", "2", "3"}, collect(t, system), paging.By)
	}
}

// A link of the system to elsewhere does not take our secrets there.
func TestSecretsGoToTheConfiguredHostOnly(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	t.Cleanup(elsewhere.Close)
	_, system := other(t, func(r *profile.REST) { r.Paging = profile.Paging{By: "link", Size: "n", Orders: 2} }, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<`+elsewhere.URL+`/orders>; rel="next"`)
		reply(w, 200, orders(1, 2))
	})
	err := system.Changed(context.Background(), time.Unix(0, 0), time.Now(), func(foreign.Candidate) error { return nil })
	require.ErrorContains(t, err, "another host")
}

func TestActionsAreCalledInTheirOrder(t *testing.T) {
	var called []string
	_, system := other(t, func(r *profile.REST) {
		r.Actions = map[string]profile.Action{"ship": {Request: profile.Request{Method: "POST", Path: "/orders/{id}/ship"}, Body: map[string]any{"all": true}}}
	}, func(w http.ResponseWriter, r *http.Request) {
		called = append(called, r.Method+" "+r.URL.Path)
		reply(w, 200, order(7))
	})
	ctx := context.Background()
	edit := &foreign.Edit{Body: map[string]any{"status": "completed"}, Actions: []string{"ship"}}
	require.NoError(t, system.Update(ctx, &foreign.Document{ID: "7"}, edit))
	require.Equal(t, []string{"PUT /wp-json/wc/v3/orders/7", "POST /wp-json/wc/v3/orders/7/ship"}, called)
	edit = &foreign.Edit{Actions: []string{"fly"}}
	require.ErrorContains(t, system.Update(ctx, &foreign.Document{ID: "7"}, edit), "does not say how fly is done")
}

// TestAWriteThatIsRefusedHalfWaySaysSo: an action comes after the order was written, or made.
func TestAWriteThatIsRefusedHalfWaySaysSo(t *testing.T) {
	_, system := other(t, func(r *profile.REST) {
		r.Actions = map[string]profile.Action{"ship": {Request: profile.Request{Method: "POST", Path: "/orders/{id}/ship"}}}
	}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ship") {
			reply(w, 400, map[string]any{"code": "unpaid", "message": "not paid"})
			return
		}
		reply(w, 200, order(7))
	})
	var half *foreign.HalfDone
	var refusal *foreign.Refusal
	body := map[string]any{"status": "completed"}
	id, created := system.Create(context.Background(), uuid.New(), &foreign.Edit{Body: body, Actions: []string{"ship"}})
	require.Equal(t, "7", id)
	for _, err := range []error{created, system.Update(context.Background(), &foreign.Document{ID: "7"}, &foreign.Edit{Body: body, Actions: []string{"ship"}})} {
		require.ErrorAs(t, err, &half)
		require.ErrorAs(t, err, &refusal)
		require.ErrorContains(t, err, "not paid")
	}
	err := system.Update(context.Background(), &foreign.Document{ID: "7"}, &foreign.Edit{Actions: []string{"ship"}})
	require.ErrorAs(t, err, &refusal)
	require.NotErrorAs(t, err, &half, "nothing was done before")
}
