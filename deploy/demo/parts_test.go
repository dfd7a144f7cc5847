//go:build linux

package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestBackoffGrowsAndStartsAgainAfterALongLife(t *testing.T) {
	var b backoff
	var got []time.Duration
	for range 7 {
		got = append(got, b.next(0))
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}, got)
	require.Equal(t, 5000*ms, b.next(livedWell-1))
	require.Equal(t, 200*ms, b.next(livedWell))
}

func TestEnvFileHoldsAnyValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's here", envFileName)
	require.Error(t, writeEnv(file, nil), "no such folder")
	file = filepath.Join(t.TempDir(), envFileName)
	value := `it's "$HOME" \ & more`
	require.NoError(t, writeEnv(file, []variable{{"OLD", "1"}}))
	require.NoError(t, writeEnv(file, []variable{{"ODD", value}, {"EMPTY", ""}}))
	out, err := exec.Command("sh", "-euc", `. "$0"; printf '%s|%s|%s' "$ODD" "$EMPTY" "${OLD-gone}"`, file).Output()
	require.NoError(t, err)
	require.Equal(t, value+"||gone", string(out))

	leftover := file + ".123"
	require.NoError(t, writeEnv(leftover, nil))
	require.NoError(t, removeEnv(filepath.Dir(file)))
	require.NoFileExists(t, file)
	require.NoFileExists(t, leftover)
}

func TestEnvFileIsFoundInAnyFolder(t *testing.T) {
	for _, name := range []string{"demo[1]", "a[", "*"} {
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		for _, file := range []string{"", ".4711", ".bak", ".1.old", "ironment"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, envFileName+file), nil, 0o600))
		}
		require.NoError(t, removeEnv(dir))
		left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*"))
		require.NoError(t, err)
		for i := range left {
			left[i] = filepath.Base(left[i])
		}
		require.Equal(t, []string{"demo.env.1.old", "demo.env.bak", "demo.environment"}, left, "the user's own")
	}
}

func TestFolderThatOthersCanWriteToIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	f, err := openFolder(dir)
	require.NoError(t, err)
	require.NoError(t, f.close())
	side := f.in("a")
	require.NoError(t, os.Mkdir(side, folderMode))
	refused := func(path, why string) {
		t.Helper()
		_, err := openFolder(path)
		require.ErrorContains(t, err, why)
	}
	for _, part := range []string{dir, side} {
		for _, mode := range []os.FileMode{0o720, 0o702} {
			require.NoError(t, os.Chmod(part, mode))
			refused(dir, "other users may write to "+part+":")
		}
		require.NoError(t, os.Chmod(part, folderMode))
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	refused(link, "is not itself a folder")
	if os.Geteuid() == 0 {
		const nobody = 65534
		require.NoError(t, os.Chown(side, nobody, nobody))
		refused(dir, side+" belongs to another user")
		require.NoError(t, os.Chown(side, 0, 0))
		require.NoError(t, os.Chown(dir, nobody, nobody))
		refused(dir, dir+" belongs to another user")
	} else {
		refused("/usr", "/usr belongs to another user")
	}
}

func TestOrdersAreValidVariedAndAlwaysTheSame(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const n = 300
	numbers, ids := map[string]bool{}, map[string]bool{}
	for side := range shops {
		orders := makeOrders(side, n, now)
		require.Equal(t, orders, makeOrders(side, n, now))
		require.Equal(t, orders[:1], makeOrders(side, n, now)[:1])
		statuses, currencies, lines := map[contracts.OrderStatus]bool{}, map[string]bool{}, map[int]bool{}
		for _, o := range orders {
			require.Empty(t, o.Validate(), o.OrderNumber)
			require.True(t, o.PlacedAt.Before(now), o.OrderNumber)
			require.False(t, numbers[o.OrderNumber] || ids[o.ID], "unique over both sides")
			numbers[o.OrderNumber], ids[o.ID] = true, true
			statuses[o.Status], currencies[o.Currency], lines[len(o.Lines)] = true, true, true
		}
		require.Len(t, statuses, len(contracts.OrderStatuses))
		require.Greater(t, len(currencies), 3)
		require.Greater(t, len(lines), 3)
	}
	require.Empty(t, makeOrders("a", 0, now))
}

// TestTheGuideIsTheTour: each command that the demo prints is explained in the tour.
func TestTheGuideIsTheTour(t *testing.T) {
	tour, err := os.ReadFile(filepath.Join("..", "..", "docs", "tour.md"))
	require.NoError(t, err)
	lines := map[string]bool{}
	for line := range strings.SplitSeq(string(tour), "\n") {
		lines[strings.TrimPrefix(line, "$ ")] = true
	}
	commands := 0
	for line := range strings.SplitSeq(strings.NewReplacer("{ENV}", "./.demo/demo.env", "{PROGRAM}", "bin/orderbridge").Replace(guideText), "\n") {
		command, is := strings.CutPrefix(line, "  ")
		if !is || strings.HasPrefix(command, "{") { // headings, and where to log in
			continue
		}
		commands++
		require.True(t, lines[command], "docs/tour.md does not have: %s", command)
	}
	require.Greater(t, commands, 15)
}

func TestGuideIsComplete(t *testing.T) {
	var out strings.Builder
	d := &demo{options: Options{Dir: "here", Program: "/opt/my tools/orderbridge", Out: &out}}
	d.sides = newSides(&folder{path: "/x"}, 8080, 2, "star")
	require.NoError(t, d.guide())
	require.Contains(t, out.String(), "http://127.0.0.1:8180/admin")
	require.Contains(t, out.String(), "set -a; . here/demo.env; set +a")
	require.Contains(t, out.String(), "'/opt/my tools/orderbridge' \"$@\"")
	require.NotContains(t, out.String(), "{A}")
	require.NotContains(t, out.String(), "{DIR}")
	require.NotContains(t, out.String(), "\x1b", "no terminal")

	d.options.Dir = "."
	require.NoError(t, d.guide())
	require.Contains(t, out.String(), "set -a; . ./demo.env; set +a")
	require.Equal(t, "\x1b[1m# Open\x1b[0m\nit", bold("# Open\nit"))
}
