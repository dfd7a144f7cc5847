//go:build linux

package tether

import (
	"os/exec"
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
