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
	require.Contains(t, overview, "1\u00a0order cannot get to b. The broker cannot be reached. Changes are kept here until it is back.")
	require.Contains(t, overview, "1 to hand over to the broker, what waits there and is under way is not known. It is stopped")
	require.NotContains(t, overview, "0 processes")
	peers := get("/admin/peers")
	require.NotContains(t, peers, "No bridge to b is running")
	require.Contains(t, peers, "bridges report by way of the broker")
	require.Contains(t, peers, "1\u00a0change not handed over to the broker yet")
	require.NotContains(t, peers, "/pause", "nobody could be asked to")
	require.Contains(t, get("/admin/orders/"+id), "the broker cannot be reached")
}
