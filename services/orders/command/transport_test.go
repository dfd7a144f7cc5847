package command

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/cli"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// certificates are an authority and what it issued, in a folder.
type certificates struct {
	dir    string
	ca     string
	prints map[string]string
}

func issue(t *testing.T, names ...string) certificates {
	t.Helper()
	c := certificates{dir: t.TempDir(), prints: map[string]string{}}
	c.ca = filepath.Join(c.dir, "ca.crt")
	a, err := tlsfile.NewAuthority("ours")
	require.NoError(t, err)
	require.NoError(t, a.Write(c.ca))
	for _, name := range names {
		c.prints[name], err = a.Issue(c.dir, name, "127.0.0.1", "localhost")
		require.NoError(t, err)
	}
	return c
}

func (c certificates) pair(t *testing.T, name string) *tlsfile.Pair {
	t.Helper()
	if name == "" {
		return nil
	}
	p, err := tlsfile.LoadPair(c.cert(name), c.key(name), zap.NewNop())
	require.NoError(t, err)
	return p
}

func (c certificates) cert(name string) string { return filepath.Join(c.dir, name+".crt") }
func (c certificates) key(name string) string  { return filepath.Join(c.dir, name+".key") }

// TestUnsafeTransportIsRefused: whatever would cross a network in the clear is refused, each by its setting, and taken
// when an operator says that the network is a private one.
func TestUnsafeTransportIsRefused(t *testing.T) {
	made := issue(t, "a")
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
		allow  func(*Config)
	}{
		"the API on all addresses":       {func(c *Config) { c.HTTPAddr = ":8080" }, "ORDERS_TLS_CERT is not set, and ORDERS_HTTP_ADDR leads beyond", func(c *Config) { c.InsecureHTTP = true }},
		"the API on one address":         {func(c *Config) { c.HTTPAddr = "192.0.2.1:8080" }, "ORDERS_TLS_CERT is not set", func(c *Config) { c.TLSCert, c.TLSKey = made.cert("a"), made.key("a") }},
		"the embedded broker":            {func(c *Config) { c.NatsAddr = "0.0.0.0:4222" }, "ORDERS_NATS_ADDR leads beyond", func(c *Config) { c.InsecureNats = true }},
		"the embedded broker, with TLS":  {func(c *Config) { c.NatsAddr = "0.0.0.0:4222" }, "ORDERS_NATS_ADDR leads beyond", func(c *Config) { c.TLSCert, c.TLSKey = made.cert("a"), made.key("a") }},
		"an external broker":             {func(c *Config) { c.NatsURL = "nats://u:p@nats.example:4222" }, "ORDERS_NATS_URL leads beyond", func(c *Config) { c.NatsURL = "tls://u:p@nats.example:4222" }},
		"a broker without a scheme":      {func(c *Config) { c.NatsURL = "10.0.0.5:4222" }, "ORDERS_NATS_URL leads beyond", func(c *Config) { c.InsecureNats = true }},
		"one of several brokers":         {func(c *Config) { c.NatsURL = "tls://u:p@n1:4222,nats://u:p@n2:4222" }, "ORDERS_NATS_URL leads beyond", func(c *Config) { c.InsecureNats = true }},
		"a database":                     {func(c *Config) { c.DatabaseURL = "postgres://u:p@db.example/x" }, "ORDERS_DATABASE_URL leads to another machine", func(c *Config) { c.InsecureDatabase = true }},
		"a database that is not proved":  {func(c *Config) { c.DatabaseURL = "postgres://u:p@db.example/x?sslmode=require" }, "ORDERS_DATABASE_URL leads to another machine", func(c *Config) { c.DatabaseURL = "postgres://u:p@db.example/x?sslmode=verify-full" }},
		"one of several databases":       {func(c *Config) { c.DatabaseURL = "postgres://u:p@localhost,db.example/x?sslmode=disable" }, "ORDERS_DATABASE_URL", func(c *Config) { c.InsecureDatabase = true }},
		"a certificate without a key":    {func(c *Config) { c.TLSCert = made.cert("a") }, "ORDERS_TLS_KEY and ORDERS_TLS_CERT must be set both", func(c *Config) { c.TLSKey = made.key("a") }},
		"a certificate that is none":     {func(c *Config) { c.TLSCert, c.TLSKey = made.key("a"), made.key("a") }, "ORDERS_TLS_CERT cannot be used", func(c *Config) { c.TLSCert = made.cert("a") }},
		"pins without TLS":               {func(c *Config) { c.PeerPins = made.prints["a"] }, "ORDERS_PEER_PINS needs", func(c *Config) { c.TLSCert, c.TLSKey = made.cert("a"), made.key("a") }},
		"pins that are none":             {func(c *Config) { c.PeerPins = "abc" }, "ORDERS_PEER_PINS must be", func(c *Config) { c.PeerPins = "" }},
		"authorities that are not there": {func(c *Config) { c.NatsCA = made.dir + "/none" }, "ORDERS_NATS_CA cannot be used", func(c *Config) { c.NatsCA = made.ca }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := goodConfig()
			c.change(cfg)
			require.ErrorContains(t, cfg.Validate(), c.want)
			c.allow(cfg)
			require.NoError(t, cfg.Validate())
		})
	}
}

// TestCommandsRefuseAnUnsafeDatabase: those that know the database only, with a password of its owner perhaps.
func TestCommandsRefuseAnUnsafeDatabase(t *testing.T) {
	t.Setenv("ORDERS_DATABASE_URL", "postgres://u:p@db.example/x?sslmode=require")
	for _, command := range []struct {
		of   func() *cobra.Command
		args []string
	}{{Migrate, []string{}}, {Admin, []string{"list-users"}}} {
		cmd := command.of()
		cmd.SetArgs(command.args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		require.ErrorContains(t, cmd.Execute(), "ORDERS_DATABASE_URL leads to another machine", cmd.Name())
	}
}

// TestASideOverTLS: the API and the embedded broker take nothing but TLS, and the peer's token is worth nothing without
// the peer's certificate.
func TestASideOverTLS(t *testing.T) {
	made := issue(t, "a", "peer", "other")
	cfg := newConfig(t, func(c *Config) {
		c.TLSCert, c.TLSKey, c.PeerPins = made.cert("a"), made.key("a"), made.prints["peer"]
		c.NatsBridgePassword = secret("nats-bridge")
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, cfg, nil, zaptest.NewLogger(t)) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	client := func(shown string) *http.Client {
		secure, err := tlsfile.Client(made.ca, nil, made.pair(t, shown))
		require.NoError(t, err)
		transport := &http.Transport{TLSClientConfig: secure}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: time.Minute}
	}
	call := func(c *http.Client, role, method, path, body string) *http.Response {
		req, err := http.NewRequest(method, "https://"+cfg.HTTPAddr+path, strings.NewReader(body))
		require.NoError(t, err)
		if role != "" {
			req.Header.Set("Authorization", "Bearer "+secret(role))
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res
	}
	anybody := client("")
	require.Eventually(t, func() bool {
		res, err := anybody.Get("https://" + cfg.HTTPAddr + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, time.Minute, 10*time.Millisecond)

	res := call(anybody, "client", "GET", "/orders", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "max-age=31536000", res.Header.Get("Strict-Transport-Security"))
	plain, err := http.Get("http://" + cfg.HTTPAddr + "/readyz")
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())
	require.Equal(t, http.StatusBadRequest, plain.StatusCode, "plain HTTP")

	greeting := `{"side":"b","entries":[],"seen":{}}`
	for shown, want := range map[string]int{"": http.StatusUnauthorized, "other": http.StatusUnauthorized, "peer": http.StatusOK} {
		require.Equal(t, want, call(client(shown), "peer", "PUT", "/orders/transactions", greeting).StatusCode, "shown: %q", shown)
	}
	require.Equal(t, http.StatusOK, call(anybody, "metrics", "GET", "/metrics", "").StatusCode, "other roles need no certificate")

	// Operators, and containers.
	t.Setenv("ORDERBRIDGE_URL", "https://"+cfg.HTTPAddr)
	t.Setenv("ORDERBRIDGE_TOKEN", secret("admin"))
	status := func() error {
		cmd := cli.Orders()
		cmd.SetArgs([]string{"list"})
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		return cmd.Execute()
	}
	require.ErrorContains(t, status(), "certificate")
	t.Setenv("ORDERBRIDGE_CA", made.ca)
	require.NoError(t, status())
	t.Setenv("ORDERS_HTTP_ADDR", cfg.HTTPAddr)
	health := func() error {
		cmd := Healthcheck()
		cmd.SetArgs([]string{})
		cmd.SetErr(io.Discard)
		return cmd.Execute()
	}
	require.Error(t, health())
	t.Setenv("ORDERS_TLS_CERT", cfg.TLSCert)
	require.NoError(t, health())

	// The broker.
	bridge := nats.UserInfo("bridge", cfg.NatsBridgePassword)
	_, err = nats.Connect("nats://"+cfg.NatsAddr, bridge, nats.Timeout(time.Minute))
	require.Error(t, err, "an unknown authority")
	secured, err := nats.Connect("tls://"+cfg.NatsAddr, bridge, nats.RootCAs(made.ca), nats.CustomInboxPrefix(contracts.BridgeInbox), nats.Timeout(time.Minute))
	require.NoError(t, err)
	state, err := secured.TLSConnectionState()
	require.NoError(t, err)
	require.GreaterOrEqual(t, state.Version, uint16(tls.VersionTLS12))
	secured.Close()
}

// TestHosts: names that lead here without belonging here are refused, so that no page of somebody else can speak to a
// service on this machine by a name of its own.
func TestHosts(t *testing.T) {
	local := startSide(t)
	named := startSide(t, func(c *Config) { c.Hosts = "orders.example, b.example" })
	_, port, _ := strings.Cut(local.cfg.HTTPAddr, ":")
	for _, c := range []struct {
		side   *side
		host   string
		status int
	}{
		{local, "127.0.0.1:" + port, http.StatusOK},
		{local, "localhost:" + port, http.StatusOK},
		{local, "[::1]:" + port, http.StatusOK},
		{local, "192.0.2.7", http.StatusOK},
		{local, "evil.example", http.StatusMisdirectedRequest},
		{local, "evil.example:" + port, http.StatusMisdirectedRequest},
		{local, "127.0.0.1.evil.example", http.StatusMisdirectedRequest},
		{local, "localhost.", http.StatusMisdirectedRequest},
		{named, "orders.example", http.StatusOK},
		{named, "B.Example:443", http.StatusOK},
		{named, "127.0.0.1", http.StatusOK},
		{named, "evil.example", http.StatusMisdirectedRequest},
		{named, "orders.example.evil.example", http.StatusMisdirectedRequest},
	} {
		for _, path := range []string{"/orders", "/admin/api/status"} {
			req, err := http.NewRequest("GET", "http://"+c.side.cfg.HTTPAddr+path, nil)
			require.NoError(t, err)
			req.Host = c.host
			req.Header.Set("Authorization", "Bearer "+secret("admin"))
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, c.status, res.StatusCode, "%s %s", c.host, path)
		}
	}
	everywhere := Config{HTTPAddr: "0.0.0.0:8080"}
	require.True(t, everywhere.hosts().Any, "it cannot know its names")
	require.False(t, (&Config{HTTPAddr: "127.0.0.1:8080"}).hosts().Any)
	require.False(t, (&Config{HTTPAddr: "0.0.0.0:8080", Hosts: "x"}).hosts().Any)
}
