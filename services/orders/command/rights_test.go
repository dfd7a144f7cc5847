package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/admin"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// adminRoutes are all routes of a service below /admin.
func adminRoutes(t *testing.T) []string {
	t.Helper()
	cfg := &Config{Side: "a", Peer: "b"}
	h, err := newRouter(cfg, httpapi.New(nil, nil, nil, zap.NewNop()), admin.New(nil, nil, nil, nil, nil, nil, admin.Limits{}, now, zap.NewNop()), nil, nil,
		access.New(nil, now, zap.NewNop()), prometheus.NewRegistry(), zap.NewNop())
	require.NoError(t, err)
	var out []string
	require.NoError(t, chi.Walk(h.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if strings.HasPrefix(route, "/admin") {
			out = append(out, method+" "+route)
		}
		return nil
	}))
	return out
}

// TestEveryAdminRouteHasItsRight: no route without an entry, and no entry without a route.
func TestEveryAdminRouteHasItsRight(t *testing.T) {
	var rights []string
	for route := range admin.Rights {
		rights = append(rights, route)
	}
	require.ElementsMatch(t, adminRoutes(t), rights)
}

// TestRightsOfPeople calls every route as a person of each role, and as nobody.
func TestRightsOfPeople(t *testing.T) {
	s := startSide(t)
	people := map[access.Role]*browser{"": s.browser()}
	for _, role := range access.People {
		people[role] = s.person(string(role), role)
	}
	for _, route := range adminRoutes(t) {
		if strings.Contains(route, "session/end") || strings.HasSuffix(route, "/logout") {
			continue // TestLogout
		}
		if strings.HasSuffix(route, "/events") {
			continue // a stream; TestEvents
		}
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "01890000-0000-7000-8000-000000000001", "{peer}", "b", "{name}", "nobody", "*", "nothing").Replace(path)
		for role, b := range people {
			got := b.do(method, path, "{}")
			least := admin.Rights[route]
			switch {
			case role.AtLeast(least) || least == "":
				require.NotEqual(t, http.StatusForbidden, got.status, "%s as %q: %s", route, role, got.body)
				if least != "" {
					require.NotEqual(t, http.StatusUnauthorized, got.status, "%s as %q", route, role)
				}
			case role != "":
				require.Equal(t, http.StatusForbidden, got.status, "%s as %q", route, role)
			case !strings.HasPrefix(path, "/admin/api/"):
				require.Equal(t, http.StatusSeeOther, got.status, route)
				require.True(t, strings.HasPrefix(got.header.Get("Location"), "/admin/login?"), route)
			default:
				require.Equal(t, http.StatusUnauthorized, got.status, "%s as nobody", route)
			}
		}
	}
	require.Equal(t, http.StatusNotFound, people[access.Viewer].do("GET", "/admin/api/nothing", "").status)
	require.Equal(t, http.StatusMethodNotAllowed, people[access.Viewer].do("PUT", "/admin/api/states", "{}").status)
	require.Equal(t, http.StatusUnauthorized, people[""].do("GET", "/admin/api/nothing", "").status)
}

// TestTheContractTellsTheRights holds what openapi.yaml says of each call below /admin/api against Rights.
func TestTheContractTellsTheRights(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	of := map[access.Role][]string{
		"": nil, access.Viewer: {"viewer", "operator", "admin", "session"}, access.Operator: {"operator", "admin", "session"}, access.Admin: {"admin", "session"},
	}
	for route, least := range admin.Rights {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/admin/api/") {
			continue
		}
		want := of[least]
		if strings.HasPrefix(path, "/admin/api/session/") {
			want = []string{"session"} // a token has none
		}
		item := doc.Paths.Find(path)
		require.NotNil(t, item, route)
		require.NotNil(t, item.GetOperation(method), route)
		var said []string
		for _, alternative := range *item.GetOperation(method).Security {
			for name := range alternative {
				said = append(said, name)
			}
		}
		require.Equal(t, want, said, route)
	}
}
