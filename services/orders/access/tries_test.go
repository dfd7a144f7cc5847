package access

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestWaitsGrow: free failures first, then waits that double up to a bound, all forgotten after a while.
func TestWaitsGrow(t *testing.T) {
	for name, c := range map[string]struct {
		p     patience
		waits []time.Duration // after each failure
	}{
		"name at an address": {patienceBoth, []time.Duration{
			0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour,
		}},
		"name":    {patienceName, append(make([]time.Duration, 29), 2*time.Minute, 2*time.Minute)},
		"address": {patienceAddress, append(make([]time.Duration, 29), 30*time.Second, time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute, 15*time.Minute, 15*time.Minute)},
	} {
		var tries Tries
		now := start
		for i, want := range c.waits {
			tries = c.p.next(tries, now)
			require.Equal(t, want, tries.Until.Sub(now), "%s: failure %d", name, i+1)
			now = tries.Until
		}
		require.Equal(t, 1, c.p.next(tries, tries.Last.Add(triesTrust+time.Second)).Failed, name)
	}
	far := Tries{Failed: 1 << 20, Last: start}
	require.Equal(t, time.Hour, patienceBoth.next(far, start).Until.Sub(start), "no overflow")
}

// TestGuessesInAnHour: however patient a guesser is and wherever they come from, of one name no more
// than 60 guesses an hour are looked at.
func TestGuessesInAnHour(t *testing.T) {
	var tries Tries
	looked := 0
	for now := start; now.Before(start.Add(time.Hour)); now = now.Add(time.Second) {
		if !now.Before(tries.Until) {
			tries = patienceName.next(tries, now)
			looked++
		}
	}
	require.LessOrEqual(t, looked, 60)
	require.Greater(t, looked, 30)
}

func TestKeysOfTries(t *testing.T) {
	same := [][2]string{
		{"198.51.100.7", "::ffff:198.51.100.7"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	}
	for _, pair := range same {
		require.Equal(t, keysOf("anna", pair[0]), keysOf("anna", pair[1]), "%v", pair)
	}
	other := [][2]string{{"198.51.100.7", "198.51.100.8"}, {"2001:db8:1:2::1", "2001:db8:1:3::1"}}
	for _, pair := range other {
		a, b := keysOf("anna", pair[0]), keysOf("anna", pair[1])
		require.NotEqual(t, a[0], b[0], "%v", pair)
		require.NotEqual(t, a[2], b[2], "%v", pair)
		require.Equal(t, a[1], b[1], "%v", pair)
	}
	seen := map[Hash]bool{}
	for _, k := range keysOf("anna", "198.51.100.7") {
		require.False(t, seen[k.Key])
		seen[k.Key] = true
	}
}
