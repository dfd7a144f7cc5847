package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/services/orders/access"
)

func tokensFor(log *zap.Logger) *Tokens {
	t := NewTokens(none{}, log)
	t.Add(access.Client, "client-token")
	t.Add(access.Bridge, "bridge-token")
	return t
}

// none is a side that has issued no token.
type none struct{}

func (none) ByToken(context.Context, string) (*access.Caller, error) { return nil, nil }

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestAFloodOfOneRoleHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		inWork := 0
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if RoleOf(r.Context()) == access.Client {
				inWork++
				<-release
			}
			w.WriteHeader(http.StatusNoContent)
		})
		h := tokensFor(zap.NewNop()).Authenticate(Turns()(slow))
		ask := func(token string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(token))
			return w
		}
		served := make(chan int, placesEach)
		for range placesEach {
			go func() { served <- ask("client-token").Code }()
			synctest.Wait()
		}
		require.Equal(t, placesEach, inWork)

		began := time.Now()
		w := ask("client-token")
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), `"/problems/too-many-requests"`)
		require.Equal(t, turnWait, time.Since(began))
		require.Equal(t, http.StatusNoContent, ask("bridge-token").Code, "another role")

		go func() { served <- ask("client-token").Code }() // waits, and gets the first turn that ends
		synctest.Wait()
		close(release)
		for range placesEach + 1 {
			require.Equal(t, http.StatusNoContent, <-served)
		}
	})
}

func TestUnknownCallersAreLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		h := tokensFor(zap.New(core)).Authenticate(http.NotFoundHandler())
		for range 100 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request("a-wrong-token"))
			require.Equal(t, http.StatusUnauthorized, w.Code)
		}
		require.Equal(t, 1, logs.Len())
		require.NotContains(t, logs.All()[0].Message+logs.All()[0].ContextMap()["caller"].(string), "a-wrong-token")
		time.Sleep(refusalLogEvery)
		h.ServeHTTP(httptest.NewRecorder(), request("a-wrong-token"))
		require.Equal(t, 2, logs.Len())
	})
}

// TestAFloodOfOneCallerHoldsUpNoOther: callers of one role do not take each other's places.
func TestAFloodOfOneCallerHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := Turns()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if CallerOf(r.Context()).Actor == "token:flood" {
				<-release
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		ask := func(actor string) int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, WithCaller(request(""), access.Caller{Role: access.Client, Actor: actor}))
			return w.Code
		}
		done := make(chan int)
		for range placesEach {
			go func() { done <- ask("token:flood") }()
		}
		synctest.Wait()
		require.Equal(t, http.StatusTooManyRequests, ask("token:flood"))
		require.Equal(t, http.StatusNoContent, ask("token:other"))
		close(release)
		for range placesEach {
			require.Equal(t, http.StatusNoContent, <-done)
		}
		require.Equal(t, http.StatusNoContent, ask("token:flood"))
	})
}

// TestLongSlowBodiesTakeNoTurn: callers who send long bodies slowly hold up no other, with a long body or a short one.
func TestLongSlowBodiesTakeNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Turns()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		ask := func(actor string, body io.Reader) int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, WithCaller(httptest.NewRequest(http.MethodPost, "/orders", body), access.Caller{Role: access.Client, Actor: actor}))
			return w.Code
		}
		long := strings.Repeat("x", aheadMax)
		var hold []*io.PipeWriter
		done := make(chan int)
		for _, actor := range []string{"token:one", "token:two"} {
			for range placesEach {
				end, begin := io.Pipe()
				hold = append(hold, begin)
				go func() { done <- ask(actor, io.MultiReader(strings.NewReader(long), end)) }()
			}
		}
		synctest.Wait()
		require.Equal(t, http.StatusNoContent, ask("token:other", strings.NewReader("short")))
		require.Equal(t, http.StatusNoContent, ask("token:other", strings.NewReader(long+long)))
		time.Sleep(2 * turnWait)
		for range 2 * (placesEach - longEach) {
			require.Equal(t, http.StatusTooManyRequests, <-done, "a caller has few long requests at once")
		}
		for _, begin := range hold {
			require.NoError(t, begin.Close())
		}
		for range 2 * longEach {
			require.Equal(t, http.StatusNoContent, <-done)
		}
		require.Equal(t, http.StatusNoContent, ask("token:one", strings.NewReader(long+long)))
	})
}

// TestABodyIsReadAsItCame: what was read before the turn, the rest and the fault arrive in order.
func TestABodyIsReadAsItCame(t *testing.T) {
	body := strings.Repeat("x", 10)
	for name, ahead := range map[string]int64{"all": 20, "exactly": 10, "some": 4} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		n, err := readAhead(r, ahead)
		require.NoError(t, err, name)
		require.Equal(t, min(ahead, 10), n, name)
		got, err := io.ReadAll(r.Body)
		require.NoError(t, err, name)
		require.Equal(t, body, string(got), name)
	}
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(os.ErrDeadlineExceeded)))
	_, err := readAhead(r, 20)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	got, err := io.ReadAll(r.Body)
	require.Equal(t, "begun", string(got))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
