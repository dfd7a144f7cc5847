package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestKindsOfDifferences(t *testing.T) {
	entry := func(v contracts.Version) *contracts.Entry { return &contracts.Entry{Version: v} }
	older, newer, other := entry(contracts.Version{"a.x": 1}), entry(contracts.Version{"a.x": 1, "b.y": 2}), entry(contracts.Version{"a.x": 3})
	for want, d := range map[string]difference{
		onlyHere:   {here: older},
		onlyThere:  {there: older},
		newerHere:  {here: newer, there: older},
		newerThere: {here: older, there: newer},
		concurrent: {here: newer, there: other},
		sameNumber: {here: older, there: older},
	} {
		require.Equal(t, want, d.kind())
		require.Contains(t, differenceKinds, want)
	}
	require.Len(t, differenceKinds, 6)
}

func TestAConflictKnownToBothWaitsForAPerson(t *testing.T) {
	in := func(state string) *contracts.Entry { return &contracts.Entry{State: state} }
	require.True(t, difference{here: in("COLLISION"), there: in("COLLISION")}.waitsForPerson())
	require.True(t, difference{here: in("ERROR"), there: in("ERROR_SYNCED")}.waitsForPerson())
	require.False(t, difference{here: in("COLLISION"), there: in("UPD")}.waitsForPerson())
	require.False(t, difference{here: in("OK"), there: in("OK")}.waitsForPerson())
	require.False(t, difference{here: in("ERROR")}.waitsForPerson())
}
