package command

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestPagesWithoutABroker: what only the broker could tell is said to be not known, and nobody is told
// that no bridge runs.
func TestPagesWithoutABroker(t *testing.T) {
	s := startSide(t, func(c *Config) { c.NatsURL = "nats://orders:" + secret("nats") + "@" + freeAddr(t) })
	anna := s.person("anna", access.Operator)
	id := s.create(newOrder(t, "one")).ID
	get := func(path string) string {
		t.Helper()
		got := anna.do("GET", path, "")
		require.Equal(t, http.StatusOK, got.status, "%s: %s", path, got.body)
		require.NotContains(t, string(got.body), secret("nats"))
		return string(got.body)
	}
	overview := get("/admin")
	require.Contains(t, overview, "1\u00a0order cannot reach b. The broker is unreachable. Changes are kept until it is back.")
	require.Contains(t, overview, "1 to publish to the broker, what is pending there is not known. Blocked")
	require.NotContains(t, overview, "0 processes")
	peers := get("/admin/peers")
	require.NotContains(t, peers, "No bridge to b is running")
	require.Contains(t, peers, "they report through the broker")
	require.Contains(t, peers, "1\u00a0change not published yet")
	require.NotContains(t, peers, "/pause", "nobody could be asked to")
	require.Contains(t, get("/admin/orders/"+id), "the broker is unreachable")
}
