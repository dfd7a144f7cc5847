//go:build linux

package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStop ends a demo in order, starts it again with its data, and then anew.
func TestStop(t *testing.T) {
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 7))
	var written view
	for _, s := range d.sides() {
		o := newOrder(r)
		v, _, err := s.createAt(t.Context(), o)
		require.NoError(t, err)
		written = v
	}
	stopDemo(t, d) // at once, perhaps before the orders were told

	d.start(t)
	d.awaitRest(t)
	require.Len(t, d.requireEqual(t, nil), 2)
	v, _, err := d.a.get(t.Context(), written.ID)
	require.NoError(t, err)
	require.Equal(t, written.content, v.content)
	stopDemo(t, d)

	d.start(t, "--fresh")
	d.awaitRest(t)
	require.Empty(t, d.requireEqual(t, nil))
	stopDemo(t, d)
}

func stopDemo(t *testing.T, d *demo) {
	t.Helper()
	env := d.env(t)
	start := time.Now()
	d.signal(t, syscall.SIGINT)
	require.Zero(t, d.exitCode(t))
	t.Logf("stopped in %s", time.Since(start))
	d.requireGone(t, env)
	for _, port := range portsOf(d.base, 2) {
		require.True(t, portFree(port), "port %d is free", port)
	}
	_, err := os.Stat(filepath.Join(d.dir, "demo", "demo.env"))
	require.ErrorIs(t, err, os.ErrNotExist, "secrets do not stay behind")
}
