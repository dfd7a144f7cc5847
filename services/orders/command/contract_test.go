package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/orderbridge/orderbridge/contracts"
)

// contract is a transport that fails every exchange whose answer openapi.yaml does not promise.
type contract struct{ t *testing.T }

// promise is openapi.yaml, ready to compare answers with.
type promise struct {
	router   routers.Router
	document any // as plain JSON values

	mu      sync.Mutex
	schemas *jsonschema.Compiler // compiles each schema once: the OpenAPI library would do so for every answer
}

const promiseURL = "file:///openapi.yaml"

var promised = sync.OnceValues(func() (*promise, error) {
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	p := &promise{schemas: jsonschema.NewCompiler()}
	p.schemas.AssertFormat()
	if p.router, err = gorillamux.NewRouter(doc); err != nil {
		return nil, err
	}
	var plain any
	if err := yaml.Unmarshal(contracts.OpenAPI, &plain); err != nil {
		return nil, err
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	if p.document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	return p, p.schemas.AddResource(promiseURL, p.document)
})

// schema returns the schema of the JSON body that a call answers a status with; nil when the answer is not JSON.
func (p *promise) schema(route *routers.Route, status int, contentType string) (*jsonschema.Schema, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && media != "application/problem+json" {
		return nil, nil //nolint:nilerr // the OpenAPI library reports a type that is not promised
	}
	place := pointer("paths", route.Path, strings.ToLower(route.Method), "responses", strconv.Itoa(status))
	if answer, ok := at(p.document, place).(map[string]any); ok && answer["$ref"] != nil {
		place = strings.TrimPrefix(answer["$ref"].(string), "#")
	}
	place += pointer("content", media, "schema")
	if at(p.document, place) == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schemas.Compile(promiseURL + "#" + place)
}

func pointer(tokens ...string) (s string) {
	for _, token := range tokens {
		s += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(token)
	}
	return s
}

// at finds a value of a document by its JSON pointer, as it stands in an address.
func at(v any, place string) any {
	for token := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~", "%7B", "{", "%7D", "}").Replace(token)]
	}
	return v
}

func (c contract) RoundTrip(req *http.Request) (*http.Response, error) {
	c.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	promise, err := promised()
	require.NoError(c.t, err)
	// Known by path alone: the router looks at no host.
	known := req.Clone(context.Background())
	known.URL.Scheme, known.URL.Host, known.Host = "", "", ""
	route, params, err := promise.router.FindRoute(known)
	if err != nil {
		return res, nil // tests of unknown paths look at the answer themselves
	}
	body, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(body))
	schema, err := promise.schema(route, res.StatusCode, res.Header.Get("Content-Type"))
	require.NoError(c.t, err)
	if schema != nil {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(c.t, err, "%s", body)
		require.NoError(c.t, schema.Validate(value), "%s %s: %d %s", req.Method, req.URL.Path, res.StatusCode, body)
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 res.StatusCode, Header: res.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: schema != nil},
	}
	in.SetBodyBytes(body)
	require.NoError(c.t, openapi3filter.ValidateResponse(context.Background(), in), "%s %s: %d %s", req.Method, req.URL.Path, res.StatusCode, body)
	return res, nil
}
