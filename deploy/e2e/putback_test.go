//go:build linux

package e2e

import (
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

// backup writes a side's database into a file, as an operator does, while people work.
func (d *demo) backup(t testing.TB, s *side) string {
	t.Helper()
	file := filepath.Join(d.dir, "backup-of-"+s.name)
	d.postgres(t, "pg_dump", "--format=custom", "--file="+file, d.databaseURL(t, s))
	return file
}

// restore puts a backup in the place of a side's database.
func (d *demo) restore(t testing.TB, s *side, backup string) {
	t.Helper()
	d.postgres(t, "pg_restore", "--clean", "--if-exists", "--dbname="+d.databaseURL(t, s), backup)
}

func (d *demo) databaseURL(t testing.TB, s *side) string {
	return d.env(t)[map[*side]string{d.a: "A_DATABASE_URL", d.b: "B_DATABASE_URL"}[s]]
}

func (d *demo) postgres(t testing.TB, program string, args ...string) {
	t.Helper()
	cmd, err := pgcluster.Command(t.Context(), program, args...)
	require.NoError(t, err)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// whileDown does something to a side while its service is down.
func (d *demo) whileDown(t testing.TB, part string, do func()) {
	t.Helper()
	before := d.pidOf(t, part)
	d.signal(t, syscall.SIGSTOP) // the demo must not start the service again yet
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	do()
	d.signal(t, syscall.SIGCONT)
	eventually(t, startPatience, part+" is started again", func() bool { return d.pidOf(t, part) != before })
	d.awaitReady(t)
}

// TestDatabasePutBack puts an older backup, or an empty database, in the place of a's, while b is being
// edited, and people of a go on with what they find. It is noticed, nothing is carried, a person looks
// at the plan and confirms, and both are equal, with everything that was accepted.
func TestDatabasePutBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, c := range map[string]struct {
		put   func(t *testing.T, d *demo, backup string)
		empty bool
	}{
		"an older backup": {put: func(t *testing.T, d *demo, backup string) {
			d.restore(t, d.a, backup)
		}},
		"an empty database": {empty: true, put: func(t *testing.T, d *demo, _ string) {
			conn, err := pgx.Connect(t.Context(), d.databaseURL(t, d.a))
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
			require.NoError(t, err)
			require.NoError(t, conn.Close(t.Context()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			l := newLoad(t, d.pair)
			l.begin()
			l.flow(t, 40)
			backup := d.backup(t, d.a)
			l.flow(t, 40)
			// The load may have deleted all that it created after the backup.
			require.NotNil(t, newWriter("lost", seed, l.ledger).create(l.ctx, d.a, false))
			l.end()
			d.awaitRest(t) // what a has accepted is on b; a backup cannot bring back more
			l.beginOn(d.b)
			l.flowOn(t, []*side{d.b}, 20)
			d.whileDown(t, "A_SERVICE_PID", func() { c.put(t, d, backup) })
			early := l.goOnWithWhatIsThere(t, d)
			if !c.empty {
				require.NotEmpty(t, early)
			}
			plan := requireHeld(t, d, d.a)
			require.Zero(t, plan.Report.Effects["deletesThere"], "nothing is deleted on the other side")
			require.Positive(t, plan.Report.Effects["createsHere"])
			t.Logf("%s  the plan: %s", clock(), encode(plan))
			l.flowOn(t, []*side{d.b}, 20) // the other side works on, and so may people here
			w := newWriter("held", seed, l.ledger)
			mine := w.create(l.ctx, d.a, false)
			require.NotNil(t, mine)
			time.Sleep(2 * time.Second)
			_, _, err := d.b.get(t.Context(), mine.view.ID)
			require.Equal(t, http.StatusNotFound, statusOf(err), "nothing is carried while the link is held")

			_, err = read[contracts.Reconciliation](t.Context(), d.a, http.MethodPost, "/admin/api/reconciliations/"+plan.ID+"/confirm", encode(contracts.ReconciliationConfirmation{}))
			require.NoError(t, err)
			eventually(t, time.Minute, "the link is released", func() bool {
				status, err := d.a.status(t.Context())
				return err == nil && status.Peers[0].Held == nil && !status.Peers[0].Paused
			})
			l.flowOn(t, []*side{d.b}, 20)
			l.end()
			d.settleWhatALost(t, l)
			l.verifyContents(t)
			done, content := d.reconcile(t, d.a)
			require.True(t, content)
			require.True(t, done.Equal)
			require.Zero(t, done.Sent)
		})
	}
}

// settleWhatALost settles the cases on b about a version that a had lost, and b had kept.
func (d *demo) settleWhatALost(t *testing.T, l *load) {
	t.Helper()
	d.awaitRest(t)
	onB, err := d.b.collisions(t.Context())
	require.NoError(t, err)
	maps.DeleteFunc(onB, func(id string, _ bool) bool {
		c, err := d.b.collision(t.Context(), id)
		require.NoError(t, err)
		v, _, err := d.a.get(t.Context(), id)
		require.NoError(t, err)
		return maps.Equal(v.Sync.Version, c.Theirs.Version)
	})
	t.Logf("%s  %d cases on b about what a has lost", clock(), len(onB))
	l.settleOn(t, d.b, onB)
}

// goOnWithWhatIsThere has people of a edit orders as they find them, before anybody has noticed.
func (l *load) goOnWithWhatIsThere(t *testing.T, d *demo) (edited []string) {
	t.Helper()
	var onA map[string]view
	var err error
	eventually(t, time.Minute, "a can be read, while b's deletions may still come", func() bool {
		onA, err = d.a.all(t.Context())
		return err == nil
	})
	w := newWriter("early", seed, l.ledger)
	for _, id := range slices.Sorted(maps.Keys(onA)) {
		l.ledger.mu.Lock()
		r := l.ledger.records[id]
		usable := r != nil && !r.deleted && !onA[id].Sync.Deleted && r.accepted[d.a.name] > 0 && r.accepted[d.b.name] == 0
		if usable && len(edited) < 5 {
			r.shared = true // it may collide now
		}
		l.ledger.mu.Unlock()
		if !usable || len(edited) == 5 {
			continue
		}
		h := &held{}
		h.view, h.tag, err = d.a.get(t.Context(), id)
		require.NoError(t, err)
		w.edit(l.ctx, d.a, h)
		edited = append(edited, id)
	}
	require.NotNil(t, w.create(l.ctx, d.a, false))
	return edited
}

// requireHeld waits until a side has noticed and its bridge has made the plan.
func requireHeld(t *testing.T, d *demo, s *side) contracts.Reconciliation {
	t.Helper()
	eventually(t, time.Minute, s.name+" notices", func() bool {
		status, err := s.status(t.Context())
		return err == nil && status.Peers[0].Held != nil
	})
	var plan contracts.Reconciliation
	eventually(t, 3*time.Minute, "the plan waits for a person", func() bool {
		list, err := read[contracts.ReconciliationList](t.Context(), s, http.MethodGet, "/admin/api/reconciliations?limit=1", nil)
		if err != nil || len(list.Reconciliations) == 0 {
			return false
		}
		plan = list.Reconciliations[0]
		return plan.Cause == "restored" && plan.State == "held"
	})
	return plan
}

// TestBrokerLost damages a's broker under edits from both sides. It is noticed and told, all that waits
// is hinted again, and both sides are compared by themselves.
func TestBrokerLost(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := startDemo(t)
	l := newLoad(t, d.pair)
	store := filepath.Join(d.dir, "demo", "a", "nats", "jetstream")
	older := filepath.Join(d.dir, "older-copy")
	whileDown := func(do func(t *testing.T)) func(*testing.T, *load) {
		return func(t *testing.T, l *load) {
			l.flow(t, 150)
			d.awaitMark(t, d.a)
			d.whileDown(t, "A_SERVICE_PID", func() { do(t) })
		}
	}
	// While a is paused its hints stay in the store, so that cutting this in half loses some that were
	// marked. Of an empty store the cut might take nothing that was.
	full := func(inject func(*testing.T, *load)) func(*testing.T, *load) {
		return func(t *testing.T, l *load) {
			require.NoError(t, d.a.setPaused(t.Context(), d.b, true))
			inject(t, l)
			require.NoError(t, d.a.setPaused(t.Context(), d.b, false))
		}
	}
	run := func(name string, args ...string) func(*testing.T) {
		return func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
	}
	d.awaitRest(t)
	d.whileDown(t, "A_SERVICE_PID", func() { run("cp", "-a", store, older)(t) })
	for _, f := range []fault{
		{"an older copy of the store", "a", whileDown(func(t *testing.T) {
			run("rm", "-rf", store)(t)
			run("cp", "-a", older, store)(t)
		})},
		{"the store cut in half", "a", full(whileDown(run("sh", "-c",
			`find "$1" -name '*.blk' -exec sh -c 'truncate -s $(($(stat -c %s "$1") / 2)) "$1"' cut {} \;; find "$1" -name index.db -delete`, "cut", store)))},
		{"the store wiped", "a", whileDown(run("rm", "-rf", store))},
		{"the stream deleted", "", func(t *testing.T, l *load) {
			require.NoError(t, openBrokerToHarm(t, d.a).DeleteStream(t.Context(), contracts.HintStream))
			d.awaitNoticed(t, time.Now().Add(-time.Second))
		}},
	} {
		began := time.Now()
		if !t.Run(f.name, func(t *testing.T) {
			l.round(t, f)
			d.awaitNoticed(t, began)
		}) {
			return
		}
	}
	eventually(t, 5*time.Minute, "both are proved equal again, by themselves", func() bool {
		status, err := d.a.status(t.Context())
		require.NoError(t, err)
		proof := status.Peers[0].Proof
		return proof != nil && proof.At.After(status.Broker.Lost.At) && len(status.Peers[0].Alarms) == 0
	})
}

// awaitMark waits until a side has kept how far its stream is now.
func (d *demo) awaitMark(t testing.TB, s *side) {
	t.Helper()
	var last int64
	eventually(t, time.Minute, s.name+" tells of its stream", func() bool {
		status, err := s.status(t.Context())
		if err != nil || status.Broker.Stream == nil {
			return false
		}
		last = status.Broker.Stream.LastSeq
		return true
	})
	conn, err := pgx.Connect(t.Context(), d.databaseURL(t, s))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	eventually(t, time.Minute, "it is kept how far the stream is", func() bool {
		var kept int64
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT last_seq FROM broker`).Scan(&kept))
		return kept >= last
	})
}

// awaitNoticed waits until a tells that its broker lost what it held, and has asked for a comparison.
func (d *demo) awaitNoticed(t testing.TB, since time.Time) {
	t.Helper()
	eventually(t, 100*time.Second, "a notices", func() bool {
		status, err := d.a.status(t.Context())
		return err == nil && status.Broker.Lost != nil && status.Broker.Lost.At.After(since)
	})
	list, err := read[contracts.ReconciliationList](t.Context(), d.a, http.MethodGet, "/admin/api/reconciliations", nil)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(list.Reconciliations, func(r contracts.Reconciliation) bool {
		return r.FinishedAt == nil || r.FinishedAt.After(since)
	}), "%s", encode(list))
}
