package contracts_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	return doc
}

func TestOpenAPILoads(t *testing.T) {
	// Examples are files of their own, which the library does not read; TestExamples does.
	require.NoError(t, loadOpenAPI(t).Validate(context.Background(), openapi3.DisableExamplesValidation()))
}

// roles says who may call what; nobody else may.
var roles = map[string][]string{
	"POST /orders":                                 {"client", "operator", "admin"},
	"GET /orders":                                  {"client", "viewer", "operator", "admin"},
	"GET /orders/changes":                          {"client", "viewer", "operator", "admin"},
	"GET /orders/{id}":                             {"client", "viewer", "operator", "admin", "peer"},
	"PUT /orders/{id}":                             {"client", "operator", "admin"},
	"PATCH /orders/{id}":                           {"client", "operator", "admin"},
	"DELETE /orders/{id}":                          {"client", "operator", "admin"},
	"GET /orders/entries":                          {"peer", "bridge", "admin"},
	"GET /orders/fingerprints":                     {"peer", "bridge", "admin"},
	"GET /orders/transactions":                     {"peer", "bridge", "admin"},
	"PUT /orders/transactions":                     {"peer", "bridge"},
	"GET /orders/transactions/batches/{id}":        {"peer", "bridge"},
	"POST /orders/transactions/lookup":             {"bridge"},
	"GET /admin/api/status":                        {"viewer", "operator", "admin", "session"},
	"GET /admin/api/history":                       {"viewer", "operator", "admin", "session"},
	"GET /admin/api/events":                        {"viewer", "operator", "admin", "session"},
	"GET /admin/api/orders":                        {"viewer", "operator", "admin", "session"},
	"GET /admin/api/orders/{id}/timeline":          {"viewer", "operator", "admin", "session"},
	"GET /admin/api/orders/{id}/contents/{seq}":    {"viewer", "operator", "admin", "session"},
	"POST /admin/api/orders/{id}/contents/{seq}":   {"operator", "admin", "session"},
	"GET /admin/api/collisions":                    {"viewer", "operator", "admin", "session"},
	"GET /admin/api/collisions/{id}":               {"viewer", "operator", "admin", "session"},
	"POST /admin/api/collisions/{id}/resolve":      {"operator", "admin", "session"},
	"POST /admin/api/collisions/{id}/approve":      {"operator", "admin", "session"},
	"POST /admin/api/collisions/{id}/reject":       {"operator", "admin", "session"},
	"GET /admin/api/conflict-policy":               {"viewer", "operator", "admin", "session"},
	"POST /admin/api/conflict-policy/preview":      {"operator", "admin", "session"},
	"GET /admin/api/errors":                        {"viewer", "operator", "admin", "session"},
	"GET /admin/api/errors/{id}":                   {"viewer", "operator", "admin", "session"},
	"POST /admin/api/errors/{id}/retry":            {"operator", "admin", "session"},
	"GET /admin/api/peers":                         {"viewer", "operator", "admin", "session"},
	"GET /admin/api/peers/{peer}/failed-calls":     {"viewer", "operator", "admin", "session"},
	"POST /admin/api/peers/{peer}/pause":           {"operator", "admin", "session"},
	"POST /admin/api/peers/{peer}/resume":          {"operator", "admin", "session"},
	"GET /admin/api/states":                        {"viewer", "operator", "admin", "session"},
	"GET /admin/api/system":                        {"viewer", "operator", "admin", "session"},
	"POST /admin/api/system/probe":                 {"operator", "admin", "session"},
	"GET /admin/api/system/orders/{id}":            {"viewer", "operator", "admin", "session"},
	"POST /admin/api/system/orders/{id}/sync":      {"operator", "admin", "session"},
	"POST /admin/api/system/orders/{id}/create":    {"operator", "admin", "session"},
	"POST /admin/api/system/orders/{id}/give-up":   {"operator", "admin", "session"},
	"GET /admin/api/session":                       {"viewer", "operator", "admin", "session"},
	"POST /admin/api/session":                      nil,
	"POST /admin/api/session/end":                  {"session"},
	"POST /admin/api/session/password":             {"session"},
	"GET /admin/api/users":                         {"admin", "session"},
	"POST /admin/api/users":                        {"admin", "session"},
	"GET /admin/api/users/{name}":                  {"admin", "session"},
	"PUT /admin/api/users/{name}":                  {"admin", "session"},
	"POST /admin/api/users/{name}/disable":         {"admin", "session"},
	"POST /admin/api/users/{name}/enable":          {"admin", "session"},
	"POST /admin/api/users/{name}/password":        {"admin", "session"},
	"GET /admin/api/tokens":                        {"admin", "session"},
	"POST /admin/api/tokens":                       {"admin", "session"},
	"POST /admin/api/tokens/{name}/revoke":         {"admin", "session"},
	"GET /admin/api/audit":                         {"viewer", "operator", "admin", "session"},
	"GET /healthz":                                 nil,
	"GET /readyz":                                  nil,
	"GET /metrics":                                 {"metrics", "admin"},
	"POST /orders/proofs":                          {"peer"},
	"POST /orders/reconciliations":                 {"bridge"},
	"PUT /orders/reconciliations/{id}":             {"bridge"},
	"GET /admin/api/reconciliations":               {"viewer", "operator", "admin", "session"},
	"POST /admin/api/reconciliations":              {"operator", "admin", "session"},
	"GET /admin/api/reconciliations/{id}":          {"viewer", "operator", "admin", "session"},
	"POST /admin/api/reconciliations/{id}/confirm": {"admin", "session"},
	"POST /admin/api/reconciliations/{id}/drop":    {"admin", "session"},
	"POST /admin/api/peers/{peer}/brake":           {"admin", "session"},
	"POST /admin/api/peers/{peer}/forget":          {"admin", "session"},
	"POST /admin/api/errors/settle":                {"operator", "admin", "session"},
	"POST /admin/api/collisions/settle":            {"operator", "admin", "session"},
}

func TestEveryCallSaysWhoMayMakeIt(t *testing.T) {
	got := map[string][]string{}
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method, op := range item.Operations() {
			require.NotNilf(t, op.Security, "%s %s", method, path)
			var names []string
			for _, alternative := range *op.Security {
				for name := range alternative {
					names = append(names, name)
				}
			}
			got[method+" "+path] = names
		}
	}
	require.Equal(t, roles, got)
}

// What can happen to any call of a kind, each of them must tell.
func TestEveryCallTellsItsProblems(t *testing.T) {
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method, op := range item.Operations() {
			var want []string
			if len(*op.Security) > 0 {
				want = append(want, "401", "403", "429")
			}
			if op.RequestBody != nil {
				want = append(want, "400", "413", "415", "422")
			}
			if strings.Contains(path, "{id}") {
				want = append(want, "400", "404")
			}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.Name == "If-Match" && path != "/orders/transactions" { // there it names no version of one order
					want = append(want, "412")
				}
			}
			for _, status := range want {
				require.NotNilf(t, op.Responses.Value(status), "%s %s: %s", method, path, status)
			}
			for status, response := range op.Responses.Map() {
				if status >= "400" && status != "409" { // 409 may be a batch with a collision
					require.Containsf(t, response.Value.Content, "application/problem+json", "%s %s: %s", method, path, status)
				}
			}
		}
	}
}
