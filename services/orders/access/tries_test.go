package access

import (
	"fmt"
	"strings"
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
		"device":  {patienceDevice, []time.Duration{0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}},
		"name":    {patienceName, append(make([]time.Duration, 29), 30*time.Second, 30*time.Second)},
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

// memory counts tries as a store does.
type memory map[Hash]Tries

// try begins a try, and reports whether it is looked at; if it is right, it is forgiven.
func (m memory) try(name, address, device string, right bool, now time.Time) bool {
	keys := keysOf(name, address, device)
	known := make([]Tries, len(keys))
	for i, k := range keys {
		known[i] = m[k.Key]
	}
	next, err := begun(known, now)
	if err != nil {
		return false
	}
	if right {
		next = succeeded(next)
	}
	for i, k := range keys {
		m[k.Key] = next[i]
	}
	return true
}

// TestGuessesInAnHour: however patient a guesser is and wherever they come from, of one name no more than 30
// guesses and 120 an hour are looked at.
func TestGuessesInAnHour(t *testing.T) {
	m := memory{}
	looked := 0
	for i := range 3600 {
		for j := range 3 {
			if m.try("anna", fmt.Sprintf("10.%d.%d.%d", j, i/250, i%250), "", false, start.Add(time.Duration(i)*time.Second)) {
				looked++
			}
		}
	}
	require.LessOrEqual(t, looked, 150)
	require.Greater(t, looked, 30)
}

// TestWhoIsNewGetsIn: while the name is guessed at from fewer addresses than the bound tells, somebody on a new
// device at another address gets in within slowed, whenever they begin, though they come seldom.
func TestWhoIsNewGetsIn(t *testing.T) {
	m := memory{}
	const addresses = 29 // slowed / patienceName.most, less one
	looked, waiting, longest := 0, time.Duration(0), time.Duration(0)
	for at := time.Duration(0); at < 12*time.Hour; at += time.Second {
		now := start.Add(at)
		for j := range addresses {
			if m.try("anna", fmt.Sprintf("203.0.113.%d", j), "", false, now) {
				looked++
			}
		}
		if at%(5*time.Second) == 0 {
			if waiting += 5 * time.Second; m.try("anna", "198.51.100.1", "", true, now) {
				longest, waiting = max(longest, waiting), 0
			}
		}
		require.LessOrEqual(t, waiting, slowed, "after %s", at)
	}
	require.LessOrEqual(t, looked, addresses*12*5, "guesses")
	require.Greater(t, longest, time.Minute, "the name is slowed down at all")
}

// TestAKnownDeviceIsKeptOutByNobody, and buys no more guesses than an address.
func TestAKnownDeviceIsKeptOutByNobody(t *testing.T) {
	m := memory{}
	for i := range 100 {
		m.try("anna", "198.51.100.1", "", false, start)
		m.try("anna", fmt.Sprintf("203.0.113.%d", i), "", false, start)
	}
	require.False(t, m.try("anna", "198.51.100.1", "", true, start))
	require.True(t, m.try("anna", "198.51.100.1", "laptop", true, start))
	looked := 0
	for i := range 3600 {
		if m.try("anna", "198.51.100.1", "laptop", false, start.Add(time.Duration(i)*time.Second)) {
			looked++
		}
	}
	require.LessOrEqual(t, looked, 15)
}

// TestMarksOfDevices: a mark is good for one user and one password.
func TestMarksOfDevices(t *testing.T) {
	anna, bert := &User{Name: "anna", PasswordHash: "one"}, &User{Name: "bert", PasswordHash: "one"}
	mark := newDevice(anna)
	require.NotEmpty(t, deviceOf(anna, mark))
	require.NotEqual(t, deviceOf(anna, mark), deviceOf(anna, newDevice(anna)))
	require.Empty(t, deviceOf(bert, mark))
	require.Empty(t, deviceOf(nil, mark))
	for _, odd := range []string{"", ".", "x", mark + "x", "x" + mark, strings.ToLower(mark)} {
		require.Empty(t, deviceOf(anna, odd), odd)
	}
	anna.PasswordHash = "another"
	require.Empty(t, deviceOf(anna, mark))
}

func TestKeysOfTries(t *testing.T) {
	same := [][2]string{
		{"198.51.100.7", "::ffff:198.51.100.7"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	}
	for _, pair := range same {
		require.Equal(t, keysOf("anna", pair[0], ""), keysOf("anna", pair[1], ""), "%v", pair)
	}
	other := [][2]string{{"198.51.100.7", "198.51.100.8"}, {"2001:db8:1:2::1", "2001:db8:1:3::1"}}
	for _, pair := range other {
		a, b := keysOf("anna", pair[0], ""), keysOf("anna", pair[1], "")
		require.NotEqual(t, a[0], b[0], "%v", pair)
		require.NotEqual(t, a[2], b[2], "%v", pair)
		require.Equal(t, a[1], b[1], "%v", pair)
	}
	seen := map[Hash]bool{}
	for _, k := range keysOf("anna", "198.51.100.7", "") {
		require.False(t, seen[k.Key])
		seen[k.Key] = true
	}
}
