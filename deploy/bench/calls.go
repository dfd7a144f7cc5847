//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// pageCall is one page or call of the admin.
type pageCall struct {
	name, method, path string
	body               []byte
}

// places are orders and the like that calls are made for.
type places struct {
	Middle, Last, Deleted, Collision, LateCollision, Error, Often, Reconciliation string    // ids
	Number, Mail                                                                  string    // of the one in the middle
	PeopleSeq                                                                     int64     // of a change by people, far back
	OftenSeq                                                                      int64     // of the newest change of the one that was edited often
	At                                                                            time.Time // of the one in the middle
	FromMiddle, FromLast, FromDeleted                                             string    // cursors
	ChangeSeq                                                                     int64     // of the change in the middle
}

const findPlacesQuery = `
WITH middle AS (SELECT * FROM orders WHERE NOT deleted ORDER BY placed_at OFFSET (SELECT count(*) / 2 FROM orders) LIMIT 1),
often AS (SELECT order_id, max(seq) AS seq FROM log GROUP BY order_id ORDER BY count(*) DESC LIMIT 1)
SELECT m.id::text AS middle,
	(SELECT id::text FROM orders WHERE NOT deleted ORDER BY placed_at OFFSET 10 LIMIT 1) AS last,
	(SELECT id::text FROM orders WHERE deleted ORDER BY placed_at DESC OFFSET 1000 LIMIT 1) AS deleted,
	(SELECT order_id::text FROM links WHERE state = 6 ORDER BY order_id LIMIT 1) AS collision,
	(SELECT order_id::text FROM links WHERE state = 6 ORDER BY order_id DESC OFFSET 60 LIMIT 1) AS late_collision,
	(SELECT order_id::text FROM links WHERE state = 7 ORDER BY order_id LIMIT 1) AS error,
	often.order_id::text AS often,
	(SELECT id::text FROM reconciliations ORDER BY requested_at LIMIT 1) AS reconciliation,
	m.order_number AS number, (SELECT c.body FROM contents c WHERE c.seq = m.content) -> 'customer' ->> 'email' AS mail,
	(SELECT seq FROM log WHERE actor ~ '^(user|token|admin):' AND order_id <= m.id ORDER BY order_id DESC LIMIT 1) AS people_seq,
	often.seq AS often_seq, m.updated_at AS at,
	(SELECT ` + cursor + ` FROM orders o WHERE o.id = m.id) AS from_middle,
	(SELECT ` + cursor + ` FROM orders o WHERE NOT deleted ORDER BY placed_at OFFSET 10 LIMIT 1) AS from_last,
	(SELECT ` + cursor + ` FROM orders o WHERE deleted ORDER BY placed_at DESC OFFSET 1000 LIMIT 1) AS from_deleted,
	(SELECT max(seq) / 2 FROM log) AS change_seq
FROM middle m, often`

// cursor is the place of an order in a list as the API writes it.
const cursor = `replace(to_char(o.placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD_HH24:MI:SS.US'), '_', 'T') || 'Z_' || o.id`

// findPlaces looks them up where they are.
func findPlaces(ctx context.Context, conn *pgx.Conn) (places, error) {
	rows, err := conn.Query(ctx, findPlacesQuery)
	if err != nil {
		return places{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[places])
}

// calls are all pages of the admin, and the calls that they and programs make.
func calls(x places) (list []pageCall) {
	get := func(name, path string) {
		list = append(list, pageCall{name, http.MethodGet, path, nil})
	}
	get("page overview", "/admin")
	get("status", "/admin/api/status")
	get("history", "/admin/api/history")
	get("metrics", "/metrics")
	for _, f := range filters(x) {
		get("page orders: "+f[0], "/admin/orders?"+f[1])
	}
	for _, f := range filters(x) {
		get("orders: "+f[0], "/orders?limit=50&"+f[1])
	}
	get("page order", "/admin/orders/"+x.Middle)
	get("page order, edited 100 times", "/admin/orders/"+x.Often)
	get("page order in collision", "/admin/orders/"+x.Collision)
	get("page edit", "/admin/orders/"+x.Middle+"/edit")
	get("page new order", "/admin/orders/new")
	get("page of what an edit replaced", fmt.Sprintf("/admin/orders/%s/contents/%d", x.Often, x.OftenSeq))
	get("what an edit replaced", fmt.Sprintf("/admin/api/orders/%s/contents/%d", x.Often, x.OftenSeq))
	get("timeline, 100 edits", "/admin/api/orders/"+x.Often+"/timeline")
	for _, state := range []string{"", "OK", "DEL_SYNCED", "NEW", "COLLISION", "ERROR_SYNCED"} {
		get(strings.TrimSpace("links "+state), "/admin/api/orders?state="+state)
		get(strings.TrimSpace("links "+state)+", from the middle", "/admin/api/orders?state="+state+"&cursor="+x.Middle)
	}
	get("page collisions", "/admin/collisions")
	get("page collisions, last", "/admin/collisions?cursor="+x.LateCollision)
	get("collisions, 500", "/admin/api/collisions?limit=500")
	get("page collision", "/admin/collisions/"+x.Collision+"?peer=b")
	get("collision", "/admin/api/collisions/"+x.Collision+"?peer=b")
	get("page errors, grouped", "/admin/errors")
	get("errors, 500", "/admin/api/errors?limit=500")
	get("page error", "/admin/errors/"+x.Error+"?peer=b")
	get("page peers", "/admin/peers")
	get("peers", "/admin/api/peers")
	get("failed calls", "/admin/api/peers/b/failed-calls")
	get("reconciliations", "/admin/api/reconciliations")
	get("page reconciliation", "/admin/reconciliations/"+x.Reconciliation)
	for _, f := range auditFilters(x) {
		get("page audit: "+f[0], "/admin/audit?"+f[1])
	}
	get("page policy", "/admin/policy")
	list = append(list, pageCall{"try a policy", http.MethodPost, "/admin/api/conflict-policy/preview", []byte(`{"policy":"merge"}`)})
	get("page people", "/admin/people")
	get("page password", "/admin/password")
	get("page state table", "/admin/states")
	get("page reference", "/admin/reference")
	return list
}

// filters are names and queries of the list of orders, on the page and over the API.
func filters(x places) [][2]string {
	local, _, _ := strings.Cut(x.Mail, "@")
	first, rest, _ := strings.Cut(local, ".")
	last := strings.TrimRight(rest, "0123456789")
	list := [][2]string{
		{"newest", ""},
		{"from the middle", "cursor=" + x.FromMiddle},
		{"last", "cursor=" + x.FromLast},
		{"last changed", "sort=changed"},
		{"last changed, from the middle", fmt.Sprintf("sort=changed&cursor=%d", x.ChangeSeq)},
		{"last changed, search a family name", "sort=changed&search=" + last},
		{"deleted", "deleted=true"},
		{"deleted, 1,000 on", "deleted=true&cursor=" + x.FromDeleted},
		{"status of half", "status=completed"},
		{"status of few, from the middle", "status=draft&cursor=" + x.FromMiddle},
		{"status of none", "status=cancelled"},
	}
	for _, state := range []string{"NEW", "UPD", "OK", "DEL", "DEL_SYNCED", "COLLISION", "ERROR", "ERROR_SYNCED"} {
		list = append(list, [2]string{"state " + state, "state=" + state})
	}
	return append(list, [][2]string{
		{"state COLLISION, from the middle", "state=COLLISION&cursor=" + x.FromMiddle},
		{"state COLLISION, status of none", "state=COLLISION&status=cancelled"},
		{"state DEL_SYNCED, deleted", "state=DEL_SYNCED&deleted=true"},
		{"state OK, deleted", "state=OK&deleted=true"},
		{"search a letter", "search=a"},
		{"search a common name", "search=anna"},
		{"search a common name, from the middle", "search=anna&cursor=" + x.FromMiddle},
		{"search a family name", "search=" + last},
		{"search a family name, last", "search=" + last + "&cursor=" + x.FromLast},
		{"search both names", "search=" + first + "+" + last},
		{"search one mail", "search=" + local},
		{"search a number", "search=" + x.Number},
		{"search how numbers begin", "search=" + x.Number[:4]},
		{"search an id", "search=" + x.Middle},
		{"search none", "search=zzyzx"},
		{"search a common name, status of few", "search=anna&status=draft"},
		{"search a common name, status of none", "search=anna&status=cancelled"},
		{"search a common name, state COLLISION", "search=anna&state=COLLISION"},
		{"search a common name, deleted", "search=anna&deleted=true"},
		{"changed by a person", "changedBy=user:maria"},
		{"changed by a person, far back", fmt.Sprintf("changedBy=user:maria&cursor=%d", x.PeopleSeq)},
		{"changed by nobody", "changedBy=user:nobody"},
		{"changed in a day", "changedFrom=" + x.At.UTC().Add(-24*time.Hour).Format(time.RFC3339) + "&changedTo=" + x.At.UTC().Format(time.RFC3339)},
		{"changed by a person, search a common name", "changedBy=user:maria&search=anna"},
		{"changed by a person, search none", "changedBy=user:maria&search=zzyzx"},
		{"changed by a person, status of none", "changedBy=user:maria&status=cancelled"},
		{"changed by a person, state COLLISION", "changedBy=user:maria&state=COLLISION"},
	}...)
}

// auditFilters are those of the audit.
func auditFilters(x places) [][2]string {
	at := x.At.UTC().Format(time.RFC3339)
	return [][2]string{
		{"newest", ""},
		{"by a person", "actor=user:maria"},
		{"by nobody", "actor=user:nobody"},
		{"edits", "action=order.edited"},
		{"deletions, of which there are none", "action=order.deleted"},
		{"pauses", "action=peer.paused"},
		{"before the middle", "to=" + at},
		{"of one order", "order=" + x.Middle},
	}
}
