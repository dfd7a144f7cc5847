//go:build linux

package packages

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

	"github.com/orderbridge/orderbridge/deploy/folderlock"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

// Ensure installs the programs that are missing and reports its progress.
func Ensure(ctx context.Context, progress io.Writer, programs ...Program) error {
	if os.Geteuid() == 0 {
		if err := removeStaleDropIn(); err != nil {
			return err
		}
	}
	missing, err := missingOf(programs)
	if err != nil || len(missing) == 0 {
		return err
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s: %w, and there is no %s to install it with: %s", missing[0].Name, ErrMissing, tool, missing[0].Otherwise)
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
	for _, p := range missing {
		if err := say("%s is missing: apt-get installs it into %s, which takes half a minute or more", p.Name, in); err != nil {
			return err
		}
		if err := how(ctx, p); err != nil {
			return fmt.Errorf("install %s (or else %s): %w", p.Name, p.Otherwise, err)
		}
		path, err := p.Find()
		if err != nil {
			return err
		}
		if err := say("%s is in %s after %.0f s", p.Name, path, time.Since(started).Seconds()); err != nil {
			return err
		}
	}
	return nil
}

func missingOf(programs []Program) ([]Program, error) {
	var missing []Program
	for _, p := range programs {
		if _, err := p.Find(); errors.Is(err, ErrMissing) {
			missing = append(missing, p)
		} else if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// Others in tests.
var (
	// clusterDropIn holds settings that Debian's package reads before it makes its usual cluster.
	clusterDropIn = "/etc/postgresql-common/createcluster.d"
	// installLock is locked by who installs into the system. Nobody but root can open it, and so hold
	// an installation up.
	installLock = "/run/orderbridge"
)

func dropInFile() string { return filepath.Join(clusterDropIn, "orderbridge.conf") }

// installPackages installs with apt-get. PostgreSQL's package would also make and start a cluster on port
// 5432, which nobody asked for; a drop-in, there for the time of the installation only, prevents it.
// A package too old to know the drop-in does make it; that cluster is left alone.
func installPackages(ctx context.Context, p Program) (err error) {
	lock, err := lockInstallation(ctx, installLock, p)
	if lock == nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := os.MkdirAll(clusterDropIn, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(dropInFile(), []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(dropInFile())) }()
	if err := apt(ctx, lock, "update"); err != nil {
		return err
	}
	return apt(ctx, lock, "install", "--yes", "--no-install-recommends", p.Package)
}

// removeStaleDropIn removes what an installation left that was killed: it would keep a later one, by
// somebody who wants the usual cluster, from making it.
func removeStaleDropIn() error {
	if _, err := os.Lstat(dropInFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.MkdirAll(installLock, 0o700); err != nil {
		return err
	}
	lock, err := folderlock.Try(installLock)
	if errors.Is(err, folderlock.ErrInUse) {
		return nil // an apt-get still needs it
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(dropInFile()), lock.Close())
}

// lockInstallation waits for another process that installs to the same place. There is no lock, and
// no error, when the program is there by then.
func lockInstallation(ctx context.Context, dir string, p Program) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := folderlock.Wait(ctx, dir)
	if err != nil {
		return nil, err
	}
	if _, err := p.Find(); !errors.Is(err, ErrMissing) {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// unpackPackages lets apt-get fetch the packages into folders of ours, where no privilege is needed,
// and unpacks them. The result gets its name only when it is whole.
func unpackPackages(ctx context.Context, p Program) (err error) {
	root, err := PrivateRoot(p.Package)
	if err != nil {
		return err
	}
	lock, err := lockInstallation(ctx, filepath.Dir(root), p)
	if lock == nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	work, err := os.MkdirTemp("", "orderbridge-apt-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	packages, err := fetchPackages(ctx, lock, work, p)
	if err != nil {
		return err
	}
	fresh := root + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	for _, file := range packages {
		if err := tether.Run(exec.CommandContext(ctx, "dpkg-deb", "--extract", file, fresh), syscall.SIGKILL); err != nil {
			return err
		}
	}
	if err := errors.Join(writeFonts(fresh, root), os.RemoveAll(root)); err != nil {
		return err
	}
	return os.Rename(fresh, root)
}

func fetchPackages(ctx context.Context, lock *os.File, work string, p Program) ([]string, error) {
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
	if err := apt(ctx, lock, append(private, "update")...); err != nil {
		return nil, err
	}
	download := []string{"install", "--yes", "--no-install-recommends", "--download-only", p.Package}
	if err := apt(ctx, lock, append(private, download...)...); err != nil {
		return nil, err
	}
	packages, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err == nil && len(packages) == 0 {
		err = fmt.Errorf("apt-get had nothing to download: is the package %s installed in part?", p.Package)
	}
	return packages, err
}

// apt runs apt-get. When ctx or our process ends it is interrupted, and only it: then it lets a dpkg
// that is at work finish, where a Ctrl-C in the terminal would reach dpkg, too. It has the lock for as
// long as that takes.
func apt(ctx context.Context, lock *os.File, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return tether.Run(cmd, syscall.SIGINT)
}
