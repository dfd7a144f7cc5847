//go:build linux

package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestCompose drives the composed sides, from the first start to an end that leaves nothing.
func TestCompose(t *testing.T) {
	needEngine(t)
	c := startComposed(t, "compose.yaml")
	t.Run("only the bridges reach the other side", c.requireApart)
	t.Run("tour", func(t *testing.T) { tourOf(t, c.pair) })
	t.Run("collisions", func(t *testing.T) { collisionsOf(t, c.pair) })
	t.Run("operators see and do not touch", c.requireOperatorLooks)
	underLoad(t, c.pair, c.faults())
	t.Run("down and up again", c.downAndUp)
}

// TestComposeCluster kills, one after the other, what side a has several of.
func TestComposeCluster(t *testing.T) {
	needEngine(t)
	c := startComposed(t, "compose.yaml", "compose.cluster.yaml")
	t.Run("tour", func(t *testing.T) { tourOf(t, c.pair) })
	t.Run("collisions", func(t *testing.T) { collisionsOf(t, c.pair) })
	t.Run("three copies, two bridges", c.requireCluster)
	underLoad(t, c.pair, []fault{
		{"the leader of the stream killed", "", func(t *testing.T, l *load) { c.kills(c.leader(t))(t, l) }},
		{"the other replica of service a killed", "", c.kills("orders-a-2")},
		{"a bridge killed", "", c.killsFirst("bridge-a")},
		{"service a killed where the clients are", "a", c.kills("orders-a")},
	})
}

// needEngine is for tests of which make e2e-compose is the way in: they need a Docker engine, and
// images that are built or pulled.
func needEngine(t *testing.T) {
	t.Helper()
	if os.Getenv("E2E_COMPOSE") == "" {
		t.Skip("the composed sides are tried by make e2e-compose")
	}
}

// underLoad has one fault after the other, each while both sides are written.
func underLoad(t *testing.T, both *pair, faults []fault) {
	t.Helper()
	l := newLoad(t, both)
	for _, f := range faults {
		if !t.Run(f.name, func(t *testing.T) { l.round(t, f) }) {
			return
		}
	}
}

// requireApart tries every way from one side to the other.
func (c *composed) requireApart(t *testing.T) {
	for _, way := range [][2]string{{"a", "b"}, {"b", "a"}} {
		near, far := way[0], way[1]
		service := c.addresses(t, "orders-"+far, "8080")
		all := append(append(c.addresses(t, "postgres-"+far, "5432"), c.addresses(t, "nats-"+far, "4222")...), service...)
		for _, from := range []string{"postgres-", "nats-", "orders-", "bridge-"} {
			reached := c.reach(t, c.containers(t, from+near)[0], all)
			if from != "bridge-" {
				require.Empty(t, reached, "from %s%s", from, near)
				continue
			}
			require.Len(t, reached, 1, "from the bridge")
			for address := range reached {
				require.Contains(t, service, address)
			}
		}
	}
}

// requireOperatorLooks compares what the operator's user of the broker sees with the status, and has it
// try what it may not.
func (c *composed) requireOperatorLooks(t *testing.T) {
	status, err := c.a.status(t.Context())
	require.NoError(t, err)
	stream := mustStream(t, c.a)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, info.State.LastSeq, status.Broker.Stream.LastSeq)
	require.EqualValues(t, info.State.Msgs, status.Broker.Stream.Messages)
	consumer, err := stream.Consumer(t.Context(), contracts.HintConsumer("b"))
	require.NoError(t, err)
	require.EqualValues(t, consumer.CachedInfo().NumPending, status.Peers[0].Consumer.Pending)
	require.Error(t, stream.Purge(t.Context()))
	_, err = openBroker(t, c.a).Publish(t.Context(), contracts.HintSubject("b", "x"), nil)
	require.Error(t, err)
}

// downAndUp removes all containers, and goes on with the data.
func (c *composed) downAndUp(t *testing.T) {
	before := c.requireEqual(t, nil)
	require.NotEmpty(t, before)
	c.do(t, "down")
	c.up(t)
	c.awaitRest(t)
	require.Equal(t, before, c.requireEqual(t, nil))
	require.Contains(t, c.do(t, "exec", "-T", "bridge-a", "/orderbridge", "reconcile"), "proved equal")
	tourOf(t, c.pair)
}

// requireCluster asks for what the variant promises.
func (c *composed) requireCluster(t *testing.T) {
	info := c.streamInfo(t)
	require.Equal(t, 3, info.Config.Replicas)
	require.Len(t, info.Cluster.Replicas, 2, "beside the leader")
	eventually(t, restPatience, "both bridges report", func() bool {
		status, err := c.a.status(t.Context())
		require.NoError(t, err)
		return len(status.Peers[0].Bridges) == 2
	})
}

func (c *composed) streamInfo(t testing.TB) *jetstream.StreamInfo {
	t.Helper()
	info, err := mustStream(t, c.a).Info(t.Context())
	require.NoError(t, err)
	require.NotNil(t, info.Cluster)
	return info
}

// leader is the service whose server leads the stream.
func (c *composed) leader(t testing.TB) string {
	var leader string
	eventually(t, time.Minute, "the stream has a leader", func() bool {
		leader = c.streamInfo(t).Cluster.Leader
		return leader != ""
	})
	return leader
}

// killsFirst kills one container of a service that has several.
func (c *composed) killsFirst(service string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		ids := c.containers(t, service)
		require.Greater(t, len(ids), 1)
		c.docker(t, "kill", ids[0])
		l.flow(t, 20)
		c.docker(t, "start", ids[0])
		c.awaitHealthy(t)
	}
}
