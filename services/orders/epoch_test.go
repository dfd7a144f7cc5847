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
	e := NewEpoch("a", []byte("key"))
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
	e := NewEpoch("a", []byte("key"))
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
	e := NewEpoch("a", []byte("key"))
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
	e := NewEpoch("a", []byte("key"))
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

// TestOnlyOwnNamesVerify: neither another side's, nor another database's, nor a guess.
func TestOnlyOwnNamesVerify(t *testing.T) {
	e := NewEpoch("a", []byte("key"))
	key := e.Key()
	require.Len(t, key, len("a.")+16, "it is in every version")
	require.True(t, e.Made(key))
	require.True(t, NewEpoch("a", []byte("key")).Made(key), "another process of the side, or a later one")
	require.False(t, NewEpoch("a", []byte("other")).Made(key))
	require.False(t, NewEpoch("b", []byte("key")).Made("b"+key[1:]))
	for _, made := range []string{"a.neverissued", "a.7kq2mz", "a." + key[2:12] + "aaaaaa", key[:17] + "_", "b" + key[1:], key + "a", "a.", ""} {
		require.False(t, e.Made(made), made)
	}
	require.False(t, e.Leave("a.other"))
	require.Equal(t, key, e.Key())
	require.True(t, e.Leave(key))
	require.NotEqual(t, key, e.Key())
	n, left := e.Left(key)
	require.True(t, left)
	require.Zero(t, n)
}

// TestGapsAreNotLost: numbers that were drawn and not used are missing in the log, and nothing is lost.
func TestGapsAreNotLost(t *testing.T) {
	e := NewEpoch("a", []byte("key"))
	_, none := e.Issued()
	require.False(t, none.Gone(0, started))
	e.Stamp(e.Mark(), 10, started)
	_, is := e.Issued()
	require.False(t, is.Gone(10, started))
	require.False(t, is.Gone(12, started), "another process drew the rest")
	require.True(t, is.Gone(9, started), "the database was restored")
	require.True(t, is.Gone(40, started.Add(time.Hour)), "a server that took over begins above what it has")
}
