package command

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// badTexts are what no column of a text can hold, as a URL writes them.
var badTexts = []string{"x%00", "x%ff", "%ed%a0%80"}

// badMark stands in a body where the bytes of a bad text go.
const badMark = "BAD-TEXT"

// badBodies are JSON bodies with a bad text in place of the mark: NUL as JSON writes it, and bytes that are no
// UTF-8.
func badBodies(body []byte) (out []string) {
	for _, bad := range []string{`x\u0000`, "x\xff"} {
		out = append(out, strings.ReplaceAll(string(body), badMark, bad))
	}
	return out
}

// spoiled are copies of a value, each with the mark in place of one text or of one name.
func spoiled(v any) (out []any) {
	switch v := v.(type) {
	case string:
		return []any{badMark}
	case []any:
		if len(v) > 0 { // what holds for one element holds for all
			for _, s := range spoiled(v[0]) {
				c := slices.Clone(v)
				c[0] = s
				out = append(out, c)
			}
		}
	case map[string]any:
		for name := range v {
			for _, s := range spoiled(v[name]) {
				c := maps.Clone(v)
				c[name] = s
				out = append(out, c)
			}
			c := maps.Clone(v)
			delete(c, name)
			c[name+badMark] = v[name]
			out = append(out, c)
		}
	}
	return out
}

// mediaOf is the media type of the body of a call.
func mediaOf(op *openapi3.Operation) string {
	if op.RequestBody != nil && op.RequestBody.Value.Content["application/json"] == nil {
		for media := range op.RequestBody.Value.Content {
			return media
		}
	}
	return "application/json"
}

// exampleBodies are what openapi.yaml shows of the body of a call.
func exampleBodies(t *testing.T, op *openapi3.Operation) (out []any) {
	t.Helper()
	if op.RequestBody == nil {
		return nil
	}
	media := op.RequestBody.Value.Content[mediaOf(op)]
	for _, name := range slices.Sorted(maps.Keys(media.Examples))[:min(1, len(media.Examples))] {
		e := media.Examples[name]
		if e.Value.ExternalValue == "" {
			out = append(out, e.Value.Value)
			continue
		}
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "contracts", e.Value.ExternalValue))
		require.NoError(t, err)
		var v any
		require.NoError(t, json.Unmarshal(data, &v))
		out = append(out, v)
	}
	if out == nil { // without an example, the fields of the schema
		fields := map[string]any{}
		for name := range media.Schema.Value.Properties {
			fields[name] = "x"
		}
		out = append(out, fields)
	}
	return out
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// addresses are the paths of a route with good parameters, or with a bad one at one place.
func addresses(route string) (good string, bad []string) {
	values := strings.NewReplacer("{id}", "01890000-0000-7000-8000-000000000001", "{peer}", "b", "{name}", "nobody", "{seq}", "1", "{do}", "create", "*", "nothing")
	for _, at := range pathParameter.FindAllStringIndex(route, -1) {
		for _, text := range badTexts {
			bad = append(bad, values.Replace(route[:at[0]])+text+values.Replace(route[at[1]:]))
		}
	}
	return values.Replace(route), bad
}

// TestNoTextMakesACallFail: in no parameter, field or header of any call does NUL, or what is no UTF-8, end in an
// error of this side, and the answer names where it stands.
func TestNoTextMakesACallFail(t *testing.T) {
	t.Parallel() // it waits more than it works
	core, seen := observer.New(zap.ErrorLevel)
	s := startSide(t)
	s.stop()
	s.log = zap.New(core)
	s.start()
	root := s.person("root", access.Admin)
	call := func(op *openapi3.Operation, method, path string, body string, headers ...string) *answer {
		t.Helper()
		for _, way := range *op.Security {
			for _, role := range []string{"admin", "client", "peer", "bridge", "metrics"} {
				if _, ok := way[role]; ok {
					return s.raw(role, method, path, body, headers...)
				}
			}
		}
		return root.do(method, path, body, headers...)
	}
	named := func(got *answer, where string) {
		t.Helper()
		require.Equal(t, http.StatusBadRequest, got.status, "%s: %s", where, got.body)
		require.NotEmpty(t, got.problem(t).Errors, where)
	}
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	calls := 0
	for route, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			switch route {
			case "/healthz", "/readyz", "/admin/api/session/end": // they read nothing; and the last one ends our own session
				continue
			}
			good, bad := addresses(route)
			for _, path := range bad {
				named(call(op, method, path, ""), method+" "+path)
			}
			names := []string{"unknown"}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				switch p.Value.In {
				case "query":
					names = append(names, p.Value.Name)
				case "header":
					got := call(op, method, good, "", p.Value.Name, "x\xff")
					require.Less(t, got.status, 500, "%s %s, header %s: %s", method, route, p.Value.Name, got.body)
				}
			}
			for _, name := range names {
				for _, text := range badTexts[:2] {
					named(call(op, method, good+"?"+name+"="+text, ""), method+" "+good+"?"+name)
				}
			}
			named(call(op, method, good+"?"+badTexts[0]+"=x", ""), method+" "+good)
			for _, whole := range exampleBodies(t, op) {
				for _, v := range spoiled(whole) {
					data, err := json.Marshal(v)
					require.NoError(t, err)
					for _, body := range badBodies(data) {
						got := call(op, method, good, body, "If-Match", "*", "Content-Type", mediaOf(op))
						require.Less(t, got.status, 500, "%s %s %q: %s", method, route, body, got.body)
						calls++
					}
				}
			}
		}
	}
	require.Greater(t, calls, 500)
	require.Empty(t, seen.All())
}

// raw calls as a role, with the body as it is.
func (s *side) raw(role, method, path, body string, headers ...string) *answer {
	s.t.Helper()
	if body == "" {
		return s.do(role, method, path, nil, headers...)
	}
	return s.do(role, method, path, body, headers...)
}

// TestNoTextMakesAPageFail is the same for the pages: their addresses, their queries and their forms.
func TestNoTextMakesAPageFail(t *testing.T) {
	t.Parallel() // it waits more than it works
	core, seen := observer.New(zap.ErrorLevel)
	s := startSide(t)
	s.stop()
	s.log = zap.New(core)
	s.start()
	root := s.person("root", access.Admin)
	fields := pageFields(t)
	require.Greater(t, len(fields), 20)
	for _, route := range adminRoutes(t) {
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, "/admin/api/") || strings.HasSuffix(path, "/logout") {
			continue
		}
		good, bad := addresses(path)
		for _, at := range bad {
			require.Equal(t, http.StatusBadRequest, root.do(method, at, "").status, "%s %s", method, at)
		}
		for _, text := range badTexts {
			require.Equal(t, http.StatusBadRequest, root.do(method, good+"?peer="+text, "").status, "%s %s?peer=%s", method, good, text)
		}
		if method != http.MethodPost {
			continue
		}
		for _, text := range badTexts {
			form := strings.Join(fields, "="+text+"&") + "=" + text // whatever the page reads is bad
			got := root.do(method, good, form, "Content-Type", "application/x-www-form-urlencoded")
			require.Less(t, got.status, 500, "%s %s %s: %s", method, good, form, got.body)
		}
	}
	for _, text := range badTexts {
		name, err := url.QueryUnescape(text)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, s.browser().form("/admin/login", "name", name, "password", name).status)
	}
	require.Empty(t, seen.All())
}

// sources are the rooms of this side.
var sources = os.DirFS("..")

// pageFields are the names of the fields that the pages read.
func pageFields(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	read := regexp.MustCompile(`\.(?:Get|Has)\("([a-zA-Z]+)"\)|\[\]string\{"([a-zA-Z]+)"`)
	files, err := fs.Glob(sources, "web/*.go")
	require.NoError(t, err)
	for _, file := range files {
		data, err := fs.ReadFile(sources, file)
		require.NoError(t, err)
		for _, m := range read.FindAllSubmatch(data, -1) {
			names[string(bytes.Join(m[1:], nil))] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
