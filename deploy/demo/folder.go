//go:build linux

package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	markerName  = ".orderbridge-demo"
	envFileName = "demo.env"

	folderMode = 0o700
)

// folder is where a demo keeps everything. While it is open no other demo gets it.
type folder struct {
	path   string
	used   bool // by an earlier demo
	marker *os.File
}

// openFolder makes the folder or goes on with it. One with other things in it is refused, so that
// neither our files nor --fresh ever get into somebody's work, and one that is not ours alone.
func openFolder(path string) (_ *folder, err error) {
	f := &folder{}
	if f.path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.path, folderMode); err != nil {
		return nil, err
	}
	if err := refuseShared(f.path); err != nil {
		return nil, err
	}
	if f.used, err = isOurs(f.path); err != nil {
		return nil, err
	}
	for _, name := range sideNames(sidesMax) {
		if err := refuseShared(f.in(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	f.marker, err = os.OpenFile(filepath.Join(f.path, markerName), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.lock(); err != nil {
		return nil, errors.Join(err, f.marker.Close())
	}
	return f, nil
}

// refuseShared refuses a folder that somebody else can write to: they could put anything into
// demo.env, which a shell runs.
func refuseShared(dir string) error {
	fi, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !fi.IsDir(): // a link may be led elsewhere later
		return fmt.Errorf("%s is not itself a folder: choose another --dir", dir)
	case int(fi.Sys().(*syscall.Stat_t).Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user: choose another --dir", dir)
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("other users may write to %s: forbid it (chmod go-w), or choose another --dir", dir)
	}
	return nil
}

func isOurs(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Name() == markerName {
			return true, nil
		}
	}
	if len(entries) > 0 {
		return false, fmt.Errorf("%s is not a demo folder, it holds %s: choose another --dir", path, entries[0].Name())
	}
	return false, nil
}

const markerText = "This folder belongs to orderbridge demo, process %d. With --fresh its data are removed.\n"

// lock takes the folder for as long as this process lives, and leaves its number for others to show.
func (f *folder) lock() error {
	err := syscall.Flock(int(f.marker.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("another demo%s runs in %s: stop it, or choose another --dir and --port-base", f.owner(), f.path)
	}
	if err != nil {
		return err
	}
	if err := f.marker.Truncate(0); err != nil {
		return err
	}
	_, err = f.marker.WriteAt(fmt.Appendf(nil, markerText, os.Getpid()), 0)
	return err
}

// owner is the process that has the lock, as " (process 17)", or nothing when it cannot be told.
func (f *folder) owner() string {
	text, err := io.ReadAll(f.marker)
	var pid int
	if err == nil {
		_, err = fmt.Sscanf(string(text), strings.TrimSpace(markerText), &pid)
	}
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

func (f *folder) close() error { return f.marker.Close() }
