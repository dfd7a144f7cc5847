//go:build linux

package child

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mustStart runs a shell script and waits until it has said something.
func mustStart(t *testing.T, script string, settings map[string]string) (p *Process, log string) {
	t.Helper()
	file, log := filepath.Join(t.TempDir(), "script"), filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	p, err := Start("/bin/sh", file, settings, log)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // gone already where the test went well
		<-p.Done()
	})
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(log)
		return err == nil && len(text) > 0
	}, time.Minute, 5*time.Millisecond)
	return p, log
}

func TestStop(t *testing.T) {
	p, log := mustStart(t, `trap "echo bye; exit 0" TERM; echo hello; while :; do sleep 0.01; done`, nil)
	require.NoError(t, p.Stop())
	require.NoError(t, p.Err())
	require.NoError(t, p.Stop(), "a second time")
	require.Equal(t, "the end of "+log+":\nhello\nbye", Tail(log))
	fi, err := os.Stat(log)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
}

func TestStopByForceIsAnError(t *testing.T) {
	before := stopPatience
	t.Cleanup(func() { stopPatience = before })
	stopPatience = 10 * time.Millisecond
	p, _ := mustStart(t, `trap "" TERM; echo hello; exec sleep 600`, nil)
	require.ErrorContains(t, p.Stop(), "was killed")
	require.ErrorContains(t, p.Err(), "killed")
}

func TestOurOwnSettingsDoNotLeakIn(t *testing.T) {
	for _, name := range []string{"ORDERS_LEAK", "BRIDGE_LEAK", "PGHOST"} {
		t.Setenv(name, "leak")
	}
	t.Setenv("KEPT", "yes")
	p, log := mustStart(t, "env", map[string]string{"ORDERS_SIDE": "a"})
	require.NoError(t, p.Err())
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Contains(t, string(text), "KEPT=yes\n")
	require.Contains(t, string(text), "ORDERS_SIDE=a\n")
	require.NotContains(t, string(text), "leak")
}

func TestLogIsNotFollowedElsewhere(t *testing.T) {
	target, log := filepath.Join(t.TempDir(), "target"), filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Symlink(target, log))
	_, err := Start("/bin/sh", "x", nil, log)
	require.ErrorIs(t, err, syscall.ELOOP)
	require.NoFileExists(t, target)
}
