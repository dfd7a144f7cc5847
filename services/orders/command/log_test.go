package command

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

// logPage reads one page of the log.
func (s *side) logPage(address string) contracts.TransactionPage {
	s.t.Helper()
	a := s.want(http.StatusOK, "peer", "GET", address, nil)
	var page contracts.TransactionPage
	require.NoError(s.t, strictjson.Decode(a.body, &page))
	require.Equal(s.t, "a", page.Side)
	if page.Next == "" {
		require.Empty(s.t, a.header.Get("Link"))
	} else {
		require.Equal(s.t, "<"+page.Next+`>; rel="next"`, a.header.Get("Link"))
	}
	return page
}

// logAfter reads the log to its present end, and returns the orders in it and the cursor there.
func (s *side) logAfter(cursor string) (ids []string, entries map[string]contracts.Entry, end string) {
	s.t.Helper()
	entries = map[string]contracts.Entry{}
	for address := "/orders/transactions?limit=2&after=" + cursor; address != ""; {
		page := s.logPage(address)
		for _, e := range page.Entries {
			ids, entries[e.ItemID] = append(ids, e.ItemID), e
		}
		address, end = page.Next, page.Cursor
	}
	return ids, entries, end
}

func TestTheLogTellsTheNewestOfEachOrder(t *testing.T) {
	s := startSide(t)
	require.Equal(t, contracts.TransactionPage{Side: "a", Entries: []contracts.Entry{}, Cursor: "0"}, s.logPage("/orders/transactions"))
	var made []contracts.OrderView
	for range 5 {
		made = append(made, s.create(newOrder(t, "x")))
	}
	var edited contracts.OrderView
	o := made[1].Order
	o.CustomerNote = "edited"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*").into(t, &edited)
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made[3].ID, nil, "If-Match", "*")

	ids, entries, end := s.logAfter("0")
	require.Equal(t, []string{made[0].ID, made[2].ID, made[4].ID, made[1].ID, made[3].ID}, ids, "in the order of their newest change, each once")
	for _, v := range []contracts.OrderView{made[0], made[2], made[4], edited} {
		e := entries[v.ID]
		require.Equal(t, v.Sync.Version, e.Version)
		require.Equal(t, v.Sync.Fingerprint, e.Fingerprint)
		require.True(t, v.Sync.UpdatedAt.Equal(e.UpdatedAt))
		require.Equal(t, "/orders/"+v.ID, e.ItemURI)
		require.Equal(t, v.Sync.Links[0].State, e.State)
		require.Nil(t, e.Order)
	}
	require.True(t, entries[made[3].ID].Deleted)
	require.Equal(t, "DEL", entries[made[3].ID].State)

	none, _, still := s.logAfter(end)
	require.Empty(t, none)
	require.Equal(t, end, still, "nothing has changed since")
	o.CustomerNote = "edited again"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+o.ID, o, "If-Match", "*")
	ids, _, _ = s.logAfter(end)
	require.Equal(t, []string{o.ID}, ids)

	// A filter on the time of change here, not a place in the log.
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	page := s.logPage("/orders/transactions?earliest=" + url.QueryEscape(later))
	require.Empty(t, page.Entries)
	page = s.logPage("/orders/transactions?earliest=2020-01-01T00:00:00Z")
	require.Len(t, page.Entries, 5)
	for _, query := range []string{"after=7", "after=7-zz", "after=-1-000000000000", "earliest=yesterday", "limit=0", "from=1"} {
		s.want(http.StatusBadRequest, "peer", "GET", "/orders/transactions?"+query, nil).problem(t)
	}
}

// TestALateCommitIsNotSkipped holds a creation open after it has drawn its number, by the idempotency
// key that another transaction has written and not committed.
func TestALateCommitIsNotSkipped(t *testing.T) {
	s := startSide(t)
	first := s.create(newOrder(t, "first"))
	_, _, before := s.logAfter("0")

	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.cfg.DatabaseURL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	holder, err := conn.Begin(ctx)
	require.NoError(t, err)
	_, err = holder.Exec(ctx, `INSERT INTO idempotency_keys (key, request_hash, order_id) VALUES (E'client\nlate', 'x', gen_random_uuid())`)
	require.NoError(t, err)

	late := newOrder(t, "drew its number first, commits last")
	done := make(chan *answer, 1)
	go func() { done <- s.do("client", "POST", "/orders", late, "Idempotency-Key", "late") }()
	require.Eventually(t, func() bool {
		return count(t, s.cfg.DatabaseURL, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == 1
	}, time.Minute, 5*time.Millisecond, "the creation waits with its number drawn")
	early := s.create(newOrder(t, "drew its number later, commits first"))

	ids, _, held := s.logAfter("0")
	require.Equal(t, []string{first.ID}, ids, "what came after the open one is held back")
	require.Equal(t, before, held)
	require.NoError(t, holder.Rollback(ctx))
	require.Equal(t, http.StatusCreated, (<-done).status)
	ids, _, _ = s.logAfter(held)
	require.Equal(t, []string{late.ID, early.ID}, ids)
}

func TestACursorIsRefusedWhenItsPlaceIsGone(t *testing.T) {
	s := startSide(t)
	s.create(newOrder(t, "x"))
	_, _, old := s.logAfter("0")
	s.create(newOrder(t, "y"))
	_, _, end := s.logAfter("0")
	execute(t, s.cfg.DatabaseURL, "DELETE FROM log WHERE seq = (SELECT min(seq) FROM log)") // as a clean-up does
	p := s.want(http.StatusGone, "peer", "GET", "/orders/transactions?after="+old, nil).problem(t)
	require.Equal(t, "/problems/cursor-lost", p.Type)
	s.logPage("/orders/transactions?after=" + end)

	// An older database, whose numbers are given out again: the place is taken by another row.
	execute(t, s.cfg.DatabaseURL, "TRUNCATE orders, links, log, outbox; ALTER SEQUENCE log_seq RESTART WITH 1")
	s.want(http.StatusGone, "peer", "GET", "/orders/transactions?after="+end, nil)
	for range 5 {
		s.create(newOrder(t, "again"))
	}
	s.want(http.StatusGone, "peer", "GET", "/orders/transactions?after="+end, nil)
	ids, _, _ := s.logAfter("0")
	require.Len(t, ids, 5)
}

// TestACursorOutlivesAMove to another server by dump and restore.
func TestACursorOutlivesAMove(t *testing.T) {
	s := startSide(t)
	s.create(newOrder(t, "x"))
	_, _, end := s.logAfter("0")
	s.stop()

	other, err := pgcluster.Start(context.Background(), pgcluster.Options{Dir: filepath.Join(t.TempDir(), "other")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Stop()) })
	require.NoError(t, other.CreateDatabase(context.Background(), "moved"))
	dump := filepath.Join(t.TempDir(), "dump")
	for _, args := range [][]string{
		{"pg_dump", "--format=custom", "--file=" + dump, s.cfg.DatabaseURL},
		{"pg_restore", "--no-owner", "--exit-on-error", "--dbname=" + other.URL("moved"), dump},
	} {
		cmd, err := pgcluster.Command(context.Background(), args[0], args[1:]...)
		require.NoError(t, err)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}

	s.cfg.DatabaseURL = other.URL("moved")
	s.start()
	none, _, still := s.logAfter(end)
	require.Empty(t, none)
	require.Equal(t, end, still)
	o := s.create(newOrder(t, "after the move"))
	ids, _, _ := s.logAfter(end)
	require.Equal(t, []string{o.ID}, ids)
}
