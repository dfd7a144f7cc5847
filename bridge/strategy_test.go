package bridge

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// keeper is a holder that also takes what it is told, and keeps a log: enough of a side for a whole
// reconciliation. It takes whatever has more.
type keeper struct {
	*holder
	mu     sync.Mutex
	log    []string // ids, in the order of their changes
	before func(k *keeper, r *http.Request)
	moved  int // batches refused since the log had moved
}

func keeperOf(side string, n int) *keeper {
	k := &keeper{holder: holderOf(side, n), before: func(*keeper, *http.Request) {}}
	k.log = slices.Clone(k.ids)
	return k
}

func (k *keeper) change(id string, v contracts.Version) {
	k.put(id, v)
	slices.Sort(k.ids)
	k.log = append(k.log, id)
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before(k, r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /orders/transactions":
		k.page(w, r)
	case "POST /orders/transactions/lookup":
		var l contracts.Lookup
		k.read(body, &l)
		out := contracts.LookupResult{Side: k.side, Entries: []contracts.Entry{}}
		for _, id := range l.IDs {
			if e, there := k.entries[id]; there {
				out.Entries = append(out.Entries, e)
			}
		}
		k.answer(w, http.StatusOK, out)
	case "PUT /orders/transactions":
		k.take(w, r, body)
	default:
		k.holder.ServeHTTP(w, r)
	}
}

func (k *keeper) page(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	page := contracts.TransactionPage{Side: k.side, Entries: []contracts.Entry{}, Cursor: strconv.Itoa(len(k.log))}
	ids := map[string]bool{}
	for _, id := range k.log[after:] {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		page.Entries = append(page.Entries, k.entries[id])
	}
	k.answer(w, http.StatusOK, page)
}

func (k *keeper) take(w http.ResponseWriter, r *http.Request, body []byte) {
	var b contracts.Batch
	k.read(body, &b)
	if tag := strings.Trim(r.Header.Get("If-Match"), `"`); tag != "" {
		at, err := strconv.Atoi(tag)
		if err != nil {
			panic(err)
		}
		for _, e := range b.Entries {
			if slices.Contains(k.log[at:], e.ItemID) {
				k.moved++
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusConflict)
				_, _ = fmt.Fprintf(w, `{"type":"/problems/log-moved","title":"moved","status":409}`)
				return
			}
		}
	}
	out := contracts.Batch{Side: k.side, Entries: []contracts.Entry{}}
	for _, e := range b.Entries {
		mine, there := k.entries[e.ItemID]
		if !there || !mine.Version.Contains(e.Version) && e.Version.Contains(mine.Version) {
			if len(e.Version) > 0 {
				k.change(e.ItemID, e.Version)
			}
		}
		answer, there := k.entries[e.ItemID]
		if !there {
			answer = contracts.Entry{ItemID: e.ItemID, State: "ERROR_SYNCED", Version: contracts.Version{}}
		}
		answer.AnswerTo = e.Version
		out.Entries = append(out.Entries, answer)
	}
	if r.Header.Get("Prefer") == "return=minimal" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	k.answer(w, http.StatusOK, out)
}

func (k *keeper) read(body []byte, into any) {
	if err := strictjson.Decode(body, into); err != nil {
		panic(err)
	}
}

func (k *keeper) answer(w http.ResponseWriter, status int, v any) {
	body, err := strictjson.Encode(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func reconcilerOf(t *testing.T, a, b *keeper, strategy string) *reconciler {
	t.Helper()
	p := newTestPipe(testLog(t), nil, nil)
	p.local = newClient("local", serve(t, a).URL, localToken, 1, p.local.failed, p.metrics.observe)
	p.remote = newClient("remote", serve(t, b).URL, remoteToken, 1, p.local.failed, p.metrics.observe)
	t.Cleanup(func() {
		p.local.http.CloseIdleConnections()
		p.remote.http.CloseIdleConnections()
	})
	r := newReconciler(p)
	r.strategy = strategy
	return r
}

// TestAReconciliationStartsAgainWhereTheLogMoved: somebody changes an order at the peer after its log was
// read and before it is told. Nothing is applied, and the next pass sees what there is.
func TestAReconciliationStartsAgainWhereTheLogMoved(t *testing.T) {
	a, b := keeperOf("a", 5), keeperOf("b", 5)
	id := a.ids[2]
	a.change(id, contracts.Version{"a.x": 3, "a.y": 1})
	b.before = func(k *keeper, r *http.Request) {
		if r.Method == http.MethodPut && k.moved == 0 && len(k.log) == 5 {
			k.change(id, contracts.Version{"a.x": 3, "a.y": 1, "b.z": 1}) // had ours by another way, and was edited
		}
	}
	r := reconcilerOf(t, a, b, strategyLog)
	require.NoError(t, r.run(t.Context()))
	rep := r.Report()
	require.Equal(t, 1, b.moved)
	require.Equal(t, 1, rep.Restarts)
	require.True(t, rep.Equal)
	require.Equal(t, strategyLog, rep.Strategy)
	require.Equal(t, b.entries[id].Version, a.entries[id].Version)
	require.Empty(t, r.remote.failed.last(), "a part of comparing, and no fault")
}

// TestBothStrategiesMakeEqual what differs in any way.
func TestBothStrategiesMakeEqual(t *testing.T) {
	for _, strategy := range []string{strategyLog, strategyRanges, strategyAuto} {
		t.Run(strategy, func(t *testing.T) {
			a, b := keeperOf("a", 700), keeperOf("b", 700)
			a.change(a.ids[3], contracts.Version{"a.x": 4, "a.y": 1})
			b.change(b.ids[600], contracts.Version{"a.x": 601, "b.y": 1})
			a.change("ffffffff-0000-7000-8000-000000000001", contracts.Version{"a.y": 9})
			r := reconcilerOf(t, a, b, strategy)
			plan := reconcilerOf(t, a, b, strategy)
			plan.dryRun = true
			require.NoError(t, plan.run(t.Context()))
			require.Equal(t, map[string]int{onlyHere: 1, newerHere: 1, newerThere: 1}, plan.Report().Found)
			require.Zero(t, plan.Report().Sent)
			require.NoError(t, r.run(t.Context()))
			rep := r.Report()
			require.True(t, rep.Equal)
			require.Equal(t, 3, rep.Sent)
			require.EqualValues(t, 701, rep.OrdersThere)
			again := reconcilerOf(t, a, b, strategy)
			require.NoError(t, again.run(t.Context()))
			require.Zero(t, again.Report().Sent)
			require.EqualValues(t, 2, again.Report().Requests)
		})
	}
}

// TestAPlanOverTheBrakeGoesNoFurther, nor does one that a person has to see; what a person leaves out stays.
func TestAPlanOverTheBrakeGoesNoFurther(t *testing.T) {
	differ := func() (a, b *keeper) {
		a, b = keeperOf("a", 20), keeperOf("b", 20)
		for i := range 4 {
			b.change(b.ids[i], contracts.Version{"a.x": int64(i + 1), "b.y": 1})
		}
		return a, b
	}
	a, b := differ()
	r := reconcilerOf(t, a, b, strategyAuto)
	three := int64(3)
	r.brake = &contracts.BrakeLimits{Replacements: &three, Deletions: &three}
	require.ErrorIs(t, r.run(t.Context()), errHeld)
	require.Zero(t, r.Report().Sent)
	require.Equal(t, map[string]int{effectReplacesHere: 4}, r.Report().Effects)

	r = reconcilerOf(t, a, b, strategyAuto)
	r.planOnly = true
	require.ErrorIs(t, r.run(t.Context()), errHeld)
	require.Zero(t, r.Report().Sent)

	r = reconcilerOf(t, a, b, strategyAuto)
	r.except = map[string]bool{b.ids[0]: true}
	require.NoError(t, r.run(t.Context()))
	require.Equal(t, 3, r.Report().Sent)
	require.Equal(t, 1, r.Report().LeftOut)
	require.False(t, r.Report().Equal)
	require.NotContains(t, a.entries[b.ids[0]].Version, "b.y")
}
