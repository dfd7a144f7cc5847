//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

// part is a program that the rig starts, again and again.
type part struct {
	t     testing.TB
	name  string
	log   string
	env   []string
	args  []string
	ready string // where to ask

	mu      sync.Mutex
	present *process
}

// start starts the program unless it runs.
func (p *part) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.present == nil || p.present.ended() {
		p.present = startProcess(p.t, p.log, p.env, p.args[0], p.args[1:]...)
	}
}

// signal sends a signal to the program if it runs.
func (p *part) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.present != nil && !p.present.ended() {
		_ = p.present.cmd.Process.Signal(sig) // it may end just now
	}
}

// kill ends the program at once.
func (p *part) kill() {
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.present != nil {
		<-p.present.done
	}
}

// database is a durable PostgreSQL that can be killed whole.
type database struct {
	options pgcluster.Options

	mu      sync.Mutex
	present *pgcluster.Cluster
}

func (d *database) start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.present != nil {
		select {
		case <-d.present.Done():
		default:
			return nil
		}
	}
	c, err := pgcluster.Start(ctx, d.options)
	if err == nil {
		d.present = c
	}
	return err
}

// kill ends the postmaster and every process of the server at once, as a power cut does.
func (d *database) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	postmaster := d.present.PID()
	_ = syscall.Kill(postmaster, syscall.SIGSTOP) // it must not notice; it may have ended already, as the others may
	for _, pid := range append(childrenOf(postmaster), postmaster) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-d.present.Done()
}

// childrenOf returns the processes whose parent is a process.
func childrenOf(parent int) []int {
	var pids []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a malformed pattern
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
