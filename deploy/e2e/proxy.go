//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lineFault is what a bad line does with the whole answer of the service, which has carried the
// request out: it writes what is left of it, and closes the connection when it reports false.
type lineFault func(to *net.TCPConn, answer []byte, healed <-chan struct{}) (goOn bool)

// proxy is a line to a service that can be made bad.
type proxy struct {
	url      string
	to       func() string // where the service is
	listener net.Listener

	mu     sync.Mutex
	fault  lineFault
	before bool                         // the fault hits the request on its way, so that the service never sees it
	healed chan struct{}                // closed when the present fault is over
	hit    int                          // answers, or requests, that the present fault has hit
	again  func() (bool, time.Duration) // whether a request arrives a second time, and how much later; nil: none does
	late   sync.WaitGroup               // requests that still arrive a second time
	open   map[net.Conn]bool
	conns  sync.WaitGroup
}

// startProxy opens a line to a side.
func startProxy(t testing.TB, s *side) *proxy {
	t.Helper()
	return startProxyTo(t, func() string { return s.access.Load().origin() })
}

// startProxyTo opens a line to the origin that to names at each request.
func startProxyTo(t testing.TB, to func() string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{
		url: "http://" + l.Addr().String(), to: to, listener: l,
		healed: make(chan struct{}), open: map[net.Conn]bool{},
	}
	p.conns.Go(p.accept)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		p.heal()
		p.conns.Wait()
		p.late.Wait()
	})
	return p
}

// damage makes the line bad until it is healed.
func (p *proxy) damage(f lineFault, before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.before, p.hit = f, before, 0
	p.healed = make(chan struct{})
}

// heal makes the line good again and lets go of the connections that it has.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		close(p.healed)
	}
	p.fault = nil
	for c := range p.open {
		_ = c.Close() // whoever uses it sees that
	}
}

// repeat has requests arrive a second time, as again says for each; nil ends it.
func (p *proxy) repeat(again func() (bool, time.Duration)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = again
}

// maybeRepeat sends a request to the service once more, later. Nobody waits for its answer.
func (p *proxy) maybeRepeat(request *http.Request, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.again == nil {
		return
	}
	if yes, later := p.again(); yes {
		p.late.Go(func() {
			time.Sleep(later)
			_, _ = p.pass(request, body) // the service may be down, as it may for any request
		})
	}
}

// hits counts what the present fault has hit so far.
func (p *proxy) hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		p.open[c] = true
		p.mu.Unlock()
		p.conns.Go(func() {
			p.serve(c.(*net.TCPConn))
			p.mu.Lock()
			delete(p.open, c)
			p.mu.Unlock()
			_ = c.Close() // closed by heal, perhaps
		})
	}
}

// serve takes one connection's requests to the service, one after the other.
func (p *proxy) serve(c *net.TCPConn) {
	from := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		p.maybeRepeat(request, body)
		fault, before, healed := p.present()
		var answer []byte
		if fault == nil || !before {
			if answer, err = p.pass(request, body); err != nil {
				return
			}
		}
		if fault == nil {
			fault = whole
		}
		if !fault(c, answer, healed) {
			return
		}
	}
}

// present is the fault that the next exchange meets.
func (p *proxy) present() (lineFault, bool, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		p.hit++
	}
	return p.fault, p.before, p.healed
}

// pass carries a request to the service and returns the bytes of its answer.
func (p *proxy) pass(request *http.Request, body []byte) ([]byte, error) {
	out, err := http.NewRequest(request.Method, p.to()+request.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = request.Header
	response, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}).Do(out)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var answer bytes.Buffer
	response.Close = false
	err = response.Write(&answer)
	return answer.Bytes(), err
}
