//go:build linux

package e2e

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// work has people of some sides make orders, and edit those that are there.
func (d *demo) work(t *testing.T, r *rand.Rand, on ...*side) {
	t.Helper()
	for _, s := range on {
		present, err := s.all(t.Context())
		require.NoError(t, err)
		edited := 0
		for id := range present {
			if edited++; edited > 5 {
				break
			}
			v, seen, err := s.get(t.Context(), id)
			require.NoError(t, err)
			o := editable(v.Order)
			touch(&o, r)
			_, _, err = s.put(t.Context(), o, seen)
			require.NoError(t, err)
		}
		for range 8 {
			_, _, err := s.createAt(t.Context(), newOrder(r))
			require.NoError(t, err)
		}
		d.awaitRest(t) // an edit on each side in turn: no two that do not know of each other
	}
}

// TestRestoreOfWhatCameFromThePeer puts b back to before it heard of what a had made and edited: b lost
// nothing of its own, so neither side is held. It comes back by itself, though a's process is another one than
// the one that b had told, and once more when the same happens again.
func TestRestoreOfWhatCameFromThePeer(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 12))
	d.work(t, r, d.b, d.a)
	_, content := d.reconcile(t, d.a) // no comparison is due for hours, of the backup neither
	require.True(t, content)
	backup := d.backup(t, d.b)
	d.work(t, r, d.a)
	want := d.requireEqual(t, nil)
	d.awaitTold(t)
	for round, around := range []func(restore func()){
		func(restore func()) { // a is another process before b's loss
			d.end(t, syscall.SIGKILL, "A_SERVICE_PID")
			d.whileDown(t, "B_SERVICE_PID", restore)
		},
		func(restore func()) { // and after it, before b is there again
			d.whileDown(t, "B_SERVICE_PID", func() {
				restore()
				require.NoError(t, syscall.Kill(d.pidOf(t, "A_SERVICE_PID"), syscall.SIGKILL))
			})
		},
	} {
		began := time.Now()
		around(func() { d.restore(t, d.b, backup) })
		eventually(t, 2*time.Minute, "b has again what a had told it", func() bool {
			onB, err := d.b.all(t.Context())
			return err == nil && maps.EqualFunc(onB, want, func(x, y view) bool { return maps.Equal(x.Sync.Version, y.Sync.Version) })
		})
		t.Logf("%s  round %d: back after %s", clock(), round, time.Since(began).Round(time.Millisecond))
		d.awaitRest(t)
		d.requireEqual(t, nil)
		for _, s := range d.sides() {
			status, err := s.status(t.Context())
			require.NoError(t, err)
			require.Nil(t, status.Peers[0].Held)
		}
		d.awaitTold(t)
	}
	d.requireHealthy(t, 0)
}

// awaitTold waits until a has stored what b has seen of it by now.
func (d *demo) awaitTold(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.databaseURL(t, d.a))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	eventually(t, time.Minute, "a has stored what b has seen", func() bool {
		var settled bool
		err := conn.QueryRow(t.Context(), `SELECT COALESCE(told::jsonb -> 'settled' = told::jsonb -> 'newest'
			AND (SELECT max(n::text::bigint) FROM jsonb_each(told::jsonb -> 'settled') x (k, n)) >= (SELECT max(seq) FROM orders WHERE version LIKE '%a.%:' || seq || '%'), false) FROM peers`).Scan(&settled)
		require.NoError(t, err)
		return settled
	})
}

// TestBothRestored puts b back, and a farther, before anybody of b has confirmed. Then the bridges are killed
// while the plans are made, and services die and stand still after they were confirmed. Operators confirm what
// is held and do nothing else; in the end both are equal and nothing is held.
func TestBothRestored(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := startDemo(t)
	r := rand.New(rand.NewPCG(seed, 13))
	d.work(t, r, d.b, d.a)
	ofA := d.backup(t, d.a)
	d.work(t, r, d.a, d.b)
	ofB := d.backup(t, d.b)
	kept, err := d.b.all(t.Context())
	require.NoError(t, err)
	d.work(t, r, d.a, d.b)
	d.whileDown(t, "B_SERVICE_PID", func() { d.restore(t, d.b, ofB) })
	d.awaitHeld(t, d.b)
	d.whileDown(t, "A_SERVICE_PID", func() { d.restore(t, d.a, ofA) })
	d.awaitHeld(t, d.a)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	faults := make(chan struct{})
	go func() {
		defer close(faults)
		d.troubleWhilePlanning(ctx, t)
	}()
	confirmed := map[string]bool{}
	eventually(t, 4*time.Minute, "operators who confirm what is held get done", func() bool {
		held := false
		for _, s := range d.sides() {
			status, err := s.status(t.Context())
			if err != nil {
				return false // it is down
			}
			held = held || status.Peers[0].Held != nil
			if id := s.confirmHeld(t); id != "" {
				t.Logf("%s  confirmed on %s: %s", clock(), s.name, id)
				confirmed[s.name] = true
			}
		}
		return !held
	})
	<-faults
	d.awaitReady(t)
	require.Equal(t, map[string]bool{"a": true, "b": true}, confirmed)
	d.awaitRest(t)
	d.requireHealthy(t, 0)
	onA := d.requireEqual(t, nil)
	for id, v := range kept {
		require.Contains(t, onA, id)
		require.Equal(t, v.Sync.Version, onA[id].Sync.Version, "what b had kept is on both")
	}
	done, content := d.reconcile(t, d.a)
	require.True(t, content)
	require.Zero(t, done.Sent)
}

// troubleWhilePlanning kills bridges and services and has one stand still, some seconds apart.
func (d *demo) troubleWhilePlanning(ctx context.Context, t *testing.T) {
	for _, part := range []string{"A_BRIDGE_PID", "B_SERVICE_PID", "B_BRIDGE_PID", "A_SERVICE_PID"} {
		pid := d.pidOf(t, part)
		t.Logf("%s  trouble for %s, process %d", clock(), part, pid)
		if part == "B_SERVICE_PID" {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			_ = sleep(ctx, 6*time.Second)
			_ = syscall.Kill(pid, syscall.SIGCONT)
		} else {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already where it died otherwise
		}
		if sleep(ctx, 2*time.Second) != nil {
			return
		}
	}
}

func (d *demo) awaitHeld(t *testing.T, s *side) {
	t.Helper()
	eventually(t, time.Minute, s.name+" notices", func() bool {
		status, err := s.status(t.Context())
		return err == nil && status.Peers[0].Held != nil
	})
}

// confirmHeld confirms the plan of a side that waits for it, and returns its id.
func (s *side) confirmHeld(t *testing.T) string {
	t.Helper()
	list, err := read[contracts.ReconciliationList](t.Context(), s, http.MethodGet, "/admin/api/reconciliations?limit=1", nil)
	if err != nil || len(list.Reconciliations) == 0 || list.Reconciliations[0].State != "held" {
		return ""
	}
	id := list.Reconciliations[0].ID
	if _, err := read[contracts.Reconciliation](t.Context(), s, http.MethodPost, "/admin/api/reconciliations/"+id+"/confirm", encode(contracts.ReconciliationConfirmation{})); err != nil {
		return ""
	}
	return id
}
