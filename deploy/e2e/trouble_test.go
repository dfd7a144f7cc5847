//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// brakeAt is how many deletions of a peer the brake lets through unless it is set (ORDERS_BRAKE_DELETIONS).
const brakeAt = 1000

// TestPagesInTrouble follows an admin of a through what waits for a person there: deletions that the
// brake holds, and a database that was put back. Everything is done by pages.
func TestPagesInTrouble(t *testing.T) {
	t.Parallel() // it waits more than it works
	const held = 20
	d := startDemo(t)
	a := startBrowser(t).window(t, d.a)
	a.login(d.env(t)["A_PERSON"], d.env(t)["A_PERSON_PASSWORD"])
	ids := d.createMany(t, brakeAt+held)
	d.awaitRest(t)
	backup := d.backup(t, d.a)

	sideBySide(t, len(ids), func(i int) error {
		_, seen, err := d.b.get(t.Context(), ids[i])
		if err == nil {
			err = d.b.delete(t.Context(), ids[i], seen)
		}
		return done(err, http.StatusGone)
	})
	a.open("/admin/errors")
	a.awaitText("main", "20 orders")
	a.awaitText("h2", "brake")
	lookAround(t, a, "braked", "/admin", "/admin/peers", "/admin/errors", "/admin/collisions")
	a.open("/admin/errors")
	a.leave("tbody th a")
	a.awaitText("main", "brake")
	one := a.at()
	lookAround(t, a, "braked", one, "/admin/orders"+one[len("/admin/errors"):])
	a.open("/admin/errors")
	a.leave("button[value=theirs]")
	a.awaitText("main", "20 of 20 are being retried")
	d.awaitRest(t)
	d.requireEqual(t, nil)

	_, _, err := d.a.createAt(t.Context(), newOrder(rand.New(rand.NewPCG(seed, 5)))) // b sees a number that a loses
	require.NoError(t, err)
	d.awaitRest(t)
	d.whileDown(t, "A_SERVICE_PID", func() { d.restore(t, d.a, backup) })
	plan := requireHeld(t, d, d.a)
	require.Equal(t, map[string]int{"createsHere": 1, "deletesHere": len(ids)}, plan.Report.Effects)
	a.open("/admin")
	a.awaitText("main", "put back")
	lookAround(t, a, "held", "/admin", "/admin/peers", "/admin/orders", "/admin/reconciliations/"+plan.ID)
	a.open("/admin/peers")
	a.leave(`a[href="/admin/reconciliations/` + plan.ID + `"]`)
	a.awaitText("main tbody", "comes here")
	a.leave("main .actions .primary")
	a.awaitText(".headline", "Proved equal")
	lookAround(t, a, "released", "/admin/peers", "/admin/reconciliations/"+plan.ID)
	d.awaitRest(t)
	d.requireEqual(t, nil)
	a.requireSound()
}
