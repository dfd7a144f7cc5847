package command

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders/cli"
	"github.com/orderbridge/orderbridge/settings"
)

// run runs a command as a person would, against a side.
func run(t *testing.T, s *side, role string, cmd func() *cobra.Command, args ...string) (string, error) {
	t.Helper()
	t.Setenv("ORDERBRIDGE_URL", "http://"+s.cfg.HTTPAddr)
	t.Setenv("ORDERBRIDGE_TOKEN", secret(role))
	c := cmd()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	cli.MarkUsage(c)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestOrdersCommands(t *testing.T) {
	s := startSide(t)
	file := filepath.Join("..", "..", "..", "contracts", "examples", "order.create.json")
	id, err := run(t, s, "client", cli.Orders, "create", "-q", "-f", file)
	require.NoError(t, err)
	id = strings.TrimSpace(id)
	out, err := run(t, s, "client", cli.Orders, "edit", id, "--set", "status=confirmed", "--set", "lines/0/quantity=3",
		"--set", "customerNote=Ring twice", "--set", "metadata/gift.wrap=", "--set", "metadata/floor=2", "--set", "shippingAddress/postalCode=20457")
	require.NoError(t, err)
	var after contracts.OrderView
	require.NoError(t, json.Unmarshal([]byte(out), &after))
	require.Equal(t, contracts.StatusConfirmed, after.Status)
	require.EqualValues(t, 3, after.Lines[0].Quantity)
	require.Equal(t, "Ring twice", after.CustomerNote)
	require.Equal(t, "2", after.Metadata["floor"])
	require.Equal(t, "20457", after.ShippingAddress.PostalCode)
	require.NotContains(t, after.Metadata, "gift.wrap")

	out, err = run(t, s, "client", cli.Orders, "list")
	require.NoError(t, err)
	require.Contains(t, out, id)
	require.Contains(t, out, "b:NEW")
	require.Contains(t, out, contracts.Amount(after.Totals.TotalMinor, "EUR", "")+" EUR")
	require.Regexp(t, `[0-9]\.[0-9]{2} EUR`, out)
	out, err = run(t, s, "client", cli.Orders, "list", "-q", "--status", "draft")
	require.NoError(t, err)
	require.Empty(t, out)
	out, err = run(t, s, "client", cli.Orders, "get", id)
	require.NoError(t, err)
	require.Contains(t, out, `"orderNumber": "WEB-104217"`)

	for _, bad := range [][]string{{"edit", id}, {"edit", id, "--set", "quantity"}, {"edit", id, "--set", "lines/9/quantity=1"}, {"get"}, {"get", "nothing"}} {
		_, err := run(t, s, "client", cli.Orders, bad...)
		require.Error(t, err, "%v", bad)
	}
	_, err = run(t, s, "client", cli.Orders, "edit", id, "--set", "lines/0/quantity=0")
	require.ErrorContains(t, err, "/lines/0/quantity", "the problem's field reaches the person")
	_, err = run(t, s, "client", cli.Orders, "delete", id)
	require.NoError(t, err)
	_, err = run(t, s, "client", cli.Orders, "get", id)
	require.ErrorContains(t, err, "410")
}

func TestStatusCommand(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	s.create(newOrder(t, "x"))
	out, err := run(t, s, "admin", cli.Status)
	require.Equal(t, cli.ExitPerson, cli.ExitCode(err), "there is an alarm")
	require.Contains(t, out, "NEW       1")
	require.Contains(t, out, "no bridge to b has reported")
	out, err = run(t, s, "admin", cli.Status, "-o", "json")
	require.Equal(t, cli.ExitPerson, cli.ExitCode(err))
	var st contracts.Status
	require.NoError(t, json.Unmarshal([]byte(out), &st))
	require.Equal(t, "a", st.Side)
	_, err = run(t, s, "client", cli.Status)
	require.ErrorContains(t, err, "403")
	_, err = run(t, s, "admin", Healthcheck, s.cfg.HTTPAddr)
	require.NoError(t, err)
	_, err = run(t, s, "admin", Healthcheck, freeAddr(t))
	require.Error(t, err)
}

// goodConfig is one that passes.
func goodConfig() *Config {
	return &Config{
		Side: "a", Peer: "b", PeerURL: "https://b.example:8443", HTTPAddr: "127.0.0.1:8080", DatabaseURL: "postgres://localhost/x",
		ClientToken: secret("client"), PeerToken: secret("peer"), BridgeToken: secret("bridge"), AdminToken: secret("admin"),
		MetricsToken: secret("metrics"), NatsAddr: "127.0.0.1:4222", NatsUser: "orders", NatsPassword: secret("nats"), NatsSync: "always",
		NatsReplicas: 1, ConflictPolicy: "manual", ShutdownGrace: 1, BrakeDeletions: "5%", BrakeReplacements: "off", BrakeWindow: 1,
	}
}

// TestNoWeakSecrets: the service does not start with missing, weak or equal secrets, and says which.
func TestNoWeakSecrets(t *testing.T) {
	require.NoError(t, goodConfig().Validate())
	for want, change := range map[string]func(*Config){
		"ORDERS_CONFLICT_POLICY must be":                                 func(c *Config) { c.ConflictPolicy = "newest" },
		"ORDERS_CONFLICT_RULES has a rule":                               func(c *Config) { c.ConflictRules = "/status=max" },
		"ORDERS_SIDE":                                                    func(c *Config) { c.Side = "A" },
		"ORDERS_PEER":                                                    func(c *Config) { c.Peer = "a" },
		"ORDERS_PEER_URL":                                                func(c *Config) { c.PeerURL = "https://user:pw@b" },
		"ORDERS_PEER must not be set beside":                             func(c *Config) { c.Peers = "b=http://b" },
		"ORDERS_PEER_TOKEN must not be set beside":                       several("b=http://b", "b="+secret("b"), func(c *Config) { c.PeerToken = secret("x") }),
		"ORDERS_PEERS must name other sides":                             several("a=http://b", "a="+secret("b")),
		"ORDERS_PEERS must have an origin for c":                         several("b=http://b c=nowhere", "b="+secret("b")+" c="+secret("c")),
		"ORDERS_PEERS must name b once":                                  several("b=http://b b=http://c", "b="+secret("b")),
		"ORDERS_PEERS must be pairs":                                     several("b", ""),
		"ORDERS_PEERS must name a peer":                                  several(" ", ""),
		"ORDERS_PEER_TOKENS must be pairs":                               several("b=http://b", secret("b")),
		"ORDERS_PEER_TOKENS of c is not set":                             several("b=http://b c=http://c", "b="+secret("b")),
		"ORDERS_PEER_TOKENS of c is the same as ORDERS_PEER_TOKENS of b": several("b=http://b c=http://c", "b="+secret("b")+" c="+secret("c")+","+secret("b")),
		"ORDERS_PEER_TOKENS of b must have 32":                           several("b=http://b", "b=short"),
		"ORDERS_PEER_TOKENS has a token of c":                            several("b=http://b", "b="+secret("b")+" c="+secret("c")),
		"ORDERS_PEER_TOKENS needs ORDERS_PEERS":                          func(c *Config) { c.PeerTokens = "b=" + secret("b") },
		"ORDERS_HTTP_ADDR":                                               func(c *Config) { c.HTTPAddr = "8080" },
		"ORDERS_DATABASE_URL is not set":                                 func(c *Config) { c.DatabaseURL = "" },
		"ORDERS_CLIENT_TOKEN is not set":                                 func(c *Config) { c.ClientToken = "" },
		"ORDERS_PEER_TOKEN must have 32":                                 func(c *Config) { c.PeerToken = "short" },
		"ORDERS_ADMIN_TOKEN is the same as":                              func(c *Config) { c.AdminToken = c.ClientToken },
		"ORDERS_BRIDGE_TOKEN holds more":                                 func(c *Config) { c.BridgeToken = strings.Repeat(secret("x")+",", 3) },
		"ORDERS_NATS_PASSWORD is not set":                                func(c *Config) { c.NatsPassword = "" },
		"ORDERS_NATS_PASSWORD must be one":                               func(c *Config) { c.NatsPassword = strings.Repeat("x", 73) },
		"ORDERS_NATS_BRIDGE_PASSWORD must have":                          func(c *Config) { c.NatsBridgePassword = "short" },
		"ORDERS_NATS_OPERATOR_PASSWORD is the same":                      func(c *Config) { c.NatsOperatorPassword = c.NatsPassword },
		"ORDERS_NATS_USER must be neither":                               func(c *Config) { c.NatsUser = "bridge" },
		"ORDERS_NATS_SYNC must be":                                       func(c *Config) { c.NatsSync = "sometimes" },
		"ORDERS_NATS_REPLICAS must be":                                   func(c *Config) { c.NatsReplicas = 0 },
		"ORDERS_RECONCILE_EVERY must be":                                 func(c *Config) { c.ReconcileEvery = 1 },
		"ORDERS_BRAKE_DELETIONS must be":                                 func(c *Config) { c.BrakeDeletions = "120%" },
		"ORDERS_BRAKE_REPLACEMENTS must be":                              func(c *Config) { c.BrakeReplacements = "many" },
		"ORDERS_BRAKE_WINDOW must be":                                    func(c *Config) { c.BrakeWindow = 0 },
		"ORDERS_ALARM_AGE must be":                                       func(c *Config) { c.AlarmAge = -1 },
		"ORDERS_ALARM_DELIVERIES must be":                                func(c *Config) { c.AlarmDeliveries = -1 },
		"ORDERS_RETENTION must be":                                       func(c *Config) { c.Retention = time.Minute },
		"ORDERS_SHUTDOWN_GRACE must be":                                  func(c *Config) { c.ShutdownGrace = 0 },
		"ORDERS_DATABASE_CONNS must be":                                  func(c *Config) { c.DatabaseConns = 1 },
		"ORDERS_TRUSTED_PROXIES must be":                                 func(c *Config) { c.TrustedProxies = "10.0.0.0/33" },
	} {
		c := goodConfig()
		change(c)
		require.ErrorContains(t, c.Validate(), want)
		require.NotContains(t, c.Validate().Error(), "-secret-secret", "no secret is repeated")
	}
	var all Config
	require.Len(t, strings.Split((&all).Validate().Error(), "\n"), 20, "all faults are told at once")
}

// TestEverySettingIsDocumented holds the table of settings complete.
func TestEverySettingIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "configuration.md"))
	require.NoError(t, err)
	for _, name := range settings.Names(Prefix, &Config{}) {
		require.True(t, strings.Contains(string(page), "`"+name+"`"), "%s is missing in docs/configuration.md", name) // not the whole text
	}
}

// TestPeopleCommands: on the machine that has the database, people are made without a running service.
func TestPeopleCommands(t *testing.T) {
	s := startSide(t)
	t.Setenv("ORDERS_DATABASE_URL", s.cfg.DatabaseURL)
	people := func(input string, args ...string) (string, error) {
		return run(t, s, "nobody", func() *cobra.Command {
			c := Admin()
			c.SetIn(strings.NewReader(input))
			return c
		}, args...)
	}
	logIn := func(name, password string) int { return s.browser().logIn(name, password).status }

	out, err := people("", "create-user", "root", "--role", "admin")
	require.NoError(t, err)
	label, made, ok := strings.Cut(strings.TrimSpace(out), ": ")
	require.True(t, ok)
	require.Equal(t, "root (admin), password", label)
	require.Equal(t, http.StatusOK, logIn("root", made))

	out, err = people("given by a person\n", "create-user", "anna", "--password-stdin")
	require.NoError(t, err)
	require.Equal(t, "anna (viewer)\n", out, "what was given is not printed")
	require.Equal(t, http.StatusOK, logIn("anna", "given by a person"))

	out, err = people("", "list-users")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^root +admin `, out)
	_, err = people("", "disable-user", "anna")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, logIn("anna", "given by a person"))
	_, err = people("", "enable-user", "anna")
	require.NoError(t, err)
	out, err = people("", "reset-password", "anna")
	require.NoError(t, err)
	_, made, _ = strings.Cut(strings.TrimSpace(out), ": ")
	require.Equal(t, http.StatusOK, logIn("anna", made))

	for want, args := range map[string][]string{
		"there is a user of that name already": {"create-user", "root"},
		"role must be one of":                  {"create-user", "bert", "--role", "peer"},
		"name must begin with":                 {"create-user", "Bert"},
		"there is no such user":                {"reset-password", "bert"},
		"no password":                          {"create-user", "bert", "--password-stdin"},
	} {
		_, err := people("", args...)
		require.ErrorContains(t, err, want)
	}
	_, err = people("short", "create-user", "bert", "--password-stdin")
	require.ErrorContains(t, err, "password must have 12 to 200 characters")

	t.Setenv("ORDERS_DATABASE_URL", pgtest.Open(t))
	_, err = people("", "list-users")
	require.ErrorContains(t, err, "orderbridge migrate")
	t.Setenv("ORDERS_DATABASE_URL", "")
	_, err = people("", "list-users")
	require.ErrorContains(t, err, "ORDERS_DATABASE_URL is not set")
}
