package settings

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuildNamesVersionAndCommit(t *testing.T) {
	git := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "c2da7e2"}}
	for want, c := range map[string]struct {
		version, commit, module string
		settings                []debug.BuildSetting
	}{
		"1.2.0 go1.26":              {version: "1.2.0", module: "(devel)"},
		"1.2.0 c2da7e2 go1.26":      {version: "1.2.0", module: "v0.0.0-2026", settings: git},
		"1.2.0 0a1b2c3 go1.26":      {version: "1.2.0", commit: "0a1b2c3", settings: git},
		"v1.3.0 go1.26":             {module: "v1.3.0"},
		"unreleased go1.26":         {module: "(devel)"},
		"unreleased c2da7e2 go1.26": {settings: git},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26", Settings: c.settings}
		info.Main.Version = c.module
		require.Equal(t, want, describe(c.version, c.commit, info).String())
	}
}
