//go:build linux

package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"time"
)

// Ensure installs a PostgreSQL server when Binaries finds none, and tells progress what it does: for
// root with the distribution's packages, for others the same packages unpacked into the user's cache
// folder. It needs apt; elsewhere its error says what to install.
func Ensure(ctx context.Context, progress io.Writer) error {
	if _, err := Binaries(); !errors.Is(err, ErrNoBinaries) {
		return err
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w (there is no %s here to fetch it with: install your system's PostgreSQL server package, 14 or newer)", ErrNoBinaries, tool)
		}
	}
	started := time.Now()
	how, in := unpackPackages, "your cache folder"
	if os.Geteuid() == 0 {
		how, in = installPackages, "the system"
	}
	say := func(format string, args ...any) error {
		_, err := fmt.Fprintf(progress, format+"\n", args...)
		return err
	}
	if err := say("PostgreSQL is missing; apt-get brings it into %s, which takes a quarter of a minute or more", in); err != nil {
		return err
	}
	if err := how(ctx); err != nil {
		return fmt.Errorf("install PostgreSQL: %w", err)
	}
	bin, err := Binaries()
	if err != nil {
		return err
	}
	return say("PostgreSQL is in %s after %.0f s", bin, time.Since(started).Seconds())
}

// clusterDropIn holds settings that Debian's package reads before it makes its usual cluster.
var clusterDropIn = "/etc/postgresql-common/createcluster.d" // another in tests

// installPackages installs with apt-get. The package would also make and start a cluster on port
// 5432, which nobody asked for; a drop-in, there for the time of the installation only, prevents it.
// A package too old to know the drop-in does make it; that cluster is left alone.
func installPackages(ctx context.Context) (err error) {
	if err := os.MkdirAll(clusterDropIn, 0o755); err != nil {
		return err
	}
	file := filepath.Join(clusterDropIn, "orderbridge.conf")
	if err := os.WriteFile(file, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	return apt(ctx, "install", "--yes", "--no-install-recommends", "postgresql")
}

// unpackPackages lets apt-get fetch the packages into folders of ours, where no privilege is needed,
// and unpacks them. The result gets its name only when it is whole.
func unpackPackages(ctx context.Context) (err error) {
	root, err := privateRoot()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return err
	}
	lock, err := os.Open(filepath.Dir(root))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { // waits for one like us
		return err
	}
	if _, err := Binaries(); !errors.Is(err, ErrNoBinaries) {
		return err
	}
	work, err := os.MkdirTemp("", "orderbridge-apt-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	packages, err := fetchPackages(ctx, work)
	if err != nil {
		return err
	}
	fresh := root + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	for _, p := range packages {
		if err := quietly(exec.CommandContext(ctx, "dpkg-deb", "--extract", p, fresh)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	return os.Rename(fresh, root)
}

func fetchPackages(ctx context.Context, work string) ([]string, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	archives, lists := filepath.Join(work, "archives"), filepath.Join(work, "lists")
	for _, dir := range []string{archives, lists} {
		if err := os.MkdirAll(filepath.Join(dir, "partial"), 0o700); err != nil {
			return nil, err
		}
	}
	private := []string{
		"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=" + me.Username,
		"-o", "Dir::Cache::archives=" + archives, "-o", "Dir::State::lists=" + lists,
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
	}
	if err := apt(ctx, append(private, "update")...); err != nil {
		return nil, err
	}
	download := []string{"install", "--yes", "--no-install-recommends", "--download-only", "postgresql"}
	if err := apt(ctx, append(private, download...)...); err != nil {
		return nil, err
	}
	packages, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err == nil && len(packages) == 0 {
		err = errors.New("apt-get had nothing to download: is the package postgresql installed in part?")
	}
	return packages, err
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // dpkg must not be cut in two
	return quietly(cmd)
}

// quietly runs a command whose output matters only when it fails.
func quietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, lastOf(out))
	}
	return nil
}
