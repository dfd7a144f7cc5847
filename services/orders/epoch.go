package orders

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Epoch gives out the stamps of this process. A stamp is the side, a random name taken at the
// process's start, and a number of the log. The name changes when the database server is another one,
// or the same that was started anew, since commits may be missing there although its numbers go on; and
// when the numbers are seen to go back. So a database that was restored, copied, rolled back or failed
// over never gives one stamp to two contents; unless it was put back under a running server and the
// numbers rose again before this process drew one.
type Epoch struct {
	side string

	mu     sync.Mutex
	name   string
	server time.Time // start of the server that the numbers under the present name are from
	issued int64     // highest number seen under the present name
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

// Stamp makes the stamp of a number that was drawn after the mark, from a server that was started at
// some time. It tells when it has taken a new name.
func (e *Epoch) Stamp(m Mark, n int64, server time.Time) (dot ordersync.Dot, renewed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	another := !e.server.IsZero() && !e.server.Equal(server)
	if another || n <= m.issued && m.name == e.name {
		e.name, e.issued, renewed = randomName(), 0, true
	}
	e.server = server
	e.issued = max(e.issued, n)
	return ordersync.Dot{Key: e.side + "." + e.name, N: n}, renewed
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
