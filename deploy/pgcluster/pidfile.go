//go:build linux

package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const pidFileName = "postmaster.pid"

var errNoPID = errors.New(pidFileName + " holds no process number")

// pidFile is what we need of postmaster.pid.
type pidFile struct {
	pid    int
	status string // starting, ready, standby, stopping
}

func readPIDFile(data string) (pidFile, error) {
	text, err := os.ReadFile(filepath.Join(data, pidFileName))
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}, errNoPID
	}
	f := pidFile{pid: max(pid, -pid)} // negative: a single-user server
	if len(lines) > 7 {
		f.status = strings.TrimSpace(lines[7])
	}
	return f, nil
}

// dropForeignPIDFile removes a pid file that PostgreSQL would stumble over: an empty one, and one
// whose number an unrelated process has got since (after a restart of the machine, say). Dead numbers
// and servers that do live in the data are left for PostgreSQL to judge.
func (c *Cluster) dropForeignPIDFile() error {
	file, err := readPIDFile(c.data())
	switch {
	case errors.Is(err, errNoPID): // a crash of the machine; no server of ours is here, we hold the lock
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	default:
		home, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", file.pid)) // a server's is its data
		if err != nil || home == c.data() {
			return nil
		}
	}
	return os.Remove(filepath.Join(c.data(), pidFileName))
}
