package bridge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings"
)

func fetch(t *testing.T, address, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

func get(t *testing.T, address, token string) int {
	t.Helper()
	status, _ := fetch(t, address, token)
	return status
}

func page(t *testing.T, address, token string) string {
	t.Helper()
	status, text := fetch(t, address, token)
	require.Equal(t, http.StatusOK, status)
	return text
}

// metric reads one figure of a bridge.
func metric(t *testing.T, bridge *running, r *rig, name string) int {
	t.Helper()
	_, after, found := strings.Cut(page(t, bridge.address+"/metrics", r.config.MetricsToken), "\norderbridge_bridge_"+name+" ")
	require.True(t, found, name)
	var n int
	_, err := fmt.Sscan(after, &n)
	require.NoError(t, err)
	return n
}

func TestMetricsNeedTheirToken(t *testing.T) {
	r := newRig(t)
	address := r.startBridge().address
	for _, token := range []string{"", "x", r.config.LocalToken, r.config.MetricsToken + "x", r.config.MetricsToken[1:]} {
		require.Equal(t, http.StatusUnauthorized, get(t, address+"/metrics", token))
	}
	text := page(t, address+"/metrics", r.config.MetricsToken)
	for _, name := range []string{
		"orderbridge_bridge_entries_total{outcome=\"settled\"} 0", "orderbridge_bridge_batches_total 0", "orderbridge_bridge_redelivered_total 0",
		"orderbridge_bridge_circuit_state 0", "orderbridge_bridge_unauthorized 0", "orderbridge_bridge_paused 0",
	} {
		require.Contains(t, text, name+"\n")
	}
	require.Equal(t, http.StatusNotFound, get(t, address+"/debug/pprof/", ""))
}

func goodConfig() Config {
	return Config{
		Side: "a", Peer: "b", LocalURL: "http://127.0.0.1:8080", LocalToken: localToken, RemoteURL: "https://b.example/", RemoteToken: remoteToken,
		NatsURL: "nats://orders:secret@127.0.0.1:4222,tls://second", HTTPAddr: "127.0.0.1:0", MetricsToken: strings.Repeat("m", 32),
		Batch: 256, Workers: 2, BackoffMax: backoffBase, ShutdownGrace: 1,
	}
}

func TestValidateNamesEveryFaultAndNoSecret(t *testing.T) {
	require.NoError(t, goodConfig().Validate())
	bad := Config{
		Side: "A", Peer: "A", LocalURL: "http://u:hunter2@x/", RemoteURL: "ftp://x", NatsURL: "http://u:hunter2@x",
		LocalToken: "hunter2", RemoteToken: "hunter2", Batch: 501, Workers: 9,
	}
	err := bad.Validate()
	for _, name := range []string{"SIDE", "PEER", "LOCAL_URL", "REMOTE_URL", "NATS_URL", "LOCAL_TOKEN", "REMOTE_TOKEN", "METRICS_TOKEN", "BATCH", "WORKERS", "BACKOFF_MAX", "SHUTDOWN_GRACE"} {
		require.ErrorContains(t, err, "BRIDGE_"+name)
	}
	require.NotContains(t, err.Error(), "hunter2")
	require.ErrorContains(t, Run(t.Context(), bad, zap.NewNop()), "BRIDGE_WORKERS")
}

func TestValidateOneByOne(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"BRIDGE_SIDE must match":             func(c *Config) { c.Side = "1a" },
		"BRIDGE_PEER must match":             func(c *Config) { c.Peer = strings.Repeat("b", 17) },
		"BRIDGE_PEER must differ":            func(c *Config) { c.Peer = "a" },
		"BRIDGE_LOCAL_URL must hold nothing": func(c *Config) { c.LocalURL = "http://x/orders" },
		"BRIDGE_LOCAL_URL must be http":      func(c *Config) { c.LocalURL = "x:8080" },
		"BRIDGE_REMOTE_URL must hold":        func(c *Config) { c.RemoteURL = "http://x/?a=b" },
		"BRIDGE_REMOTE_URL must be":          func(c *Config) { c.RemoteURL = "" },
		"BRIDGE_REMOTE_URL must be a URL":    func(c *Config) { c.RemoteURL = "http://x\x7f" },
		"BRIDGE_REMOTE_URL must differ":      func(c *Config) { c.RemoteURL = c.LocalURL + "/" },
		"BRIDGE_NATS_URL":                    func(c *Config) { c.NatsURL = "" },
		"BRIDGE_LOCAL_TOKEN must have 32":    func(c *Config) { c.LocalToken = strings.Repeat("x", 31) },
		"BRIDGE_REMOTE_TOKEN must have":      func(c *Config) { c.RemoteToken = strings.Repeat("x", 32) + "\r\n" },
		"BRIDGE_METRICS_TOKEN must have":     func(c *Config) { c.MetricsToken = strings.Repeat("x,", 32) },
		"BRIDGE_METRICS_TOKEN must differ":   func(c *Config) { c.MetricsToken = c.LocalToken },
		"BRIDGE_BATCH":                       func(c *Config) { c.Batch = 0 },
		"BRIDGE_WORKERS":                     func(c *Config) { c.Workers = 0 },
	} {
		c := goodConfig()
		spoil(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

func TestSettingsHaveTheirNamesAndMeanings(t *testing.T) {
	require.Equal(t, []string{
		"BRIDGE_SIDE", "BRIDGE_PEER", "BRIDGE_LOCAL_URL", "BRIDGE_LOCAL_TOKEN", "BRIDGE_REMOTE_URL", "BRIDGE_REMOTE_TOKEN",
		"BRIDGE_REMOTE_PINS", "BRIDGE_CA", "BRIDGE_TLS_CERT", "BRIDGE_TLS_KEY", "BRIDGE_NATS_URL", "BRIDGE_INSECURE_HTTP", "BRIDGE_INSECURE_NATS",
		"BRIDGE_HTTP_ADDR", "BRIDGE_METRICS_TOKEN", "BRIDGE_LOG_LEVEL", "BRIDGE_LOG_FORMAT", "BRIDGE_BATCH", "BRIDGE_WORKERS", "BRIDGE_BACKOFF_MAX", "BRIDGE_SHUTDOWN_GRACE",
	}, settings.Names(settingsPrefix, &Config{}))
	var c Config
	require.NoError(t, settings.Load(settingsPrefix, &c))
	require.Equal(t, 256, c.Batch)
	require.Equal(t, 4, c.Workers)
}

func TestCommandSaysWhatIsMissing(t *testing.T) {
	cmd := Command()
	cmd.SetArgs(nil)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "BRIDGE_REMOTE_TOKEN")
	t.Setenv("BRIDGE_BATCHES", "1")
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "BRIDGE_BATCHES")
}

func TestRunSaysThatItCannotListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	c := goodConfig()
	c.HTTPAddr = l.Addr().String()
	require.ErrorContains(t, Run(t.Context(), c, zap.NewNop()), "listen for health and metrics")
}
