package peering_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/peering"
)

// log is a store of which only the log is asked.
type log struct {
	peering.Store
	highest int64
}

func (l log) Missing(_ context.Context, dots []ordersync.Dot) (missing []ordersync.Dot, err error) {
	for _, d := range dots {
		if d.N > l.highest {
			missing = append(missing, d)
		}
	}
	return missing, nil
}

func (log) Epochs(context.Context, time.Duration) (*peering.Epochs, error) {
	return &peering.Epochs{Live: map[string]peering.LiveEpoch{}}, nil
}

func (log) SetTold(context.Context, string, *peering.Told) error { return nil }

// TestNoOrdersBeforeTheGreeting of a peer: what it has seen tells whether the database was put back. One
// that does not greet is let through in the end.
func TestNoOrdersBeforeTheGreeting(t *testing.T) {
	clock := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	start := func() *peering.Desk {
		return peering.New(peering.Options{Side: "a", Peers: []string{"b", "c"}, Epoch: orders.NewEpoch("a", []byte("key")), Now: func() time.Time { return clock }},
			log{highest: 7}, nil, nil, nil, zap.NewNop())
	}
	starting := func(err error) {
		t.Helper()
		require.Equal(t, orders.Starting, orders.KindOf(err), "%v", err)
	}
	d := start()
	require.NoError(t, d.Admit("b", 0), "a greeting itself")
	starting(d.Admit("b", 1))
	starting(d.Open("b"))
	require.NoError(t, d.Hear(t.Context(), "b", nil), "a batch that does not tell what was seen")
	starting(d.Admit("b", 1))
	require.NoError(t, d.Hear(t.Context(), "b", map[string]int64{}), "nothing seen is told too")
	require.NoError(t, d.Admit("b", 1))
	require.NoError(t, d.Open("b"))
	starting(d.Admit("c", 1))

	d = start()
	d.Tell("b")
	starting(d.Open("b"))
	clock = clock.Add(time.Hour)
	starting(d.Open("b")) // the own bridge greets, and the peer has been away for an hour
	starting(d.Admit("b", 1))
	clock = clock.Add(10 * time.Second)
	starting(d.Admit("b", 1))
	starting(d.Open("b"))
	clock = clock.Add(10 * time.Second)
	require.NoError(t, d.Admit("b", 1), "it is there and never greets")
	require.NoError(t, d.Open("b"))

	d = start()
	starting(d.Open("b"))
	clock = clock.Add(20 * time.Second)
	require.NoError(t, d.Open("b"), "the own bridge never greets")
}
