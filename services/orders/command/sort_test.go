package command

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestOrdersComeByTime: the list goes by when orders were placed, also those with ids of the client's own,
// or by their newest change; a cursor is good for one of the two.
func TestOrdersComeByTime(t *testing.T) {
	s := startSide(t)
	var ids []string // newest first
	for i := range 4 {
		o := newOrder(t, "x")
		o.ID = uuid.NewString()
		o.PlacedAt = time.Date(2026, 11, 21, 9, 14, 27, 318204000, time.UTC).Add(-time.Duration(i) * time.Microsecond)
		ids = append(ids, s.create(o).ID)
	}
	read := func(query string) (got []string, cursor string) {
		t.Helper()
		for path := "/orders?limit=2&" + query; path != ""; {
			var page contracts.OrderPage
			s.want(http.StatusOK, "client", "GET", path, nil).into(t, &page)
			for _, o := range page.Orders {
				got = append(got, o.ID)
			}
			if path = page.Next; path != "" {
				next, err := url.Parse(path)
				require.NoError(t, err)
				cursor = next.Query().Get("cursor")
			}
		}
		return got, cursor
	}
	got, placed := read("")
	require.Equal(t, ids, got)
	s.want(http.StatusOK, "client", "PUT", "/orders/"+ids[2], s.get(ids[2]).Order, "If-Match", "*") // changes nothing
	o := s.get(ids[1])
	o.CustomerNote = "changed"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+ids[1], o.Order, "If-Match", "*")
	got, changed := read("sort=changed")
	require.Equal(t, []string{ids[1], ids[3], ids[2], ids[0]}, got)
	got, _ = read("sort=placed")
	require.Equal(t, ids, got)
	for query, at := range map[string]string{
		"sort=id": "?sort", "sort=placed&changedBy=user:anna": "?sort", "cursor=" + ids[0]: "?cursor", "cursor=" + changed: "?cursor",
		"sort=changed&cursor=" + url.QueryEscape(placed): "?cursor", "cursor=x_" + ids[0]: "?cursor",
	} {
		p := s.want(http.StatusBadRequest, "client", "GET", "/orders?"+query, nil).problem(t)
		require.Equal(t, at, p.Errors[0].Pointer, query)
	}
}

// TestServiceIndexesOrdersOfAnEarlierVersion: what the version before left is found once the service has
// started, without anybody doing anything.
func TestServiceIndexesOrdersOfAnEarlierVersion(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	o.Customer.Name = "Özdemir"
	id := s.create(o).ID
	s.stop()
	conn, err := pgx.Connect(t.Context(), s.cfg.DatabaseURL)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `UPDATE orders SET words = to_tsvector('simple', 'Özdemir'), placed_at = 'epoch'`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(context.Background()))
	s.start()
	require.Eventually(t, func() bool {
		var page contracts.OrderPage
		s.want(http.StatusOK, "client", "GET", "/orders?search="+url.QueryEscape("özdemir"), nil).into(t, &page)
		return len(page.Orders) == 1 && page.Orders[0].ID == id
	}, time.Minute, 20*time.Millisecond)
}
