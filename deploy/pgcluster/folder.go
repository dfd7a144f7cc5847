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

	"github.com/orderbridge/orderbridge/deploy/folderlock"
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
)

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
	lock, err := folderlock.Wait(ctx, dir)
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
	return folderlock.Temp(parent, tempPattern)
}

// sweep removes the folders of throwaway clusters whose process was killed.
func sweep() { folderlock.Sweep(tempParent(), tempPattern) }

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
