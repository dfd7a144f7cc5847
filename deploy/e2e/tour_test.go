//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTour follows orders from side to side: each change arrives, is acknowledged once, and does not
// come back as an echo.
func TestTour(t *testing.T) {
	tourOf(t, startDemo(t).pair)
}

func tourOf(t *testing.T, both *pair) {
	r := rand.New(rand.NewPCG(seed, 2))
	for _, way := range [][2]*side{{both.a, both.b}, {both.b, both.a}} {
		near, far := way[0], way[1]
		t.Run("from "+near.name, func(t *testing.T) { tour(t, both, near, far, r) })
	}
	both.requireRestFor(t, 5*time.Second)
	both.requireEqual(t, nil)
	both.requireHealthy(t, 0)
}

func tour(t *testing.T, both *pair, near, far *side, r *rand.Rand) {
	ctx := t.Context()
	o := newOrder(r)
	created, _, err := near.createAt(ctx, o)
	require.NoError(t, err)
	arrived, seen := awaitVersion(t, far, created)
	require.Equal(t, created.content, arrived.content)
	requireNews(t, both, near, far, o.ID, "created NEW, acknowledged NEW OK", "received NEW/-")

	change := editable(arrived.Order)
	change.CustomerNote = "To the neighbours, please."
	edited, _, err := far.put(ctx, change, seen)
	require.NoError(t, err)
	back, seen := awaitVersion(t, near, edited)
	require.Equal(t, edited.content, back.content)
	requireNews(t, both, near, far, o.ID,
		"created NEW, acknowledged NEW OK, received UPD/OK",
		"received NEW/-, edited UPD, acknowledged UPD OK")

	require.NoError(t, near.delete(ctx, o.ID, seen))
	for _, s := range both.sides() {
		eventually(t, restPatience, "the order is gone on "+s.name, func() bool {
			_, _, err := s.get(ctx, o.ID)
			return statusOf(err) == http.StatusGone
		})
	}
	requireNews(t, both, near, far, o.ID,
		"created NEW, acknowledged NEW OK, received UPD/OK, deleted DEL, acknowledged DEL DEL_SYNCED",
		"received NEW/-, edited UPD, acknowledged UPD OK, received DEL/OK")
}

// awaitVersion waits until a side shows exactly what the other one wrote.
func awaitVersion(t *testing.T, s *side, written view) (v view, seen etag) {
	t.Helper()
	eventually(t, restPatience, "version "+textOf(written.Sync.Version)+" arrives on "+s.name, func() bool {
		var err error
		v, seen, err = s.get(t.Context(), written.ID)
		return err == nil && textOf(v.Sync.Version) == textOf(written.Sync.Version)
	})
	require.Equal(t, written.Sync.Fingerprint, v.Sync.Fingerprint)
	return v, seen
}

// requireNews compares the timelines of an order, in short, once nothing moves any more.
func requireNews(t *testing.T, both *pair, near, far *side, id, onNear, onFar string) {
	t.Helper()
	both.awaitRest(t)
	require.Equal(t, onNear, newsOf(t, near, id), "on %s, where it was created", near.name)
	require.Equal(t, onFar, newsOf(t, far, id), "on %s", far.name)
}

func newsOf(t *testing.T, s *side, id string) string {
	t.Helper()
	timeline, err := s.timeline(t.Context(), id)
	require.NoError(t, err)
	news := ""
	for i, e := range timeline.Events {
		if i > 0 {
			news += ", "
		}
		switch e.Event {
		case "received":
			news += "received " + e.Rule
		case "acknowledged":
			news += fmt.Sprintf("acknowledged %s %s", e.Was, e.Becomes)
		default:
			news += e.Event + " " + e.Becomes
		}
	}
	return news
}
