//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// furtherBridge is a bridge beside the demo's own.
type furtherBridge struct {
	*process
	addr, metricsToken string
}

// startBridge starts a further bridge of a side, set up from demo.env as an operator would, that
// reaches the peer at an address.
func (d *demo) startBridge(t testing.TB, s *side, remoteURL string) *furtherBridge {
	t.Helper()
	own, peer := s.access.Load(), d.peerOf(s)
	addr := fmt.Sprintf("127.0.0.1:%d", d.freePort(t))
	env := []string{
		"BRIDGE_SIDE=" + s.name, "BRIDGE_PEER=" + peer.name,
		"BRIDGE_LOCAL_URL=" + own.url, "BRIDGE_LOCAL_TOKEN=" + own.bridge,
		"BRIDGE_REMOTE_URL=" + remoteURL, "BRIDGE_REMOTE_TOKEN=" + peer.access.Load().peer,
		"BRIDGE_NATS_URL=" + own.nats, "BRIDGE_HTTP_ADDR=" + addr, "BRIDGE_METRICS_TOKEN=" + own.metrics,
		"BRIDGE_BACKOFF_MAX=1s", "BRIDGE_LOG_FORMAT=console",
	}
	p := startProcess(t, filepath.Join(d.dir, fmt.Sprintf("bridge-%s-%s.log", s.name, addr)), env, program, "bridge")
	awaitReady(t, "http://"+addr)
	return &furtherBridge{p, addr, own.metrics}
}

// redelivered is how many hints came to it that were delivered before.
func (b *furtherBridge) redelivered(t testing.TB) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.addr+"/metrics", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+b.metricsToken)
	response, err := probe.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	found := redeliveredTotal.FindSubmatch(text)
	require.NotNil(t, found, "%s", text)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return n
}

var redeliveredTotal = regexp.MustCompile(`(?m)^orderbridge_bridge_redelivered_total(?:\{.*\})? (\d+)$`)
