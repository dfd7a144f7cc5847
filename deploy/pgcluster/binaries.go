//go:build linux

package pgcluster

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/deploy/packages"
)

const serverPackage = "postgresql"

// PostgreSQL is the server with the programs that belong to it, such as pg_dump.
var PostgreSQL = packages.Program{
	Name: "PostgreSQL", Package: serverPackage, Find: Binaries,
	Otherwise: "install the PostgreSQL server package of your system, 14 or newer, or set PG_BINDIR to the folder with initdb and postgres",
}

var systemBinaries = "/usr/lib/postgresql/*/bin" // another in tests

// Binaries finds the folder with initdb and postgres: $PG_BINDIR, else what Ensure unpacked for this
// user, else the newest of the distribution's, else what pg_config or the PATH lead to.
func Binaries() (string, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		if !complete(dir) {
			return "", fmt.Errorf("PG_BINDIR=%s has no initdb and postgres", dir)
		}
		return dir, nil
	}
	if root, err := packages.PrivateRoot(serverPackage); err == nil { // no home folder, nothing unpacked there
		if dir := newest(filepath.Join(root, systemBinaries)); dir != "" {
			return dir, nil
		}
	}
	if dir := newest(systemBinaries); dir != "" {
		return dir, nil
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		if dir := strings.TrimSpace(string(out)); complete(dir) {
			return dir, nil
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	return "", fmt.Errorf("%w: no PostgreSQL server: run `make deps`, or set PG_BINDIR to the folder with initdb and postgres", packages.ErrMissing)
}

// Command returns one of PostgreSQL's programs, such as pg_dump, ready to be run with our environment.
func Command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	bin, err := Binaries()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	cmd.Env = append(os.Environ(), packages.Environment(bin)...)
	return cmd, nil
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.IsDir() {
			return false
		}
	}
	return true
}

// newest is the folder with the highest version among those that match .../<version>/bin, or "".
func newest(pattern string) string {
	dirs, _ := filepath.Glob(pattern) // the only error is a malformed pattern: then nothing matches
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return !complete(dir) })
	if len(dirs) == 0 {
		return ""
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // a folder that is no number comes last
		return n
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
}

// environment is all that a server gets of ours: variables such as PGDATA must not steer it.
func environment(bin string) []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, packages.Environment(bin)...)
}
