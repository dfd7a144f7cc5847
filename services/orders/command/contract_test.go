package command

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// contract is a transport that fails every exchange whose answer openapi.yaml does not promise.
type contract struct{ t *testing.T }

var promised = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	return gorillamux.NewRouter(doc)
})

func (c contract) RoundTrip(req *http.Request) (*http.Response, error) {
	c.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	router, err := promised()
	require.NoError(c.t, err)
	// Known by path alone: the router looks at no host.
	known := req.Clone(context.Background())
	known.URL.Scheme, known.URL.Host, known.Host = "", "", ""
	route, params, err := router.FindRoute(known)
	if err != nil {
		return res, nil // tests of unknown paths look at the answer themselves
	}
	body, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 res.StatusCode, Header: res.Header, Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	in.SetBodyBytes(body)
	require.NoError(c.t, openapi3filter.ValidateResponse(context.Background(), in), "%s %s: %d %s", req.Method, req.URL.Path, res.StatusCode, body)
	return res, nil
}
