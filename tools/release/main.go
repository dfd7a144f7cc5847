// Command release builds what a release consists of, twice the same bytes from the same commit: for each target
// an archive and a bill of materials, Debian packages, the licences of what is linked, a statement of how
// it was built, and checksums of all of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

// release is one run.
type release struct {
	root, out, work string // absolute
	version, commit string // version with its v
	at              time.Time
	built           []built
}

type built struct {
	target
	binary string
}

var versionShape = regexp.MustCompile(`^v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$`)

func main() {
	root := flag.String("root", "../..", "the repository")
	out := flag.String("out", "../../dist", "folder for the release, which is emptied")
	version := flag.String("version", "", "v0.1.0, or a commit, which is taken for v0.0.0-COMMIT")
	only := flag.String("targets", "", "of all targets only these, as linux_amd64,darwin_arm64")
	flag.Parse()
	if *only != "" {
		targets = slices.DeleteFunc(targets, func(t target) bool { return !slices.Contains(strings.Split(*only, ","), t.String()) })
	}
	if err := run(context.Background(), *root, *out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, out, version string) (err error) {
	r := release{version: version}
	if !strings.HasPrefix(version, "v") {
		r.version = "v0.0.0-" + version
	}
	if !versionShape.MatchString(r.version) {
		return fmt.Errorf("%q is no version: v0.1.0 or v0.1.0-rc.1", version)
	}
	if r.root, err = filepath.Abs(root); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("no such target")
	}
	if r.commit, err = r.git(ctx, "rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := r.git(ctx, "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	r.at = time.Unix(unix, 0).UTC()
	if r.work, err = os.MkdirTemp("", "release-"); err != nil {
		return err
	}
	defer func() { err = firstOf(err, os.RemoveAll(r.work)) }()
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.build, r.licences, r.archives, r.bills, r.packages, r.provenance, r.checksums} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// name is that of a file of the release.
func (r *release) name(suffix string) string {
	return "orderbridge_" + strings.TrimPrefix(r.version, "v") + suffix
}

func (r *release) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", r.root}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// command runs a program whose output is shown, with more variables than those of this one.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}

// buildFlags are all that decides about the bytes, besides commit, target and version of Go.
func (r *release) buildFlags() []string {
	const in = "github.com/orderbridge/orderbridge/settings"
	return []string{
		"-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", fmt.Sprintf("-s -w -buildid= -X %[1]s.version=%[2]s -X %[1]s.commit=%[3]s", in, r.version, r.commit),
	}
}

func (r *release) build(ctx context.Context) error {
	for _, t := range targets {
		fmt.Println("building", t)
		binary := filepath.Join(r.work, t.String(), "orderbridge")
		env := []string{"CGO_ENABLED=0", "GOFLAGS=", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off"}
		args := append(append([]string{"build"}, r.buildFlags()...), "-o", binary, ".")
		if err := command(ctx, r.root, env, "go", args...); err != nil {
			return err
		}
		r.built = append(r.built, built{t, binary})
	}
	return nil
}
