package contracts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/orderbridge/orderbridge/contracts"
)

// documents are the two YAML files as plain values, by file name.
var documents = sync.OnceValue(func() map[string]any {
	docs := map[string]any{}
	for name, text := range map[string][]byte{"openapi.yaml": contracts.OpenAPI, "asyncapi.yaml": contracts.AsyncAPI} {
		var y any
		if err := yaml.Unmarshal(text, &y); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		asJSON, err := json.Marshal(y)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		if docs[name], err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
	}
	return docs
})

var compiler = sync.OnceValue(func() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, doc := range documents() {
		if err := c.AddResource("file:///"+name, doc); err != nil {
			panic(err)
		}
	}
	return c
})

// schemaAt compiles the schema at a place such as openapi.yaml#/components/schemas/Order.
func schemaAt(t testing.TB, place string) *jsonschema.Schema {
	t.Helper()
	s, err := compiler().Compile("file:///" + place)
	require.NoError(t, err)
	return s
}

// schemaOf compiles the schema of a type, by its name.
func schemaOf(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	return schemaAt(t, placeOf(name))
}

func placeOf(name string) string {
	if name == "Hint" {
		return "asyncapi.yaml#/components/schemas/Hint"
	}
	return "openapi.yaml#/components/schemas/" + name
}

// checkSchema tells whether JSON fits a schema.
func checkSchema(t testing.TB, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return s.Validate(v)
}

// node finds a value in a document by its place.
func node(t testing.TB, place string) any {
	t.Helper()
	file, pointer, _ := strings.Cut(place, "#")
	v, ok := documents()[file]
	require.Truef(t, ok, "no document %q", file)
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		m, ok := v.(map[string]any)
		require.Truef(t, ok && m[token] != nil, "nothing at %s", place)
		v = m[token]
	}
	return v
}

// walk visits every object of a document.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	for file, doc := range documents() {
		count := 0
		walk(doc, func(m map[string]any) {
			ref, ok := m["$ref"].(string)
			if !ok {
				return
			}
			count++
			if strings.HasPrefix(ref, "#") {
				ref = file + ref
			}
			node(t, ref)
		})
		require.NotZero(t, count)
	}
}

func TestEverySchemaCompiles(t *testing.T) {
	for _, place := range []string{"openapi.yaml#/components/schemas", "asyncapi.yaml#/components/schemas"} {
		for name := range node(t, place).(map[string]any) {
			schemaAt(t, place+"/"+name)
		}
	}
}

func TestEveryNamedExampleIsThere(t *testing.T) {
	walk(documents()["openapi.yaml"], func(m map[string]any) {
		if name, ok := m["externalValue"].(string); ok {
			require.FileExists(t, name)
		}
	})
	_, err := os.Stat("examples")
	require.NoError(t, err)
}
