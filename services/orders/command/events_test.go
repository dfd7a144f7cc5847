package command

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestEvents: whoever listens hears at once, hears of a change, and does not hold up the end.
func TestEvents(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.cfg.HTTPAddr+"/admin/api/events", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secret("admin"))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := bufio.NewScanner(res.Body)
	hear := func(event string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: "+event {
				return
			}
		}
		require.Failf(t, "the stream ended", "before %s: %v", event, lines.Err())
	}
	hear("changed")
	hear("sample") // by now the first look has been
	s.create(newOrder(t, "one"))
	hear("changed")

	s.stop()
	for lines.Scan() {
	}
	require.NoError(t, lines.Err(), "the stream ends whole")
}

// TestHistory: samples are taken, and tell what waits.
func TestHistory(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	s.create(newOrder(t, "one"))
	require.Eventually(t, func() bool {
		var h contracts.History
		s.want(http.StatusOK, "admin", "GET", "/admin/api/history", nil).into(t, &h)
		require.Equal(t, "b", h.Peers[0].Peer)
		n := len(h.Peers[0].Samples)
		return n > 0 && h.Peers[0].Samples[n-1].Pending == 1 && h.Peers[0].Samples[n-1].OldestSeconds > 0
	}, 20*time.Second, 100*time.Millisecond)
}
