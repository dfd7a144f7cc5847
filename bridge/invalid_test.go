package bridge

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// TestInvalidEntriesAreReportedAlone: an order of which one side sends an invalid entry is named with the reason, and
// all others are compared.
func TestInvalidEntriesAreReportedAlone(t *testing.T) {
	a, b := holderOf("a", 40), holderOf("b", 40)
	large := contracts.Version{}
	for i := range contracts.VersionSideKeysMax + 1 {
		large[fmt.Sprintf("c.%d", i)] = 1
	}
	differs, tooLarge, unreadable := a.ids[3], a.ids[7], a.ids[9]
	a.put(differs, contracts.Version{"a.x": 1000})
	b.put(tooLarge, large)
	b.put(unreadable, contracts.Version{"a.x": 1001})
	b.twist = func(answer any) any {
		page, ok := answer.(contracts.EntryPage)
		if !ok {
			return answer
		}
		out := struct {
			Side    string           `json:"side"`
			Entries []jsontext.Value `json:"entries"`
			Next    string           `json:"next,omitzero"`
		}{page.Side, []jsontext.Value{}, page.Next}
		for _, e := range page.Entries {
			raw, err := strictjson.Encode(e)
			require.NoError(t, err)
			if e.ItemID == unreadable {
				raw = bytes.Replace(raw, []byte(`"state":`), []byte(`"colour":1,"state":`), 1)
			}
			out.Entries = append(out.Entries, raw)
		}
		return out
	}
	found, c, err := compare(t, a, b)
	require.NoError(t, err)
	require.Equal(t, map[string]string{differs: newerHere}, found)
	list := c.invalidEntries()
	require.Len(t, list, 2)
	require.Equal(t, contracts.InvalidEntry{ID: tooLarge, Side: "b", Reason: "version must not hold more than 250 keys of one side"}, list[0])
	require.Equal(t, unreadable, list[1].ID)
	require.Contains(t, list[1].Reason, "colour")

	// In the report they wait for a person.
	p := newTestPipe(testLog(t), inMemory{a}, inMemory{b})
	r := newReconciler(p)
	r.strategy = strategyRanges
	open, err := r.pass(t.Context())
	require.NoError(t, err)
	require.Positive(t, open)
	rep := r.Report()
	require.Len(t, rep.Invalid, 2)
	require.Equal(t, 2, rep.Waiting)
	require.False(t, rep.Equal)
}

// TestInvalidEntriesOfLogs: the same where the logs are read whole.
func TestInvalidEntriesOfLogs(t *testing.T) {
	log := func(side string, entries string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("after") != "" {
				entries = ""
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"side":%q,"entries":[%s],"cursor":"1"}`, side, entries)
		}
	}
	h := holderOf("a", 2)
	var raws []string
	for _, id := range h.ids {
		raw, err := strictjson.Encode(h.entries[id])
		require.NoError(t, err)
		raws = append(raws, string(raw))
	}
	c := &comparison{
		here: testClient(t, serve(t, log("a", raws[0]+","+raws[1])).URL), there: testClient(t, serve(t, log("b", `{"itemId":"`+h.ids[0]+`"}`)).URL),
		sideHere: "a", sideThere: "b", requestID: "r", step: func() {},
	}
	var found []string
	require.NoError(t, c.runLog(t.Context(), func(list []difference, _ string) {
		for _, d := range list {
			found = append(found, d.id)
		}
	}))
	require.Equal(t, []string{h.ids[1]}, found)
	require.Len(t, c.invalidEntries(), 1)
}
