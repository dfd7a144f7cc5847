package command

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// changes reads one page of the feed.
func (s *side) changes(query string) contracts.OrderChanges {
	s.t.Helper()
	a := s.want(http.StatusOK, "client", "GET", "/orders/changes?"+query, nil)
	var page contracts.OrderChanges
	require.NoError(s.t, strictjson.Decode(a.body, &page))
	if page.Next != "" {
		require.Equal(s.t, "<"+page.Next+`>; rel="next"`, a.header.Get("Link"))
	}
	return page
}

// follow reads the feed after a cursor to its present end.
func (s *side) follow(cursor string) (found []contracts.OrderView, end string) {
	s.t.Helper()
	for {
		page := s.changes("limit=2&after=" + cursor)
		found, cursor = append(found, page.Orders...), page.Cursor
		if page.Next == "" {
			return found, cursor
		}
	}
}

// TestTheFeedHasEveryChange: of clients and of the peer, edits and deletions, each order once and as it is now.
func TestTheFeedHasEveryChange(t *testing.T) {
	s := startSide(t)
	nothing, start := s.follow("0")
	require.Empty(t, nothing)
	var made []contracts.OrderView
	for i := range 4 {
		made = append(made, s.create(newOrder(t, fmt.Sprint("order ", i))))
	}
	fromPeer := newOrder(t, "of the peer")
	s.put(http.StatusOK, entry(t, fromPeer.ID, "NEW", b(1), &fromPeer))
	edited := made[0].Order
	edited.Totals, edited.CustomerNote = nil, "edited"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+edited.ID, edited, "If-Match", "*")
	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made[2].ID, nil, "If-Match", "*")

	found, end := s.follow(start)
	var ids []string
	for _, v := range found {
		ids = append(ids, v.ID)
		if v.ID != made[2].ID {
			require.Equal(t, s.get(v.ID), v, "whole, and as it is now")
		}
	}
	require.Equal(t, []string{made[1].ID, made[3].ID, fromPeer.ID, made[0].ID, made[2].ID}, ids, "oldest change first")
	require.True(t, found[4].Sync.Deleted)

	// A change of the link alone is none of the order.
	s.put(http.StatusOK, entry(t, made[1].ID, "OK", made[1].Sync.Version, &made[1].Order))
	none, still := s.follow(end)
	require.Empty(t, none)
	require.Equal(t, end, still)

	theirs := fromPeer
	theirs.CustomerNote = "edited there"
	s.put(http.StatusOK, entry(t, fromPeer.ID, "UPD", b(2), &theirs))
	found, _ = s.follow(end)
	require.Len(t, found, 1)
	require.Equal(t, "edited there", found[0].CustomerNote)

	for query, pointer := range map[string]string{"after=x": "?after", "wait=21": "?wait", "wait=-1": "?wait", "wait=1.5": "?wait", "limit=0": "?limit", "cursor=1": "?cursor"} {
		p := s.want(http.StatusBadRequest, "client", "GET", "/orders/changes?"+query, nil).problem(t)
		require.Equal(t, []string{pointer}, pointers(p))
	}
	s.want(http.StatusGone, "client", "GET", "/orders/changes?after=7-000000000000", nil).problem(t)
	for _, role := range []string{"peer", "bridge", "metrics"} {
		s.want(http.StatusForbidden, role, "GET", "/orders/changes", nil)
	}
	s.want(http.StatusUnauthorized, "", "GET", "/orders/changes", nil)
}

// TestTheFeedWaits until something changes, and skips nothing that commits late.
func TestTheFeedWaits(t *testing.T) {
	s := startSide(t)
	_, end := s.follow("0")
	wait := func() <-chan contracts.OrderChanges {
		out := make(chan contracts.OrderChanges, 1)
		go func() {
			for after := end; ; { // patience may end while the machine is busy; ask again, as clients do
				page := s.changes("wait=20&after=" + after)
				if after = page.Cursor; len(page.Orders) > 0 {
					out <- page
					return
				}
			}
		}()
		return out
	}
	got := wait()
	first := s.create(newOrder(t, "first"))
	page := <-got
	require.Equal(t, first.ID, page.Orders[0].ID)
	end = page.Cursor

	// A transaction that has drawn a number holds back what comes after it.
	conn, err := pgx.Connect(t.Context(), s.cfg.DatabaseURL)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT pg_current_xact_id(); SELECT nextval('log_seq')`)
	require.NoError(t, err)
	got = wait()
	second := s.create(newOrder(t, "second"))
	require.Empty(t, s.changes("after="+end).Orders, "one with a lower number may still come")
	select {
	case <-got:
		require.Fail(t, "the feed went past a transaction that is under way")
	default:
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, second.ID, (<-got).Orders[0].ID)

	require.Empty(t, s.changes("wait=1&after="+s.changes("after="+end).Cursor).Orders, "patience ends")
}

// TestWhoWaitsHoldsNothing: as many as one caller may have wait, with fewer database connections and turns than
// that, and the others go on. The end of the service ends them all.
func TestWhoWaitsHoldsNothing(t *testing.T) {
	s := startSide(t, func(c *Config) { c.DatabaseConns = 4 })
	_, end := s.follow("0")
	answers := make(chan *answer, 100)
	for range 50 {
		go func() {
			for {
				a := s.do("client", "GET", "/orders/changes?wait=20&after="+end, nil)
				if a.status != http.StatusTooManyRequests { // the probe below had its place
					answers <- a
					return
				}
			}
		}()
	}
	require.Eventually(t, func() bool { // all of them wait
		return s.do("client", "GET", "/orders/changes?wait=1&after="+end, nil).status == http.StatusTooManyRequests
	}, time.Minute, 10*time.Millisecond)
	s.want(http.StatusOK, "client", "GET", "/orders", nil)
	s.want(http.StatusOK, "client", "GET", "/orders/changes", nil)
	s.want(http.StatusOK, "admin", "GET", "/orders/changes?wait=0", nil)
	s.stop()
	for range 50 {
		require.Equal(t, http.StatusOK, (<-answers).status)
	}
}

// TestAWrongQueryNamesItsParameter, on every call that reads one.
func TestAWrongQueryNamesItsParameter(t *testing.T) {
	s := startSide(t)
	for query, want := range map[string][]string{
		"statsu=pending":         {"?statsu"},
		"zz=1&aa=1":              {"?aa", "?zz"},
		"status=%zz":             {"?status"},
		"status=pending;limit=1": {"?status"},
		"%00=1":                  {"?\ufffd"},
		"limit=1&limit=2":        {"?limit"},
	} {
		for _, path := range []string{"/orders", "/orders/changes", "/admin/api/orders"} {
			p := s.want(http.StatusBadRequest, "admin", "GET", path+"?"+query, nil).problem(t)
			require.Subset(t, pointers(p), want, path)
		}
	}
}
