//go:build linux

package folderlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const pollEvery = 10 * time.Millisecond

// ErrInUse reports that another process holds the lock.
var ErrInUse = errors.New("still in use by another process")

// Try locks a folder for this process and whoever inherits the file from it. It never blocks and does not follow
// links, because in a folder such as /tmp anyone can plant a pipe or a link under the name of a folder of ours.
func Try(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Wait locks a folder as soon as no other process holds its lock.
func Wait(ctx context.Context, dir string) (*os.File, error) {
	for {
		lock, err := Try(dir)
		if !errors.Is(err, ErrInUse) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w: %w", dir, ErrInUse, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// Temp makes and locks a temporary folder below parent, named as os.MkdirTemp does.
func Temp(parent, pattern string) (string, *os.File, error) {
	for {
		dir, err := os.MkdirTemp(parent, pattern)
		if err != nil {
			return "", nil, err
		}
		lock, err := Try(dir)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrInUse) {
			continue // the sweep of another process took the new folder for an abandoned one
		}
		if err != nil {
			return "", nil, errors.Join(err, os.Remove(dir))
		}
		if held, err := lock.Stat(); err == nil {
			if present, err := os.Stat(dir); err == nil && os.SameFile(held, present) {
				return dir, lock, nil
			}
		}
		if err := lock.Close(); err != nil { // as above
			return "", nil, err
		}
	}
}

// Sweep removes the temporary folders whose process was killed. It leaves those that it may not lock or remove.
func Sweep(parent, pattern string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, pattern)) // the only error is a malformed pattern
	for _, dir := range dirs {
		if lock, err := Try(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}
