package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
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
		served := make(chan int, turnsEach)
		for range turnsEach {
			go func() { served <- ask("client-token").Code }()
			synctest.Wait()
		}
		require.Equal(t, turnsEach, inWork)

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
		for range turnsEach + 1 {
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
