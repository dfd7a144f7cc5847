package access

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/services/orders"
)

// asksAtOnce is how many secrets the database is asked for at once, of those that were good a short time ago
// and of all others each; one takes a connection for a moment.
const asksAtOnce = 2

// recentTrust is how long a secret that was good counts as such without being shown again.
const recentTrust = 15 * time.Minute

// lookups are the turns at asking the database who a secret belongs to.
type lookups struct{ recent, other chan struct{} }

func newLookups() lookups {
	return lookups{make(chan struct{}, asksAtOnce), make(chan struct{}, asksAtOnce)}
}

// newSecret makes a secret of 260 bits, in letters and digits.
func newSecret() string { return rand.Text() + rand.Text() }

var secretLength = len(newSecret())

// isSecret reports whether a text looks like a secret of newSecret; what does not costs no lookup.
func isSecret(text string) bool {
	return len(text) == secretLength && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// lookup waits for a turn at asking the database who a secret belongs to: whoever tries many must not take all
// connections, nor the turns of those who are known. The caller gives it back.
func (a *Access) lookup(ctx context.Context, h Hash) (back func(), err error) {
	lane := a.lookups.other
	if a.recent.has(h) {
		lane = a.lookups.recent
	}
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, orders.Wrap(orders.Unavailable, ctx.Err(), "find out who calls")
	}
}

// recent are the secrets that were good when they were last looked up. They are looked up all the same, so
// that one that is revoked ends at once.
type recent struct {
	mu    sync.Mutex
	shown map[Hash]time.Time
}

func (r *recent) has(h Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.shown[h]
	return ok
}

func (r *recent) good(h Hash, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown[h] = now
}

func (r *recent) bad(h Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.shown, h)
}

// forget drops what was last shown before a time.
func (r *recent) forget(before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.shown, func(_ Hash, at time.Time) bool { return at.Before(before) })
}
