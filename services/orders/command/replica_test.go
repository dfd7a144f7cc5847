package command

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

// TestReplicasRaceForTheMigration: many start at once on an empty database, and all of them come up.
func TestReplicasRaceForTheMigration(t *testing.T) {
	url := pgtest.Open(t)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			store, err := postgres.Open(context.Background(), url, 2)
			if err == nil {
				defer store.Close()
				_, err = store.Migrate(context.Background())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	store, err := postgres.Open(context.Background(), url, 2)
	require.NoError(t, err)
	defer store.Close()
	current, target, err := store.SchemaVersions(context.Background())
	require.NoError(t, err)
	require.Equal(t, target, current)
}

func TestServiceNeedsTheSchema(t *testing.T) {
	cfg := startSide(t).cfg // for its settings
	own := *cfg
	own.DatabaseURL, own.Migrate, own.HTTPAddr = pgtest.Open(t), false, freeAddr(t)
	store, err := postgres.Open(context.Background(), own.DatabaseURL, 2)
	require.NoError(t, err)
	defer store.Close()
	require.ErrorContains(t, prepareDatabase(context.Background(), &own, store, nil), "orderbridge migrate")
}

// TestTwoReplicas: two services on one database and one broker are one side.
func TestTwoReplicas(t *testing.T) {
	first := startSide(t)
	second := startSide(t, func(c *Config) {
		c.DatabaseURL = first.cfg.DatabaseURL
		c.NatsURL = "nats://orders:" + first.cfg.NatsPassword + "@" + first.cfg.NatsAddr
	})
	o := newOrder(t, "made at the first")
	first.create(o)
	require.Equal(t, "made at the first", second.get(o.ID).CustomerNote)

	// Both edit the same order at once, each on what it has read; every accepted edit is a version.
	var wg sync.WaitGroup
	for r, s := range []*side{first, second} {
		wg.Go(func() {
			for i := range 20 {
				for {
					a := s.do("client", "GET", "/orders/"+o.ID, nil)
					mine := o
					mine.CustomerNote = fmt.Sprint("replica ", r, " edit ", i)
					if s.do("client", "PUT", "/orders/"+o.ID, mine, "If-Match", a.header.Get("ETag")).status == http.StatusOK {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	events := first.timeline(o.ID)
	require.Len(t, events, 41)
	seen := map[int64]bool{}
	for i, e := range events {
		require.False(t, seen[e.Seq])
		seen[e.Seq] = true
		if i == 0 {
			continue
		}
		for k, n := range events[i-1].Version {
			require.GreaterOrEqual(t, e.Version[k], n, "each version contains the one before")
		}
	}
	require.Len(t, events[40].Version, 2, "each process stamps with a key of its own")
}

// TestHintsOutliveTheProcess: what the broker had not taken when the process died goes out later.
func TestHintsOutliveTheProcess(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t, func(c *Config) { c.NatsURL = "nats://nobody:" + secret("nats") + "@127.0.0.1:1" })
	o := newOrder(t, "written while the broker is away")
	s.create(o)
	var st contracts.Status
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
	require.EqualValues(t, 1, st.Outbox)
	require.False(t, st.Broker.Connected)
	require.NotEmpty(t, st.Peers[0].Alarms)
	s.want(http.StatusServiceUnavailable, "admin", "POST", "/admin/api/peers/b/pause", nil).problem(t)
	s.stop()
	s.cfg.NatsURL = ""
	s.start()
	require.Eventually(t, func() bool {
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return st.Outbox == 0 && st.Broker.Stream != nil && st.Broker.Stream.Messages == 1
	}, time.Minute, 20*time.Millisecond)
}

// TestStreamWipedWhileDown: the broker's store is gone after a restart; every due order is hinted again.
func TestStreamWipedWhileDown(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := startSide(t)
	for range 3 {
		s.create(newOrder(t, "pending"))
	}
	var st contracts.Status
	require.Eventually(t, func() bool {
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return st.Outbox == 0
	}, time.Minute, 20*time.Millisecond)
	s.stop()
	s.cfg.NatsStoreDir = t.TempDir()
	s.start()
	require.Eventually(t, func() bool {
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return st.Broker.Stream != nil && st.Broker.Stream.Messages == 3 && st.Outbox == 0
	}, 40*time.Second, 20*time.Millisecond)
	require.EqualValues(t, 3, st.Peers[0].Pending)
}

// TestNoAnswerLeaksTheDatabase: what goes wrong inside is told to the log, not to the caller.
func TestNoAnswerLeaksTheDatabase(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	s.create(o)
	execute(t, s.cfg.DatabaseURL, "ALTER TABLE orders RENAME TO hidden")
	for _, a := range []*answer{s.do("client", "GET", "/orders/"+o.ID, nil), s.do("client", "POST", "/orders", newOrder(t, "y")), s.do("admin", "GET", "/admin/api/status", nil)} {
		p := a.problem(t)
		require.Equal(t, http.StatusInternalServerError, p.Status)
		require.NotContains(t, string(a.body), "relation")
		require.NotContains(t, string(a.body), "SQL")
	}
	execute(t, s.cfg.DatabaseURL, "ALTER TABLE hidden RENAME TO orders")
	require.Equal(t, "x", s.get(o.ID).CustomerNote)
}

func TestLogNumbersThatGoBackMakeANewEpoch(t *testing.T) {
	s := startSide(t)
	var first, second contracts.Status
	created := s.create(newOrder(t, "x"))
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &first)
	execute(t, s.cfg.DatabaseURL, "TRUNCATE orders, links, log, outbox; ALTER SEQUENCE log_seq RESTART WITH 1")
	o := newOrder(t, "after the restore")
	again := s.create(o)
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &second)
	require.NotEqual(t, first.Epoch, second.Epoch)
	require.NotEqual(t, created.Sync.Version, again.Sync.Version)
	require.Contains(t, again.Sync.Version, second.Epoch)
}

func TestPausedConsumerSurvivesTheKeeper(t *testing.T) {
	s := startSide(t)
	s.awaitConsumer()
	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/b/pause", nil)
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword), nats.CustomInboxPrefix(contracts.ServiceInbox))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	s.create(newOrder(t, "x"))
	c, err := js.Consumer(context.Background(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(t, err)
	batch, err := c.Fetch(1, jetstream.FetchMaxWait(500*time.Millisecond))
	require.NoError(t, err)
	for range batch.Messages() {
		t.Fatal("a paused consumer delivered")
	}
}
