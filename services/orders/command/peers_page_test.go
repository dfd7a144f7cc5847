package command

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestPeersPageTellsTheLastError: of a bridge that runs again, too, with when it was.
func TestPeersPageTellsTheLastError(t *testing.T) {
	s := startSide(t)
	viktor := s.person("viktor", access.Viewer)
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	report, err := strictjson.Encode(contracts.BridgeReport{
		Instance: "one", Peer: "b", State: "running", Circuit: "closed", Since: time.Now(), At: time.Now(),
		LastError: "remote: status 502, <not> an answer", LastErrorAt: time.Now().Add(-time.Hour),
	})
	require.NoError(t, err)
	var page string
	require.Eventually(t, func() bool {
		require.NoError(t, nc.Publish(contracts.BridgeSubjectPrefix+"b", report))
		require.NoError(t, nc.Flush())
		page = string(viktor.do("GET", "/admin/peers", "").body)
		return strings.Contains(page, `id="bridge-one"`)
	}, 20*time.Second, 50*time.Millisecond)
	require.Contains(t, page, "Running")
	require.Regexp(t, `remote: status 502, &lt;not&gt; an answer</bdi>, <time [^>]*>1.hour.ago`, page)
}
