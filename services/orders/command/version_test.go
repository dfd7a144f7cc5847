package command

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// invented is a version with n keys of a side, none of which was ever given out.
func invented(side string, n int) contracts.Version {
	v := contracts.Version{}
	for i := range n {
		v[fmt.Sprintf("%s.%d", side, i)] = 1
	}
	return v
}

// TestKeysOfUnknownSidesAreRefused: each later version of the order would contain them, until it had
// more keys than the wire takes and never travelled again.
func TestKeysOfUnknownSidesAreRefused(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "first")
	made := s.create(o)
	theirs := made.Order
	theirs.CustomerNote = "theirs"

	got := s.put(http.StatusOK, entry(t, o.ID, "UPD", and(made.Sync.Version, invented("c", 998)), &theirs))[0]
	require.Equal(t, "ERROR", got.State, "more keys of a side than its share")
	got = s.put(http.StatusOK, entry(t, o.ID, "UPD", and(made.Sync.Version, invented("c", 1)), &theirs))[0]
	require.Equal(t, "ERROR", got.State)
	require.Contains(t, got.Refused.Reason, `"c.0"`, "the reason names the key")
	require.Equal(t, got.Refused.Version, and(made.Sync.Version, invented("c", 1)))

	now := s.get(o.ID)
	require.Equal(t, made.Sync.Version, now.Sync.Version, "nothing of it came in")
	require.Equal(t, "first", now.CustomerNote)
	require.Equal(t, "NEW", s.state(o.ID))

	// In an answer it ends what it answers, with the reason, and does not come in either.
	answer := entry(t, o.ID, "OK", and(made.Sync.Version, invented("c", 1)), &theirs)
	answer.AnswerTo = made.Sync.Version
	(&stage{side: s, id: o.ID}).answers(answer)
	require.Equal(t, "ERROR_SYNCED", s.state(o.ID))
	require.Contains(t, s.get(o.ID).Sync.Links[0].Reason, `"c.0"`)
	require.Equal(t, made.Sync.Version, s.get(o.ID).Sync.Version)
}

// TestStampsOfNamedSidesAreTaken: of a peer's own peer, or of a side that has another name by now.
func TestStampsOfNamedSidesAreTaken(t *testing.T) {
	s := startSide(t, func(c *Config) { c.Sides = "c,old-shop" })
	for _, side := range []string{"c", "old-shop"} {
		o := newOrder(t, side)
		require.Equal(t, "OK", s.put(http.StatusOK, entry(t, o.ID, "NEW", and(b(1), invented(side, 1)), &o))[0].State)
	}
	o := newOrder(t, "of a stranger")
	require.Equal(t, "ERROR", s.put(http.StatusOK, entry(t, o.ID, "NEW", invented("d", 1), &o))[0].State)
}
