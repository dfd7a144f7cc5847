//go:build linux

package pgcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/packages"
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
	before := systemBinaries
	t.Cleanup(func() { systemBinaries = before })
	system = filepath.Join(dir, "system")
	systemBinaries = filepath.Join(system, "*", "bin")
	t.Setenv("PATH", bin)
	t.Setenv("PG_BINDIR", "")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	root, err := packages.PrivateRoot(serverPackage)
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
	require.ErrorIs(t, err, packages.ErrMissing)
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

func TestPrivateProgramsFindTheirLibraries(t *testing.T) {
	_, root := mustBareMachine(t, nil)
	t.Setenv("PGDATA", "/elsewhere")
	bin := mustBinaries(t, filepath.Join(root, "usr/lib/postgresql/15/bin"), "initdb", "postgres", "pg_dump")
	libs := mustBinaries(t, filepath.Join(root, "usr/lib/x86_64-linux-gnu"), "libpq.so.5")
	t.Setenv("PG_BINDIR", bin)
	dump, err := Command(t.Context(), "pg_dump", "--version")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(bin, "pg_dump"), dump.Path)
	require.Contains(t, dump.Env, "LD_LIBRARY_PATH="+libs)
	server := environment(bin)
	require.Contains(t, server, "LD_LIBRARY_PATH="+libs)
	require.NotContains(t, server, "PGDATA=/elsewhere")
	for _, v := range environment("/usr/lib/postgresql/15/bin") {
		require.NotContains(t, v, "LD_LIBRARY_PATH")
	}
}
