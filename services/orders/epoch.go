package orders

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
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
	key  []byte

	mu     sync.Mutex
	name   string
	server time.Time        // start of the server that the numbers under the present name are from
	issued int64            // highest number seen under the present name
	former map[string]int64 // and under the names before it
}

// Mark remembers what had been given out before numbers were drawn.
type Mark struct {
	name   string
	issued int64
}

// NewEpoch takes a random name for a process of a side. The key is the side's own: names carry a code that is
// made with it, so that a name can be told from one that somebody else made up.
func NewEpoch(side string, key []byte) *Epoch {
	e := &Epoch{side: side, key: key, former: map[string]int64{}}
	e.name = e.newName()
	return e
}

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
		e.renew()
		renewed = true
	}
	e.server = server
	e.issued = max(e.issued, n)
	return ordersync.Dot{Key: e.side + "." + e.name, N: n}, renewed
}

// Renew takes a new name and makes a stamp under it.
func (e *Epoch) Renew(n int64) ordersync.Dot {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.renew()
	e.issued = n
	return ordersync.Dot{Key: e.side + "." + e.name, N: n}
}

// Issued is how far an epoch of a process has come: the highest number that was seen under it, and the start of
// the database server that gave it.
type Issued struct {
	N      int64
	Server time.Time // zero before the first number
}

// Issued returns the present key, and how far it has come.
func (e *Epoch) Issued() (key string, is Issued) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.side + "." + e.name, Issued{e.issued, e.server}
}

// Gone reports whether a database whose last number is this one, and whose server was started then, may have
// lost what was given out.
func (i Issued) Gone(last int64, server time.Time) bool {
	return last < i.N || !i.Server.IsZero() && !i.Server.Equal(server)
}

// Leave takes a new name if the present one is that of a key: the numbers of a key that a peer knows more of
// than the log must not go on.
func (e *Epoch) Leave(key string) (left bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if left = key == e.side+"."+e.name; left {
		e.renew()
	}
	return left
}

// renew is called with the lock held.
func (e *Epoch) renew() {
	e.former[e.name] = e.issued
	e.name, e.issued = e.newName(), 0
}

// Left returns the highest number that this process gave out under a key that it has left.
func (e *Epoch) Left(key string) (n int64, left bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name, own := strings.CutPrefix(key, e.side+".")
	n, left = e.former[name]
	return n, own && left
}

// Lengths of the two parts of a name, which is in every version. The random part has 50 bits, so that no two
// starts of a side share one. The code has 30: to make one up takes hundreds of millions of attempts against
// a running service, and brings one hold of the link.
const (
	randomLength = 10
	codeLength   = 6
)

func (e *Epoch) newName() string {
	random := strings.ToLower(rand.Text()[:randomLength])
	return random + e.code(random)
}

func (e *Epoch) code(random string) string {
	mac := hmac.New(sha256.New, e.key)
	mac.Write([]byte(e.side + "." + random))
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil))[:codeLength])
}

// Made reports whether the key of an epoch was made with the key of this side. Those of programs before
// the codes were not.
func (e *Epoch) Made(key string) bool {
	name, own := strings.CutPrefix(key, e.side+".")
	return own && len(name) == randomLength+codeLength && hmac.Equal([]byte(e.code(name[:randomLength])), []byte(name[randomLength:]))
}
