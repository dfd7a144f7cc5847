//go:build linux

package main

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestOrdersAreValidAndOfTheSameSize(t *testing.T) {
	for _, i := range []int{0, 1, 19_999, 299_999} {
		for _, revision := range []int{0, 7, 123_456} {
			require.Empty(t, makeOrder(i, revision).Validate())
			body, err := content(i, revision)
			require.NoError(t, err)
			require.InDelta(t, 663, len(body), 10)
		}
		e := seedEntry(i)
		require.Empty(t, e.Validate())
		require.Equal(t, fmt.Sprintf("%s:%d", seedKey, e.Version[seedKey]), seedVersion(i))
	}
}

func TestAnEditChangesTheContentAndNothingElseDoes(t *testing.T) {
	one, err := content(5, 1)
	require.NoError(t, err)
	again, err := content(5, 1)
	require.NoError(t, err)
	two, err := content(5, 2)
	require.NoError(t, err)
	require.Equal(t, one, again)
	require.NotEqual(t, one, two)
}

func TestIDsAreDistinctAndInOrder(t *testing.T) {
	list := ids(2000)
	for i, id := range list {
		require.EqualValues(t, 7, id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		require.NotEqual(t, id, orderID(i, 1))
		if i > 0 {
			require.Less(t, list[i-1].String(), id.String())
		}
	}
}
