//go:build linux

package main

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

// stopPatience is longer than the programs' own grace.
const stopPatience = 15 * time.Second

// child is a running orderbridge, which dies with us.
type child struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// startChild runs `program command` with nothing of our settings but the given ones.
func startChild(name, program, command, log string, settings map[string]string) (*child, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	c := &child{name: name, log: log, cmd: exec.Command(program, command), done: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = environment(settings), out, out
	if err := errors.Join(tether.Start(c.cmd, syscall.SIGKILL), out.Close()); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = c.cmd.Wait() // whoever needs it to run will miss it, and then its log tells why
		close(c.done)
	}()
	return c, nil
}

// environment is ours, without what would steer the same programs or their PostgreSQL client.
func environment(settings map[string]string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERS_") && !strings.HasPrefix(v, "BRIDGE_") && !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop asks it to end, and makes it.
func (c *child) stop() error {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", c.name, err)
		}
		select {
		case <-c.done:
			return nil
		case <-time.After(stopPatience):
		}
	}
	return fmt.Errorf("%s does not end", c.name)
}

// tail is the end of what it said.
func (c *child) tail() string {
	const linesMax = 8
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-linesMax):], []byte("\n")))
}
