//go:build linux

package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestManyOrders is about many orders: the few that differ are found and no others, while both sides are
// edited too; and all of them come back onto an empty side, while both sides are edited.
func TestManyOrders(t *testing.T) {
	d := startDemo(t)
	ids := d.createMany(t, many)
	d.awaitRest(t)
	r := rand.New(rand.NewPCG(seed, 9))
	t.Run("the few that differ are found", func(t *testing.T) { fewDiffer(t, d, ids, r) })
	t.Run("under edits there is no false difference", func(t *testing.T) {
		e := d.editAtPace(t, ids)
		defer e.end(t)
		moved := 0
		for range 60 { // a look may fall between two edits
			looked, content := d.reconcile(t, d.a, "--dry-run", "--strategy", "ranges")
			require.True(t, content)
			require.Empty(t, looked.Found)
			if looked.Moving > 0 {
				moved++
			}
			if moved == 3 {
				return
			}
		}
		require.Fail(t, "it was seldom looked while something moved")
	})
	t.Run("all come back onto an empty side", func(t *testing.T) { allComeBack(t, d, ids) })
}

// createMany creates orders on a, with clients side by side.
func (d *demo) createMany(t testing.TB, n int) []string {
	t.Helper()
	ids := make([]string, n)
	r := rand.New(rand.NewPCG(seed, 100))
	made := make([]contracts.Order, n)
	for i := range made {
		made[i] = newOrder(r)
		ids[i] = made[i].ID
	}
	began := time.Now()
	sideBySide(t, n, func(i int) error {
		_, _, err := d.a.createAt(t.Context(), made[i])
		return done(err, http.StatusPreconditionFailed)
	})
	t.Logf("%s  %d orders created in %s", clock(), n, time.Since(began).Round(time.Second))
	return ids
}

// sideBySide does something for each of n, by some clients at once; what is uncertain is done again.
func sideBySide(t testing.TB, n int, do func(i int) error) {
	t.Helper()
	const clients = 8
	var g sync.WaitGroup
	failed := make(chan error, clients)
	for c := range clients {
		g.Go(func() {
			for i := c; i < n; i += clients {
				err := do(i)
				for try := 0; err != nil && uncertain(err) && try < 20; try++ { // busy
					time.Sleep(pollEvery)
					err = do(i)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	g.Wait()
	close(failed)
	require.NoError(t, <-failed)
}

// done takes a status for success that tells that an earlier try has done it.
func done(err error, already int) error {
	if statusOf(err) == already {
		return nil
	}
	return err
}

// fewDiffer makes ten differences of all kinds while the sides do not hear each other.
func fewDiffer(t *testing.T, d *demo, ids []string, r *rand.Rand) {
	d.pause(t, true)
	chosen := r.Perm(len(ids))[:6]
	var want []contracts.PlannedOrder
	do := func(i int, kind, effect string, onA, onB deed) {
		c := &clash{id: ids[chosen[i]], onA: onA, onB: onB}
		for j, s := range d.sides() {
			if what := [2]deed{onA, onB}[j]; what != "" {
				c.act(t, j, s, what, r)
			}
		}
		want = append(want, contracts.PlannedOrder{ID: c.id, Kind: kind, Effect: effect})
	}
	do(0, "newerHere", "replacesThere", edits, "")
	do(1, "newerThere", "replacesHere", "", edits)
	do(2, "newerHere", "deletesThere", deletes, "")
	do(3, "newerThere", "deletesHere", "", deletes)
	do(4, "concurrent", "collides", edits, edits)
	do(5, "concurrent", "collides", deletes, edits)
	for i := range 4 {
		o := newOrder(r)
		_, _, err := d.sides()[i%2].createAt(t.Context(), o)
		require.NoError(t, err)
		kind, effect := "onlyHere", "createsThere"
		if i%2 == 1 {
			kind, effect = "onlyThere", "createsHere"
		}
		want = append(want, contracts.PlannedOrder{ID: o.ID, Kind: kind, Effect: effect})
	}
	done, content := d.reconcile(t, d.a)
	require.False(t, content, "two orders wait for a person")
	require.ElementsMatch(t, want, done.Plan)
	require.Equal(t, 10, done.Sent)
	require.Equal(t, 2, done.Waiting)
	require.Equal(t, "ranges", done.Strategy)
	t.Logf("%s  10 of %d orders differed: %d requests, %d bytes, %.1f s in %d passes", clock(), done.Orders, done.Requests, done.Bytes, done.Seconds, done.Passes)
	for _, at := range []int{4, 5} {
		seen, _ := d.mustCases(t, ids[chosen[at]])
		require.NoError(t, d.a.resolve(t.Context(), ids[chosen[at]], contracts.Resolution{Take: "theirs"}, seen.etag))
	}
	d.pause(t, false)
	d.awaitRest(t)
	equal, content := d.reconcile(t, d.b)
	require.True(t, content)
	require.Zero(t, equal.Sent)
	require.EqualValues(t, 2, equal.Requests)
	t.Logf("%s  %d orders proved equal: %d requests, %d bytes, %.1f s", clock(), equal.Orders, equal.Requests, equal.Bytes, equal.Seconds)
}

// editing is edits of some orders at a steady pace, those of each side its own.
type editing struct {
	stop     context.CancelFunc
	done     sync.WaitGroup
	mu       sync.Mutex
	accepted int
	failed   error
	began    time.Time
}

// paceEach is the time between two edits of a side: 50 a second on each.
const paceEach = 20 * time.Millisecond

func (d *demo) editAtPace(t testing.TB, ids []string) *editing {
	t.Helper()
	e := &editing{began: time.Now()}
	var ctx context.Context
	ctx, e.stop = context.WithCancel(t.Context())
	for i, s := range d.sides() {
		e.done.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(200+i)))
			tick := time.NewTicker(paceEach)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				err := editOne(context.WithoutCancel(ctx), s, ids[r.IntN(len(ids)/2)*2+i], r)
				e.mu.Lock()
				if err == nil {
					e.accepted++
				} else if !uncertain(err) && e.failed == nil {
					e.failed = err
				}
				e.mu.Unlock()
			}
		})
	}
	return e
}

// editOne edits an order; one that is gone, or is being edited, is left alone.
func editOne(ctx context.Context, s *side, id string, r *rand.Rand) error {
	v, seen, err := s.get(ctx, id)
	if err == nil {
		o := editable(v.Order)
		touch(&o, r)
		_, _, err = s.put(ctx, o, seen)
	}
	if slices.Contains([]int{http.StatusGone, http.StatusNotFound, http.StatusPreconditionFailed}, statusOf(err)) {
		return nil
	}
	return err
}

func (e *editing) end(t testing.TB) {
	t.Helper()
	e.stop()
	e.done.Wait()
	require.NoError(t, e.failed)
	t.Logf("%s  %d edits in %s", clock(), e.accepted, time.Since(e.began).Round(time.Second))
}

// allComeBack puts an empty database in the place of b's. A person confirms, and all orders come back
// while both sides are edited.
func allComeBack(t *testing.T, d *demo, ids []string) {
	d.whileDown(t, "B_SERVICE_PID", func() {
		conn, err := pgx.Connect(t.Context(), d.databaseURL(t, d.b))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	})
	e := d.editAtPace(t, ids)
	plan := requireHeld(t, d, d.b)
	require.GreaterOrEqual(t, plan.Report.Effects["createsHere"], many*9/10) // some are being edited
	require.Len(t, plan.Report.Plan, contracts.PlanMax)
	began := time.Now()
	_, err := read[contracts.Reconciliation](t.Context(), d.b, http.MethodPost, "/admin/api/reconciliations/"+plan.ID+"/confirm", encode(contracts.ReconciliationConfirmation{}))
	require.NoError(t, err)
	eventually(t, 10*time.Minute, "the link is released", func() bool {
		status, err := d.b.status(t.Context())
		return err == nil && status.Peers[0].Held == nil && !status.Peers[0].Paused
	})
	done, err := read[contracts.Reconciliation](t.Context(), d.b, http.MethodGet, "/admin/api/reconciliations/"+plan.ID, nil)
	require.NoError(t, err)
	t.Logf("%s  %d orders came back in %s: %d requests, %d bytes", clock(), done.Report.Sent, time.Since(began).Round(time.Second), done.Report.Requests, done.Report.Bytes)
	e.end(t)
	d.awaitRest(t)
	cases, err := d.b.collisions(t.Context())
	require.NoError(t, err)
	require.Empty(t, cases, "nobody wrote the same order on both sides")
	equal, content := d.reconcile(t, d.a)
	require.True(t, content)
	require.True(t, equal.Equal)
	require.EqualValues(t, many+4, equal.Orders)
}
