package orders

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

func TestEpochStaysWhileNumbersRise(t *testing.T) {
	e := NewEpoch("a")
	key := e.Key()
	m := e.Mark()
	// Numbers of transactions that ran at once come in any order.
	for _, n := range []int64{12, 10, 11} {
		dot, back := e.Stamp(m, n)
		require.False(t, back)
		require.Equal(t, ordersync.Dot{Key: key, N: n}, dot)
	}
	_, back := e.Stamp(e.Mark(), 13)
	require.False(t, back)
}

func TestEpochChangesWhenNumbersGoBack(t *testing.T) {
	e := NewEpoch("a")
	key := e.Key()
	e.Stamp(e.Mark(), 100)
	m := e.Mark()
	first, back := e.Stamp(m, 51)
	require.True(t, back)
	require.NotEqual(t, key, first.Key)
	// What had begun before it was noticed takes the new name too, and does not change it again.
	second, back := e.Stamp(m, 52)
	require.False(t, back)
	require.Equal(t, first.Key, second.Key)
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
		dot, _ := e.Stamp(m, n)
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
