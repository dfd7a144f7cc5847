//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// machine is what the figures were taken on.
type machine struct {
	Cores      int     `json:"cores"`
	Processor  string  `json:"processor"`
	Memory     float64 `json:"memoryGB"`
	FileSystem string  `json:"fileSystem"` // of the databases
	Load       string  `json:"load"`       // of the last minute, before the run
	LoadAfter  string  `json:"loadAfter"`
	PostgreSQL string  `json:"postgresql"`
	Go         string  `json:"go"`
}

// fileSystems by their magic numbers (statfs(2)).
var fileSystems = map[int64]string{
	0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x2fc12fc1: "zfs", 0x794c7630: "overlay",
	0x01021994: "tmpfs (in memory: durability costs nothing here)",
}

func readMachine(ctx context.Context, p *plant) (m machine, err error) {
	m = machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if err := p.a.system.work.QueryRow(ctx, "SHOW server_version").Scan(&m.PostgreSQL); err != nil {
		return m, err
	}
	m.PostgreSQL, _, _ = strings.Cut(m.PostgreSQL, " ")
	var fs syscall.Statfs_t
	if err := syscall.Statfs(p.folder, &fs); err != nil {
		return m, err
	}
	if m.FileSystem = fileSystems[int64(fs.Type)]; m.FileSystem == "" {
		m.FileSystem = fmt.Sprintf("file system %#x", fs.Type)
	}
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return m, err
	}
	m.Memory = float64(info.Totalram) * float64(info.Unit) / 1e9
	if m.Load, err = readLoad(); err != nil {
		return m, err
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	m.Processor = processorName(cpu)
	return m, err
}

// readLoad is the machine's load of the last minute.
func readLoad() (string, error) {
	text, err := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load, err
}

// processorName is the model in /proc/cpuinfo, which not every architecture tells.
func processorName(cpuinfo []byte) string {
	for line := range bytes.Lines(cpuinfo) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return runtime.GOARCH
}
