//go:build linux

package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

// process is `orderbridge demo` run as a process, with the fakes.
type process struct {
	cmd  *exec.Cmd
	dir  string
	out  *output
	done chan struct{}
}

// output can be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var nextBase atomic.Int32

// freeBase finds ports for one demo.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 11_000 + int(nextBase.Add(1))*portSpan
		if checkPorts(base, 2, false) == nil {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// demoDir is a folder that only we can write to, whatever the umask.
func demoDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, folderMode))
	return dir
}

func startDemo(t *testing.T, dir string, base int, variables []string, flags ...string) *process {
	t.Helper()
	args := append([]string{"demo", "--dir", dir, "--port-base", strconv.Itoa(base)}, flags...)
	p := &process{cmd: exec.Command(os.Args[0], args...), dir: dir, out: &output{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), variables...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(t, tether.Start(p.cmd, syscall.SIGKILL))
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the tests look at the process state
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // gone already where the test went well
		<-p.done
		if t.Failed() {
			t.Logf("the demo said:\n%s", p.out)
		}
	})
	return p
}

// env waits until all is up and reads demo.env as a shell does.
func (p *process) env(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(p.dir, envFileName)
	p.eventually(t, "all is up", func() bool { return strings.Contains(p.out.String(), "Ctrl-C here ends the demo") })
	out, err := exec.Command("env", "-i", "sh", "-euc", "set -a; . "+quote(file)+"; set +a; env").Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

func (p *process) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-p.done:
			t.Fatalf("the demo ended while waiting: %s", what)
		case <-deadline:
			t.Fatalf("waited too long: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
}

func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatal("the demo does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

var pidNames = []string{"A_SERVICE_PID", "A_BRIDGE_PID", "A_POSTGRES_PID", "B_SERVICE_PID", "B_BRIDGE_PID", "B_POSTGRES_PID"}

func pidOf(t *testing.T, env map[string]string, name string) int {
	t.Helper()
	pid, err := strconv.Atoi(env[name])
	require.NoError(t, err, name)
	return pid
}

// alive tells whether a process still runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// requireAllGone waits until no process of the demo is left.
func requireAllGone(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range pidNames {
		pid := pidOf(t, env, name)
		require.Eventually(t, func() bool { return !alive(pid) }, time.Minute, 5*time.Millisecond, name)
	}
}

func mustGet(t *testing.T, url string, answer any) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
}
