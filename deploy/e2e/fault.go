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

// faults are all there are; each has its turn.
var faults = []fault{
	{"service a killed", "a", ends(syscall.SIGKILL, "A_SERVICE_PID")},
	{"service b killed", "b", ends(syscall.SIGKILL, "B_SERVICE_PID")},
	{"both services killed", "ab", ends(syscall.SIGKILL, "A_SERVICE_PID", "B_SERVICE_PID")},
	{"PostgreSQL a killed", "a", ends(syscall.SIGKILL, "A_POSTGRES_PID")},
	{"PostgreSQL b killed", "b", ends(syscall.SIGKILL, "B_POSTGRES_PID")},
	{"both bridges killed", "", ends(syscall.SIGKILL, "A_BRIDGE_PID", "B_BRIDGE_PID")},
	{"side a restarted piece by piece", "a", restart},
	{"service b stands still", "b", standStill},
	{"bridge a wakes up late", "", wakeLate},
	{"the whole demo killed", "ab", killAll},
}

// ends has parts ended by a signal, twice in a row.
func ends(sig syscall.Signal, parts ...string) func(*testing.T, *load) {
	return func(t *testing.T, l *load) {
		for range 2 {
			l.flow(t, l.rand.IntN(20))
			l.d.end(t, sig, parts...)
		}
	}
}

// restart asks the programs of side a to end, one after the other.
func restart(t *testing.T, l *load) {
	ends(syscall.SIGTERM, "A_BRIDGE_PID")(t, l)
	ends(syscall.SIGTERM, "A_SERVICE_PID")(t, l)
}

// standStill stops service b for a while. Nobody at a may notice.
func standStill(t *testing.T, l *load) {
	const still = 10 * time.Second
	l.d.signalPart(t, syscall.SIGSTOP, "B_SERVICE_PID")
	until := time.Now().Add(still)
	before := l.ledger.acceptedBy(l.d.a)
	eventually(t, time.Minute, "the pause is over", func() bool { return time.Now().After(until) })
	during := l.ledger.acceptedBy(l.d.a) - before
	l.d.signalPart(t, syscall.SIGCONT, "B_SERVICE_PID")
	require.Greater(t, during, 50, "writes that a accepted while b stood still")
	l.d.awaitReady(t)
}

// wakeLate stops bridge a with a batch in its hands until another bridge has taken its hints over.
func wakeLate(t *testing.T, l *load) {
	shortenAckWait(t, l.d.a, l.d.b, 2*time.Second)
	second := l.d.startBridge(t, l.d.a, l.d.b.access.Load().url)
	l.flow(t, 10)
	l.d.signalPart(t, syscall.SIGSTOP, "A_BRIDGE_PID")
	until := time.Now().Add(5 * time.Second)
	eventually(t, time.Minute, "the pause is over", func() bool { return time.Now().After(until) })
	l.d.signalPart(t, syscall.SIGCONT, "A_BRIDGE_PID")
	l.flow(t, 10)
	second.signal(t, syscall.SIGTERM)
	require.Zero(t, second.exitCode(t))
	l.d.awaitReady(t)
}

func killAll(t *testing.T, l *load) {
	l.d.killAll(t)
	for _, s := range l.d.sides() {
		s.shut()
	}
	l.d.start(t)
}

// shuffled is every fault once, in an order of the seed's.
func shuffled(r *rand.Rand) []fault {
	list := append([]fault{}, faults...)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
