//go:build linux

package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// What a cluster folder may hold. Anything else in it means that it is somebody else's folder.
const (
	dataName     = "data"
	unfinished   = "data.new" // while initdb works
	verifierName = "verifier" // while initdb works
	logName      = "postgres.log"
)

const (
	writable    = 2 // W_OK of unistd.h
	tempPattern = "orderbridge-pg-*"
	lockWait    = 20 * time.Second
	pollEvery   = 10 * time.Millisecond
)

var errInUse = errors.New("still in use by another process")

// openFolder makes the cluster folder if need be and locks it. It waits some time for a server there
// that is dying or whose last backend is still at work.
func openFolder(ctx context.Context, dir string) (string, *os.File, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", nil, err
	}
	dir, err := realPath(dir)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock, err := waitForLock(ctx, dir)
	if err != nil {
		return "", nil, err
	}
	if err := refuseForeign(dir); err != nil {
		return "", nil, errors.Join(err, lock.Close())
	}
	return dir, lock, nil
}

// realPath is how the kernel names the folder, which is what the checks on it compare.
func realPath(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// refuseForeign protects a folder that was named by mistake: ours is about to change its owner.
func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{dataName, unfinished, verifierName, logName}, e.Name()) {
			return fmt.Errorf("%s is no cluster folder: it holds %s", dir, e.Name())
		}
	}
	return nil
}

func waitForLock(ctx context.Context, dir string) (*os.File, error) {
	for {
		lock, err := tryLock(dir)
		if !errors.Is(err, errInUse) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w: %w", dir, errInUse, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// tryLock locks a folder for this process and whoever inherits the file from it. Anybody may put
// something into the parents of throwaway clusters: a pipe, on which an open would wait, or a link.
func tryLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tempParent is where throwaway clusters go: in memory where there is plenty, which clones a database
// some ten times quicker than a disk, unless TMPDIR wants them elsewhere.
func tempParent() string {
	const memory, plenty = "/dev/shm", 2 << 30
	var free syscall.Statfs_t
	if os.Getenv("TMPDIR") == "" && syscall.Access(memory, writable) == nil && syscall.Statfs(memory, &free) == nil &&
		free.Bavail*uint64(free.Bsize) >= plenty {
		return memory
	}
	return os.TempDir()
}

// tempFolder makes and locks a folder for a throwaway cluster.
func tempFolder() (string, *os.File, error) {
	parent, err := realPath(tempParent())
	if err != nil {
		return "", nil, err
	}
	for {
		dir, err := os.MkdirTemp(parent, tempPattern)
		if err != nil {
			return "", nil, err
		}
		lock, err := tryLock(dir)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, errInUse) {
			continue // another process took the new folder for a forgotten one
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

// sweep removes the folders of throwaway clusters whose process was killed. What we may not lock or
// remove is somebody else's to sweep.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(tempParent(), tempPattern)) // a malformed TMPDIR: nothing to sweep
	for _, dir := range dirs {
		if lock, err := tryLock(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// Remove deletes a cluster folder with its data, after the last process of its server is gone. It
// deletes nothing but a cluster folder; one that does not exist is fine.
func Remove(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	dir, lock, err := openFolder(ctx, dir)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), lock.Close())
}
