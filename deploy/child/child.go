//go:build linux

package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

// stopPatience is longer than the programs' own grace for what is under way.
var stopPatience = 15 * time.Second // another in tests

// Process is a running program.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// Start runs `program command` with the settings; what it says is added to the log, which is for its
// owner only and must not lead elsewhere.
func Start(program, command string, settings map[string]string, log string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(program, command), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(settings), out, out
	if err := errors.Join(tether.Start(p.cmd, syscall.SIGKILL), out.Close()); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment is ours with the given settings, and without those that steer the same programs: the
// caller's must not leak in. PG* would be read by the services' PostgreSQL client.
func environment(settings map[string]string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERS_") && !strings.HasPrefix(v, "BRIDGE_") && !strings.HasPrefix(v, "CONNECTOR_") && !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

// PID is the process number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended, by Stop or by itself.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the end of the process and tells how it ended.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop asks the process to end, and makes it when it does not, which is an error.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopPatience):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return fmt.Errorf("did not end within %s and was killed", stopPatience)
}

// Tail is the end of a log, introduced, for an error message.
func Tail(log string) string {
	const linesMax = 12
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Sprintf("the end of %s:\n%s", log, bytes.Join(lines[max(0, len(lines)-linesMax):], []byte("\n")))
}
