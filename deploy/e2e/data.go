//go:build linux

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	logsDir      = "../../bin/e2e-logs" // make clean removes it
	logBytesKept = 256 << 10            // of each log
)

// dataDir is a folder for the data and logs of a test. PostgreSQL, which may run as another user, passes through it.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(allData, "")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() {
		if t.Failed() {
			kept := filepath.Join(logsDir, strings.ReplaceAll(t.Name(), "/", "-"))
			if err := keepLogs(dir, kept); err != nil {
				t.Errorf("keep the logs: %v", err)
			}
			t.Logf("the logs are in %s", kept)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return dir
}

// keepLogs copies the end of each log below a folder.
func keepLogs(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kept := filepath.Join(to, below)
		if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
			return err
		}
		return os.WriteFile(kept, text[max(0, len(text)-logBytesKept):], 0o600)
	})
}
