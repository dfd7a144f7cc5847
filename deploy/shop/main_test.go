package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/shop/shop"
)

func TestRunPrintsItsAddressAndServesUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, w, strings.Fields("-key k -secret s -seed 3 -zone Asia/Tokyo -trouble captcha:put"))
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	address := strings.TrimSpace(line)

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/wp-json/wc/v3/orders", nil)
	require.NoError(t, err)
	request.SetBasicAuth("k", "s")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	var orders []any
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&orders))
	require.NoError(t, answer.Body.Close())
	require.Len(t, orders, 3)
	http.DefaultClient.CloseIdleConnections()
	cancel()
	require.NoError(t, <-ended)
}

func TestFlagsSayWhatIsNasty(t *testing.T) {
	s, err := parse(strings.Fields("-tax DE=190000 -tax =100000 -statuses a,b -rate 5 -rate-window 2s -drift -listed-after 3s -rewrite billing.city=upper -trouble html -hook http://127.0.0.1:1/ -hook-repeat 3"))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"DE": 190_000, "": 100_000}, s.opts.TaxPPM)
	require.Equal(t, []string{"a", "b"}, s.opts.Statuses)
	require.Equal(t, 5, s.opts.RateLimit)
	require.True(t, s.opts.Drift)
	require.Equal(t, 3*time.Second, s.opts.ListedAfter)
	require.Equal(t, "KÖLN", s.opts.Rewrite["billing.city"]("Köln"))
	require.Equal(t, shop.HTML, s.troubles[0].Kind)
	require.Equal(t, 3, s.hook.Repeat)
	for _, wrong := range []string{"-tax DE", "-rewrite billing.city=shout", "-trouble sunshine", "-zone Nowhere/Town", "orders"} {
		_, err := parse(strings.Fields(wrong))
		require.Error(t, err, wrong)
	}
}
