package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestNoSessionOutlivesAChange: a login that found the user as they were before a change gets no session
// after it.
func TestNoSessionOutlivesAChange(t *testing.T) {
	s := open(t, 2)
	e := access.Event{At: at, Actor: "test", Action: "login"}
	hash, other, role, disabled := "hash", "other", access.Admin, true
	for name, change := range map[string]access.UserChange{
		"password": {PasswordHash: &other}, "disabled": {Disabled: &disabled}, "role": {Role: &role},
	} {
		require.NoError(t, s.AddUser(t.Context(), access.User{Name: name, Role: access.Viewer, PasswordHash: hash, Created: at}, e))
		found, err := s.User(t.Context(), name)
		require.NoError(t, err)
		session := access.Session{User: name, Role: found.Role, Begun: at, Seen: at}
		before, after := access.HashOf(name+"before"), access.HashOf(name+"after")
		require.NoError(t, s.AddSession(t.Context(), before, found, session, e))
		_, err = s.ChangeUser(t.Context(), name, change, e)
		require.NoError(t, err)
		gone, err := s.Session(t.Context(), before)
		require.NoError(t, err)
		require.Nil(t, gone, name)
		if name == "role" { // the session has the role that the user has now
			require.NoError(t, s.AddSession(t.Context(), after, found, session, e))
			now, err := s.Session(t.Context(), after)
			require.NoError(t, err)
			require.Equal(t, access.Admin, now.Role)
			continue
		}
		require.ErrorIs(t, s.AddSession(t.Context(), after, found, session, e), access.ErrCredentials, name)
		gone, err = s.Session(t.Context(), after)
		require.NoError(t, err)
		require.Nil(t, gone, name)
	}
	_, err := s.ChangeUser(t.Context(), "nobody", access.UserChange{}, e)
	require.Equal(t, orders.NotFound, orders.KindOf(err))
}

// TestTriesAreCountedOneByOne, however many come at once, to as many replicas.
func TestTriesAreCountedOneByOne(t *testing.T) {
	s := open(t, 8)
	keys := []access.TryKey{{Key: access.HashOf("one")}, {Key: access.HashOf("two")}}
	ended := make(chan error)
	for i := range 40 {
		mine := []access.TryKey{keys[i%2], keys[1-i%2]}
		go func() {
			ended <- s.Try(t.Context(), mine, func(known []access.Tries) ([]access.Tries, error) {
				for i := range known {
					known[i].Failed++
				}
				return known, nil
			})
		}()
	}
	for range 40 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, s.Try(t.Context(), keys, func(known []access.Tries) ([]access.Tries, error) {
		require.Equal(t, []int{40, 40}, []int{known[0].Failed, known[1].Failed})
		return known, nil
	}))
}

// TestWhatExpiresIsDropped, and nothing else.
func TestWhatExpiresIsDropped(t *testing.T) {
	s := open(t, 2)
	e := access.Event{At: at, Actor: "test", Action: "login"}
	u := access.User{Name: "anna", Role: access.Viewer, PasswordHash: "hash", Created: at}
	require.NoError(t, s.AddUser(t.Context(), u, e))
	add := func(secret string, begun, seen time.Duration) access.Hash {
		h := access.HashOf(secret)
		require.NoError(t, s.AddSession(t.Context(), h, &u, access.Session{User: u.Name, Begun: at.Add(-begun), Seen: at.Add(-seen)}, e))
		return h
	}
	kept, idle, old := add("kept", time.Hour, time.Minute), add("idle", 3*time.Hour, 3*time.Hour), add("old", 13*time.Hour, 0)
	try := func(key string, last, until time.Duration) {
		require.NoError(t, s.Try(t.Context(), []access.TryKey{{Key: access.HashOf(key)}}, func(known []access.Tries) ([]access.Tries, error) {
			require.Zero(t, known[0].Failed)
			return []access.Tries{{Failed: 1, Last: at.Add(-last), Until: at.Add(until)}}, nil
		}))
	}
	try("fresh", time.Minute, 0)
	try("blocked", 2*time.Hour, time.Minute)
	try("past", 2*time.Hour, -90*time.Minute)
	require.NoError(t, s.Expire(t.Context(), at.Add(-2*time.Hour), at.Add(-12*time.Hour), at.Add(-time.Hour)))
	for h, there := range map[access.Hash]bool{kept: true, idle: false, old: false} {
		found, err := s.Session(t.Context(), h)
		require.NoError(t, err)
		require.Equal(t, there, found != nil)
	}
	var n int
	require.NoError(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM login_tries").Scan(&n))
	require.Equal(t, 2, n)
}
