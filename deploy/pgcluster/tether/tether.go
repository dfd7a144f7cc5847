//go:build linux

package tether

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// Start starts cmd, in a process group of its own so that a Ctrl-C in the terminal reaches only us,
// and has the kernel send it sig when this process is gone.
func Start(cmd *exec.Cmd, sig syscall.Signal) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = sig
	result := make(chan error)
	thread() <- func() { result <- cmd.Start() }
	return <-result
}

// Run starts cmd as Start does and waits until it ends. If it fails, the error holds the end of its output.
func Run(cmd *exec.Cmd, sig syscall.Signal) error {
	const tailBytes = 2000
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := Start(cmd, sig)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		text := output.Bytes()
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, bytes.TrimSpace(text[max(0, len(text)-tailBytes):]))
	}
	return nil
}

// thread hands out the one thread that starts every process. The kernel sends the signal when the
// *thread* that forked ends, and the runtime ends threads as it likes; this one is never given back.
var thread = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})
