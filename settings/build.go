package settings

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// version and commit are what the build was given by -ldflags -X; both are empty in a plain go build.
var version, commit string

// Build identifies the program.
type Build struct {
	Version string // of the release, or unreleased
	Commit  string // of git; empty if it is unknown
	Go      string // version of Go that compiled it
}

// ThisBuild returns the build that runs.
func ThisBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return describe(version, commit, info)
}

// describe prefers what the build was given to what Go found in the module or in git.
func describe(version, commit string, info *debug.BuildInfo) Build {
	b := Build{Version: version, Commit: commit, Go: info.GoVersion}
	if b.Version == "" {
		b.Version = strings.Trim(info.Main.Version, "()")
	}
	if b.Version == "" || b.Version == "devel" {
		b.Version = "unreleased"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && b.Commit == "" {
			b.Commit = s.Value
		}
	}
	return b
}

// String is one line: version, commit if it is known, and Go.
func (b Build) String() string {
	if b.Commit == "" {
		return b.Version + " " + b.Go
	}
	return b.Version + " " + b.Commit + " " + b.Go
}

// Labels are those of the metric orderbridge_build_info.
func (b Build) Labels() map[string]string {
	return map[string]string{"version": b.Version, "commit": b.Commit, "goversion": b.Go}
}
