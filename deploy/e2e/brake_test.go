//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestBrakeAndCleanUpThroughRestarts has b delete more orders than a's brake lets through, while a's services are
// killed again and again, and removes old history on both sides meanwhile. Neither makes the brake forget, and an
// operator gets everything through in the end.
func TestBrakeAndCleanUpThroughRestarts(t *testing.T) {
	t.Parallel() // it waits more than it works
	const limit, doomed = 5, 20
	g := startRig(t, map[string]string{"ORDERS_BRAKE_DELETIONS": fmt.Sprint(limit), "ORDERS_RETENTION": "1h"})
	r := rand.New(rand.NewPCG(seed, 11))
	var ids []string
	for range doomed {
		v, _, err := g.a.createAt(t.Context(), newOrder(r))
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	g.awaitRest(t)
	for i, id := range ids {
		require.NoError(t, g.b.delete(t.Context(), id, `*`))
		if i%6 == 5 { // with the deletions under way, or not yet
			g.rigs[0].services[0].kill()
			g.rigs[0].services[1].kill()
			g.startAll(t)
			g.cleanUp(t)
		}
	}
	g.awaitRest(t)
	require.Len(t, g.present(t, g.a), doomed-limit, "the brake holds the rest")
	g.powerCut(g.rigs[0], g.rigs[1])
	g.startAll(t)
	g.cleanUp(t)
	g.awaitRest(t)
	held := g.present(t, g.a)
	require.Len(t, held, doomed-limit, "a power cut lets nothing through")

	settlement := contracts.ErrorSettlement{Peer: "b", IDs: held, Take: "theirs"}
	_, err := read[contracts.ErrorSettlementResult](t.Context(), g.a, http.MethodPost, "/admin/api/errors/settle", encode(settlement))
	require.NoError(t, err)
	g.awaitRest(t)
	require.Empty(t, g.present(t, g.a))
	g.requireEqual(t, nil)
	g.requireHealthy(t, 0)
}

// present returns the orders of a side that are not deleted.
func (g *rig) present(t testing.TB, s *side) []string {
	t.Helper()
	all, err := s.all(t.Context())
	require.NoError(t, err)
	var ids []string
	for id, v := range all {
		if !v.Sync.Deleted {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// cleanUp makes all history old, and has the command remove it.
func (g *rig) cleanUp(t testing.TB) {
	t.Helper()
	for _, r := range g.rigs {
		conn, err := pgx.Connect(t.Context(), r.database.present.URL("orders"))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `UPDATE log SET at = at - interval '1 day'`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		cmd := exec.CommandContext(t.Context(), program, "cleanup")
		cmd.Env = slices.DeleteFunc(slices.Clone(r.services[0].env), func(v string) bool { return strings.HasPrefix(v, "ORDERS_HTTP_ADDR=") })
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s  %s: %s", clock(), r.side.name, out)
	}
}
