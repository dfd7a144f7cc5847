package outbox

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// rows is an outbox and its due links in memory.
type rows struct {
	mu    sync.Mutex
	next  int64
	rows  map[int64]orders.Hint
	due   []uuid.UUID
	since time.Time
	pages int // that were read of the due links

	mark   *StreamMark
	lost   string
	losses int
	paused bool
}

func newRows() *rows { return &rows{rows: map[int64]orders.Hint{}} }

func (r *rows) add(id uuid.UUID, at time.Time) orders.Hint {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	h := orders.Hint{OutboxID: r.next, OrderID: id, Peer: "b", Version: "a.x:1", State: ordersync.Upd, At: at.Truncate(time.Microsecond)}
	r.rows[h.OutboxID] = h
	return h
}

func (r *rows) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows)
}

func (r *rows) PendingHints(_ context.Context, after int64, limit int) ([]orders.Hint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []orders.Hint
	for _, id := range slices.Sorted(maps.Keys(r.rows)) {
		if id > after && len(out) < limit {
			out = append(out, r.rows[id])
		}
	}
	return out, nil
}

func (r *rows) DeleteHints(_ context.Context, ids []int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.rows, id)
	}
	return nil
}

func (r *rows) DueOrders(_ context.Context, _ string, _ time.Time, after DueLink, limit int) ([]DueLink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages++
	ids := slices.SortedFunc(slices.Values(r.due), func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) })
	var out []DueLink
	for _, id := range ids {
		if bytes.Compare(id[:], after.OrderID[:]) > 0 && len(out) < limit {
			out = append(out, DueLink{OrderID: id, Since: r.since})
		}
	}
	return out, nil
}

func (r *rows) OldestDue(_ context.Context, _ string, limit int) ([]DueLink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := map[uuid.UUID]bool{}
	for _, h := range r.rows {
		waiting[h.OrderID] = true
	}
	var out []DueLink
	for _, id := range r.due {
		if !waiting[id] && len(out) < limit {
			out = append(out, DueLink{OrderID: id, Since: r.since})
		}
	}
	return out, nil
}

func (r *rows) HintAgain(_ context.Context, _ string, ids []uuid.UUID) (int64, error) {
	for _, id := range ids {
		r.add(id, time.Now().Add(-time.Minute))
	}
	return int64(len(ids)), nil
}

func (r *rows) Paused(context.Context, string) (bool, error) { return r.paused, nil }

func (r *rows) StreamMark(context.Context) (*StreamMark, error) { return r.mark, nil }

func (r *rows) MarkStream(_ context.Context, m StreamMark, lost string) error {
	r.mark, r.lost = &m, lost
	return nil
}

func (r *rows) RaiseMark(_ context.Context, m StreamMark) error {
	if r.mark.Created.Equal(m.Created) {
		r.mark.LastSeq = max(r.mark.LastSeq, m.LastSeq)
	}
	return nil
}

func (r *rows) noteLoss(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses++
	return nil
}

func (r *rows) lossCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.losses
}

// issued are the ports that freeAddr has returned.
var issued sync.Map

// freeAddr returns an address that nobody listens on. It is below the ports that the kernel gives to
// outgoing connections, which might take it before the test does.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.N(12_000)))
		if _, taken := issued.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, l.Close())
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

func options(t *testing.T) Options {
	return Options{Side: "a", Peers: []string{"b"}, Embedded: EmbeddedOptions{
		Addr: freeAddr(t), StoreDir: t.TempDir(), User: "orders",
		Password: "secret", BridgePassword: "bridge secret", OperatorPassword: "operator secret", SyncInterval: time.Second,
	}}
}

func open(t *testing.T, o Options) *Broker {
	t.Helper()
	b, err := Open(o, zaptest.NewLogger(t))
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// run runs a relay until the test or stop ends it.
func run(t *testing.T, r *Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func subjects(t *testing.T, b *Broker) map[string]uint64 {
	t.Helper()
	s, err := b.js.Stream(context.Background(), contracts.HintStream)
	require.NoError(t, err)
	info, err := s.Info(context.Background(), jetstream.WithSubjectFilter(">"))
	require.NoError(t, err)
	return info.State.Subjects
}

const soon = 10 * time.Second
