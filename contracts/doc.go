// Package contracts is the wire and nothing else: the messages that the two sides, their bridges,
// their clients and their operators exchange, as Go types with JSON names, and the rules that a
// message keeps on its own (lengths, patterns, arithmetic).
//
// openapi.yaml and asyncapi.yaml beside it promise the same messages to people who do not read Go;
// examples/ holds one file a message, and the tests hold types, documents and examples together.
//
// It knows no database, no broker and no HTTP, and imports the standard library only.
// Strict reading and writing as JSON is beside it, in package strictjson.
// Read order.go first, then transaction.go; what a noun's Validate asks for is in <noun>_rules.go.
package contracts
