package access

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// slowStore answers for secrets that nobody has only when it is told to.
type slowStore struct {
	Store
	session  Hash
	token    Hash
	release  chan struct{}
	lookedUp atomic.Int32
}

func (s *slowStore) Session(_ context.Context, h Hash) (*Session, error) {
	if h == s.session {
		return &Session{User: "anna", Role: Viewer, Begun: start, Seen: start}, nil
	}
	s.lookedUp.Add(1)
	<-s.release
	return nil, nil
}

func (s *slowStore) Token(_ context.Context, h Hash) (*Token, error) {
	if h == s.token {
		return &Token{Name: "shop", Role: Client, Used: &start}, nil
	}
	s.lookedUp.Add(1)
	<-s.release
	return nil, nil
}

// TestUnknownSecretsHoldUpNoSession: who was known a short time ago waits for none of those who are not.
func TestUnknownSecretsHoldUpNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session, token := newSecret(), tokenPrefix+newSecret()
		store := &slowStore{session: HashOf(session), token: HashOf(token), release: make(chan struct{})}
		a := New(store, func() time.Time { return start }, zap.NewNop())
		known := func() {
			t.Helper()
			_, caller, err := a.Find(t.Context(), session, false)
			require.NoError(t, err)
			require.NotNil(t, caller)
			caller, err = a.ByToken(t.Context(), token)
			require.NoError(t, err)
			require.NotNil(t, caller)
		}
		known()
		for range 200 {
			go a.Find(t.Context(), newSecret(), true)          //nolint:errcheck // of no interest
			go a.ByToken(t.Context(), tokenPrefix+newSecret()) //nolint:errcheck // of no interest
		}
		synctest.Wait()
		require.EqualValues(t, asksAtOnce, store.lookedUp.Load())
		known()
		close(store.release)
	})
}

// TestWhatIsNoSecretIsNotLookedUp.
func TestWhatIsNoSecretIsNotLookedUp(t *testing.T) {
	store := &slowStore{release: make(chan struct{})}
	close(store.release)
	a := New(store, func() time.Time { return start }, zap.NewNop())
	for _, text := range []string{"", "x", newSecret()[1:], newSecret() + "A", newSecret()[1:] + "a", newSecret()[1:] + "\x00"} {
		_, caller, err := a.Find(t.Context(), text, true)
		require.NoError(t, err)
		require.Nil(t, caller)
		caller, err = a.ByToken(t.Context(), tokenPrefix+text)
		require.NoError(t, err)
		require.Nil(t, caller)
	}
	require.Zero(t, store.lookedUp.Load())
	_, _, err := a.Find(t.Context(), newSecret(), true)
	require.NoError(t, err)
	require.EqualValues(t, 1, store.lookedUp.Load())
}

// TestASecretThatIsNotGoodAnyMoreIsOneOfMany: what was revoked, or was not shown for long, has no turn of its own.
func TestASecretThatIsNotGoodAnyMoreIsOneOfMany(t *testing.T) {
	session := newSecret()
	store := &slowStore{session: HashOf(session), release: make(chan struct{})}
	close(store.release)
	a := New(store, func() time.Time { return start }, zap.NewNop())
	_, _, err := a.Find(t.Context(), session, true)
	require.NoError(t, err)
	require.True(t, a.recent.has(HashOf(session)))
	store.session = Hash{}
	_, _, err = a.Find(t.Context(), session, true)
	require.NoError(t, err)
	require.False(t, a.recent.has(HashOf(session)))
	a.recent.good(HashOf(session), start)
	a.recent.forget(start.Add(time.Second))
	require.False(t, a.recent.has(HashOf(session)))
}
