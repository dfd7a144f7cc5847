package command

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
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
	}, time.Minute, 100*time.Millisecond)
}

// TestAStreamEndsWithItsListener: who logs out, is disabled or is revoked gets no further event.
func TestAStreamEndsWithItsListener(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	root := s.person("root", access.Admin)
	var token contracts.TokenSecret
	root.do("POST", "/admin/api/tokens", `{"name":"screen","role":"viewer"}`).into(t, &token)
	anna, bert := s.person("anna", access.Viewer), s.person("bert", access.Viewer)
	for name, end := range map[string]struct {
		header []string
		by     func() *answer
	}{
		"logged out": {[]string{"Cookie", anna.cookieHeader()}, func() *answer { return anna.do("POST", "/admin/api/session/end", "") }},
		"disabled":   {[]string{"Cookie", bert.cookieHeader()}, func() *answer { return root.do("POST", "/admin/api/users/bert/disable", "") }},
		"revoked":    {[]string{"Authorization", "Bearer " + token.Secret}, func() *answer { return root.do("POST", "/admin/api/tokens/screen/revoke", "") }},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.cfg.HTTPAddr+"/admin/api/events", nil)
			require.NoError(t, err)
			req.Header.Set(end.header[0], end.header[1])
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			require.Equal(t, http.StatusOK, res.StatusCode)
			began := time.Now()
			require.Less(t, end.by().status, 300)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.Less(t, time.Since(began), 20*time.Second, "the stream ends before its time")
		})
	}
}
