package httpapi

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheFeedWakes who waits when the log has a new end, or cannot be looked at; and nobody looks for nobody.
func TestTheFeedWakes(t *testing.T) {
	f := newFeed()
	var end int64
	var failure error
	looks := 0
	look := func() {
		f.look(t.Context(), func(context.Context) (int64, error) { looks++; return end, failure })
	}
	woken := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	end = 4
	look()
	require.Zero(t, looks)

	require.True(t, f.enter("client"))
	first := f.next()
	look()
	require.True(t, woken(first))
	second := f.next()
	look()
	require.False(t, woken(second), "the end is the same")
	end = 5
	look()
	require.True(t, woken(second))
	third := f.next()
	failure = errors.New("no database")
	look()
	require.True(t, woken(third))

	for range feedWaitsEach - 1 {
		require.True(t, f.enter("client"))
	}
	require.False(t, f.enter("client"))
	require.True(t, f.enter("another"))
	f.leave("client")
	require.True(t, f.enter("client"))
}
