//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheEndsOfLogsAreKept(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	long := append(bytes.Repeat([]byte("x"), logBytesKept), "the end"...)
	for name, text := range map[string][]byte{"a/service.log": long, "b/postgres/data/base/1": long, "demo.log": []byte("short")} {
		path := filepath.Join(from, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	require.NoError(t, keepLogs(from, to))
	kept, err := os.ReadFile(filepath.Join(to, "a/service.log"))
	require.NoError(t, err)
	require.Len(t, kept, logBytesKept)
	require.True(t, bytes.HasSuffix(kept, []byte("the end")))
	require.FileExists(t, filepath.Join(to, "demo.log"))
	require.NoDirExists(t, filepath.Join(to, "b"))
}
