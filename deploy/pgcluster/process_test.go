//go:build linux

package pgcluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary is started again as a process that only holds a cluster, to be killed, or as another
// user, to run some of the tests.
const holdVariable = "PGCLUSTER_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(holdVariable); ok {
		hold(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	c, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d %s\n", c.PID(), c.folder)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends, however it does
	os.Exit(0)
}

// startHolder runs a process that holds a cluster, and returns with it the server's process number
// and folder.
func startHolder(t *testing.T, dir string) (holder *exec.Cmd, pid int, folder string) {
	t.Helper()
	holder = exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+dir)
	stdin, err := holder.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = stdin.Close() }) // closed already when the process was waited for
	stdout, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscanf(line, "%d %s\n", &pid, &folder)
	require.NoError(t, err, line)
	return holder, pid, folder
}

func TestServerDiesWithAKilledProcess(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	for name, dir := range map[string]string{"throwaway": "", "below a closed folder": filepath.Join(closed, "postgres")} {
		t.Run(name, func(t *testing.T) {
			holder, pid, folder := startHolder(t, dir)
			require.True(t, alive(pid))
			require.NoError(t, holder.Process.Kill())
			require.Error(t, holder.Wait())
			eventually(t, "the server is gone", func() bool { return !alive(pid) })

			if dir == "" {
				eventually(t, "a later start sweeps the folder", func() bool {
					sweep()
					_, err := os.Stat(folder)
					return os.IsNotExist(err)
				})
			} else {
				mustStart(t, Options{Dir: dir})
			}
		})
	}
}

func TestSweepSparesTheLiving(t *testing.T) {
	t.Parallel()
	c := mustStart(t, Options{})
	sweep()
	require.DirExists(t, c.data())
}

func TestSweepIsNotLedAstray(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	pipe, link := filepath.Join(os.TempDir(), "orderbridge-pg-pipe"), filepath.Join(os.TempDir(), "orderbridge-pg-link")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600)) // whoever opens it waits
	require.NoError(t, os.Symlink(t.TempDir(), link))
	sweep()
	for _, path := range []string{pipe, link} {
		_, err := os.Lstat(path)
		require.NoError(t, err, "not ours")
	}
}

func TestBelowAFolderThatTheServersUserMayNotEnter(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	o := Options{Dir: filepath.Join(closed, "deep", "postgres")}
	for _, when := range []string{"new", "again"} {
		c := mustStart(t, o)
		mustExec(t, c, "CHECKPOINT")
		mustExec(t, c, "CREATE TABLE "+when+" AS SELECT 1")
		if os.Geteuid() == 0 {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
			require.NoError(t, err)
			require.Regexp(t, `CapPrm:\t0+\nCapEff:\t0+\n(?s:.*)CapAmb:\t0+\n`, string(status), "it is granted nothing")
		}
		require.NoError(t, c.Stop())
	}
}

func TestLinkInPlaceOfTheDataIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // the folder is our own: whoever can make a link in it is us
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, dataName)))
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "data is not a folder")
}

// mustOpenDir is a temp folder that every user may pass through, as those of t are not.
func mustOpenDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgcluster-test-*")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// As root, the tests of an ordinary user's life are run once more as one.
func TestAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // all the others just did
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	require.NoError(t, err)

	dir := mustOpenDir(t)
	program, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	binary := filepath.Join(dir, "pgcluster.test")
	require.NoError(t, os.WriteFile(binary, program, 0o755))
	home := filepath.Join(dir, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, int(uid), int(gid)))

	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run",
		"^(TestThrowawayClusterLeavesNothing|TestDurableClusterGoesOnWithItsData|TestKilledPostmaster|TestServerDiesWithAKilledProcess)$")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "PG_BINDIR=" + os.Getenv("PG_BINDIR")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestKilledPostmaster")
}
