//go:build linux

package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/folderlock"
)

// mustBareMachine hides every program but the given scripts. The server that the package tea brings is looked for in
// system, and then in its private root.
func mustBareMachine(t *testing.T, scripts map[string]string) (tea Program, system, root string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	for name, body := range scripts {
		text := "#!/bin/sh\nset -eu\nPATH=/usr/bin:/bin\n" + body
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	}
	dropIn, lock := clusterDropIn, installLock
	t.Cleanup(func() { clusterDropIn, installLock = dropIn, lock })
	clusterDropIn, installLock = filepath.Join(dir, "createcluster.d"), filepath.Join(dir, "lock")
	t.Setenv("PATH", bin)
	t.Setenv("E2E_CHROMIUM", "")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("TMPDIR", t.TempDir())
	tea = Program{Name: "Tea", Package: "tea", Otherwise: "install your system's tea server"}
	root, err := PrivateRoot("tea")
	require.NoError(t, err)
	system = filepath.Join(dir, "system")
	tea.Find = func() (string, error) {
		for _, path := range []string{filepath.Join(system, "kettle"), filepath.Join(root, system, "kettle")} {
			if exists(path) {
				return path, nil
			}
		}
		return "", fmt.Errorf("%w: no kettle", ErrMissing)
	}
	return tea, system, root
}

func mustFile(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755))
	return file
}

func TestEnsureWithoutApt(t *testing.T) {
	tea, _, _ := mustBareMachine(t, nil)
	err := Ensure(t.Context(), &bytes.Buffer{}, tea)
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, tea.Otherwise)
}

func TestEnsureKeepsWhatIsThere(t *testing.T) {
	tea, system, _ := mustBareMachine(t, nil)
	mustFile(t, system, "kettle")
	var progress bytes.Buffer
	require.NoError(t, Ensure(t.Context(), &progress, tea))
	require.Empty(t, progress.String())
}

func TestEnsureInstallsEachProgramThatIsMissing(t *testing.T) {
	apt := fakeDownload
	if os.Geteuid() == 0 {
		apt = fakeInstall
	}
	tea, system, _ := mustBareMachine(t, map[string]string{"apt-get": apt, "dpkg-deb": fakeExtract})
	t.Setenv("APT_LOG", filepath.Join(t.TempDir(), "log"))
	t.Setenv("APT_BIN", system)
	t.Setenv("APT_DROP_IN", clusterDropIn)
	t.Setenv("APT_LOCK", installLock)
	there := Program{Name: "Water", Find: func() (string, error) { return "/water", nil }}
	var progress bytes.Buffer
	require.NoError(t, Ensure(t.Context(), &progress, there, tea))
	require.Contains(t, progress.String(), "Tea is in ")
	require.NotContains(t, progress.String(), "Water")

	broken := Program{Name: "Milk", Find: func() (string, error) { return "", errors.New("MILK names no file") }}
	require.ErrorContains(t, Ensure(t.Context(), &progress, broken), "MILK names no file")
}

const (
	// Both stand for apt-get; what it was asked for is in $APT_LOG.
	fakeInstall = `echo "$@" >> "$APT_LOG"
test $$ = "$(cut -d ' ' -f 5 /proc/$$/stat)" || echo in the group of the terminal >> "$APT_LOG"
test "$(readlink /proc/$$/fd/3)" = "$APT_LOCK" || echo without the lock >> "$APT_LOG"
case "$*" in *install*) cat "$APT_DROP_IN"/* >> "$APT_LOG"; mkdir -p "$APT_BIN"; : > "$APT_BIN/kettle";; esac`
	fakeDownload = `echo "$@" >> "$APT_LOG"
for a in "$@"; do case $a in Dir::Cache::archives=*) dir=${a#*=};; esac; done
case "$*" in *--download-only*) : > "$dir/server.deb"; : > "$dir/libs.deb";; esac`
	fakeExtract = `mkdir -p "$3$APT_BIN" "$3/usr/share/fonts"; case $2 in *server.deb) : > "$3$APT_BIN/kettle";; esac`
)

func TestInstallForRoot(t *testing.T) {
	tea, system, _ := mustBareMachine(t, map[string]string{"apt-get": fakeInstall})
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("APT_LOG", log)
	t.Setenv("APT_DROP_IN", clusterDropIn)
	t.Setenv("APT_LOCK", installLock)
	t.Setenv("APT_BIN", system)
	require.NoError(t, installPackages(t.Context(), tea))
	_, err := tea.Find()
	require.NoError(t, err)
	asked, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "-qq update\n-qq install --yes --no-install-recommends tea\ncreate_main_cluster = false\n", string(asked))
	require.NoFileExists(t, filepath.Join(clusterDropIn, "orderbridge.conf"))
}

func TestUnpackForOthers(t *testing.T) {
	tea, system, root := mustBareMachine(t, map[string]string{"apt-get": fakeDownload, "dpkg-deb": fakeExtract})
	t.Setenv("APT_LOG", filepath.Join(t.TempDir(), "log"))
	t.Setenv("APT_BIN", system)
	require.NoError(t, os.MkdirAll(filepath.Join(root+".new", "half"), 0o755), "of one that was killed")
	require.NoError(t, unpackPackages(t.Context(), tea))
	path, err := tea.Find()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, system, "kettle"), path)
	require.FileExists(t, filepath.Join(root, fontsFile))
	require.NoDirExists(t, filepath.Join(root, "half"))
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "what was downloaded")
}

func TestFailedInstallationSaysWhy(t *testing.T) {
	tea, _, root := mustBareMachine(t, map[string]string{"apt-get": "echo no network >&2; exit 100", "dpkg-deb": ""})
	require.ErrorContains(t, unpackPackages(t.Context(), tea), "no network")
	require.NoDirExists(t, root)
	require.ErrorContains(t, installPackages(t.Context(), tea), "no network")
	require.NoFileExists(t, filepath.Join(clusterDropIn, "orderbridge.conf"))
}

func TestStaleDropInIsRemoved(t *testing.T) {
	tea, system, _ := mustBareMachine(t, nil)
	require.NoError(t, removeStaleDropIn(), "nothing there")
	mustFile(t, system, "kettle")
	require.NoError(t, os.Mkdir(clusterDropIn, 0o755))
	require.NoError(t, os.WriteFile(dropInFile(), nil, 0o644))
	require.NoError(t, os.Mkdir(installLock, 0o700))
	lock, err := folderlock.Try(installLock)
	require.NoError(t, err)
	require.NoError(t, removeStaleDropIn())
	require.FileExists(t, dropInFile(), "in use by an installation")
	require.NoError(t, lock.Close())

	if os.Geteuid() == 0 {
		require.NoError(t, Ensure(t.Context(), &bytes.Buffer{}, tea))
	} else {
		require.NoError(t, removeStaleDropIn())
	}
	require.NoFileExists(t, dropInFile())
}

func TestWaitForAnotherInstallation(t *testing.T) {
	tea, system, root := mustBareMachine(t, map[string]string{"apt-get": "exit 1", "dpkg-deb": "exit 1"})
	for dir, install := range map[string]func(context.Context, Program) error{installLock: installPackages, filepath.Dir(root): unpackPackages} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		lock, err := folderlock.Try(dir)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, install(ctx, tea), folderlock.ErrInUse, "asked to end while it waits")
		ended := make(chan error)
		go func() { ended <- install(t.Context(), tea) }()
		mustFile(t, system, "kettle")
		require.NoError(t, lock.Close())
		require.NoError(t, <-ended, "the other one has brought it")
		require.NoError(t, os.RemoveAll(system))
	}
}

func TestPrivateChromiumFindsItsLibrariesAndFonts(t *testing.T) {
	_, _, _ = mustBareMachine(t, nil)
	_, err := Chromium.Find()
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, "make deps")

	root, err := PrivateRoot(chromiumPackage)
	require.NoError(t, err)
	want := mustFile(t, root, "usr/lib/chromium/chromium-headless-shell")
	mustFile(t, root, "usr/lib/x86_64-linux-gnu/pulseaudio/libpulsecommon.so")
	mustFile(t, root, "usr/lib/x86_64-linux-gnu/libnss3.so")
	mustFile(t, root, "lib/x86_64-linux-gnu/libdbus-1.so.3")
	mustFile(t, root, "usr/share/fonts/truetype/sans.ttf")
	require.NoError(t, writeFonts(root, root))
	got, err := Chromium.Find()
	require.NoError(t, err)
	require.Equal(t, want, got)
	env := Environment(got)
	var libs []string
	for _, dir := range []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio"} {
		libs = append(libs, filepath.Join(root, dir))
	}
	require.Equal(t, []string{"LD_LIBRARY_PATH=" + strings.Join(libs, ":"), "FONTCONFIG_FILE=" + filepath.Join(root, "fonts.conf")}, env)
	fonts, err := os.ReadFile(filepath.Join(root, "fonts.conf"))
	require.NoError(t, err)
	require.Contains(t, string(fonts), "<dir>"+root+"/usr/share/fonts</dir>")

	t.Setenv("E2E_CHROMIUM", "/nowhere/chromium")
	_, err = Chromium.Find()
	require.ErrorContains(t, err, "/nowhere/chromium")
	require.NotErrorIs(t, err, ErrMissing)
	require.Empty(t, Environment("/usr/bin/chromium"))
}
