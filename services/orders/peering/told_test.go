package peering

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// full is a report with as many epochs as one may have, from a number on.
func full(first int, n int64) map[string]int64 {
	out := map[string]int64{}
	for i := range contracts.SeenMax {
		out[fmt.Sprint("a.e", first+i)] = n
	}
	return out
}

func with(seen map[string]int64, key string, n int64) map[string]int64 {
	return highest(map[string]int64{key: n}, seen)
}

func TestWentBack(t *testing.T) {
	one := map[string]int64{"a.x": 5, "a.y": 7}
	for name, c := range map[string]struct {
		before, seen map[string]int64
		want         bool
	}{
		"nothing before":                         {nil, one, false},
		"the same":                               {one, one, false},
		"more":                                   {one, map[string]int64{"a.x": 6, "a.y": 7, "a.z": 1}, false},
		"a lower number":                         {one, map[string]int64{"a.x": 4, "a.y": 9}, true},
		"an epoch gone":                          {one, map[string]int64{"a.y": 9}, true},
		"all gone":                               {one, nil, true},
		"gave way to a new one in a full report": {full(0, 3), full(1, 3), false},
		"gave way to one that rose":              {full(0, 3), with(full(1, 3), "a.e5", 4), false},
		"gave way to those not reported before":  {map[string]int64{"a.gone": 1, "a.e0": 3, "a.e1": 3}, full(0, 3), false},
		"a full report lower":                    {full(0, 3), full(0, 2), true},
	} {
		require.Equal(t, c.want, wentBack(c.before, c.seen), name)
	}
}

// TestAReplicaThatIsBehindIsNoRestore, however fast the numbers rise; a report of long before is one.
func TestAReplicaThatIsBehindIsNoRestore(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	report := func(n int64) map[string]int64 { return map[string]int64{"a.x": n} }
	told := (*Told)(nil).after(report(1), now)
	for n := int64(2); n < 200; n++ { // one number a second, and another replica that is four of them behind
		now = now.Add(time.Second)
		told = told.after(report(n), now)
		require.False(t, wentBack(told.Settled, report(max(1, n-4))), "%d", n)
		if n > 15 {
			require.True(t, wentBack(told.Settled, report(n-15)), "%d", n)
		}
	}
	// What was reported but once is settled too.
	now = now.Add(time.Second)
	told = told.after(report(500), now)
	for range 3 {
		now = now.Add(backFor)
		told = told.after(report(199), now)
	}
	require.True(t, wentBack(told.Settled, report(199)))
}
