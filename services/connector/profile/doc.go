// Package profile maps orders of a foreign system to ours and back, as a YAML profile says: data, not code.
//
// Load compiles a profile and checks it on the sample documents beside it. Mapping.Read makes an order of a document,
// Mapping.Write the edit after which reading gives the order that is wanted. Two laws hold. Writing what was read
// changes nothing, because Write compares orders and not documents. Reading what was written gives what was written,
// because Write changes a copy of the document, reads the copy, and refuses an order that would come back as another
// one. The exceptions are fields of which the profile says that the system's value wins ("fixed: keep").
//
// An edit has only what differs between the document and its changed copy, so what the profile does not know stays as
// it is. Amounts are decimals and integers, never floating-point numbers.
//
// The package knows no HTTP; the section rest of a profile is for the package rest. Read file.go first, then mapping.go
// and write.go. docs/connectors.md explains the keys.
package profile
