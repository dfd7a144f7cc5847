//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// badSync is what a peer, or somebody with its token, may get wrong about a batch as a whole.
func badSync(known string) []badCall {
	const path, lookup = "/orders/transactions", "/orders/transactions/lookup"
	entry := `{"itemId":"` + known + `","state":"OK","version":{"b.x":1},"fingerprint":"fp1:` + strings.Repeat("0", 64) +
		`","updatedAt":"2026-11-21T10:00:00Z","itemURI":"/orders/` + known + `"}`
	batch := func(side, entries string) string { return `{"side":"` + side + `","entries":[` + entries + `]}` }
	put := func(name, as, body string, want int, pointer string) badCall {
		return badCall{name: name, as: as, method: "PUT", path: path, body: body, want: want, pointer: pointer}
	}
	ask := func(name, body string, want int, pointer string) badCall {
		return badCall{name: name, as: "bridge", path: lookup, body: body, want: want, pointer: pointer}
	}
	conditional := put("a condition", "peer", batch("b", entry), 400, "")
	conditional.header = map[string]string{"If-Match": `"1"`}
	return []badCall{
		put("no batch", "peer", marker, 400, ""),
		put("an unknown key", "peer", `{"side":"b","entries":[],"`+marker[:5]+`":1}`, 400, "/"+marker[:5]),
		put("side twice", "peer", `{"side":"b","side":"b","entries":[]}`, 400, "/side"),
		put("of a stranger", "peer", batch("c", entry), 403, "/side"),
		put("of this side itself", "peer", batch("a", entry), 403, "/side"),
		put("an order twice", "peer", batch("b", entry+","+entry), 422, "/entries/1/itemId"),
		put("too many entries", "peer", batch("b", strings.Repeat("{},", contracts.AcceptedEntriesMax)+"{}"), 413, "/entries"),
		put("too large", "peer", batch("b", entry)+strings.Repeat(" ", contracts.BatchBytesMax), 413, ""),
		put("too deep", "peer", batch("b", strings.Repeat("[", 40)+strings.Repeat("]", 40)), 400, ""),
		put("answers that name no question", "bridge", batch("b", entry), 422, "/entries/0/answerTo"),
		conditional,
		ask("towards a stranger", `{"peer":"c","ids":["`+known+`"]}`, 422, "/peer"),
		ask("no list", `{"peer":"b"}`, 422, "/ids"),
		ask("too much", `{"peer":"b","ids":["`+strings.Join(distinct(contracts.BatchEntriesMax+1), `","`)+`"]}`, 422, "/ids"),
		ask("no id", `{"peer":"b","ids":["`+marker+`"]}`, 422, "/ids/0"),
		ask("an id twice", `{"peer":"b","ids":["`+known+`","`+known+`"]}`, 422, "/ids/1"),
	}
}

func badAdmin(known string) []badCall {
	const unknown = "019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c04"
	get := func(path string, want int, pointer string) badCall {
		return badCall{name: "GET " + path, as: "admin", method: "GET", path: "/admin/api/" + path, want: want, pointer: pointer}
	}
	post := func(path, body string, want int, pointer string) badCall {
		return badCall{name: "POST " + path + " " + body, as: "admin", path: "/admin/api/" + path, body: body, want: want, pointer: pointer}
	}
	resolve := "collisions/" + known + "/resolve"
	return []badCall{
		get("nothing", 404, ""),
		get("orders?state=SYNC", 400, "?state"),
		get("collisions?peer=c", 400, "?peer"),
		get("collisions?cursor="+marker, 400, "?cursor"),
		get("orders/"+unknown+"/timeline", 404, ""),
		get("orders/"+marker+"/timeline", 404, ""),
		get("collisions/"+known, 404, ""),
		get("collisions/"+known+"?peer=c", 400, "?peer"),
		post(resolve, `{"take":"ours"}`, 404, ""),
		post(resolve, `{"take":"`+marker+`"}`, 422, "/take"),
		post(resolve, `{}`, 422, "/take"),
		post(resolve, `{"take":"ours","order":{}}`, 422, "/take"),
		post(resolve, `{"Take":"ours"}`, 400, "/Take"),
		post("errors/"+known+"/retry", ``, 404, ""),
		post("peers/c/pause", ``, 404, ""),
	}
}

// badEntry sends a batch in which some entries are wrong, each in its way. They are refused with a
// reason, one by one; the others are taken.
func badEntry(t *testing.T, d *demo, r *rand.Rand) {
	require.NoError(t, d.b.setPaused(t.Context(), d.a, true))
	good := pendingEntries(t, d.b, d.a, 3, r)
	spoil := func(i int, change func(*contracts.Entry)) contracts.Entry {
		e := good[i]
		order := clone(*e.Order)
		e.Order = &order
		e.ItemID = newID(r)
		order.ID = e.ItemID
		change(&e)
		return e
	}
	sent := []contracts.Entry{
		good[0],
		spoil(0, func(e *contracts.Entry) { e.State = "SYNCED" }),
		good[1],
		spoil(1, func(e *contracts.Entry) { e.Order.OrderNumber = "" }),
		spoil(1, func(e *contracts.Entry) { e.Version = contracts.Version{"B.1": 0} }),
		good[2],
		spoil(2, func(*contracts.Entry) {}), // whose fingerprint is the other order's
	}
	wrongAt := map[int]string{1: "", 3: "/orderNumber", 4: "", 6: "fingerprint"}
	a, err := d.a.ask(t.Context(), call{
		method: http.MethodPut, path: "/orders/transactions", token: d.a.access.Load().peer,
		body: encode(contracts.Batch{Side: "b", Entries: sent}),
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status)
	var answers contracts.Batch
	require.NoError(t, strictjson.Decode(a.body, &answers))
	require.Len(t, answers.Entries, len(sent))
	for i, answer := range answers.Entries {
		reason, bad := wrongAt[i]
		if !bad {
			require.Equal(t, "OK", answer.State)
			require.Equal(t, sent[i].ItemID, answer.ItemID)
			require.Equal(t, sent[i].Version, answer.AnswerTo)
			continue
		}
		require.Equal(t, "ERROR", answer.State, "entry %d", i)
		require.NotNil(t, answer.Refused)
		require.NotEmpty(t, answer.Refused.Reason)
		require.Contains(t, answer.Refused.Reason, reason)
		_, _, err := d.a.get(t.Context(), sent[i].ItemID)
		require.Equal(t, http.StatusNotFound, statusOf(err))
	}
	requireDiscreet(t, d, string(a.body))
	require.NoError(t, d.b.setPaused(t.Context(), d.a, false)) // the bridge tells the good ones again
	d.awaitRest(t)
	d.requireEqual(t, nil)
}

// pendingEntries creates orders on a side and reads their entries as its bridge does.
func pendingEntries(t *testing.T, s, peer *side, n int, r *rand.Rand) []contracts.Entry {
	t.Helper()
	var ids []string
	for range n {
		v, _, err := s.createAt(t.Context(), newOrder(r))
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	a, err := s.ask(t.Context(), call{
		method: http.MethodPost, path: "/orders/transactions/lookup", token: s.access.Load().bridge,
		body: encode(contracts.Lookup{Peer: peer.name, IDs: ids}),
	})
	require.NoError(t, err)
	var found contracts.LookupResult
	require.NoError(t, strictjson.Decode(a.body, &found))
	require.Len(t, found.Entries, n, fmt.Sprint(ids))
	return found.Entries
}
