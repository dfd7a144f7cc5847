package bridge

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
	name, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	labels = strings.TrimPrefix(labels+`,peer="b"`, ",")
	_, after, found := strings.Cut(page(t, bridge.address+"/metrics", r.config.MetricsToken), "\norderbridge_bridge_"+name+"{"+labels+"} ")
	require.True(t, found, name)
	var n int
	_, err := fmt.Sscan(after, &n)
	require.NoError(t, err)
	return n
}

// TestSeveralPeers: one process carries to several peers, and one that is away holds up no other.
func TestSeveralPeers(t *testing.T) {
	r := newRig(t)
	r.declare(time.Second)
	r.declareFor("c", time.Second)
	c := &r.config
	c.Peers, c.RemoteTokens = "b="+c.RemoteURL+" c=http://127.0.0.1:1", "b="+c.RemoteToken+" c="+strings.Repeat("c", 32)
	c.Peer, c.RemoteURL, c.RemoteToken = "", "", ""
	bridge := r.startBridge()
	all := hints(20)
	r.edit(all, 1)
	eventually(t, "c is unreachable", func() bool {
		return strings.Contains(page(t, bridge.address+"/metrics", c.MetricsToken), `orderbridge_bridge_handshakes_failing{peer="c"} 3`)
	})
	eventually(t, "b has all", func() bool { return metric(t, bridge, r, `entries_total{outcome="settled"}`) == 20 })
	r.edit(all, 2)
	eventually(t, "b has all again", func() bool { return metric(t, bridge, r, `entries_total{outcome="settled"}`) == 40 })
	require.Zero(t, metric(t, bridge, r, "circuit_state"))
}

func TestMetricsNeedTheirToken(t *testing.T) {
	r := newRig(t)
	address := r.startBridge().address
	for _, token := range []string{"", "x", r.config.LocalToken, r.config.MetricsToken + "x", r.config.MetricsToken[1:]} {
		require.Equal(t, http.StatusUnauthorized, get(t, address+"/metrics", token))
	}
	text := page(t, address+"/metrics", r.config.MetricsToken)
	for _, name := range []string{
		"orderbridge_bridge_entries_total{outcome=\"settled\",peer=\"b\"} 0", "orderbridge_bridge_batches_total{peer=\"b\"} 0", "orderbridge_bridge_redelivered_total{peer=\"b\"} 0",
		"orderbridge_bridge_circuit_state{peer=\"b\"} 0", "orderbridge_bridge_unauthorized{peer=\"b\"} 0", "orderbridge_bridge_paused{peer=\"b\"} 0",
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

// twoPeers sets peers and tokens in place of those of one.
func twoPeers(peers, tokens string) func(*Config) {
	return func(c *Config) {
		c.Peer, c.RemoteURL, c.RemoteToken, c.Peers, c.RemoteTokens = "", "", "", peers, tokens
	}
}

func TestChosenPeer(t *testing.T) {
	one, two := goodConfig(), goodConfig()
	twoPeers("b=https://b c=https://c", "b="+remoteToken+" c="+strings.Repeat("c", 32))(&two)
	require.NoError(t, two.Validate())
	p, err := one.chosen(nil)
	require.NoError(t, err)
	require.Equal(t, "b", p.name)
	p, err = two.chosen([]string{"c"})
	require.NoError(t, err)
	require.Equal(t, "https://c", p.url)
	for _, args := range [][]string{nil, {"d"}} {
		_, err = two.chosen(args)
		require.EqualError(t, err, "say which peer: b, c")
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
		"BRIDGE_SIDE must match":                    func(c *Config) { c.Side = "1a" },
		"BRIDGE_PEER must match":                    func(c *Config) { c.Peer = strings.Repeat("b", 17) },
		"BRIDGE_PEER must differ":                   func(c *Config) { c.Peer = "a" },
		"BRIDGE_LOCAL_URL must hold nothing":        func(c *Config) { c.LocalURL = "http://x/orders" },
		"BRIDGE_LOCAL_URL must be http":             func(c *Config) { c.LocalURL = "x:8080" },
		"BRIDGE_REMOTE_URL must hold":               func(c *Config) { c.RemoteURL = "http://x/?a=b" },
		"BRIDGE_REMOTE_URL must be":                 func(c *Config) { c.RemoteURL = "" },
		"BRIDGE_REMOTE_URL must be a URL":           func(c *Config) { c.RemoteURL = "http://x\x7f" },
		"BRIDGE_REMOTE_URL must differ":             func(c *Config) { c.RemoteURL = c.LocalURL + "/" },
		"BRIDGE_NATS_URL":                           func(c *Config) { c.NatsURL = "" },
		"BRIDGE_LOCAL_TOKEN must have 32":           func(c *Config) { c.LocalToken = strings.Repeat("x", 31) },
		"BRIDGE_REMOTE_TOKEN must have":             func(c *Config) { c.RemoteToken = strings.Repeat("x", 32) + "\r\n" },
		"BRIDGE_METRICS_TOKEN must have":            func(c *Config) { c.MetricsToken = strings.Repeat("x,", 32) },
		"BRIDGE_METRICS_TOKEN must differ":          func(c *Config) { c.MetricsToken = c.LocalToken },
		"BRIDGE_PEER must not be set beside":        func(c *Config) { c.Peers = "b=http://b" },
		"BRIDGE_REMOTE_TOKENS needs BRIDGE_PEERS":   func(c *Config) { c.RemoteTokens = "b=" + remoteToken },
		"BRIDGE_PEERS must be pairs":                twoPeers("b", ""),
		"BRIDGE_PEERS must name a peer":             twoPeers(" ", ""),
		"BRIDGE_PEERS must match":                   twoPeers("B=http://b", "B="+remoteToken),
		"BRIDGE_PEERS must differ from BRIDGE_SIDE": twoPeers("a=http://b", "a="+remoteToken),
		"BRIDGE_PEERS: c must be http":              twoPeers("b=http://b c=c", "b="+remoteToken),
		"BRIDGE_REMOTE_TOKENS must be pairs":        twoPeers("b=http://b", remoteToken),
		"BRIDGE_REMOTE_TOKENS: c must have 32":      twoPeers("b=http://b c=http://c", "b="+remoteToken),
		"BRIDGE_REMOTE_TOKENS: c must differ":       twoPeers("b=http://b c=http://c", "b="+remoteToken+" c="+remoteToken),
		"BRIDGE_REMOTE_TOKENS has a token for c":    twoPeers("b=http://b", "b="+remoteToken+" c="+remoteToken),
		"BRIDGE_BATCH":                              func(c *Config) { c.Batch = 0 },
		"BRIDGE_WORKERS":                            func(c *Config) { c.Workers = 0 },
	} {
		c := goodConfig()
		spoil(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

func TestSettingsHaveTheirNamesAndMeanings(t *testing.T) {
	require.Equal(t, []string{
		"BRIDGE_SIDE", "BRIDGE_PEER", "BRIDGE_LOCAL_URL", "BRIDGE_LOCAL_TOKEN", "BRIDGE_REMOTE_URL", "BRIDGE_REMOTE_TOKEN", "BRIDGE_PEERS", "BRIDGE_REMOTE_TOKENS",
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
