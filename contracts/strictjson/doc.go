// Package strictjson reads and writes the messages of package contracts as JSON, the same way in every
// program: what a reader could understand in two ways is refused.
//
// Refused are unknown, duplicate and wrongly cased names, null, numbers that are no integer where an
// integer belongs (2.0 and 2e0 are the integer 2), a byte order mark, invalid UTF-8, nesting beyond contracts.DepthMax and anything after the value.
// A refusal is a *contracts.Problem that names the field and says what was expected, and never
// repeats a value. Whether the values make sense is asked afterwards, of the message itself (Validate).
package strictjson
