//go:build linux

package pgcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// capDACReadSearch is CAP_DAC_READ_SEARCH of linux/capability.h: to pass through folders of others.
const capDACReadSearch = 2

// account is who runs the server of the cluster in folder: nil for ourselves. Root must be someone
// else: the owner of the data if there are any, so that a cluster goes on whoever made it.
func account(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	fi, err := os.Stat(filepath.Join(folder, dataName))
	if err == nil {
		if owner := fi.Sys().(*syscall.Stat_t); owner.Uid != 0 {
			return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// processAttributes makes a child that runs as who. Below a folder that who may not enter, as /root
// is, it keeps the one capability that lets it pass; elsewhere none.
func processAttributes(who *syscall.Credential, folder string) (*syscall.SysProcAttr, error) {
	if who == nil {
		return &syscall.SysProcAttr{}, nil
	}
	attr := &syscall.SysProcAttr{Credential: who}
	for dir := filepath.Dir(folder); ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		if !mayEnter(fi, who) {
			attr.AmbientCaps = []uintptr{capDACReadSearch}
			return attr, nil
		}
		if dir == filepath.Dir(dir) {
			return attr, nil
		}
	}
}

func mayEnter(dir fs.FileInfo, who *syscall.Credential) bool {
	owner := dir.Sys().(*syscall.Stat_t)
	switch {
	case owner.Uid == who.Uid:
		return dir.Mode()&0o100 != 0
	case owner.Gid == who.Gid:
		return dir.Mode()&0o010 != 0
	default:
		return dir.Mode()&0o001 != 0
	}
}
