//go:build linux

package e2e

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is a TCP connection point in front of a database or a broker. It passes bytes and does not understand them.
type wire struct {
	addr     string
	to       string
	listener net.Listener

	mu     sync.Mutex
	down   bool          // new connections end at once
	still  chan struct{} // closed when bytes flow again; nil while they flow
	tearAt int           // bytes towards the client until its connection ends; -1: never
	open   map[net.Conn]bool
	conns  sync.WaitGroup
}

func startWire(t testing.TB, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{addr: l.Addr().String(), to: to, listener: l, tearAt: -1, open: map[net.Conn]bool{}}
	w.conns.Go(w.accept)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		w.heal()
		w.cut()
		w.conns.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return // closed
		}
		w.conns.Go(func() { w.serve(client) })
	}
}

func (w *wire) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // whoever uses it sees that
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // as above
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		return
	}
	w.open[client], w.open[server] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.copy(server, client, false) })
	both.Go(func() { w.copy(client, server, true) })
	both.Wait()
	w.mu.Lock()
	delete(w.open, client)
	delete(w.open, server)
	w.mu.Unlock()
}

// copy passes bytes until one end closes. Closing both ends ends the other direction, too.
func (w *wire) copy(to, from net.Conn, towardsClient bool) {
	defer to.Close()   //nolint:errcheck // as above
	defer from.Close() //nolint:errcheck // as above
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			pass, goOn := w.allow(n, towardsClient)
			if _, err := to.Write(buffer[:pass]); err != nil || !goOn {
				return
			}
		}
		if err != nil { // io.EOF, or the connection was cut
			return
		}
	}
}

// allow waits until bytes may flow and returns how many of n may pass, and whether the connection lives on.
func (w *wire) allow(n int, towardsClient bool) (pass int, goOn bool) {
	for {
		w.mu.Lock()
		still := w.still
		if still == nil {
			defer w.mu.Unlock()
			if w.tearAt < 0 || !towardsClient {
				return n, true
			}
			if n < w.tearAt {
				w.tearAt -= n
				return n, true
			}
			pass, w.tearAt = w.tearAt, -1
			return pass, false
		}
		w.mu.Unlock()
		<-still
	}
}

// cut ends all connections; clients may connect again.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close() // whoever uses it sees that
	}
}

// refuse ends all connections, and new ones at once, until it is healed.
func (w *wire) refuse() {
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	w.cut()
}

// stall lets no byte through until it is healed; the connections stay open.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still == nil {
		w.still = make(chan struct{})
	}
}

// tear ends one connection in the middle of an answer.
func (w *wire) tear(after int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tearAt = after
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still != nil {
		close(w.still)
	}
	w.still, w.down, w.tearAt = nil, false, -1
}
