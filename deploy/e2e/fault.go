//go:build linux

package e2e

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fault breaks something under load and returns when it works again, as far as its process goes.
type fault struct {
	name    string
	mayFail string // names of the sides whose clients may notice: those whose service or database is hit
	inject  func(t *testing.T, l *load)
}

// faults are all that a demo can have.
func (d *demo) faults() []fault {
	return []fault{
		{"service a killed", "a", d.ends(syscall.SIGKILL, "A_SERVICE_PID")},
		{"service b killed", "b", d.ends(syscall.SIGKILL, "B_SERVICE_PID")},
		{"both services killed", "ab", d.ends(syscall.SIGKILL, "A_SERVICE_PID", "B_SERVICE_PID")},
		{"PostgreSQL a killed", "a", d.killDatabase(d.a, "A_POSTGRES_PID")},
		{"PostgreSQL b killed", "b", d.killDatabase(d.b, "B_POSTGRES_PID")},
		{"both bridges killed", "", d.ends(syscall.SIGKILL, "A_BRIDGE_PID", "B_BRIDGE_PID")},
		{"side a restarted piece by piece", "a", d.restart},
		{"service b stands still", "b", d.standStill},
		{"bridge a wakes up late", "", d.wakeLate},
		{"the whole demo killed", "ab", d.killAndStart},
	}
}

// ends has parts ended by a signal, twice in a row.
func (d *demo) ends(sig syscall.Signal, parts ...string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		for range 2 {
			l.flow(t, l.rand.IntN(20))
			d.end(t, sig, parts...)
		}
	}
}

// killDatabase ends a side's PostgreSQL. The service goes on, and takes a new epoch for what it writes
// into a server that was started anew.
func (d *demo) killDatabase(s *side, part string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		before := epochOf(t, s)
		d.ends(syscall.SIGKILL, part)(t, l)
		l.flow(t, 20)
		require.NotEqual(t, before, epochOf(t, s))
	}
}

func epochOf(t testing.TB, s *side) string {
	t.Helper()
	status, err := s.status(t.Context())
	require.NoError(t, err)
	return status.Epoch
}

// restart asks the programs of side a to end, one after the other.
func (d *demo) restart(t *testing.T, l *load) {
	d.ends(syscall.SIGTERM, "A_BRIDGE_PID")(t, l)
	d.ends(syscall.SIGTERM, "A_SERVICE_PID")(t, l)
}

// standStill stops service b for a while. Nobody at a may notice.
func (d *demo) standStill(t *testing.T, l *load) {
	const still = 10 * time.Second
	d.signalPart(t, syscall.SIGSTOP, "B_SERVICE_PID")
	until := time.Now().Add(still)
	before := l.ledger.acceptedBy(d.a)
	eventually(t, time.Minute, "the pause is over", func() bool { return time.Now().After(until) })
	during := l.ledger.acceptedBy(d.a) - before
	d.signalPart(t, syscall.SIGCONT, "B_SERVICE_PID")
	require.Greater(t, during, 50, "writes that a accepted while b stood still")
	d.awaitReady(t)
}

// wakeLate stops bridge a with hints in its hands. Another bridge gets them, and all else, and bridge a
// wakes up to what is done.
func (d *demo) wakeLate(t *testing.T, l *load) {
	shortenAckWait(t, d.a, d.b, 2*time.Second)
	l.flow(t, 10)
	d.signalPart(t, syscall.SIGSTOP, "A_BRIDGE_PID")
	var waiting []*held
	w := newWriter("late", l.rand.Uint64(), l.ledger)
	for range 5 {
		h := w.create(l.ctx, d.a, false)
		require.NotNil(t, h)
		waiting = append(waiting, h)
	}
	eventually(t, time.Minute, "bridge a has hints in its hands", func() bool {
		status, err := d.a.status(t.Context())
		require.NoError(t, err)
		return status.Peers[0].Consumer.AckPending > 0
	})
	second := d.startBridge(t, d.a, d.b.access.Load().url)
	for _, h := range waiting {
		eventually(t, time.Minute, "an order arrives without bridge a", func() bool {
			_, _, err := d.b.get(t.Context(), h.view.ID)
			return err == nil
		})
	}
	d.signalPart(t, syscall.SIGCONT, "A_BRIDGE_PID")
	l.flow(t, 10)
	second.signal(t, syscall.SIGTERM)
	require.Zero(t, second.exitCode(t))
	d.awaitReady(t)
}

func (d *demo) killAndStart(t *testing.T, l *load) {
	d.killAll(t)
	for _, s := range d.sides() {
		s.shut()
	}
	d.start(t)
}

// shuffled is every fault once, in an order of the seed's.
func shuffled(r *rand.Rand, list []fault) []fault {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
