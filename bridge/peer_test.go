package bridge

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func testClient(t *testing.T, address string) *client {
	c := newClient("remote", address, remoteToken, 1, &failedCalls{}, func(string, string, time.Duration) {})
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

func ask(t *testing.T, c *client) response {
	return c.send(t.Context(), remotePut, "r-1", []byte(`{}`), []string{orderID(0)})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var canary atomic.Int32
	elsewhere := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary.Add(1) }))
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		r := ask(t, testClient(t, s.URL))
		require.Equal(t, misdirected, r.verdict)
		require.Equal(t, status, r.status)
	}
	require.Zero(t, canary.Load())
}

func TestProxiesAndCookiesAreNotUsed(t *testing.T) {
	var cookies atomic.Int32
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		if r.Header.Get("Accept-Encoding") != "" || r.Header.Get("User-Agent") != userAgent || r.Header["Idempotency-Key"] != nil {
			t.Errorf("header: %v", r.Header)
		}
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "1"})
	}))
	c := testClient(t, s.URL+"/")
	ask(t, c)
	ask(t, c)
	require.Zero(t, cookies.Load())
	// A test on loopback would not meet a proxy of the environment.
	require.Nil(t, c.http.Transport.(*http.Transport).Proxy)
}

func TestAHugeAnswerIsNotRead(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "not announced": false} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			gone := make(chan struct{})
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				w.Header().Set("Content-Type", "application/json")
				if announce {
					w.Header().Set("Content-Length", "1073741824")
				}
				for r.Context().Err() == nil && sent.Load() < 1<<30 {
					n, err := w.Write(bytes.Repeat([]byte(" "), 64<<10))
					if sent.Add(int64(n)); err != nil {
						return
					}
				}
			}))
			c := testClient(t, s.URL)
			c.answers = 1 << 20
			r := ask(t, c)
			require.Equal(t, tooLarge, r.body)
			require.Equal(t, retry, r.verdict)
			<-gone
			require.Less(t, sent.Load(), int64(64<<20), "what fits into the buffers of the wire, and no more")
		})
	}
	require.Equal(t, int64(contracts.AnswersBytesMax), testClient(t, "http://x.test").answers)
}

func TestAnAnswerOfJustTheLimitIsRead(t *testing.T) {
	for _, length := range []int64{-1, 100} {
		data, err := readAtMost(strings.NewReader(strings.Repeat("x", 100)), 100, length)
		require.NoError(t, err)
		require.Len(t, data, 100)
	}
	_, err := readAtMost(strings.NewReader(strings.Repeat("x", 101)), 100, -1)
	require.ErrorIs(t, err, errTooLarge)
}

func TestPackedAnswersAreNotUnpacked(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.CopyN(z, endless{}, 10<<20)
		_ = z.Close()
	}))
	r := ask(t, testClient(t, s.URL))
	require.Equal(t, foreign, r.body)
	require.Empty(t, r.data)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHeadersAreLimited(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Much", strings.Repeat("x", 1<<20))
		w.WriteHeader(204)
	}))
	r := ask(t, testClient(t, s.URL))
	require.True(t, r.lost)
	require.Equal(t, retry, r.verdict)
}

func TestADripOfBytesEndsAtTheTimeLimit(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			<-tick.C
		}
	}))
	c := testClient(t, s.URL)
	c.timeout = 100 * time.Millisecond
	r := ask(t, c)
	require.True(t, r.lost)
	require.Contains(t, r.reason, "deadline")
}

func TestNobodyThereIsNoAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	r := ask(t, testClient(t, "http://"+l.Addr().String()))
	require.True(t, r.lost)
	require.NotContains(t, r.reason, remoteToken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, testClient(t, "http://127.0.0.1:1").send(ctx, lookup, "r", nil, []string{orderID(0)}).lost)
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { changed(asIs)(w) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := testClient(t, s.URL)
	for range 5 {
		require.Equal(t, settled, ask(t, c).verdict)
	}
	require.Equal(t, int32(1), conns.Load())
	s.CloseClientConnections() // as a restarted service does
	require.Equal(t, settled, c.send(t.Context(), lookup, "r", []byte("{}"), []string{orderID(0)}).verdict, "a lookup is repeated by itself")
}

func TestProblemsAreReadWithCare(t *testing.T) {
	for body, want := range map[string]string{
		`{"type":"/problems/x","title":"Not valid","detail":"no\u0000t\u001b[31m good","errors":[{"pointer":"/x","detail":"is required"}]}`: "Not valid: no t [31m good; /x: is required",
		`{"type":"/problems/x","title":"` + strings.Repeat("ä", 3000) + `"}`:                                                                strings.Repeat("ä", contracts.ReasonLengthMax-1) + "…",
		`{"type":"/problems/x","title":"Later","retry":{"any":1},"status":"422"}`:                                                           "Later",
		`{"type":"/problems/x"}`: "status 422",
	} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(422)
			_, _ = io.WriteString(w, body)
		}))
		r := ask(t, testClient(t, s.URL))
		require.Equal(t, refused, r.verdict)
		require.Equal(t, want, r.reason)
	}
	for _, body := range []string{
		"<html>", "[]", "", "{}", `{"type":"about:blank","title":"Bad Request"}`, `{"type":"https://gateway.example/problems/x"}`,
		`{"type":"/problems/x","title":"` + strings.Repeat("x", problemBytesMax) + `"}`,
	} {
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(422)
			_, _ = io.WriteString(w, body)
		}))
		require.Equal(t, retry, ask(t, testClient(t, s.URL)).verdict, "nobody's word")
	}
}
