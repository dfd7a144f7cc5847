//go:build linux

package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

// rig is two sides whose every part the test itself runs, so that each part can be killed and each line between two
// parts damaged. A side has two services, a NATS server of its own, a durable PostgreSQL and a bridge:
//
//	clients ─► services ─► line ─► PostgreSQL
//	              │  ▲
//	              │  └──── line ── bridge ── line ─► services of the peer
//	              └─► line ─► NATS ◄─ line ─┘
type rig struct {
	*pair
	dir   string
	rigs  [2]*rigSide
	parts []*part
}

// rigSide is what belongs to one side.
type rigSide struct {
	side         *side
	database     *database
	databaseLine *wire
	natsLine     *wire
	ownLine      *proxy // from the bridge to its own services
	peerLine     *proxy // from the bridge to the services of the peer
	nats, bridge *part
	services     [2]*part
}

// startRig starts both sides; settings are further ones of the services.
func startRig(t testing.TB, settings map[string]string) *rig {
	t.Helper()
	g := &rig{dir: dataDir(t), pair: newPair(func() bool { return false })}
	server := filepath.Join(g.dir, "nats-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", server, "github.com/nats-io/nats-server/v2")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	base := freeBase(t)
	tokens := map[string]string{}
	token := func(name string) string {
		if tokens[name] == "" {
			tokens[name] = rand.Text() + rand.Text()
		}
		return tokens[name]
	}
	for i, s := range g.sides() {
		port := base + 100*i
		r := &rigSide{side: s}
		g.rigs[i] = r
		r.database = &database{options: pgcluster.Options{Dir: filepath.Join(g.dir, s.name, "postgres"), Port: port + 20, Password: token(s.name + "database"), Durable: true}}
		require.NoError(t, os.MkdirAll(filepath.Join(g.dir, s.name), 0o711))
		require.NoError(t, r.database.start(t.Context()))
		t.Cleanup(func() { require.NoError(t, r.database.present.Stop()) })
		require.NoError(t, r.database.present.CreateDatabase(t.Context(), "orders"))
		r.databaseLine = startWire(t, fmt.Sprintf("127.0.0.1:%d", port+20))
		r.natsLine = startWire(t, fmt.Sprintf("127.0.0.1:%d", port+10))
		s.access.Store(&access{
			url: fmt.Sprintf("http://127.0.0.1:%d", port), more: []string{fmt.Sprintf("http://127.0.0.1:%d", port+1)},
			bridgeURL: fmt.Sprintf("http://127.0.0.1:%d", port+11),
			nats:      fmt.Sprintf("nats://orders:%s@127.0.0.1:%d", token(s.name+"nats"), port+10),
			client:    token(s.name + "client"), admin: token(s.name + "admin"), peer: token(s.name + "peer"),
			bridge: token(s.name + "bridge"), metrics: token(s.name + "metrics"),
		})
	}
	for i, s := range g.sides() {
		r, peer, own := g.rigs[i], g.peerOf(s), s.access.Load()
		port := base + 100*i
		r.ownLine, r.peerLine = startProxy(t, s), startProxy(t, peer)
		r.nats = g.part(t, s.name+" nats", nil, "", server, "-js", "-sd", filepath.Join(g.dir, s.name, "nats"), "-a", "127.0.0.1",
			"-p", strconv.Itoa(port+10), "--user", "orders", "--pass", token(s.name+"nats"))
		natsURL := fmt.Sprintf("nats://orders:%s@%s", token(s.name+"nats"), r.natsLine.addr)
		for j := range r.services {
			env := map[string]string{
				"ORDERS_SIDE": s.name, "ORDERS_PEER": peer.name, "ORDERS_PEER_URL": peer.access.Load().url,
				"ORDERS_ALLOW_SUPERUSER": "true", // the cluster is the rig's own
				"ORDERS_HTTP_ADDR":       fmt.Sprintf("127.0.0.1:%d", port+j),
				"ORDERS_DATABASE_URL":    fmt.Sprintf("postgres://orders:%s@%s/orders", token(s.name+"database"), r.databaseLine.addr),
				"ORDERS_NATS_URL":        natsURL, "ORDERS_CLIENT_TOKEN": own.client, "ORDERS_ADMIN_TOKEN": own.admin, "ORDERS_PEER_TOKEN": own.peer,
				"ORDERS_BRIDGE_TOKEN": own.bridge, "ORDERS_METRICS_TOKEN": own.metrics, "ORDERS_LOG_FORMAT": "console",
			}
			maps.Copy(env, settings)
			r.services[j] = g.part(t, fmt.Sprintf("%s service %d", s.name, j+1), env, fmt.Sprintf("http://127.0.0.1:%d", port+j), program, "serve")
		}
		r.bridge = g.part(t, s.name+" bridge", map[string]string{
			"BRIDGE_SIDE": s.name, "BRIDGE_PEER": peer.name, "BRIDGE_LOCAL_URL": r.ownLine.url, "BRIDGE_LOCAL_TOKEN": own.bridge,
			"BRIDGE_REMOTE_URL": r.peerLine.url, "BRIDGE_REMOTE_TOKEN": peer.access.Load().peer, "BRIDGE_NATS_URL": natsURL,
			"BRIDGE_HTTP_ADDR": fmt.Sprintf("127.0.0.1:%d", port+11), "BRIDGE_METRICS_TOKEN": own.metrics,
			"BRIDGE_BACKOFF_MAX": "1s", "BRIDGE_LOG_FORMAT": "console",
		}, own.bridgeURL, program, "bridge")
	}
	g.startAll(t)
	return g
}

// part adds a program to the rig.
func (g *rig) part(t testing.TB, name string, settings map[string]string, ready string, args ...string) *part {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "ORDERS_") || strings.HasPrefix(v, "BRIDGE_") || strings.HasPrefix(v, "PG")
	})
	for k, v := range settings {
		env = append(env, k+"="+v)
	}
	p := &part{t: t, name: name, log: filepath.Join(g.dir, strings.ReplaceAll(name, " ", "-")+".log"), env: env, args: args, ready: ready}
	g.parts = append(g.parts, p)
	return p
}

// startAll starts whatever does not run, and waits until all is ready. A program that ends while what it needs is
// not there yet is started again, as a process manager does.
func (g *rig) startAll(t testing.TB) {
	t.Helper()
	var errs []error
	for _, r := range g.rigs {
		errs = append(errs, r.database.start(t.Context()))
	}
	require.NoError(t, errors.Join(errs...))
	for _, p := range g.parts {
		p.signal(syscall.SIGCONT)
		p.start()
	}
	deadline := time.Now().Add(startPatience)
	for _, p := range g.parts {
		for p.ready != "" && !isReady(p.ready) {
			require.True(t, time.Now().Before(deadline), "%s is not ready: see %s", p.name, p.log)
			p.start()
			time.Sleep(pollEvery)
		}
	}
}

func isReady(url string) bool {
	response, err := probe.Get(url + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close() // nothing was read
	return response.StatusCode == 200
}
