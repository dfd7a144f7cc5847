//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// faults are all that the composed sides can have.
func (c *composed) faults() []fault {
	return []fault{
		{"service a stopped and started", "a", c.stopsAndStarts("orders-a")},
		{"service b stopped and started", "b", c.stopsAndStarts("orders-b")},
		{"database a stopped and started", "a", c.stopsAndStarts("postgres-a")},
		{"database b stopped and started", "b", c.stopsAndStarts("postgres-b")},
		{"broker a stopped and started", "", c.stopsAndStarts("nats-a")},
		{"broker b stopped and started", "", c.stopsAndStarts("nats-b")},
		{"bridge a stopped and started", "", c.stopsAndStarts("bridge-a")},
		{"bridge b stopped and started", "", c.stopsAndStarts("bridge-b")},
		{"database a killed", "a", c.kills("postgres-a")},
		{"bridge a cut off the other side", "", c.cutsOff("bridge-a", "a-to-b")},
		{"broker b without its volume", "", c.losesBroker},
	}
}

// stopsAndStarts ends the containers of a service in order and starts them again.
func (c *composed) stopsAndStarts(service string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		c.do(t, "stop", service)
		l.flowOn(t, others(c.pair, service), 20)
		c.do(t, "start", service)
		c.awaitHealthy(t)
	}
}

// kills ends the containers of a service at once. Nobody but a person starts them again.
func (c *composed) kills(service string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		ids := c.containers(t, service)
		c.docker(t, append([]string{"kill"}, ids...)...)
		l.flowOn(t, others(c.pair, service), 20)
		c.docker(t, append([]string{"start"}, ids...)...)
		c.awaitHealthy(t)
	}
}

// cutsOff takes a container off a network until the bridge's circuit is open, and joins it again.
func (c *composed) cutsOff(service, network string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		id := c.containers(t, service)[0]
		c.docker(t, "network", "disconnect", c.project+"_"+network, id)
		eventually(t, healthPatience, "the bridge says that it waits", func() bool {
			status, err := c.a.status(t.Context())
			require.NoError(t, err)
			bridges := status.Peers[0].Bridges
			return len(bridges) == 1 && bridges[0].State == "waiting" && bridges[0].Circuit != "closed" && bridges[0].LastError != ""
		})
		l.flow(t, 20)
		c.docker(t, "network", "connect", c.project+"_"+network, id)
		c.awaitHealthy(t)
	}
}

// losesBroker removes the broker of side b with its volume while orders wait in it.
func (c *composed) losesBroker(t *testing.T, l *load) {
	c.do(t, "stop", "bridge-b")
	l.flow(t, 20)
	status, err := c.b.status(t.Context())
	require.NoError(t, err)
	require.NotZero(t, status.Broker.Stream.Messages, "hints that wait")
	c.do(t, "rm", "--stop", "--force", "nats-b")
	c.docker(t, "volume", "rm", c.project+"_nats-b")
	l.flow(t, 20)
	c.up(t, "--no-deps", "nats-b", "bridge-b")
}

// others are the sides whose clients have no part in what becomes of a service.
func others(both *pair, service string) []*side {
	var list []*side
	for _, s := range both.sides() {
		hit := strings.HasSuffix(service, "-"+s.name) && !strings.HasPrefix(service, "nats") && !strings.HasPrefix(service, "bridge")
		if !hit {
			list = append(list, s)
		}
	}
	return list
}
