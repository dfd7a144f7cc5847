//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// startBridge starts a further bridge of a side, set up from demo.env as an operator would, that
// reaches the peer at an address.
func (d *demo) startBridge(t testing.TB, s *side, remoteURL string) *process {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", d.freePort(t))
	p := startProcess(t, filepath.Join(d.dir, fmt.Sprintf("bridge-%s-%s.log", s.name, addr)), d.bridgeEnv(s, remoteURL, addr), program, "bridge")
	awaitReady(t, "http://"+addr)
	return p
}

// bridgeEnv is the settings of a side's bridge.
func (d *demo) bridgeEnv(s *side, remoteURL, addr string) []string {
	own, peer := s.access.Load(), d.peerOf(s)
	return []string{
		"BRIDGE_SIDE=" + s.name, "BRIDGE_PEER=" + peer.name,
		"BRIDGE_LOCAL_URL=" + own.url, "BRIDGE_LOCAL_TOKEN=" + own.bridge,
		"BRIDGE_REMOTE_URL=" + remoteURL, "BRIDGE_REMOTE_TOKEN=" + peer.access.Load().peer,
		"BRIDGE_NATS_URL=" + own.natsBridge, "BRIDGE_HTTP_ADDR=" + addr, "BRIDGE_METRICS_TOKEN=" + own.metrics,
		"BRIDGE_BACKOFF_MAX=1s", "BRIDGE_LOG_FORMAT=console",
	}
}
