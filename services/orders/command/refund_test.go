package command

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestARefundTravels records a refund as a client, sees it on the pages, edits the order in the form around it, and
// takes over another one from the peer.
func TestARefundTravels(t *testing.T) {
	s := startSide(t, func(c *Config) { c.ConflictPolicy = "merge" })
	created := s.create(newOrder(t, "first"))
	path := "/orders/" + created.ID
	o := created.Order
	o.Totals = nil
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var v contracts.OrderView
	s.want(http.StatusOK, "client", "PATCH", path, `{"refunds":[{"amountMinor":890,"reason":"One tin was open.","at":"2026-11-22T10:00:00Z",
		"lines":[{"lineId":"`+o.Lines[0].LineID+`","quantity":1}]}]}`, "Content-Type", mergePatch, "If-Match", "*").into(t, &v)
	require.NotEmpty(t, v.Refunds[0].ID)
	require.EqualValues(t, 890, v.Totals.RefundedMinor)
	require.Equal(t, created.Totals.TotalMinor, v.Totals.TotalMinor, "the order stays as it was sold")
	require.NotEqual(t, created.Sync.Fingerprint, v.Sync.Fingerprint)

	o.Refunds = append(v.Refunds, contracts.Refund{ID: created.ID, AmountMinor: v.Totals.TotalMinor, At: at})
	p := s.want(http.StatusUnprocessableEntity, "client", "PUT", path, o, "If-Match", "*").problem(t)
	require.Equal(t, []string{"/refunds"}, pointers(p))
	o.Refunds = []contracts.Refund{{ID: created.ID, AmountMinor: -890, At: at}}
	p = s.want(http.StatusUnprocessableEntity, "client", "PUT", path, o, "If-Match", "*").problem(t)
	require.Equal(t, []string{"/refunds/0/amountMinor"}, pointers(p))

	anna := s.person("anna", access.Operator)
	require.Contains(t, string(anna.do("GET", "/admin/orders/"+created.ID, "").body), "One tin was open.")
	page := anna.do("GET", "/admin/orders/"+created.ID+"/edit", "")
	require.Contains(t, string(page.body), "One tin was open.")
	form := fieldsOf(t, page.body)
	form.Set("/customerNote", "edited around it")
	sent := anna.do("POST", "/admin/orders/"+created.ID+"/edit", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusSeeOther, sent.status, "%s", sent.body)
	edited := s.get(created.ID)
	require.Equal(t, "edited around it", edited.CustomerNote)
	require.Equal(t, v.Refunds, edited.Refunds)

	// The peer has the order as it was created, and records a refund of its own.
	theirs := created.Order
	theirs.Totals = nil
	theirs.Refunds = []contracts.Refund{{ID: "019aa5c2-7f40-7b30-9d3c-5a2f6e8b1c09", AmountMinor: 490, Reason: "shipping", At: at}}
	s.put(http.StatusOK, entry(t, created.ID, "OK", created.Sync.Version, &created.Order))
	s.put(http.StatusOK, entry(t, created.ID, "UPD", and(created.Sync.Version, b(1)), &theirs))
	merged := s.get(created.ID)
	require.EqualValues(t, 890+490, merged.Totals.RefundedMinor)
	require.Equal(t, "edited around it", merged.CustomerNote)
}
