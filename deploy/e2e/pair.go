//go:build linux

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pair is the two sides, whatever runs them.
type pair struct {
	a, b *side
	over func() bool // what runs them has ended
}

func newPair(over func() bool) *pair { return &pair{a: newSide("a"), b: newSide("b"), over: over} }

func (both *pair) sides() [2]*side { return [2]*side{both.a, both.b} }

func (both *pair) peerOf(s *side) *side {
	if s == both.a {
		return both.b
	}
	return both.a
}

// pause has both sides stop telling each other, or resume it.
func (both *pair) pause(t testing.TB, paused bool) {
	t.Helper()
	for _, s := range both.sides() {
		require.NoError(t, s.setPaused(t.Context(), both.peerOf(s), paused))
	}
}

// shellVariables reads a file of variables as a user's shell does.
func shellVariables(t testing.TB, path string) map[string]string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", `set -a; . "$1"; env`, "sh", path)
	cmd.Env = []string{}
	out, err := cmd.Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}
