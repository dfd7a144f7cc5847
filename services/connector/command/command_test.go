package command

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/shop/shop"
	"github.com/orderbridge/orderbridge/settings"
)

func good() *Config {
	return &Config{
		Profile: "woocommerce", URL: "https://shop.example", Key: "ck", Secret: "cs-secret-secret", Mode: "on",
		Poll: time.Second, Gone: time.Minute, Timeout: time.Second, HintsHeader: "X", HintsOrderID: "id",
	}
}

func TestConfigIsChecked(t *testing.T) {
	require.NoError(t, good().Validate())
	for want, change := range map[string]func(*Config){
		"CONNECTOR_PROFILE is not set":         func(c *Config) { c.Profile = "" },
		"CONNECTOR_URL must be an address":     func(c *Config) { c.URL = "shop.example" },
		"CONNECTOR_URL must be https":          func(c *Config) { c.URL = "http://shop.example" },
		"CONNECTOR_MODE must be":               func(c *Config) { c.Mode = "maybe" },
		"CONNECTOR_POLL must be":               func(c *Config) { c.Poll = 0 },
		"CONNECTOR_GONE must be":               func(c *Config) { c.Gone = 0 },
		"CONNECTOR_TIMEOUT must be":            func(c *Config) { c.Timeout = 0 },
		"CONNECTOR_LONGEST must be":            func(c *Config) { c.Longest = -1 },
		"CONNECTOR_RATE must be":               func(c *Config) { c.Rate = -1 },
		"CONNECTOR_CALLS must be":              func(c *Config) { c.Calls = 65 },
		"CONNECTOR_SWEEP must be":              func(c *Config) { c.Sweep = -1 },
		"CONNECTOR_HINTS_SECRET needs":         func(c *Config) { c.HintsSecret, c.HintsHeader = "whsec", "" },
		"must be an address, https://host":     func(c *Config) { c.URL = "https://user:cs-secret-secret@shop.example" },
		"CONNECTOR_PROFILE is not set: one of": func(c *Config) { c.Profile = "" },
	} {
		c := good()
		change(c)
		require.ErrorContains(t, c.Validate(), want)
		require.NotContains(t, c.Validate().Error(), "secret-secret", "no secret is repeated")
	}
	for _, address := range []string{"http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"} {
		c := good()
		c.URL = address
		require.NoError(t, c.Validate(), "nobody listens in between")
	}
	c := good()
	c.URL, c.InsecureURL = "http://shop.example", true
	require.NoError(t, c.Validate())
}

func TestEverySettingIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "configuration.md"))
	require.NoError(t, err)
	for _, name := range settings.Names(Prefix, &Config{}) {
		require.True(t, strings.Contains(string(page), "`"+name+"`"), "%s is missing in docs/configuration.md", name) // not the whole text
	}
}

func TestAnUnknownProfileIsNamed(t *testing.T) {
	c := good()
	c.Profile = filepath.Join(t.TempDir(), "nowhere")
	_, _, err := c.open()
	require.ErrorContains(t, err, "CONNECTOR_PROFILE")
}

func TestACallEndsBeforeItsEffectIsGivenUp(t *testing.T) {
	c := good()
	c.Timeout = time.Hour
	_, _, err := c.open()
	require.ErrorContains(t, err, "CONNECTOR_TIMEOUT must not be above 5m0s")
	c.Timeout, c.Longest = time.Second, 2*time.Second
	s, _, err := c.open()
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, s.Traits().LongestRequest)
}

// TestADryRunReportsWhatCannotBeTakenOver: before anything is set up, and without a write.
func TestADryRunReportsWhatCannotBeTakenOver(t *testing.T) {
	s, err := shop.New(shop.Options{Key: "ck", Secret: "cs-secret-secret", Statuses: []string{"shipped-twice"}})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Seed(3))
	require.NoError(t, s.Change(s.Orders()[1].ID, func(o *shop.Order) { o.Status = "shipped-twice" }))
	server := httptest.NewServer(s)
	defer server.Close()
	s.ClearCalls()
	c := good()
	c.URL = server.URL
	require.NoError(t, c.Validate())
	system, mapping, err := c.open()
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, report(context.Background(), &out, system, mapping))
	require.Contains(t, out.String(), "3 orders, 2 can be taken over, 1 cannot; nothing was written")
	require.Contains(t, out.String(), "shipped-twice")
	for _, call := range s.Calls() {
		require.False(t, call.Writes(), "%s %s", call.Method, call.Path)
	}
}
