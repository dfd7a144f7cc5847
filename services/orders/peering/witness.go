package peering

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// rememberMax bounds how many epochs of a peer are remembered; each process start of the peer takes one.
// One that is forgotten and seen again looks new, so it is as many as a version may have.
const rememberMax = contracts.VersionKeysMax

// saveMax bounds how many rows one save writes. A peer that is honest raises one or two at a time.
const saveMax = 100

// witness remembers the highest numbers seen of other sides, and holds what they have seen of us against
// our own log: a number that a peer has seen and the log does not have tells that the database was put
// back, or is another one (design section 8).
type witness struct {
	side  string
	store Store
	now   func() time.Time

	mu      sync.Mutex
	seen    map[string]Sighting // by epoch
	left    int                 // how many the last forget left
	changed map[string]bool
}

func newWitness(side string, store Store, now func() time.Time) *witness {
	return &witness{side: side, store: store, now: now, seen: map[string]Sighting{}, changed: map[string]bool{}}
}

// saw takes note of a version that a peer told: of the numbers of all other sides, whoever brings them.
func (w *witness) saw(v ordersync.Vector) {
	prefix := w.side + "."
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range v.Dots() {
		if !strings.HasPrefix(d.Key, prefix) && d.N > w.seen[d.Key].N {
			w.seen[d.Key] = Sighting{d, w.now()}
			w.changed[d.Key] = true
		}
	}
	if len(w.seen) > max(4*rememberMax, 2*w.left) { // before it is kept, whatever a peer makes up
		w.forget()
	}
}

// tell lists the highest numbers seen of a peer: of the epochs that rose last, and of those with the
// highest numbers. Old epochs may be seen late.
func (w *witness) tell(peer string) map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.newest(peer)
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]int64, contracts.SeenMax)
	for _, s := range list[:min(len(list), contracts.SeenMax/2)] {
		out[s.Key] = s.N
	}
	slices.SortFunc(list, func(x, y Sighting) int { return cmp.Compare(y.N, x.N) })
	for _, s := range list {
		if len(out) == contracts.SeenMax {
			break
		}
		out[s.Key] = s.N
	}
	return out
}

// newest lists what is remembered of a peer, the epochs that rose last first.
func (w *witness) newest(peer string) []Sighting {
	var list []Sighting
	for key, s := range w.seen {
		if strings.HasPrefix(key, peer+".") {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y Sighting) int {
		if c := y.At.Compare(x.At); c != 0 {
			return c
		}
		return strings.Compare(x.Key, y.Key)
	})
	return list
}

// own lists the numbers of this side among those that a peer has seen.
func (w *witness) own(seen map[string]int64) (ours []ordersync.Dot) {
	for key, n := range seen {
		if strings.HasPrefix(key, w.side+".") {
			ours = append(ours, ordersync.Dot{Key: key, N: n})
		}
	}
	return ours
}

// load reads what this and other processes of the side have remembered, and save writes what is new.
func (w *witness) load(ctx context.Context) error {
	list, err := w.store.Sightings(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		if s.N > w.seen[s.Key].N {
			w.seen[s.Key] = s
		}
	}
	return nil
}

func (w *witness) save(ctx context.Context) error {
	w.mu.Lock()
	var list []Sighting
	for key := range w.changed {
		list = append(list, w.seen[key])
	}
	w.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(x, y Sighting) int { return y.At.Compare(x.At) })
	list = list[:min(len(list), saveMax)]                                                   // what a peer makes up may be much; the rest comes next
	slices.SortFunc(list, func(x, y Sighting) int { return strings.Compare(x.Key, y.Key) }) // one order of locks for all
	if err := w.store.SaveSightings(ctx, list, rememberMax); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		if w.seen[s.Key].N == s.N {
			delete(w.changed, s.Key)
		}
	}
	w.forget()
	return nil
}

// forget keeps what is remembered of each peer within bounds.
func (w *witness) forget() {
	peers := map[string]bool{}
	for key := range w.seen {
		peer, _, _ := strings.Cut(key, ".")
		peers[peer] = true
	}
	for peer := range maps.Keys(peers) {
		if list := w.newest(peer); len(list) > rememberMax {
			for _, s := range list[rememberMax:] {
				delete(w.seen, s.Key)
				delete(w.changed, s.Key)
			}
		}
	}
	w.left = len(w.seen)
}

var epochForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}\.[a-z0-9]{1,32}$`)

// checkSeen says what is wrong with what a peer tells to have seen.
func checkSeen(seen map[string]int64) []contracts.FieldError {
	if len(seen) > contracts.SeenMax {
		return []contracts.FieldError{{Pointer: "/seen", Detail: fmt.Sprintf("must have at most %d epochs", contracts.SeenMax)}}
	}
	for key, n := range seen {
		if !epochForm.MatchString(key) || n < 1 || n > contracts.VersionNumberMax {
			return []contracts.FieldError{{Pointer: "/seen", Detail: "must hold epochs, as in \"a.7kq2mz\", with numbers from 1 to 2^53-1"}}
		}
	}
	return nil
}
