package command

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

const mergePatch = "application/merge-patch+json"

func TestPatch(t *testing.T) {
	s := startSide(t)
	created := s.create(newOrder(t, "first"))
	path := "/orders/" + created.ID
	patch := func(status int, body string, headers ...string) *answer {
		return s.want(status, "client", "PATCH", path, body, append([]string{"Content-Type", mergePatch}, headers...)...)
	}
	seen := []string{"If-Match", created.Sync.ETag}

	patch(http.StatusPreconditionRequired, `{}`).problem(t)
	refused := s.want(http.StatusUnsupportedMediaType, "client", "PATCH", path, `{}`, seen...)
	require.Equal(t, mergePatch, refused.header.Get("Accept-Patch"))
	require.Equal(t, created, s.get(created.ID))

	var v contracts.OrderView
	a := patch(http.StatusOK, `{"status":"processing","customerNote":null,"shippingAddress":{"city":"Kiel"},"lines":[{"sku":"T","name":"Tea","quantity":2.0,"unitPriceMinor":500}]}`, seen...)
	a.into(t, &v)
	require.Equal(t, v.Sync.ETag, a.header.Get("ETag"))
	require.Equal(t, v, s.get(created.ID))
	require.Equal(t, contracts.StatusProcessing, v.Status)
	require.Empty(t, v.CustomerNote)
	require.Equal(t, "Kiel", v.ShippingAddress.City)
	require.Equal(t, created.ShippingAddress.Line1, v.ShippingAddress.Line1)
	require.Equal(t, created.Metadata, v.Metadata)
	require.EqualValues(t, 1000+v.ShippingMinor, v.Totals.TotalMinor, "totals follow")
	require.NotEmpty(t, v.Lines[0].LineID)

	stale := patch(http.StatusPreconditionFailed, `{"status":"completed"}`, seen...)
	require.Equal(t, v.Sync.ETag, stale.header.Get("ETag"), "the version to look at")
	require.Equal(t, v.Sync.ETag, stale.problem(t).Present.Sync.ETag)

	seen[1] = v.Sync.ETag
	patch(http.StatusOK, `{"status":"processing","sync":{"deleted":true},"totals":{"totalMinor":1}}`, seen...)
	require.Equal(t, v, s.get(created.ID), "nothing has changed, and what is the service's is ignored")
	for body, pointer := range map[string]string{
		`{"colour":"red"}`:           "/colour",
		`{"lines":[{"sku":null}]}`:   "/lines/0/sku",
		`{"currency":"USD"}`:         "/currency",
		`{"orderNumber":null}`:       "/orderNumber",
		`{"id":"` + testUUID + `"}`:  "/id",
		`{"status":"lost"}`:          "/status",
		`{"status":"a","status":""}`: "/status",
		`[]`:                         "",
	} {
		a := s.do("client", "PATCH", path, body, "Content-Type", mergePatch, "If-Match", v.Sync.ETag)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, a.status, body)
		require.Equal(t, []string{pointer}, pointers(a.problem(t)), body)
	}
	require.Equal(t, v, s.get(created.ID))

	s.want(http.StatusNoContent, "client", "DELETE", path, nil, "If-Match", v.Sync.ETag)
	patch(http.StatusGone, `{}`, "If-Match", "*").problem(t)
	for _, role := range []string{"peer", "bridge", "metrics"} {
		require.Equal(t, http.StatusForbidden, s.do(role, "PATCH", path, `{}`, "Content-Type", mergePatch, "If-Match", "*").status)
	}
}

const testUUID = "019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c99"

// TestAnEditedAnswerCanBeSentBack: GET, change a field, PUT.
func TestAnEditedAnswerCanBeSentBack(t *testing.T) {
	s := startSide(t)
	created := s.create(newOrder(t, "first"))
	path := "/orders/" + created.ID
	var edited map[string]any
	s.want(http.StatusOK, "client", "GET", path, nil).into(t, &edited)
	edited["lines"].([]any)[0].(map[string]any)["quantity"] = 7
	raw, err := json.Marshal(edited)
	require.NoError(t, err)
	var v contracts.OrderView
	s.want(http.StatusOK, "client", "PUT", path, raw, "If-Match", created.Sync.ETag).into(t, &v)
	require.EqualValues(t, 7, v.Lines[0].Quantity)
	require.Equal(t, v.Totals.SubtotalMinor, created.Totals.SubtotalMinor+(7-created.Lines[0].Quantity)*created.Lines[0].UnitPriceMinor)

	delete(edited, "sync") // now the sums are the client's own
	raw, err = json.Marshal(edited)
	require.NoError(t, err)
	p := s.want(http.StatusUnprocessableEntity, "client", "PUT", path, raw, "If-Match", "*").problem(t)
	require.Contains(t, pointers(p), "/lines/0/totalMinor")

	// An answer makes another order, too.
	edited["sync"], edited["id"], edited["orderNumber"] = v.Sync, testUUID, "WEB-COPY"
	raw, err = json.Marshal(edited)
	require.NoError(t, err)
	s.want(http.StatusCreated, "client", "POST", "/orders", raw)
}

func TestContentEncodings(t *testing.T) {
	s := startSide(t)
	s.want(http.StatusCreated, "client", "POST", "/orders", newOrder(t, "first"), "Content-Encoding", "identity")
	s.want(http.StatusCreated, "client", "POST", "/orders", newOrder(t, "second"), "Content-Encoding", "Identity")
	p := s.want(http.StatusUnsupportedMediaType, "client", "POST", "/orders", newOrder(t, "third"), "Content-Encoding", "gzip").problem(t)
	require.True(t, strings.HasPrefix(p.Detail, "the body must not be compressed"))
	s.want(http.StatusUnsupportedMediaType, "client", "POST", "/orders", newOrder(t, "third"), "Content-Encoding", "identity, gzip")
}

// TestCurrenciesThatDoNotExist are refused where an order is created here, and not where one comes from the peer.
func TestCurrenciesThatDoNotExist(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	o.Currency = "EUO"
	p := s.want(http.StatusUnprocessableEntity, "client", "POST", "/orders", o).problem(t)
	require.Equal(t, []string{"/currency"}, pointers(p))
	p = s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+o.ID, o, "If-None-Match", "*").problem(t)
	require.Equal(t, []string{"/currency"}, pointers(p))
	require.Equal(t, "OK", s.put(http.StatusOK, entry(t, o.ID, "NEW", b(1), &o))[0].State)
	o.CustomerNote = "edited here"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
}
