package profiles_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/profiles"
)

func TestEveryProfileHoldsItsLaws(t *testing.T) {
	require.NotEmpty(t, profiles.Names())
	for _, name := range profiles.Names() {
		t.Run(name, func(t *testing.T) {
			m, err := profiles.Load(name)
			require.NoError(t, err)
			require.Equal(t, name, m.Name())
		})
	}
}

func TestUnknownProfileIsAnError(t *testing.T) {
	_, err := profiles.Load("nothing")
	require.ErrorContains(t, err, "profile nothing")
}
