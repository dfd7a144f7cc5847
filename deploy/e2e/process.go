//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a child of the test that writes to a log.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// startProcess starts a child that ends with the test, whatever becomes of the test.
func startProcess(t testing.TB, log string, env []string, name string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	p := &process{cmd: exec.Command(name, args...), log: log, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, out, out
	// In a group of its own, so that a Ctrl-C in the terminal reaches only the test.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	starter() <- func() { started <- p.cmd.Start() }
	require.NoError(t, <-started)
	require.NoError(t, out.Close())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // exitCode looks at the process state
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // gone already where the test went well
		<-p.done
	})
	return p
}

// starter is the one thread that starts children and lives as long as the test: the kernel ends a
// child when the thread is gone that started it.
var starter = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
}

// output is what the process has said so far.
func (p *process) output(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	require.NoError(t, err)
	return string(text)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// exitCode waits for the end; -1 when a signal ended it.
func (p *process) exitCode(t testing.TB) int {
	t.Helper()
	eventually(t, time.Minute, "the process ends: "+p.cmd.String(), p.ended)
	return p.cmd.ProcessState.ExitCode()
}

// alive tells whether a process runs. One that has ended and that nobody has asked for yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ") // the name before may hold anything but this
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

const pollEvery = 25 * time.Millisecond

// eventually waits for a condition.
func eventually(t testing.TB, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain for "+patience.String(), what)
		}
		time.Sleep(pollEvery)
	}
}
