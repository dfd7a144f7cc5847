package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

type none struct{}

func (none) ByToken(context.Context, string) (*access.Caller, error) { return nil, nil }

// TestWhatHasNoRightIsRefused: a route that nobody thought of is closed to all, however it is written.
func TestWhatHasNoRightIsRefused(t *testing.T) {
	r := chi.NewRouter()
	r.Route("/admin", func(below chi.Router) {
		below.Use(Allow(r, httpapi.NewTokens(none{}, zap.NewNop())))
		served := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		below.Get("/api/status", served)
		below.Get("/api/forgotten", served)
		below.Get("/forgotten/{id}", served)
		below.Post("/api/status", served)
		below.Get("/login", served)
		below.Get("/api/collisions/{id}", served)
	})
	ask := func(role access.Role, method, path string) int {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httpapi.WithCaller(httptest.NewRequest(method, path, http.NoBody), access.Caller{Role: role}))
		return w.Code
	}
	for path, want := range map[string]map[access.Role]int{
		"GET /admin/api/status":           {"": 401, access.Client: 403, access.Peer: 403, access.Viewer: 204, access.Admin: 204},
		"GET /admin/api/forgotten":        {"": 401, access.Client: 403, access.Viewer: 403, access.Admin: 403},
		"GET /admin/forgotten/1":          {"": 303, access.Client: 403, access.Viewer: 403, access.Admin: 403},
		"POST /admin/api/status":          {"": 401, access.Client: 403, access.Viewer: 403, access.Admin: 403},
		"GET /admin/login":                {"": 204, access.Client: 204, access.Admin: 204},
		"GET /admin/api/collisions/a%2Fb": {"": 401, access.Client: 403, access.Viewer: 204},
		"GET /admin/api/nothing":          {"": 401, access.Client: 403, access.Viewer: 404},
		"PUT /admin/api/status":           {"": 401, access.Client: 403, access.Viewer: 405},
		"GET /admin/login/":               {"": 303, access.Viewer: 404},
		"GET /admin//login":               {"": 303, access.Viewer: 404},
	} {
		method, address, _ := strings.Cut(path, " ")
		for role, status := range want {
			require.Equal(t, status, ask(role, method, address), "%s as %q", path, role)
		}
	}
}
