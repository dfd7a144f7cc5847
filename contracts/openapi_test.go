package contracts_test

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

func TestOpenAPILoads(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	// Examples are files of their own, which the library does not read; examples_test.go does.
	require.NoError(t, doc.Validate(context.Background(), openapi3.DisableExamplesValidation()))
}
