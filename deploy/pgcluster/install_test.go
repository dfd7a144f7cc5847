//go:build linux

package pgcluster

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mustBareMachine hides every PostgreSQL and gives a PATH with nothing but the given scripts.
func mustBareMachine(t *testing.T, scripts map[string]string) (system, root string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	for name, body := range scripts {
		text := "#!/bin/sh\nset -eu\nPATH=/usr/bin:/bin\n" + body
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	}
	before, dropIn, lock := systemBinaries, clusterDropIn, installLock
	t.Cleanup(func() { systemBinaries, clusterDropIn, installLock = before, dropIn, lock })
	system = filepath.Join(dir, "system")
	systemBinaries, clusterDropIn = filepath.Join(system, "*", "bin"), filepath.Join(dir, "createcluster.d")
	installLock = filepath.Join(dir, "lock")
	t.Setenv("PATH", bin)
	t.Setenv("PG_BINDIR", "")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("TMPDIR", t.TempDir())
	root, err := privateRoot()
	require.NoError(t, err)
	return system, root
}

func mustBinaries(t *testing.T, dir string, names ...string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
	}
	return dir
}

func TestBinariesInOrder(t *testing.T) {
	scripts := map[string]string{"pg_config": `echo "$CONFIG_BINDIR"`}
	system, root := mustBareMachine(t, scripts)
	t.Setenv("CONFIG_BINDIR", t.TempDir())
	_, err := Binaries()
	require.ErrorIs(t, err, ErrNoBinaries)
	require.ErrorContains(t, err, "make deps")

	// From the last resort to the first: each one found wins over those before.
	on := mustBinaries(t, filepath.Join(t.TempDir(), "path"), "initdb", "postgres")
	t.Setenv("PATH", os.Getenv("PATH")+":"+on)
	configured := mustBinaries(t, t.TempDir(), "initdb", "postgres")
	steps := []struct {
		name string
		make func() string
	}{
		{"PATH", func() string { return on }},
		{"pg_config", func() string { t.Setenv("CONFIG_BINDIR", configured); return configured }},
		{"system", func() string { return mustBinaries(t, filepath.Join(system, "9", "bin"), "initdb", "postgres") }},
		{"a newer one", func() string {
			mustBinaries(t, filepath.Join(system, "18", "bin"), "initdb") // a client only
			return mustBinaries(t, filepath.Join(system, "17", "bin"), "initdb", "postgres")
		}},
		{"private", func() string {
			private := filepath.Join(root, strings.ReplaceAll(systemBinaries, "*", "15"))
			return mustBinaries(t, private, "initdb", "postgres")
		}},
		{"PG_BINDIR", func() string { t.Setenv("PG_BINDIR", configured); return configured }},
	}
	for _, s := range steps {
		want := s.make()
		got, err := Binaries()
		require.NoError(t, err, s.name)
		require.Equal(t, want, got, s.name)
	}

	t.Setenv("PG_BINDIR", t.TempDir())
	_, err = Binaries()
	require.ErrorContains(t, err, "has no initdb and postgres")
}

func TestPrivateBinariesFindTheirLibraries(t *testing.T) {
	_, root := mustBareMachine(t, nil)
	t.Setenv("PGDATA", "/elsewhere")
	libs := filepath.Join(root, "usr/lib/x86_64-linux-gnu")
	require.NoError(t, os.MkdirAll(libs, 0o755))
	private := environment(filepath.Join(root, "usr/lib/postgresql/15/bin"))
	require.Contains(t, private, "LD_LIBRARY_PATH="+libs+":"+filepath.Join(root, "usr/lib"))
	require.NotContains(t, private, "PGDATA=/elsewhere")
	for _, v := range environment("/usr/lib/postgresql/15/bin") {
		require.NotContains(t, v, "LD_LIBRARY_PATH")
	}
}

func TestEnsureWithoutApt(t *testing.T) {
	mustBareMachine(t, nil)
	err := Ensure(t.Context(), &bytes.Buffer{})
	require.ErrorIs(t, err, ErrNoBinaries)
	require.ErrorContains(t, err, "install your system's PostgreSQL server package")
}

func TestEnsureKeepsWhatIsThere(t *testing.T) {
	system, _ := mustBareMachine(t, nil)
	mustBinaries(t, filepath.Join(system, "15", "bin"), "initdb", "postgres")
	var progress bytes.Buffer
	require.NoError(t, Ensure(t.Context(), &progress))
	require.Empty(t, progress.String())
}

const (
	// Both stand for apt-get; what it was asked for is in $APT_LOG.
	fakeInstall = `echo "$@" >> "$APT_LOG"
test $$ = "$(cut -d ' ' -f 5 /proc/$$/stat)" || echo in the group of the terminal >> "$APT_LOG"
test "$(readlink /proc/$$/fd/3)" = "$APT_LOCK" || echo without the lock >> "$APT_LOG"
case "$*" in *install*) cat "$APT_DROP_IN"/* >> "$APT_LOG"; mkdir -p "$APT_BIN"; : > "$APT_BIN/initdb"; : > "$APT_BIN/postgres";; esac`
	fakeDownload = `echo "$@" >> "$APT_LOG"
for a in "$@"; do case $a in Dir::Cache::archives=*) dir=${a#*=};; esac; done
case "$*" in *--download-only*) : > "$dir/server.deb"; : > "$dir/libs.deb";; esac`
	fakeExtract = `mkdir -p "$3$APT_BIN"; : > "$3$APT_BIN/initdb"; case $2 in *server.deb) : > "$3$APT_BIN/postgres";; esac`
)

func TestInstallForRoot(t *testing.T) {
	system, _ := mustBareMachine(t, map[string]string{"apt-get": fakeInstall})
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("APT_LOG", log)
	t.Setenv("APT_DROP_IN", clusterDropIn)
	t.Setenv("APT_LOCK", installLock)
	t.Setenv("APT_BIN", filepath.Join(system, "17", "bin"))
	require.NoError(t, installPackages(t.Context()))
	_, err := Binaries()
	require.NoError(t, err)
	asked, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "-qq update\n-qq install --yes --no-install-recommends postgresql\ncreate_main_cluster = false\n", string(asked))
	require.NoFileExists(t, filepath.Join(clusterDropIn, "orderbridge.conf"))
}

func TestUnpackForOthers(t *testing.T) {
	system, root := mustBareMachine(t, map[string]string{"apt-get": fakeDownload, "dpkg-deb": fakeExtract})
	t.Setenv("APT_LOG", filepath.Join(t.TempDir(), "log"))
	t.Setenv("APT_BIN", filepath.Join(system, "17", "bin"))
	require.NoError(t, os.MkdirAll(filepath.Join(root+".new", "half"), 0o755), "of one that was killed")
	require.NoError(t, unpackPackages(t.Context()))
	bin, err := Binaries()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, system, "17", "bin"), bin)
	require.NoDirExists(t, filepath.Join(root, "half"))
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "what was downloaded")
}

func TestFailedInstallationSaysWhy(t *testing.T) {
	_, root := mustBareMachine(t, map[string]string{"apt-get": "echo no network >&2; exit 100", "dpkg-deb": ""})
	require.ErrorContains(t, unpackPackages(t.Context()), "no network")
	require.NoDirExists(t, root)
	require.ErrorContains(t, installPackages(t.Context()), "no network")
	require.NoFileExists(t, filepath.Join(clusterDropIn, "orderbridge.conf"))
}

func TestStaleDropInIsRemoved(t *testing.T) {
	system, _ := mustBareMachine(t, nil)
	require.NoError(t, removeStaleDropIn(), "nothing there")
	mustBinaries(t, filepath.Join(system, "15", "bin"), "initdb", "postgres")
	require.NoError(t, os.Mkdir(clusterDropIn, 0o755))
	require.NoError(t, os.WriteFile(dropInFile(), nil, 0o644))
	require.NoError(t, os.Mkdir(installLock, 0o700))
	lock, err := tryLock(installLock)
	require.NoError(t, err)
	require.NoError(t, removeStaleDropIn())
	require.FileExists(t, dropInFile(), "in use by an installation")
	require.NoError(t, lock.Close())

	if os.Geteuid() == 0 {
		require.NoError(t, Ensure(t.Context(), &bytes.Buffer{}))
	} else {
		require.NoError(t, removeStaleDropIn())
	}
	require.NoFileExists(t, dropInFile())
}

func TestWaitForAnotherInstallation(t *testing.T) {
	system, root := mustBareMachine(t, map[string]string{"apt-get": "exit 1", "dpkg-deb": "exit 1"})
	for dir, install := range map[string]func(context.Context) error{installLock: installPackages, filepath.Dir(root): unpackPackages} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
		lock, err := tryLock(dir)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, install(ctx), errInUse, "asked to end while it waits")
		ended := make(chan error)
		go func() { ended <- install(t.Context()) }()
		mustBinaries(t, filepath.Join(system, "15", "bin"), "initdb", "postgres")
		require.NoError(t, lock.Close())
		require.NoError(t, <-ended, "the other one has brought it")
		require.NoError(t, os.RemoveAll(system))
	}
}
