package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// Limits of what callers have in work. They leave the database busy, and memory bounded; a flood of one
// role or of one caller, however large, then holds up no other: the bridges go on while a client storms.
const (
	turnsEach       = 64 // requests of one role, or of one peer, in work
	placesEach      = 48 // requests of one caller, read, waiting or in work
	placesAnonymous = 16 // requests of one address that nobody is known for
	turnWait        = 2 * time.Second
	// aheadMax is how much of a body is read before its turn: whatever is not a large batch.
	aheadMax = contracts.OrderBytesMax + adminExtra
	// Of a person or client all is read before the turn that the body of an order may have. What is longer than
	// aheadMax needs a place for that, and so has bounded memory; only such requests wait for one.
	orderAheadMax = contracts.OrderRequestBytesMax + adminExtra
	longMax       = 32
	longEach      = 8
	// anonymousBytesMax bounds the body of who is not known: it holds a name and a password.
	anonymousBytesMax = 8 << 10
)

// turns are the places of callers and the turns of roles.
type turns struct {
	long   chan struct{} // places of long bodies
	mu     sync.Mutex
	taken  map[turnKey]chan struct{}
	places map[string]*place
}

// turnKey is who shares turns: all of a role, or the bridges of one peer.
type turnKey struct {
	role access.Role
	side string
}

// place is what one caller has of places, as long as there is a request of theirs.
type place struct {
	taken    chan struct{}
	long     chan struct{} // of taken, with a long body
	requests int
}

// Turns gives each role, and each peer, a number of turns, and each caller a number of places, fewer than its role has
// turns. Requests beyond either wait a little; who gets none is told to come again (429 with Retry-After).
// A body is read before its turn, so that a slow one holds up nobody but its sender. Of a caller who is not
// known it is read before a place is taken: one address may be that of many.
//
// It stands behind authentication.
func Turns() func(http.Handler) http.Handler {
	t := &turns{taken: map[turnKey]chan struct{}{}, long: make(chan struct{}, longMax), places: map[string]*place{}}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, next) })
	}
}

func (t *turns) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	caller := CallerOf(r.Context())
	key, places := caller.Actor, placesEach
	if caller.Role == "" {
		key, places = "address:"+access.Network(AddressOf(r)), placesAnonymous
		if !readAnonymous(w, r) {
			return
		}
	}
	at, leave, err := t.enter(r.Context(), key, places)
	if err != nil {
		noTurn(w, r, err, "this caller has too many requests under way")
		return
	}
	defer leave()
	if caller.Role != "" {
		done, err := t.readKnown(r, caller.Role, at)
		if err != nil {
			noTurn(w, r, err, "too many long requests are under way")
			return
		}
		defer done()
	}
	turn := t.turnsOf(caller)
	if err := wait(r.Context(), turn); err != nil {
		noTurn(w, r, err, "this role has too many requests under way")
		return
	}
	defer func() { <-turn }()
	next.ServeHTTP(w, r)
}

// turnsOf are the turns that a caller shares. There are as many as roles and configured peers.
func (t *turns) turnsOf(c access.Caller) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := turnKey{c.Role, c.Side}
	if t.taken[key] == nil {
		t.taken[key] = make(chan struct{}, turnsEach)
	}
	return t.taken[key]
}

// readKnown reads ahead the body of a caller who is known; whoever reads the body finds what went wrong. Done gives
// back the places that a long one takes. The batches of a peer and of the bridge are read on in their turn.
func (t *turns) readKnown(r *http.Request, role access.Role, at *place) (done func(), err error) {
	n, err := readAhead(r, aheadMax)
	if err != nil || n < aheadMax || role == access.Peer || role == access.Bridge {
		return func() {}, nil
	}
	if err := wait(r.Context(), at.long); err != nil {
		return nil, err
	}
	if err := wait(r.Context(), t.long); err != nil {
		<-at.long
		return nil, err
	}
	_, _ = readAhead(r, orderAheadMax)
	return func() { <-t.long; <-at.long }, nil
}

// errNoTurn reports that no turn came free in time.
var errNoTurn = errors.New("no turn came free")

func noTurn(w http.ResponseWriter, r *http.Request, err error, detail string) {
	if errors.Is(err, errNoTurn) { // otherwise nobody waits for an answer any more
		WriteProblem(w, r, http.StatusTooManyRequests, "too-many-requests", detail)
	}
}

// enter takes a place of a caller; leave gives it back.
func (t *turns) enter(ctx context.Context, key string, places int) (p *place, leave func(), err error) {
	t.mu.Lock()
	p = t.places[key]
	if p == nil {
		p = &place{taken: make(chan struct{}, places), long: make(chan struct{}, longEach)}
		t.places[key] = p
	}
	p.requests++
	t.mu.Unlock()
	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if p.requests--; p.requests == 0 {
			delete(t.places, key)
		}
	}
	if err := wait(ctx, p.taken); err != nil {
		gone()
		return nil, nil, err
	}
	return p, func() { <-p.taken; gone() }, nil
}

// wait takes one of what room has, within turnWait.
func wait(ctx context.Context, room chan struct{}) error {
	patience := time.NewTimer(turnWait)
	defer patience.Stop()
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return errNoTurn
	}
}

// readAhead reads up to bytesMax bytes of a body into memory, and has whoever reads the body find them, the
// rest, and what went wrong on the way.
func readAhead(r *http.Request, bytesMax int64) (n int64, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return 0, nil
	}
	var b bytes.Buffer
	if l := r.ContentLength; l > 0 {
		b.Grow(int(min(l, bytesMax)) + bytes.MinRead)
	}
	n, err = io.CopyN(&b, r.Body, bytesMax)
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failed{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&b, rest), r.Body}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// failed is what is left of a body that could not be read on.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// readAnonymous reads the body of a caller who is not known, which must be short and come soon. It reports
// false when it has answered.
func readAnonymous(w http.ResponseWriter, r *http.Request) bool {
	n, err := readAhead(r, anonymousBytesMax+1)
	switch {
	case err != nil:
		w.Header().Set("Connection", "close")
		Fail(w, r, zap.NewNop(), asMalformed(err))
		return false
	case n > anonymousBytesMax:
		w.Header().Set("Connection", "close")
		Fail(w, r, zap.NewNop(), &http.MaxBytesError{Limit: anonymousBytesMax})
		return false
	}
	extendBody(w)
	return true
}

// AddressOf is the address that a request comes from.
func AddressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
