package contracts

import _ "embed"

// The two promises, for serving and for tests.
var (
	//go:embed openapi.yaml
	OpenAPI []byte
	//go:embed asyncapi.yaml
	AsyncAPI []byte
)
