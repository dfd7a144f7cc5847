package access

import (
	"context"
	"net/netip"
	"time"
)

// Tries is what is known of the failed logins of one name, one address, or the two together.
type Tries struct {
	Failed int
	Last   time.Time
	Until  time.Time // none is looked at before
}

// triesTrust is how long failures are remembered.
const triesTrust = time.Hour

// A patience says how many failures are free, and how long to wait after each further one: first, then
// twice as long each time, up to most.
type patience struct {
	free        int
	first, most time.Duration
}

// The name at one address is held up first, so that whoever guesses from elsewhere does not keep a
// person out. The name alone is held up so that no more than 60 guesses an hour are looked at, wherever
// they come from; the address alone so that nobody goes through many names.
var (
	patienceBoth    = patience{free: 5, first: 30 * time.Second, most: time.Hour}
	patienceName    = patience{free: 30, first: 2 * time.Minute, most: 2 * time.Minute}
	patienceAddress = patience{free: 30, first: 30 * time.Second, most: 15 * time.Minute}
)

// next counts a try that begins now as failed.
func (p patience) next(t Tries, now time.Time) Tries {
	if now.Sub(t.Last) > triesTrust {
		t.Failed = 0
	}
	t.Failed, t.Last, t.Until = t.Failed+1, now, now
	if over := t.Failed - p.free; over >= 0 {
		wait := p.most
		if over < 16 { // beyond it doubles past any most
			wait = min(p.first<<over, p.most)
		}
		t.Until = now.Add(wait)
	}
	return t
}

// TryKey is under what tries are counted. It holds hashes: what is typed as a name may be a password.
type TryKey struct {
	Key  Hash
	Name Hash // whose password reset forgets these tries; zero for an address
}

// keysOf are the keys of a login: the name at the address, the name, and the address.
func keysOf(name, address string) []TryKey {
	address = Network(address)
	of := HashOf("name\x00" + name)
	return []TryKey{{HashOf("both\x00" + name + "\x00" + address), of}, {of, of}, {Key: HashOf("address\x00" + address)}}
}

// Network is what one caller can have of addresses: one of IPv4, or a /64 of IPv6.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64) // fits each IPv6 address
	return p.String()
}

// begin counts a try as failed before it is looked at, so that many at once cannot get past the limit.
func (a *Access) begin(ctx context.Context, keys []TryKey) error {
	return a.store.Try(ctx, keys, func(known []Tries) ([]Tries, error) {
		now := a.now()
		var wait time.Duration
		for _, t := range known {
			wait = max(wait, t.Until.Sub(now))
		}
		if wait > 0 {
			return nil, &TooMany{wait}
		}
		for i, p := range []patience{patienceBoth, patienceName, patienceAddress} {
			known[i] = p.next(known[i], now)
		}
		return known, nil
	})
}

// succeed takes back what begin counted, and forgives the name at this address its earlier failures.
// The address alone keeps them: an own account must not buy more guesses at those of others.
func (a *Access) succeed(ctx context.Context, keys []TryKey) error {
	return a.store.Try(ctx, keys, func(known []Tries) ([]Tries, error) {
		for i := range known {
			known[i].Failed, known[i].Until = max(known[i].Failed-1, 0), known[i].Last
		}
		known[0].Failed = 0
		return known, nil
	})
}
