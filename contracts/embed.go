package contracts

import "embed"

// Examples holds a message of each kind, as examples/NAME.json.
//
//go:embed examples/*.json
var Examples embed.FS

// The two promises, for serving and for tests.
var (
	//go:embed openapi.yaml
	OpenAPI []byte
	//go:embed asyncapi.yaml
	AsyncAPI []byte
)
