package bridge

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// issued makes an authority and certificates for 127.0.0.1 in a folder, and returns it with their fingerprints.
func issued(t *testing.T, names ...string) (dir string, prints map[string]string) {
	t.Helper()
	dir, prints = t.TempDir(), map[string]string{}
	a, err := tlsfile.NewAuthority("ours")
	require.NoError(t, err)
	require.NoError(t, a.Write(filepath.Join(dir, "ca.crt")))
	for _, name := range names {
		prints[name], err = a.Issue(dir, name, "127.0.0.1")
		require.NoError(t, err)
	}
	return dir, prints
}

// TestUnsafeTransportIsRefused: whatever would cross a network in the clear is refused, each by its setting, and taken
// when an operator says that the network is a private one.
func TestUnsafeTransportIsRefused(t *testing.T) {
	dir, prints := issued(t, "a")
	require.NoError(t, goodConfig().Validate())
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
		allow  func(*Config)
	}{
		"the peer":                      {func(c *Config) { c.RemoteURL = "http://b.example" }, "BRIDGE_REMOTE_URL must be https", func(c *Config) { c.InsecureHTTP = true }},
		"the own service":               {func(c *Config) { c.LocalURL = "http://a.example" }, "BRIDGE_LOCAL_URL must be https", func(c *Config) { c.LocalURL = "https://a.example" }},
		"the broker":                    {func(c *Config) { c.NatsURL = "nats://u:p@nats.example" }, "BRIDGE_NATS_URL leads beyond", func(c *Config) { c.InsecureNats = true }},
		"one of several brokers":        {func(c *Config) { c.NatsURL = "tls://n1,nats://n2" }, "BRIDGE_NATS_URL leads beyond", func(c *Config) { c.NatsURL = "tls://n1,tls://n2" }},
		"metrics":                       {func(c *Config) { c.HTTPAddr = ":8081" }, "BRIDGE_HTTP_ADDR leads beyond", func(c *Config) { c.TLSCert, c.TLSKey = filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key") }},
		"pins without TLS":              {func(c *Config) { c.RemoteURL, c.RemotePins = "http://127.0.0.1:2", prints["a"] }, "BRIDGE_REMOTE_PINS needs", func(c *Config) { c.RemoteURL = "https://127.0.0.1:2" }},
		"pins that are none":            {func(c *Config) { c.RemotePins = "x" }, "BRIDGE_REMOTE_PINS must be", func(c *Config) { c.RemotePins = prints["a"] }},
		"a certificate without a key":   {func(c *Config) { c.TLSCert = filepath.Join(dir, "a.crt") }, "BRIDGE_TLS_KEY and BRIDGE_TLS_CERT", func(c *Config) { c.TLSKey = filepath.Join(dir, "a.key") }},
		"authorities that do not exist": {func(c *Config) { c.CA = filepath.Join(dir, "none") }, "BRIDGE_CA", func(c *Config) { c.CA = filepath.Join(dir, "ca.crt") }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := goodConfig()
			c.change(&cfg)
			require.ErrorContains(t, cfg.Validate(), c.want)
			c.allow(&cfg)
			require.NoError(t, cfg.Validate())
		})
	}
}

// TestTheBridgeTrustsOnlyItsPeer: a server that is not the pinned one, or of no known authority, gets no token.
func TestTheBridgeTrustsOnlyItsPeer(t *testing.T) {
	dir, prints := issued(t, "peer", "other", "bridge")
	pair := func(name string) *tlsfile.Pair {
		p, err := tlsfile.LoadPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), zap.NewNop())
		require.NoError(t, err)
		return p
	}
	bridges, err := tlsfile.ParsePins(prints["bridge"])
	require.NoError(t, err)
	for _, c := range []struct {
		name, server, ca, pins string
		reached                bool
	}{
		{"authority", "peer", "ca.crt", "", true},
		{"unknown authority", "peer", "", "", false},
		{"pinned", "peer", "", "peer", true},
		{"not the pinned one", "other", "ca.crt", "peer", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls, pinned := 0, false
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				pinned = bridges.Match(r.TLS)
				w.WriteHeader(http.StatusNoContent)
			}))
			server.Listener = tls.NewListener(server.Listener, pair(c.server).Server(true))
			server.Start()
			defer server.Close()
			cfg := Config{Peer: "b", RemotePins: prints[c.pins], TLSCert: filepath.Join(dir, "bridge.crt"), TLSKey: filepath.Join(dir, "bridge.key")}
			if c.ca != "" {
				cfg.CA = filepath.Join(dir, c.ca)
			}
			_, remote, err := cfg.transport(zap.NewNop())
			require.NoError(t, err)
			require.GreaterOrEqual(t, remote["b"].MinVersion, uint16(tls.VersionTLS12))
			client := newClient("remote", "https://"+server.Listener.Addr().String(), remoteToken, 1, &failedCalls{}, newMetrics(prometheus.NewRegistry(), "b").observe).overTLS(remote["b"])
			r := client.send(t.Context(), localPut, "request", []byte(`{}`), []string{"x"})
			require.Equal(t, c.reached, calls == 1)
			require.Equal(t, c.reached, pinned, "and sees our certificate")
			if !c.reached {
				require.Equal(t, retry, r.verdict, "the link is down, and the orders stay pending")
			}
		})
	}
}

// TestAuthoritiesDoNotDemandTLS: they are for the peer's service perhaps, and the broker on this machine speaks none.
func TestAuthoritiesDoNotDemandTLS(t *testing.T) {
	dir, _ := issued(t)
	b := startBroker(t)
	c := goodConfig()
	c.NatsURL, c.CA = b.url(), filepath.Join(dir, "ca.crt")
	conn, err := connect(c, zap.NewNop())
	require.NoError(t, err)
	defer conn.close(zap.NewNop())
	require.Eventually(t, conn.nc.IsConnected, time.Minute, 10*time.Millisecond)
}
