//go:build linux

package demo

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busySide is a side whose service answers nothing before it was asked several times.
func busySide(t *testing.T, answer http.Handler) *side {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			<-r.Context().Done() // the caller has given up
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half an answer")) // and the connection ends
		default:
			answer.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return &side{name: "a", ports: ports{http: server.Listener.Addr().(*net.TCPAddr).Port}}
}

func shortCalls(t *testing.T) {
	t.Helper()
	before := callLimit
	t.Cleanup(func() { callLimit = before })
	callLimit = 100 * time.Millisecond
}

func TestABusyServiceIsAskedAgain(t *testing.T) {
	shortCalls(t)
	var made atomic.Bool
	answer := http.NewServeMux()
	answer.HandleFunc("GET /admin/api/users", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"users":[]}`)) // the caller reads it
	})
	answer.HandleFunc("POST /admin/api/users", func(w http.ResponseWriter, _ *http.Request) {
		made.Store(true)
		w.WriteHeader(http.StatusCreated)
	})
	d := &demo{sides: []*side{busySide(t, answer), busySide(t, answer)}}
	require.NoError(t, d.addPeople(t.Context()))
	require.True(t, made.Load())
}

func TestARefusalIsNotRepeated(t *testing.T) {
	shortCalls(t)
	tries := 0
	s := busySide(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such role", http.StatusUnprocessableEntity)
	}))
	err := persist(t.Context(), func() error {
		tries++
		return addPerson(t.Context(), s)
	})
	require.ErrorContains(t, err, "no such role")
	require.False(t, errors.Is(err, errUnanswered))
	require.Equal(t, 4, tries)
}
