//go:build linux

package folderlock

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALockedFolderIsInUse(t *testing.T) {
	dir := t.TempDir()
	lock, err := Try(dir)
	require.NoError(t, err)
	_, err = Try(dir)
	require.ErrorIs(t, err, ErrInUse)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Wait(ctx, dir)
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, lock.Close())
	lock, err = Wait(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestSweepRemovesAbandonedFoldersOnly(t *testing.T) {
	const pattern = "sweep-test-*"
	parent := t.TempDir()
	living, lock, err := Temp(parent, pattern)
	require.NoError(t, err)
	abandoned := filepath.Join(parent, "sweep-test-1")
	other := filepath.Join(parent, "other")
	for _, dir := range []string{abandoned, other} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	}
	Sweep(parent, pattern)
	require.NoDirExists(t, abandoned)
	require.DirExists(t, living)
	require.DirExists(t, other)
	require.NoError(t, lock.Close())
	Sweep(parent, pattern)
	require.NoDirExists(t, living)
}
