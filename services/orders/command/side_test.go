package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings"
)

func TestMain(m *testing.M) {
	settings.TuneMemory(settings.ServiceMemory) // as the program does
	os.Exit(pgtest.Main(m))
}

// side is a whole service of side a, with a database and a broker of its own, as its callers see it.
type side struct {
	t        *testing.T
	cfg      *Config
	log      *zap.Logger // the test's when nil
	stranger bool        // the peer does not greet it
	stop     func()
}

func secret(role string) string { return role + strings.Repeat("-secret", 6) }

// startSide runs a service until the test ends.
func startSide(t *testing.T, change ...func(*Config)) *side {
	t.Helper()
	s := &side{t: t, cfg: newConfig(t, change...)}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

// newConfig is the settings of a side with a database of its own.
func newConfig(t *testing.T, change ...func(*Config)) *Config {
	t.Helper()
	cfg := &Config{
		Side: "a", Peer: "b", PeerURL: "http://127.0.0.1:1", HTTPAddr: freeAddr(t), DatabaseURL: newDatabase(t), Migrate: true, AllowSuperuser: true,
		ClientToken: secret("client"), PeerToken: secret("peer"), BridgeToken: secret("bridge"), AdminToken: secret("admin"),
		MetricsToken: secret("metrics"), NatsAddr: freeAddr(t), NatsUser: "orders", NatsPassword: secret("nats"),
		NatsStoreDir: t.TempDir(), NatsSync: "1s", NatsReplicas: 1, ConflictPolicy: "manual", ShutdownGrace: 5 * time.Second,
		BrakeDeletions: "off", BrakeReplacements: "off", BrakeWindow: 10 * time.Minute,
	}
	for _, c := range change {
		c(cfg)
	}
	require.NoError(t, cfg.Validate())
	return cfg
}

// newDatabase makes a migrated database. It is a copy of one that was migrated once for all tests, with a key of
// epochs of its own, as every database has.
func newDatabase(t testing.TB) string {
	t.Helper()
	url := pgtest.Template(t, "schema", func(url string) error {
		store, err := postgres.Open(context.Background(), url, 2)
		if err != nil {
			return err
		}
		defer store.Close()
		_, err = store.Migrate(context.Background())
		return err
	})
	execute(t, url, "UPDATE epoch_key SET key = gen_random_uuid()::text || gen_random_uuid()::text")
	return url
}

func (s *side) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	log := s.log
	if log == nil {
		log = zaptest.NewLogger(s.t)
	}
	go func() { ended <- serve(ctx, s.cfg, nil, log) }()
	s.stop = func() {
		cancel()
		require.NoError(s.t, <-ended)
		s.stop = func() {}
	}
	require.Eventually(s.t, func() bool {
		res, err := http.Get("http://" + s.cfg.HTTPAddr + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, time.Minute, 10*time.Millisecond)
	if !s.stranger {
		s.greet("peer", http.StatusOK, map[string]int64{})
	}
}

// awaitConsumer waits until there is what a pause needs: it is made a moment after the service is ready.
func (s *side) awaitConsumer() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var st contracts.Status
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(s.t, &st)
		return st.Peers[0].Consumer != nil
	}, time.Minute, 10*time.Millisecond)
}

// issued are the addresses that tests of this process have.
var issued sync.Map

// freeAddr is an address that nobody listens at, below the ports that the kernel gives to connections: one of these
// would take it before the test does.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.N(4_000)))
		if _, taken := issued.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			require.NoError(t, l.Close())
			return addr
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) into(t *testing.T, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, v), "%s", a.body)
}

func (a *answer) problem(t *testing.T) contracts.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.body)
	var p contracts.Problem
	a.into(t, &p)
	require.Equal(t, a.status, p.Status)
	require.NotEmpty(t, p.Title)
	return p
}

// do calls as a role. Headers are pairs of names and values.
func (s *side) do(role, method, path string, body any, headers ...string) *answer {
	s.t.Helper()
	var data []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		data = b
	case string:
		data = []byte(b)
	default:
		var err error
		data, err = strictjson.Encode(b)
		require.NoError(s.t, err)
	}
	req, err := http.NewRequest(method, "http://"+s.cfg.HTTPAddr+path, bytes.NewReader(data))
	require.NoError(s.t, err)
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+secret(role))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: contract{s.t}}
	res, err := client.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return &answer{res.StatusCode, res.Header, out}
}

// want calls and demands a status.
func (s *side) want(status int, role, method, path string, body any, headers ...string) *answer {
	s.t.Helper()
	a := s.do(role, method, path, body, headers...)
	require.Equal(s.t, status, a.status, "%s %s: %s", method, path, a.body)
	return a
}

// example reads an example message of the contract.
func example[T any](t *testing.T, name string) T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "contracts", "examples", name))
	require.NoError(t, err)
	var v T
	require.NoError(t, strictjson.Decode(b, &v))
	return v
}

// newOrder is a valid order with an id of its own and a note.
func newOrder(t *testing.T, note string) contracts.Order {
	o := example[contracts.Order](t, "order.create.json")
	orders.WithDefaults(&o, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	o.ID = uuid.Must(uuid.NewV7()).String()
	o.CustomerNote = note
	return o
}

// create makes an order as a client.
func (s *side) create(o contracts.Order) contracts.OrderView {
	s.t.Helper()
	var v contracts.OrderView
	s.want(http.StatusCreated, "client", "POST", "/orders", o).into(s.t, &v)
	return v
}

func (s *side) get(id string) contracts.OrderView {
	s.t.Helper()
	var v contracts.OrderView
	s.want(http.StatusOK, "client", "GET", "/orders/"+id, nil).into(s.t, &v)
	return v
}

// state is how an order stands towards b.
func (s *side) state(id string) string {
	s.t.Helper()
	var tl contracts.Timeline
	s.want(http.StatusOK, "admin", "GET", "/admin/api/orders/"+id+"/timeline", nil).into(s.t, &tl)
	return tl.Events[len(tl.Events)-1].Becomes
}

func (s *side) timeline(id string) []contracts.TimelineEvent {
	s.t.Helper()
	var tl contracts.Timeline
	s.want(http.StatusOK, "admin", "GET", "/admin/api/orders/"+id+"/timeline", nil).into(s.t, &tl)
	return tl.Events
}

// entry is what side b tells of an order; content nil is for a deleted one.
func entry(t *testing.T, id, state string, v contracts.Version, o *contracts.Order) contracts.Entry {
	t.Helper()
	e := contracts.Entry{
		ItemID: id, State: state, Version: v, UpdatedAt: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		ItemURI: "/orders/" + id, Deleted: o == nil, Order: o, Fingerprint: tombstone,
	}
	if o != nil {
		c := *o
		c.Complete()
		e.Fingerprint, e.Order = orders.Fingerprint(&c), &c
	}
	return e
}

// put sends entries as side b and returns the answers.
func (s *side) put(status int, entries ...contracts.Entry) []contracts.Entry {
	s.t.Helper()
	var out contracts.Batch
	s.want(status, "peer", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: entries}).into(s.t, &out)
	require.Equal(s.t, "a", out.Side)
	require.Len(s.t, out.Entries, len(entries))
	return out.Entries
}

// and joins versions.
func and(vs ...contracts.Version) contracts.Version {
	out := contracts.Version{}
	for _, v := range vs {
		for k, n := range v {
			out[k] = max(out[k], n)
		}
	}
	return out
}

func b(n int64) contracts.Version { return contracts.Version{"b.x81m": n} }

// execute runs SQL in a side's database, for what no caller can do.
func execute(t testing.TB, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	require.NoError(t, err)
}

// count asks a side's database for a number.
func count(t *testing.T, url, sql string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&n))
	return n
}
