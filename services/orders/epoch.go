package orders

import (
	"crypto/rand"
	"strings"
	"sync"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Epoch gives out the stamps of this process. A stamp is the side, a random name taken at the
// process's start, and a number of the log; the name changes when the numbers are seen to go back, so
// that a database that was restored, copied or rolled back never gives one stamp to two contents.
type Epoch struct {
	side string

	mu     sync.Mutex
	name   string
	issued int64 // highest number seen under the present name
}

// Mark remembers what had been given out before numbers were drawn.
type Mark struct {
	name   string
	issued int64
}

// NewEpoch takes a random name for a process of a side.
func NewEpoch(side string) *Epoch { return &Epoch{side: side, name: randomName()} }

// Key is the present side and name, "a.7kq2mz".
func (e *Epoch) Key() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.side + "." + e.name
}

// Mark is to be called before numbers are drawn from the log: each of them must be above the mark.
func (e *Epoch) Mark() Mark {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Mark{e.name, e.issued}
}

// Stamp makes the stamp of a number that was drawn after the mark. It tells when the numbers went
// back, and has taken a new name then.
func (e *Epoch) Stamp(m Mark, n int64) (dot ordersync.Dot, wentBack bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n <= m.issued && m.name == e.name {
		e.name, e.issued, wentBack = randomName(), 0, true
	}
	e.issued = max(e.issued, n)
	return ordersync.Dot{Key: e.side + "." + e.name, N: n}, wentBack
}

// Renew takes a new name and makes a stamp under it.
func (e *Epoch) Renew(n int64) ordersync.Dot {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.name, e.issued = randomName(), n
	return ordersync.Dot{Key: e.side + "." + e.name, N: n}
}

// Exceeds tells whether a version claims a number of this process that it never gave out.
func (e *Epoch) Exceeds(v ordersync.Vector) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range v.Dots() {
		if d.Key == e.side+"."+e.name && d.N > e.issued {
			return true
		}
	}
	return false
}

// randomName is short, since it is in every version, and of 50 bits, so that no two starts of a side
// share one.
func randomName() string { return strings.ToLower(rand.Text()[:10]) }
