//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Set by TestMain.
var (
	program string // the built orderbridge
	seed    uint64 // of every choice
	allData string // folder for the data of all tests
)

const startPatience = 2 * time.Minute

// demo is a running `orderbridge demo`.
type demo struct {
	*process
	owner testing.TB // at whose end it ends
	dir   string
	base  int
	*pair
}

// startDemo starts a demo with an empty folder and no orders.
func startDemo(t testing.TB) *demo {
	t.Helper()
	d := &demo{owner: t, dir: dataDir(t), base: freeBase(t)}
	d.pair = newPair(func() bool { return d.ended() })
	d.start(t)
	return d
}

// start starts the demo, for the first time or again with its data, and waits until all is up.
func (d *demo) start(t testing.TB, flags ...string) {
	t.Helper()
	args := append([]string{"demo", "--dir", filepath.Join(d.dir, "demo"), "--port-base", strconv.Itoa(d.base), "--seed", "0"}, flags...)
	log := filepath.Join(d.dir, "demo.log")
	before := int64(0)
	if info, err := os.Stat(log); err == nil {
		before = info.Size()
	}
	d.process = startProcess(d.owner, log, os.Environ(), program, args...)
	eventually(t, startPatience, "the demo is up; see "+log, func() bool {
		return d.ended() || strings.Contains(d.output(t)[before:], "ready; Ctrl-C")
	})
	require.False(t, d.ended(), "the demo ended while it started:\n%s", d.output(t)[before:])
	env := d.env(t)
	d.a.learn(env)
	d.b.learn(env)
}

// env is what demo.env says now.
func (d *demo) env(t testing.TB) map[string]string {
	t.Helper()
	return shellVariables(t, filepath.Join(d.dir, "demo", "demo.env"))
}

// Names of the parts, as demo.env has them.
var partNames = []string{"A_SERVICE_PID", "A_BRIDGE_PID", "A_POSTGRES_PID", "B_SERVICE_PID", "B_BRIDGE_PID", "B_POSTGRES_PID"}

// pidOf is the present process of a part.
func (d *demo) pidOf(t testing.TB, part string) int {
	t.Helper()
	pid, err := strconv.Atoi(d.env(t)[part])
	require.NoError(t, err, part)
	return pid
}

// signalPart sends a signal to parts.
func (d *demo) signalPart(t testing.TB, sig syscall.Signal, parts ...string) {
	t.Helper()
	for _, part := range parts {
		pid := d.pidOf(t, part)
		t.Logf("%s  %s to %s, process %d", clock(), sig, part, pid)
		require.NoError(t, syscall.Kill(pid, sig), part)
	}
}

// end ends parts by a signal and waits until the demo has started them again and all is well.
func (d *demo) end(t testing.TB, sig syscall.Signal, parts ...string) {
	t.Helper()
	before := d.env(t)
	d.signalPart(t, sig, parts...)
	for _, part := range parts {
		eventually(t, startPatience, part+" is started again", func() bool { return d.env(t)[part] != before[part] })
	}
	d.awaitReady(t)
}

// awaitReady waits until both services and bridges say that they are ready.
func (d *demo) awaitReady(t testing.TB) {
	t.Helper()
	env := d.env(t)
	for _, name := range []string{"A_URL", "B_URL", "A_BRIDGE_URL", "B_BRIDGE_URL"} {
		awaitReady(t, env[name])
	}
}

func awaitReady(t testing.TB, url string) {
	t.Helper()
	eventually(t, startPatience, url+" is ready", func() bool {
		response, err := probe.Get(url + "/readyz")
		if err != nil {
			return false
		}
		require.NoError(t, response.Body.Close())
		return response.StatusCode == http.StatusOK
	})
}

// probe asks for readiness. It does not wait long for a process that stands still.
var probe = &http.Client{Timeout: 2 * time.Second}

// killAll kills the demo itself, and with it everything.
func (d *demo) killAll(t testing.TB) {
	t.Helper()
	env := d.env(t)
	t.Logf("%s  kill -9 of the demo, process %d", clock(), d.pid())
	d.signal(t, syscall.SIGKILL)
	d.requireGone(t, env)
}

// requireGone waits until no process of the demo is left.
func (d *demo) requireGone(t testing.TB, env map[string]string) {
	t.Helper()
	eventually(t, time.Minute, "the demo ends", d.ended)
	for _, part := range partNames {
		pid, err := strconv.Atoi(env[part])
		require.NoError(t, err)
		eventually(t, time.Minute, part+" ends", func() bool { return !alive(pid) })
	}
}

// portsOf are all ports of a demo.
func portsOf(base, sides int) []int {
	var ports []int
	for i := range sides {
		first := base + i*100
		ports = append(ports, first, first+10, first+11, first+20, first+30)
	}
	return ports
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}

// basesGiven are those that tests of this process have, which may not listen there yet.
var basesGiven sync.Map

// freeBase finds ports for a demo, below those that the kernel gives to connections.
func freeBase(t testing.TB) int { return freeBaseOf(t, 2) }

// freeBaseOf finds them for a demo of two sides, or from a range of its own for one of more.
func freeBaseOf(t testing.TB, sides int) int {
	t.Helper()
	low, high, span := 14_000, 30_000, 200
	if sides > 2 {
		low, high, span = high, 32_000, sides*100
	}
	for range 100 {
		base := low + rand.IntN((high-low)/span)*span
		if _, given := basesGiven.LoadOrStore(base, true); !given && !anyTaken(base, sides) {
			return base
		}
	}
	require.FailNow(t, "no free ports")
	return 0
}

// freePort is one that the demo does not use, near its own.
func (d *demo) freePort(t testing.TB) int {
	t.Helper()
	for port := d.base + 150; port < d.base+200; port++ {
		if portFree(port) {
			return port
		}
	}
	require.FailNow(t, "no free port")
	return 0
}

func anyTaken(base, sides int) bool {
	for _, port := range portsOf(base, sides) {
		if !portFree(port) {
			return true
		}
	}
	return false
}

// clock is the time of day for the log of a test, to be compared with the programs' own logs.
func clock() string { return time.Now().UTC().Format("15:04:05.000") }
