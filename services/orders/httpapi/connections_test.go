package httpapi

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// line is a connection to a test server.
type line struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, s *httptest.Server) *line {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &line{c, bufio.NewReader(c)}
}

// send sends a request and returns the answer.
func (l *line) send(t *testing.T, request string) *http.Response {
	t.Helper()
	_, err := l.Write([]byte(request))
	require.NoError(t, err)
	res, err := http.ReadResponse(l.in, nil)
	require.NoError(t, err)
	return res
}

// TestIdleConnectionsAreBounded: idle connections keep nobody out, and those at work stay.
func TestIdleConnectionsAreBounded(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			busy <- struct{}{}
			<-release
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	s.Config.ConnState = newConnections(3).changed
	s.Start()
	defer s.Close()
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

	atWork := dial(t, s)
	answered := make(chan int)
	go func() { answered <- atWork.send(t, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").StatusCode }()
	<-busy
	var idle []*line
	for range 10 {
		l := dial(t, s)
		require.Equal(t, http.StatusNoContent, l.send(t, get).StatusCode)
		idle = append(idle, l)
	}
	// Which of them became idle last the server sees later than the client.
	type end struct {
		at  int
		err error
	}
	ends := make(chan end, len(idle))
	for i, l := range idle {
		go func() {
			_, err := l.in.ReadByte() // blocks for as long as the connection is open and silent
			ends <- end{i, err}
		}()
	}
	open := slices.Clone(idle)
	for range 8 {
		e := <-ends
		require.Error(t, e.err)
		open[e.at] = nil
	}
	for _, l := range open {
		if l == nil {
			continue
		}
		_, err := l.Write([]byte(get))
		require.NoError(t, err)
		require.NoError(t, (<-ends).err, "two are open, and answer")
	}
	close(release)
	require.Equal(t, http.StatusNoContent, <-answered)
}

// TestABusyServerTakesNoMoreConnections: when every connection is at work a new one is closed.
func TestABusyServerTakesNoMoreConnections(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		busy <- struct{}{}
		<-release
		w.WriteHeader(http.StatusNoContent)
	}))
	s.Config.ConnState = newConnections(1).changed
	s.Start()
	defer s.Close()
	answered := make(chan int)
	first := dial(t, s)
	go func() { answered <- first.send(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").StatusCode }()
	<-busy
	_, err := dial(t, s).in.ReadByte()
	require.Error(t, err)
	close(release)
	require.Equal(t, http.StatusNoContent, <-answered)
}

// TestALengthThatIsNotAnnouncedEndsTheConnection: of a request with Content-Length and Transfer-Encoding the
// server drops the former, so that afterwards both look alike.
func TestALengthThatIsNotAnnouncedEndsTheConnection(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guardBody(w, r)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	res := dial(t, s).send(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	require.True(t, res.Close)
	res = dial(t, s).send(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	require.False(t, res.Close)
}
