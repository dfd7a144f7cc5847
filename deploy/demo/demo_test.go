//go:build linux

package demo

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestFromStartToEnd(t *testing.T) {
	t.Parallel()
	dir, base := filepath.Join(t.TempDir(), "new", "demo"), freeBase(t)
	ends := filepath.Join(t.TempDir(), "ends")
	p := startDemo(t, dir, base, []string{"ORDERS_LEAK=1", "BRIDGE_LEAK=1", "PGHOST=elsewhere", endsVariable + "=" + ends}, "--seed", "3")
	env := p.env(t)

	require.Equal(t, fmt.Sprintf("http://127.0.0.1:%d", base+100), env["B_URL"])
	require.Equal(t, env["A_URL"]+"/admin", env["A_ADMIN_URL"])
	for name, user := range map[string]string{"A_NATS_URL": "operator", "A_NATS_BRIDGE_URL": "bridge", "A_NATS_SERVICE_URL": "orders"} {
		require.Regexp(t, fmt.Sprintf("^nats://%s:[^@]{43,}@127.0.0.1:%d$", user, base+10), env[name])
	}
	conn, err := pgx.Connect(t.Context(), env["B_DATABASE_URL"])
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	fi, err := os.Stat(filepath.Join(dir, envFileName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())

	seen := map[string]string{}
	for _, side := range []string{"A", "B"} {
		for _, role := range []string{"CLIENT", "ADMIN", "PEER", "BRIDGE", "METRICS"} {
			name := side + "_" + role + "_TOKEN"
			require.GreaterOrEqual(t, len(env[name]), 43, name)
			require.Empty(t, seen[env[name]], name)
			seen[env[name]] = name
		}
	}

	var service, bridge []string
	mustGet(t, env["A_URL"]+"/environ", &service)
	mustGet(t, env["A_BRIDGE_URL"]+"/environ", &bridge)
	require.Subset(t, service, []string{
		"ORDERS_SIDE=a", "ORDERS_PEER=b", "ORDERS_PEER_URL=" + env["B_URL"], "ORDERS_DATABASE_URL=" + env["A_DATABASE_URL"],
		"ORDERS_CLIENT_TOKEN=" + env["A_CLIENT_TOKEN"], "ORDERS_ADMIN_TOKEN=" + env["A_ADMIN_TOKEN"], "ORDERS_PEER_TOKEN=" + env["A_PEER_TOKEN"],
		"ORDERS_BRIDGE_TOKEN=" + env["A_BRIDGE_TOKEN"], "ORDERS_METRICS_TOKEN=" + env["A_METRICS_TOKEN"],
	})
	require.Subset(t, bridge, []string{
		"BRIDGE_SIDE=a", "BRIDGE_PEER=b", "BRIDGE_LOCAL_URL=" + env["A_URL"], "BRIDGE_REMOTE_URL=" + env["B_URL"],
		"BRIDGE_LOCAL_TOKEN=" + env["A_BRIDGE_TOKEN"], "BRIDGE_REMOTE_TOKEN=" + env["B_PEER_TOKEN"],
		"BRIDGE_NATS_URL=" + env["A_NATS_BRIDGE_URL"], "BRIDGE_METRICS_TOKEN=" + env["A_METRICS_TOKEN"],
	})
	for _, v := range slices.Concat(service, bridge) {
		require.False(t, strings.Contains(v, "LEAK") || strings.HasPrefix(v, "PGHOST"), v)
	}

	require.Equal(t, []string{"A-10001", "A-10002", "A-10003"}, orderNumbers(t, env["A_URL"]))
	require.Equal(t, []string{"B-10001", "B-10002", "B-10003"}, orderNumbers(t, env["B_URL"]))
	requirePerson(t, p, env)
	p.signal(t, syscall.SIGINT)
	require.Equal(t, 0, p.exitCode(t))
	requireAllGone(t, env)
	require.NoFileExists(t, filepath.Join(dir, envFileName))
	text, err := os.ReadFile(ends)
	require.NoError(t, err)
	order := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(order[:2])
	slices.Sort(order[2:])
	require.Equal(t, []string{"bridge a", "bridge b", "service a while its database was there", "service b while its database was there"}, order)
	log, err := os.ReadFile(filepath.Join(dir, "a", "postgres", "postgres.log"))
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(strings.TrimSpace(string(log)), "database system is shut down"))
}

// requirePerson asks that the person who is told of can log in to both sides.
func requirePerson(t *testing.T, p *process, env map[string]string) {
	t.Helper()
	for _, side := range []string{"A", "B"} {
		var known string
		mustGet(t, env[side+"_URL"]+"/password", &known)
		require.Len(t, known, 26)
		require.Equal(t, known, env[side+"_PERSON_PASSWORD"])
		require.Contains(t, p.out.String(), "side "+strings.ToLower(side)+": "+personName+", "+known)
	}
}

func orderNumbers(t *testing.T, url string) []string {
	t.Helper()
	var page contracts.OrderPage
	mustGet(t, url+"/orders", &page)
	var numbers []string
	for _, o := range page.Orders {
		numbers = append(numbers, o.OrderNumber)
	}
	return numbers
}

func TestWhatDiesIsStartedAgain(t *testing.T) {
	t.Parallel()
	p := startDemo(t, demoDir(t), freeBase(t), nil, "--seed", "0")
	before := p.env(t)
	for _, name := range pidNames {
		require.NoError(t, syscall.Kill(pidOf(t, before, name), syscall.SIGKILL), name)
	}
	var after map[string]string
	p.eventually(t, "all have new process numbers", func() bool {
		after = p.env(t)
		return !slices.ContainsFunc(pidNames, func(name string) bool { return after[name] == before[name] })
	})
	for _, name := range pidNames {
		require.True(t, alive(pidOf(t, after, name)), name)
	}
	for name, value := range before {
		if !slices.Contains(pidNames, name) {
			require.Equal(t, value, after[name], "only process numbers change")
		}
	}
	conn, err := pgx.Connect(t.Context(), before["A_DATABASE_URL"])
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	p.signal(t, syscall.SIGTERM)
	require.Equal(t, 0, p.exitCode(t))
	requireAllGone(t, after)
}

func TestKilledDemoLeavesNoProcessAndTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	dir, base := demoDir(t), freeBase(t)
	first := startDemo(t, dir, base, nil, "--seed", "2")
	env := first.env(t)
	conn, err := pgx.Connect(t.Context(), env["A_DATABASE_URL"])
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept()")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	rival := startDemo(t, dir, freeBase(t), nil)
	require.Equal(t, 1, rival.exitCode(t))
	require.Contains(t, rival.out.String(), fmt.Sprintf("another demo (process %d) runs in %s: stop it, or choose another --dir", first.cmd.Process.Pid, dir))

	first.signal(t, syscall.SIGKILL)
	require.Equal(t, -1, first.exitCode(t))
	second := startDemo(t, dir, base, nil, "--seed", "2") // at once, while the old processes are dying
	next := second.env(t)
	requireAllGone(t, env)
	require.Contains(t, second.out.String(), "the orders of earlier runs are still there")
	requirePerson(t, second, next)
	require.NotEqual(t, env["A_PERSON_PASSWORD"], next["A_PERSON_PASSWORD"])
	env = next
	require.Equal(t, []string{"A-10001", "A-10002"}, orderNumbers(t, env["A_URL"]))
	conn, err = pgx.Connect(t.Context(), env["A_DATABASE_URL"])
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "DROP TABLE kept")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	second.signal(t, syscall.SIGKILL)
	require.Equal(t, -1, second.exitCode(t))
	foreign := []string{filepath.Join(dir, "notes.txt"), filepath.Join(dir, "a", "notes.txt")}
	for _, file := range foreign {
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	third := startDemo(t, dir, base, nil, "--seed", "0", "--fresh")
	require.Empty(t, orderNumbers(t, third.env(t)["A_URL"]))
	for _, file := range foreign {
		require.FileExists(t, file, "not the demo's")
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := startDemo(t, demoDir(t), freeBase(t), []string{stubbornVariable + "=bridge"}, "--seed", "0")
	env := p.env(t)
	p.signal(t, syscall.SIGINT)
	p.eventually(t, "it is stopping", func() bool { return strings.Contains(p.out.String(), "stopping") })
	p.signal(t, syscall.SIGINT)
	require.Equal(t, 130, p.exitCode(t))
	requireAllGone(t, env)
}

func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	dir, base := demoDir(t), freeBase(t)
	p := startDemo(t, dir, base, nil)
	p.eventually(t, "PostgreSQL is being made", func() bool {
		_, err := os.Stat(postgresFolder(filepath.Join(dir, "a")))
		return err == nil
	})
	p.signal(t, syscall.SIGINT)
	require.Equal(t, 0, p.exitCode(t))
	require.NoFileExists(t, filepath.Join(dir, envFileName))
	require.NoError(t, checkPorts(base, 2, false), "nothing runs any more")
	startDemo(t, dir, base, nil, "--seed", "1").env(t)
}

func TestPartThatDoesNotStart(t *testing.T) {
	t.Parallel()
	dir, base := demoDir(t), freeBase(t)
	p := startDemo(t, dir, base, []string{brokenVariable + "=bridge"})
	require.Equal(t, 1, p.exitCode(t))
	require.Contains(t, p.out.String(), "bridge a ended before it was ready; the end of "+filepath.Join(dir, "a", "bridge.log"))
	require.Contains(t, p.out.String(), "the fake bridge is broken")
	require.NoFileExists(t, filepath.Join(dir, envFileName))
	require.NoError(t, checkPorts(base, 2, false), "nothing runs any more")
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	dir, base := demoDir(t), freeBase(t)
	l, err := net.Listen("tcp", address(base+110))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	p := startDemo(t, dir, base, nil)
	require.Equal(t, 1, p.exitCode(t))
	require.Contains(t, p.out.String(), fmt.Sprintf("port %d, for NATS of side b: address already in use; choose others, as with --port-base", base+110))
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := demoDir(t)
	work := filepath.Join(dir, "a", "thesis.odt")
	require.NoError(t, os.Mkdir(filepath.Dir(work), 0o700))
	require.NoError(t, os.WriteFile(work, nil, 0o600))
	for _, flags := range [][]string{nil, {"--fresh"}} {
		p := startDemo(t, dir, freeBase(t), nil, flags...)
		require.Equal(t, 1, p.exitCode(t))
		require.Contains(t, p.out.String(), "is not a demo folder, it holds a: choose another --dir")
		require.FileExists(t, work)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, Run(t.Context(), Options{Dir: demoDir(t), PortBase: 8080, Seed: -1}), "--seed")
	require.ErrorContains(t, Run(t.Context(), Options{Dir: demoDir(t), PortBase: 8080, Sides: 2, Topology: "star", Shop: "none"}), "--with-shop must be simulated or tryton")
	require.ErrorContains(t, Run(t.Context(), Options{Dir: demoDir(t), PortBase: 8080, Sides: 1, Topology: "star"}), "--sides must be 2 to 8")
	require.ErrorContains(t, Run(t.Context(), Options{Dir: demoDir(t), PortBase: 80, Sides: 2, Topology: "star"}), "--port-base")
	require.ErrorContains(t, Run(t.Context(), Options{Dir: demoDir(t), PortBase: 65500, Sides: 2, Topology: "star"}), "--port-base")
}
