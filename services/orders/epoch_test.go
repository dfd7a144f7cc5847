package orders

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// started is when the database server was, in tests where it stays the same.
var started = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestEpochStaysWhileNumbersRise(t *testing.T) {
	e := NewEpoch("a")
	key := e.Key()
	m := e.Mark()
	// Numbers of transactions that ran at once come in any order.
	for _, n := range []int64{12, 10, 11} {
		dot, back := e.Stamp(m, n, started)
		require.False(t, back)
		require.Equal(t, ordersync.Dot{Key: key, N: n}, dot)
	}
	_, back := e.Stamp(e.Mark(), 13, started)
	require.False(t, back)
}

func TestEpochChangesWhenNumbersGoBack(t *testing.T) {
	e := NewEpoch("a")
	key := e.Key()
	e.Stamp(e.Mark(), 100, started)
	m := e.Mark()
	first, back := e.Stamp(m, 51, started)
	require.True(t, back)
	require.NotEqual(t, key, first.Key)
	// What had begun before it was noticed takes the new name too, and does not change it again.
	second, back := e.Stamp(m, 52, started)
	require.False(t, back)
	require.Equal(t, first.Key, second.Key)
}

// After a failover numbers may rise although commits are missing: a server that took over begins above
// what it has, and a sequence is written ahead.
func TestEpochChangesWithTheServer(t *testing.T) {
	e := NewEpoch("a")
	key := e.Key()
	dot, renewed := e.Stamp(e.Mark(), 100, started)
	require.False(t, renewed, "the first server is nothing new")
	require.Equal(t, key, dot.Key)
	m := e.Mark()
	first, renewed := e.Stamp(m, 120, started.Add(time.Hour))
	require.True(t, renewed)
	require.NotEqual(t, key, first.Key)
	second, renewed := e.Stamp(m, 121, started.Add(time.Hour))
	require.False(t, renewed)
	require.Equal(t, first.Key, second.Key)
	// A connection to the old server that still lives never shares a name with the new one.
	third, renewed := e.Stamp(m, 101, started)
	require.True(t, renewed)
	require.NotContains(t, []string{key, first.Key}, third.Key)
}

// TestNoStampTwice: whatever is put back, no stamp is given out twice.
func TestNoStampTwice(t *testing.T) {
	e := NewEpoch("a")
	var mu sync.Mutex
	next := int64(0)
	seen := map[ordersync.Dot]bool{}
	draw := func() {
		m := e.Mark()
		mu.Lock()
		next++
		n := next
		mu.Unlock()
		dot, _ := e.Stamp(m, n, started)
		mu.Lock()
		defer mu.Unlock()
		require.False(t, seen[dot], "%v", dot)
		seen[dot] = true
	}
	for range 5 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					draw()
				}
			})
		}
		wg.Wait()
		next -= 300 // the database is restored while nobody writes
	}
	require.Len(t, seen, 4000)
}
