package command

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// refusedEntry is an entry of an order that this side does not have, and does not accept.
func refusedEntry(t *testing.T, id string, n int64) string {
	t.Helper()
	o := newOrder(t, "x")
	o.ID = id
	return strings.Replace(sent(t, entry(t, id, "NEW", b(n), &o)), `"quantity":2`, `"quantity":0`, 1)
}

// TestARepeatedRefusalLeavesNothing: a peer that sends again what was refused gets the same answer, and neither the
// log nor what is stored of its version grows.
func TestARepeatedRefusalLeavesNothing(t *testing.T) {
	s := startSide(t)
	id := uuid.NewString()
	rows := func() int {
		t.Helper()
		return count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM log WHERE order_id = '"+id+"'")
	}
	claim := refusedEntry(t, id, 1)
	first := s.putText(claim)
	require.Equal(t, "ERROR", first.State)
	require.Equal(t, 1, rows())
	for range 5 {
		again := s.putText(claim)
		require.Equal(t, first.Refused, again.Refused)
	}
	require.Equal(t, 1, rows())
	s.putText(refusedEntry(t, id, 2))
	require.Equal(t, 2, rows(), "another version is another claim")
}

// TestRefusalsOfAPeerAreBounded: whatever a peer sends that is refused, it can leave only so much here at once.
// Handshakes go on, and so does the own bridge.
func TestRefusalsOfAPeerAreBounded(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	long := strings.Repeat("x", 20<<10)
	batch := func() string {
		var entries []string
		for range 100 {
			entries = append(entries, strings.Replace(refusedEntry(t, uuid.NewString(), 1), `"customerNote":"x"`, `"customerNote":"`+long+`"`, 1))
		}
		return `{"side":"b","entries":[` + strings.Join(entries, ",") + `]}`
	}
	var last *answer
	for range 40 {
		if last = s.do("peer", "PUT", "/orders/transactions", batch()); last.status != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, last.status, "%s", last.body)
	wait, err := strconv.Atoi(last.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, count(t, s.cfg.DatabaseURL, "SELECT count(*) FROM links"), 2500)

	// Time pays the budget back, and a busy machine may take much of it between two requests: so refusals go before.
	for range 40 {
		s.do("peer", "PUT", "/orders/transactions", batch())
		o := newOrder(t, "good")
		if last = s.do("peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: []contracts.Entry{entry(t, o.ID, "NEW", b(1), &o)}}); last.status != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, last.status, "what is good waits as well: %s", last.body)
	s.greet("peer", http.StatusOK, map[string]int64{})
	s.create(newOrder(t, "ours"))
}

// TestAGoodBackfillIsNotBounded: what is taken over costs nothing of the budget of refusals.
func TestAGoodBackfillIsNotBounded(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	for range 25 {
		var entries []contracts.Entry
		for range 500 {
			o := newOrder(t, "good")
			entries = append(entries, entry(t, o.ID, "NEW", b(1), &o))
		}
		s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: entries})
	}
}
