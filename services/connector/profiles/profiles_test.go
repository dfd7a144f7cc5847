package profiles_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
)

var loaded = map[string]*profile.Mapping{}

// load loads a profile once: trying its laws takes a while.
func load(t *testing.T, name string) *profile.Mapping {
	t.Helper()
	if loaded[name] == nil {
		m, err := profiles.Load(name)
		require.NoError(t, err)
		loaded[name] = m
	}
	return loaded[name]
}

func TestEveryProfileHoldsItsLaws(t *testing.T) {
	require.NotEmpty(t, profiles.Names())
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, name, load(t, name).Name())
		})
	}
}

func TestUnknownProfileIsAnError(t *testing.T) {
	_, err := profiles.Load("nothing")
	require.ErrorContains(t, err, "profile nothing")
}
