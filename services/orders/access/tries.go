package access

import (
	"context"
	"net/netip"
	"time"
)

// Tries is what is known of the failed logins of one device, name, address, or name at an address.
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

// On a device where the person logged in before only the tries of that device count: nobody keeps them out
// from elsewhere. On any other one the name at one address is held up first, then the address, so that
// nobody goes through many names, and the name.
//
// A name that very many failed to log in by is under attack. Then a failure holds up the name at that address
// for slowed, and everybody who is new for a moment: that bounds the guesses, wherever they come from, to 30
// and 120 an hour; and who is new, at an address that takes no part, and has the right password, gets in
// within slowed as long as fewer than slowed / patienceName.most addresses do take part.
var (
	patienceDevice  = patience{free: 5, first: 30 * time.Second, most: 15 * time.Minute}
	patienceBoth    = patience{free: 5, first: 30 * time.Second, most: time.Hour}
	patienceName    = patience{free: 30, first: 30 * time.Second, most: 30 * time.Second}
	patienceAddress = patience{free: 30, first: 30 * time.Second, most: 15 * time.Minute}
)

const slowed = 15 * time.Minute

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

// nameKey is under what the tries of a name are counted.
func nameKey(name string) Hash { return HashOf("name\x00" + name) }

// keysOf are the keys of a login: of a known device that alone; else the name at the address, the name, and
// the address.
func keysOf(name, address, device string) []TryKey {
	of := nameKey(name)
	if device != "" {
		return []TryKey{{HashOf("device\x00" + name + "\x00" + device), of}}
	}
	address = Network(address)
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
	return a.store.Try(ctx, keys, func(known []Tries) ([]Tries, error) { return begun(known, a.now()) })
}

// begun counts a try that begins now, under the keys of keysOf, or says how long to wait.
func begun(known []Tries, now time.Time) ([]Tries, error) {
	var wait time.Duration
	for _, t := range known {
		wait = max(wait, t.Until.Sub(now))
	}
	if wait > 0 {
		return nil, &TooMany{wait}
	}
	if len(known) == 1 {
		return []Tries{patienceDevice.next(known[0], now)}, nil
	}
	next := make([]Tries, len(known))
	for i, p := range []patience{patienceBoth, patienceName, patienceAddress} {
		next[i] = p.next(known[i], now)
	}
	if until := now.Add(slowed); next[1].Failed > patienceName.free && next[0].Until.Before(until) {
		next[0].Until = until
	}
	return next, nil
}

// succeed takes back what begin counted, and forgives the device, or the name at this address, its failures.
// The address alone keeps them: an own account must not buy more guesses at those of others.
func (a *Access) succeed(ctx context.Context, keys []TryKey) error {
	return a.store.Try(ctx, keys, func(known []Tries) ([]Tries, error) { return succeeded(known), nil })
}

func succeeded(known []Tries) []Tries {
	for i := range known {
		known[i].Failed, known[i].Until = max(known[i].Failed-1, 0), known[i].Last
	}
	known[0].Failed = 0
	return known
}
