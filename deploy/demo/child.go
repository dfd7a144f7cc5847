//go:build linux

package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

// stopPatience is longer than the programs' own grace for what is under way.
const stopPatience = 15 * time.Second

// child is a running process of our own program.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// startChild runs `program command`; what it says is added to the log.
func startChild(program, command string, env []string, log string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(program, command), done: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = env, out, out
	if err := errors.Join(tether.Start(c.cmd, syscall.SIGKILL), out.Close()); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

func (c *child) PID() int              { return c.cmd.Process.Pid }
func (c *child) Done() <-chan struct{} { return c.done }

func (c *child) Err() error {
	<-c.done
	return c.err
}

// Stop asks the process to end, and makes it when it does not.
func (c *child) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(stopPatience):
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-c.done
	return fmt.Errorf("did not end within %s and was killed", stopPatience)
}
