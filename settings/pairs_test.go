package settings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPairs(t *testing.T) {
	got, err := Pairs(" b=https://b:1/?x=y\n\tc=two,three ")
	require.NoError(t, err)
	require.Equal(t, []Pair{{"b", "https://b:1/?x=y"}, {"c", "two,three"}}, got)

	got, err = Pairs("")
	require.NoError(t, err)
	require.Empty(t, got)

	for _, text := range []string{"b=x secret", "b=x =secret", "b=x secret="} {
		_, err = Pairs(text)
		require.ErrorContains(t, err, "pair 2 is none")
		require.NotContains(t, err.Error(), "secret")
	}
	_, err = Pairs("b=secret c=x b=secret")
	require.EqualError(t, err, "must name b once")
}
